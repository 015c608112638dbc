"""The methods of the service qdrant.Snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.access import MANAGE_SERVER, READ_COLLECTION, READ_SERVER, WRITE_COLLECTION
from ...model.snapshots import SnapshotDescription, SnapshotOwner
from ..bridge import Operation
from ..codecs.fields import read_collection_name
from ..codecs.snapshots import write_created, write_deleted, write_list
from ..generated import snapshots_service_pb2 as pb
from ..methods import RpcMethod

_EVERYTHING = SnapshotOwner()


def _create(message: pb.CreateSnapshotRequest) -> Operation[SnapshotDescription]:
    owner = SnapshotOwner(read_collection_name(message.collection_name))
    return lambda operations: operations.snapshots.create(owner)


def _list(message: pb.ListSnapshotsRequest) -> Operation[list[SnapshotDescription]]:
    owner = SnapshotOwner(read_collection_name(message.collection_name))
    return lambda operations: operations.snapshots.list(owner)


def _delete(message: pb.DeleteSnapshotRequest) -> Operation[None]:
    owner = SnapshotOwner(read_collection_name(message.collection_name))
    name = message.snapshot_name
    return lambda operations: operations.snapshots.delete(owner, name)


def _create_full(_: pb.CreateFullSnapshotRequest) -> Operation[SnapshotDescription]:
    return lambda operations: operations.snapshots.create(_EVERYTHING)


def _list_full(_: pb.ListFullSnapshotsRequest) -> Operation[list[SnapshotDescription]]:
    return lambda operations: operations.snapshots.list(_EVERYTHING)


def _delete_full(message: pb.DeleteFullSnapshotRequest) -> Operation[None]:
    name = message.snapshot_name
    return lambda operations: operations.snapshots.delete(_EVERYTHING, name)


SNAPSHOTS: Mapping[str, RpcMethod[Any, Any]] = {
    "Create": RpcMethod(_create, write_created, is_write=True, needs=WRITE_COLLECTION),
    "List": RpcMethod(_list, write_list, needs=READ_COLLECTION),
    "Delete": RpcMethod(_delete, write_deleted, is_write=True, needs=WRITE_COLLECTION),
    "CreateFull": RpcMethod(_create_full, write_created, is_write=True, needs=MANAGE_SERVER),
    "ListFull": RpcMethod(_list_full, write_list, needs=READ_SERVER),
    "DeleteFull": RpcMethod(_delete_full, write_deleted, is_write=True, needs=MANAGE_SERVER),
}
