"""qdrant.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

import vexfs_twisted.rpc.generated.collections_pb2  # noqa: F401
import vexfs_twisted.rpc.generated.collections_service_pb2  # noqa: F401
import vexfs_twisted.rpc.generated.flat_pb2  # noqa: F401
import vexfs_twisted.rpc.generated.points_pb2  # noqa: F401
import vexfs_twisted.rpc.generated.points_service_pb2  # noqa: F401
import vexfs_twisted.rpc.generated.snapshots_service_pb2  # noqa: F401
from vexfs_twisted.rpc import descriptor_pool

DESCRIPTOR = descriptor_pool.add_file(
    "qdrant.proto",
    b"\x0a\x0cqdrant.proto\x12\x06qdrant\x1a\x11collections.proto\x1a\x19collections_service.pro"
    b"to\x1a\x0aflat.proto\x1a\x0cpoints.proto\x1a\x14points_service.proto\x1a\x17snapshots_serv"
    b"ice.protoB\x15\xaa\x02\x12Qdrant.Client.Grpcb\x06proto3"
    b"\x22\x14\x0a\x12HealthCheckRequest"
    b"\x22R\x0a\x10HealthCheckReply\x12\x0d\x0a\x05title\x18\x01 \x01(\x09\x12\x0f\x0a\x07versio"
    b"n\x18\x02 \x01(\x09\x12\x13\x0a\x06commit\x18\x03 \x01(\x09H\x00\x88\x01\x01B\x09\x0a\x07_"
    b"commit"
    b"2\xa3\x0b\x0a\x06Qdrant\x12C\x0a\x0bHealthCheck\x12\x1a.qdrant.HealthCheckRequest\x1a\x18."
    b"qdrant.HealthCheckReply\x12X\x0a\x10CreateCollection\x12\x1f.qdrant.CreateCollectionReques"
    b"t\x1a#.qdrant.CollectionOperationResponse\x12X\x0a\x10DeleteCollection\x12\x1f.qdrant.Dele"
    b"teCollectionRequest\x1a#.qdrant.CollectionOperationResponse\x12X\x0a\x11GetCollectionInfo\x12"
    b" .qdrant.GetCollectionInfoRequest\x1a!.qdrant.GetCollectionInfoResponse\x12R\x0a\x0fListCo"
    b"llections\x12\x1e.qdrant.ListCollectionsRequest\x1a\x1f.qdrant.ListCollectionsResponse\x12"
    b"X\x0a\x10UpdateCollection\x12\x1f.qdrant.UpdateCollectionRequest\x1a#.qdrant.CollectionOpe"
    b"rationResponse\x12L\x0a\x0cUpsertPoints\x12\x1b.qdrant.UpsertPointsRequest\x1a\x1f.qdrant."
    b"PointsOperationResponse\x12L\x0a\x0cDeletePoints\x12\x1b.qdrant.DeletePointsRequest\x1a\x1f"
    b".qdrant.PointsOperationResponse\x12:\x0a\x09GetPoints\x12\x18.qdrant.GetPointsRequest\x1a\x13"
    b".qdrant.GetResponse\x12C\x0a\x0cSearchPoints\x12\x1b.qdrant.SearchPointsRequest\x1a\x16.qd"
    b"rant.SearchResponse\x12R\x0a\x11SearchPointsBatch\x12 .qdrant.SearchPointsBatchRequest\x1a"
    b"\x1b.qdrant.SearchBatchResponse\x12@\x0a\x09Recommend\x12\x18.qdrant.RecommendRequest\x1a\x19"
    b".qdrant.RecommendResponse\x127\x0a\x06Scroll\x12\x15.qdrant.ScrollRequest\x1a\x16.qdrant.S"
    b"crollResponse\x12@\x0a\x0bCountPoints\x12\x1a.qdrant.CountPointsRequest\x1a\x15.qdrant.Cou"
    b"ntResponse\x12K\x0a\x12StreamSearchPoints\x12\x1b.qdrant.SearchPointsRequest\x1a\x16.qdran"
    b"t.SearchResponse0\x01\x12B\x0a\x0fStreamGetPoints\x12\x18.qdrant.GetPointsRequest\x1a\x13."
    b"qdrant.GetResponse0\x01\x12?\x0a\x0cStreamScroll\x12\x15.qdrant.ScrollRequest\x1a\x16.qdra"
    b"nt.ScrollResponse0\x01\x12T\x0a\x12StreamUpsertPoints\x12\x1b.qdrant.UpsertPointsRequest\x1a"
    b"\x1f.qdrant.PointsOperationResponse(\x01\x12B\x0a\x0cStreamUpsert\x12\x1b.qdrant.UpsertPoi"
    b"ntsRequest\x1a\x11.qdrant.UpsertAck(\x010\x01",
)
descriptor_pool.publish(DESCRIPTOR, globals())
