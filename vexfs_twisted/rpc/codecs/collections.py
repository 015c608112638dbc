"""Codecs of descriptions of collections, and of aliases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...model.collection import (
    Alias,
    AliasAction,
    ClusterInfo,
    CollectionInfo,
    CollectionStatus,
    CreateAlias,
    DeleteAlias,
    RenameAlias,
)
from ...model.errors import MalformedMessage
from ..generated import collections_pb2 as pb
from .configs import write_collection_config
from .indexes import write_field_info

_STATUSES: Mapping[CollectionStatus, int] = {
    CollectionStatus.GREEN: pb.CollectionStatus.Green,
    CollectionStatus.YELLOW: pb.CollectionStatus.Yellow,
    CollectionStatus.GREY: pb.CollectionStatus.Grey,
    CollectionStatus.RED: pb.CollectionStatus.Red,
}


def write_info(info: CollectionInfo) -> pb.GetCollectionInfoResponse:
    """The description of a collection."""
    response = pb.GetCollectionInfoResponse()
    result = response.result
    result.status = _STATUSES[info.status]
    result.optimizer_status.ok = info.optimizer_error is None
    if info.optimizer_error is not None:
        result.optimizer_status.error = info.optimizer_error
    result.segments_count = info.segments_count
    result.points_count = info.points_count
    result.indexed_vectors_count = info.indexed_vectors_count
    result.update_queue.SetInParent()
    result.update_queue.length = info.update_queue_length
    write_collection_config(info.config, result.config)
    for field, field_info in info.payload_schema.items():
        write_field_info(field_info, result.payload_schema[field])
    return response


def write_names(names: Iterable[str]) -> pb.ListCollectionsResponse:
    """The list of collections."""
    descriptions = [pb.CollectionDescription(name=name) for name in names]
    return pb.ListCollectionsResponse(collections=descriptions)


def write_exists(exists: bool) -> pb.CollectionExistsResponse:
    """Whether a collection exists."""
    return pb.CollectionExistsResponse(result=pb.CollectionExists(exists=exists))


def write_done(result: bool) -> pb.CollectionOperationResponse:
    """The response to a change of collections or aliases."""
    return pb.CollectionOperationResponse(result=result)


def write_cluster_info(info: ClusterInfo) -> pb.CollectionClusterInfoResponse:
    """The shards of a collection: a single local one."""
    shard = pb.LocalShardInfo(
        shard_id=0, points_count=info.points_count, state=pb.ReplicaState.Active
    )
    return pb.CollectionClusterInfoResponse(
        peer_id=info.peer_id, shard_count=info.shard_count, local_shards=[shard]
    )


def write_no_shard_keys(_: object) -> pb.ListShardKeysResponse:
    """The shard keys of a collection: none, as sharding is automatic."""
    return pb.ListShardKeysResponse()


def read_alias_actions(message: pb.ChangeAliases) -> list[AliasAction]:
    """Decode the changes of aliases, in order."""
    return [_read_alias_action(action) for action in message.actions]


def _read_alias_action(message: pb.AliasOperations) -> AliasAction:
    kind = message.WhichOneof("action")
    if kind == "create_alias":
        create = message.create_alias
        return CreateAlias(create.collection_name, create.alias_name)
    if kind == "rename_alias":
        rename = message.rename_alias
        return RenameAlias(rename.old_alias_name, rename.new_alias_name)
    if kind == "delete_alias":
        return DeleteAlias(message.delete_alias.alias_name)
    raise MalformedMessage("Alias action is not set")


def write_aliases(aliases: Iterable[Alias]) -> pb.ListAliasesResponse:
    """The list of aliases."""
    descriptions = [
        pb.AliasDescription(alias_name=alias.alias_name, collection_name=alias.collection_name)
        for alias in aliases
    ]
    return pb.ListAliasesResponse(aliases=descriptions)
