"""The descriptor pool of the command messages, separate from that of the gRPC API."""

from __future__ import annotations

from ..protobuf_pool import PrivatePool

PRIVATE = PrivatePool()
POOL = PRIVATE.descriptors
add_file = PRIVATE.add_file
publish = PRIVATE.publish
