"""The messages that a gRPC client sends and reads about collections and aliases."""

from __future__ import annotations

from typing import Any

import attrs

from tests.contract.generic_messages import (
    fill,
    fill_payload,
    read,
    read_enum,
    read_map,
    read_payload,
)
from tests.contract.index_messages import read_field_info
from vexfs_twisted.model.collection import (
    AliasAction,
    ClusterInfo,
    CollectionConfig,
    CollectionInfo,
    CollectionParams,
    CollectionStatus,
    CreateAlias,
    CreateCollection,
    DeleteAlias,
    RenameAlias,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import SparseVectorParams, VectorParams
from vexfs_twisted.rpc.generated import collections_pb2

_ALIAS_ACTIONS = {
    CreateAlias: "create_alias",
    DeleteAlias: "delete_alias",
    RenameAlias: "rename_alias",
}
_OWN_FORM = ("vectors", "unnamed_in_map", "sparse_vectors", "metadata")


def create_collection(name: str, request: CreateCollection) -> Any:
    return _filled(collections_pb2.CreateCollection(collection_name=name), request)


def update_collection(name: str, request: UpdateCollection) -> Any:
    return _filled(collections_pb2.UpdateCollection(collection_name=name), request)


def _filled(message: Any, request: CreateCollection | UpdateCollection) -> Any:
    fill(message, request, skip=_OWN_FORM)
    _fill_vectors(message, request)
    for name, params in (request.sparse_vectors or {}).items():
        place = message.sparse_vectors_config.map[name]
        place.SetInParent()
        fill(place, params)
    fill_payload(message.metadata, request.metadata or {})
    return message


def _fill_vectors(message: Any, request: CreateCollection | UpdateCollection) -> None:
    """A lone unnamed vector has a place of its own, unless it was declared in a map."""
    vectors = request.vectors or {}
    is_mapped = isinstance(request, CreateCollection) and request.unnamed_in_map
    if list(vectors) == [""] and not is_mapped:
        message.vectors_config.params.SetInParent()
        fill(message.vectors_config.params, vectors[""])
        return
    for name, params in vectors.items():
        fill(message.vectors_config.params_map.map[name], params)


def alias_action(action: AliasAction) -> Any:
    message = collections_pb2.AliasOperations()
    fill(getattr(message, _ALIAS_ACTIONS[type(action)]), action)
    return message


def read_collection_info(message: Any) -> CollectionInfo:
    config = read(message.config, CollectionConfig, skip=("params", "metadata"))
    return CollectionInfo(
        config=attrs.evolve(
            config,
            params=_read_params(message.config.params),
            metadata=read_payload(message.config.metadata) or None,
        ),
        points_count=message.points_count,
        indexed_vectors_count=message.indexed_vectors_count,
        segments_count=message.segments_count,
        status=read_enum(message, "status", CollectionStatus),
        optimizer_error=message.optimizer_status.error or None,
        update_queue_length=message.update_queue.length,
        payload_schema={
            field: read_field_info(message.payload_schema[field])
            for field in message.payload_schema
        },
    )


def _read_params(message: Any) -> CollectionParams:
    vectors = message.vectors_config
    if vectors.HasField("params"):
        dense = {"": read(vectors.params, VectorParams)}
    else:
        dense = read_map(vectors.params_map.map, VectorParams)
    sparse = read_map(message.sparse_vectors_config.map, SparseVectorParams)
    params: CollectionParams = read(message, CollectionParams, skip=_OWN_FORM)
    return attrs.evolve(
        params,
        vectors=dense,
        unnamed_in_map="" in vectors.params_map.map,
        sparse_vectors=sparse or None,
    )


def read_cluster_info(message: Any) -> ClusterInfo:
    (shard,) = message.local_shards
    return ClusterInfo(message.peer_id, message.shard_count, shard.points_count)
