"""points_service.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

import vexfs_twisted.rpc.generated.points_pb2  # noqa: F401
from vexfs_twisted.rpc import descriptor_pool

DESCRIPTOR = descriptor_pool.add_file(
    "points_service.proto",
    b"\x0a\x14points_service.proto\x12\x06qdrant\x1a\x0cpoints.protoB\x15\xaa\x02\x12Qdrant.Clie"
    b"nt.Grpcb\x06proto3"
    b"2\x99\x11\x0a\x06Points\x12?\x0a\x06Upsert\x12\x14.qdrant.UpsertPoints\x1a\x1f.qdrant.Poin"
    b"tsOperationResponse\x12?\x0a\x06Delete\x12\x14.qdrant.DeletePoints\x1a\x1f.qdrant.PointsOp"
    b"erationResponse\x12-\x0a\x03Get\x12\x11.qdrant.GetPoints\x1a\x13.qdrant.GetResponse\x12L\x0a"
    b"\x0dUpdateVectors\x12\x1a.qdrant.UpdatePointVectors\x1a\x1f.qdrant.PointsOperationResponse"
    b"\x12L\x0a\x0dDeleteVectors\x12\x1a.qdrant.DeletePointVectors\x1a\x1f.qdrant.PointsOperatio"
    b"nResponse\x12G\x0a\x0aSetPayload\x12\x18.qdrant.SetPayloadPoints\x1a\x1f.qdrant.PointsOper"
    b"ationResponse\x12M\x0a\x10OverwritePayload\x12\x18.qdrant.SetPayloadPoints\x1a\x1f.qdrant."
    b"PointsOperationResponse\x12M\x0a\x0dDeletePayload\x12\x1b.qdrant.DeletePayloadPoints\x1a\x1f"
    b".qdrant.PointsOperationResponse\x12K\x0a\x0cClearPayload\x12\x1a.qdrant.ClearPayloadPoints"
    b"\x1a\x1f.qdrant.PointsOperationResponse\x12W\x0a\x10CreateFieldIndex\x12\x22.qdrant.Create"
    b"FieldIndexCollection\x1a\x1f.qdrant.PointsOperationResponse\x12W\x0a\x10DeleteFieldIndex\x12"
    b"\x22.qdrant.DeleteFieldIndexCollection\x1a\x1f.qdrant.PointsOperationResponse\x12T\x0a\x10"
    b"CreateVectorName\x12\x1f.qdrant.CreateVectorNameRequest\x1a\x1f.qdrant.PointsOperationResp"
    b"onse\x12T\x0a\x10DeleteVectorName\x12\x1f.qdrant.DeleteVectorNameRequest\x1a\x1f.qdrant.Po"
    b"intsOperationResponse\x12;\x0a\x06Search\x12\x14.qdrant.SearchPoints\x1a\x16.qdrant.Search"
    b"Response\x22\x03\x88\x02\x01\x12J\x0a\x0bSearchBatch\x12\x19.qdrant.SearchBatchPoints\x1a\x1b"
    b".qdrant.SearchBatchResponse\x22\x03\x88\x02\x01\x12L\x0a\x0cSearchGroups\x12\x19.qdrant.Se"
    b"archPointGroups\x1a\x1c.qdrant.SearchGroupsResponse\x22\x03\x88\x02\x01\x126\x0a\x06Scroll"
    b"\x12\x14.qdrant.ScrollPoints\x1a\x16.qdrant.ScrollResponse\x12D\x0a\x09Recommend\x12\x17.q"
    b"drant.RecommendPoints\x1a\x19.qdrant.RecommendResponse\x22\x03\x88\x02\x01\x12S\x0a\x0eRec"
    b"ommendBatch\x12\x1c.qdrant.RecommendBatchPoints\x1a\x1e.qdrant.RecommendBatchResponse\x22\x03"
    b"\x88\x02\x01\x12U\x0a\x0fRecommendGroups\x12\x1c.qdrant.RecommendPointGroups\x1a\x1f.qdran"
    b"t.RecommendGroupsResponse\x22\x03\x88\x02\x01\x12A\x0a\x08Discover\x12\x16.qdrant.Discover"
    b"Points\x1a\x18.qdrant.DiscoverResponse\x22\x03\x88\x02\x01\x12P\x0a\x0dDiscoverBatch\x12\x1b"
    b".qdrant.DiscoverBatchPoints\x1a\x1d.qdrant.DiscoverBatchResponse\x22\x03\x88\x02\x01\x123\x0a"
    b"\x05Count\x12\x13.qdrant.CountPoints\x1a\x15.qdrant.CountResponse\x12E\x0a\x0bUpdateBatch\x12"
    b"\x19.qdrant.UpdateBatchPoints\x1a\x1b.qdrant.UpdateBatchResponse\x123\x0a\x05Query\x12\x13"
    b".qdrant.QueryPoints\x1a\x15.qdrant.QueryResponse\x12B\x0a\x0aQueryBatch\x12\x18.qdrant.Que"
    b"ryBatchPoints\x1a\x1a.qdrant.QueryBatchResponse\x12D\x0a\x0bQueryGroups\x12\x18.qdrant.Que"
    b"ryPointGroups\x1a\x1b.qdrant.QueryGroupsResponse\x123\x0a\x05Facet\x12\x13.qdrant.FacetCou"
    b"nts\x1a\x15.qdrant.FacetResponse\x12R\x0a\x11SearchMatrixPairs\x12\x1a.qdrant.SearchMatrix"
    b"Points\x1a!.qdrant.SearchMatrixPairsResponse\x12V\x0a\x13SearchMatrixOffsets\x12\x1a.qdran"
    b"t.SearchMatrixPoints\x1a#.qdrant.SearchMatrixOffsetsResponse",
)
descriptor_pool.publish(DESCRIPTOR, globals())
