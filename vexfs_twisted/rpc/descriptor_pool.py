"""The descriptor pool of the messages of the gRPC API."""

from __future__ import annotations

from google.protobuf import timestamp_pb2
from grpc_health.v1 import health_pb2

from ..protobuf_pool import PrivatePool

PRIVATE = PrivatePool(timestamp_pb2.DESCRIPTOR)
POOL = PRIVATE.descriptors
add_file = PRIVATE.add_file
publish = PRIVATE.publish

# The health service is public too, and reflection lists it.
POOL.AddSerializedFile(health_pb2.DESCRIPTOR.serialized_pb)
