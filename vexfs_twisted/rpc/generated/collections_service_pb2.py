"""collections_service.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

import vexfs_twisted.rpc.generated.collections_pb2  # noqa: F401
from vexfs_twisted.rpc import descriptor_pool

DESCRIPTOR = descriptor_pool.add_file(
    "collections_service.proto",
    b"\x0a\x19collections_service.proto\x12\x06qdrant\x1a\x11collections.protoB\x15\xaa\x02\x12Q"
    b"drant.Client.Grpcb\x06proto3"
    b"2\x96\x09\x0a\x0bCollections\x12J\x0a\x03Get\x12 .qdrant.GetCollectionInfoRequest\x1a!.qdr"
    b"ant.GetCollectionInfoResponse\x12G\x0a\x04List\x12\x1e.qdrant.ListCollectionsRequest\x1a\x1f"
    b".qdrant.ListCollectionsResponse\x12G\x0a\x06Create\x12\x18.qdrant.CreateCollection\x1a#.qd"
    b"rant.CollectionOperationResponse\x12G\x0a\x06Update\x12\x18.qdrant.UpdateCollection\x1a#.q"
    b"drant.CollectionOperationResponse\x12G\x0a\x06Delete\x12\x18.qdrant.DeleteCollection\x1a#."
    b"qdrant.CollectionOperationResponse\x12K\x0a\x0dUpdateAliases\x12\x15.qdrant.ChangeAliases\x1a"
    b"#.qdrant.CollectionOperationResponse\x12Z\x0a\x15ListCollectionAliases\x12$.qdrant.ListCol"
    b"lectionAliasesRequest\x1a\x1b.qdrant.ListAliasesResponse\x12F\x0a\x0bListAliases\x12\x1a.q"
    b"drant.ListAliasesRequest\x1a\x1b.qdrant.ListAliasesResponse\x12d\x0a\x15CollectionClusterI"
    b"nfo\x12$.qdrant.CollectionClusterInfoRequest\x1a%.qdrant.CollectionClusterInfoResponse\x12"
    b"U\x0a\x10CollectionExists\x12\x1f.qdrant.CollectionExistsRequest\x1a .qdrant.CollectionExi"
    b"stsResponse\x12y\x0a\x1cUpdateCollectionClusterSetup\x12+.qdrant.UpdateCollectionClusterSe"
    b"tupRequest\x1a,.qdrant.UpdateCollectionClusterSetupResponse\x12O\x0a\x0eCreateShardKey\x12"
    b"\x1d.qdrant.CreateShardKeyRequest\x1a\x1e.qdrant.CreateShardKeyResponse\x12O\x0a\x0eDelete"
    b"ShardKey\x12\x1d.qdrant.DeleteShardKeyRequest\x1a\x1e.qdrant.DeleteShardKeyResponse\x12L\x0a"
    b"\x0dListShardKeys\x12\x1c.qdrant.ListShardKeysRequest\x1a\x1d.qdrant.ListShardKeysResponse",
)
descriptor_pool.publish(DESCRIPTOR, globals())
