"""qdrant.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

import vexfs_twisted.rpc.generated.collections_service_pb2  # noqa: F401
import vexfs_twisted.rpc.generated.points_service_pb2  # noqa: F401
import vexfs_twisted.rpc.generated.snapshots_service_pb2  # noqa: F401
from vexfs_twisted.rpc import pool

DESCRIPTOR = pool.add_file(
    "qdrant.proto",
    b"\x0a\x0cqdrant.proto\x12\x06qdrant\x1a\x19collections_service.proto\x1a\x14points_service."
    b"proto\x1a\x17snapshots_service.protoB\x15\xaa\x02\x12Qdrant.Client.Grpcb\x06proto3"
    b"\x22\x14\x0a\x12HealthCheckRequest"
    b"\x22R\x0a\x10HealthCheckReply\x12\x0d\x0a\x05title\x18\x01 \x01(\x09\x12\x0f\x0a\x07versio"
    b"n\x18\x02 \x01(\x09\x12\x13\x0a\x06commit\x18\x03 \x01(\x09H\x00\x88\x01\x01B\x09\x0a\x07_"
    b"commit"
    b"2M\x0a\x06Qdrant\x12C\x0a\x0bHealthCheck\x12\x1a.qdrant.HealthCheckRequest\x1a\x18.qdrant."
    b"HealthCheckReply",
)
pool.publish(DESCRIPTOR, globals())
