"""snapshots_service.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

from vexfs_twisted.rpc import descriptor_pool

DESCRIPTOR = descriptor_pool.add_file(
    "snapshots_service.proto",
    b"\x0a\x17snapshots_service.proto\x12\x06qdrant\x1a\x1fgoogle/protobuf/timestamp.protoB\x15\xaa"
    b"\x02\x12Qdrant.Client.Grpcb\x06proto3"
    b"\x22\x1b\x0a\x19CreateFullSnapshotRequest"
    b"\x22\x1a\x0a\x18ListFullSnapshotsRequest"
    b"\x222\x0a\x19DeleteFullSnapshotRequest\x12\x15\x0a\x0dsnapshot_name\x18\x01 \x01(\x09"
    b"\x220\x0a\x15CreateSnapshotRequest\x12\x17\x0a\x0fcollection_name\x18\x01 \x01(\x09"
    b"\x22/\x0a\x14ListSnapshotsRequest\x12\x17\x0a\x0fcollection_name\x18\x01 \x01(\x09"
    b"\x22G\x0a\x15DeleteSnapshotRequest\x12\x17\x0a\x0fcollection_name\x18\x01 \x01(\x09\x12\x15"
    b"\x0a\x0dsnapshot_name\x18\x02 \x01(\x09"
    b"\x22\x88\x01\x0a\x13SnapshotDescription\x12\x0c\x0a\x04name\x18\x01 \x01(\x09\x121\x0a\x0d"
    b"creation_time\x18\x02 \x01(\x0b2\x1a.google.protobuf.Timestamp\x12\x0c\x0a\x04size\x18\x03"
    b" \x01(\x03\x12\x15\x0a\x08checksum\x18\x04 \x01(\x09H\x00\x88\x01\x01B\x0b\x0a\x09_checksu"
    b"m"
    b"\x22a\x0a\x16CreateSnapshotResponse\x129\x0a\x14snapshot_description\x18\x01 \x01(\x0b2\x1b"
    b".qdrant.SnapshotDescription\x12\x0c\x0a\x04time\x18\x02 \x01(\x01"
    b"\x22a\x0a\x15ListSnapshotsResponse\x12:\x0a\x15snapshot_descriptions\x18\x01 \x03(\x0b2\x1b"
    b".qdrant.SnapshotDescription\x12\x0c\x0a\x04time\x18\x02 \x01(\x01"
    b"\x22&\x0a\x16DeleteSnapshotResponse\x12\x0c\x0a\x04time\x18\x01 \x01(\x01"
    b"2\xd1\x03\x0a\x09Snapshots\x12G\x0a\x06Create\x12\x1d.qdrant.CreateSnapshotRequest\x1a\x1e"
    b".qdrant.CreateSnapshotResponse\x12C\x0a\x04List\x12\x1c.qdrant.ListSnapshotsRequest\x1a\x1d"
    b".qdrant.ListSnapshotsResponse\x12G\x0a\x06Delete\x12\x1d.qdrant.DeleteSnapshotRequest\x1a\x1e"
    b".qdrant.DeleteSnapshotResponse\x12O\x0a\x0aCreateFull\x12!.qdrant.CreateFullSnapshotReques"
    b"t\x1a\x1e.qdrant.CreateSnapshotResponse\x12K\x0a\x08ListFull\x12 .qdrant.ListFullSnapshots"
    b"Request\x1a\x1d.qdrant.ListSnapshotsResponse\x12O\x0a\x0aDeleteFull\x12!.qdrant.DeleteFull"
    b"SnapshotRequest\x1a\x1e.qdrant.DeleteSnapshotResponse",
)
descriptor_pool.publish(DESCRIPTOR, globals())
