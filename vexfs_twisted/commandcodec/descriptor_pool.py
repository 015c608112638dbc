"""The descriptor pool of the messages of commands, apart from that of the gRPC interface."""

from __future__ import annotations

from ..protobuf_pool import PrivatePool

PRIVATE = PrivatePool()
POOL = PRIVATE.descriptors
add_file = PRIVATE.add_file
publish = PRIVATE.publish
