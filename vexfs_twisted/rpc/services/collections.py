"""The methods of the service qdrant.Collections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model.access import ANYONE_KNOWN, MANAGE_COLLECTION, MANAGE_SERVER, READ_POINTS
from ...model.collection import Alias, ClusterInfo, CollectionInfo, CollectionInfoRequest
from ...model.errors import Place
from ...model.names import check_collection_name
from ..bridge import Operation
from ..codecs.collections import (
    read_alias_actions,
    write_aliases,
    write_cluster_info,
    write_done,
    write_exists,
    write_info,
    write_names,
    write_no_shard_keys,
)
from ..codecs.configs import read_create, read_update
from ..codecs.fields import read_collection_name, read_timeout
from ..generated import collections_pb2 as pb
from ..methods import RpcMethod, standalone


def _get(
    message: pb.GetCollectionInfoRequest | pb.ListShardKeysRequest,
) -> Operation[CollectionInfo]:
    name = read_collection_name(message.collection_name)
    return lambda operations: operations.read(name, CollectionInfoRequest())


def _list(_: pb.ListCollectionsRequest) -> Operation[list[str]]:
    return lambda operations: operations.list_collections()


def _exists(message: pb.CollectionExistsRequest) -> Operation[bool]:
    name = read_collection_name(message.collection_name)
    return lambda operations: operations.collection_exists(name)


def _create(message: pb.CreateCollection) -> Operation[bool]:
    read_timeout(message)
    name = message.collection_name
    check_collection_name(name, Place.BODY)
    request = read_create(message)
    return lambda operations: operations.create_collection(name, request)


def _update(message: pb.UpdateCollection) -> Operation[bool]:
    read_timeout(message)
    name = read_collection_name(message.collection_name)
    request = read_update(message)
    return lambda operations: operations.update_collection(name, request)


def _delete(message: pb.DeleteCollection) -> Operation[bool]:
    read_timeout(message)
    name = read_collection_name(message.collection_name)
    return lambda operations: operations.delete_collection(name)


def _update_aliases(message: pb.ChangeAliases) -> Operation[bool]:
    read_timeout(message)
    actions = read_alias_actions(message)
    return lambda operations: operations.update_aliases(actions)


def _list_aliases(_: pb.ListAliasesRequest) -> Operation[list[Alias]]:
    return lambda operations: operations.list_aliases()


def _list_collection_aliases(message: pb.ListCollectionAliasesRequest) -> Operation[list[Alias]]:
    name = read_collection_name(message.collection_name)
    return lambda operations: operations.list_aliases(name)


def _cluster_info(message: pb.CollectionClusterInfoRequest) -> Operation[ClusterInfo]:
    name = read_collection_name(message.collection_name)
    return lambda operations: operations.cluster_info(name)


COLLECTIONS: Mapping[str, RpcMethod[Any, Any]] = {
    "Get": RpcMethod(_get, write_info, needs=READ_POINTS),
    "List": RpcMethod(_list, write_names, needs=ANYONE_KNOWN),
    "CollectionExists": RpcMethod(_exists, write_exists, needs=READ_POINTS),
    "Create": RpcMethod(_create, write_done, is_write=True, needs=MANAGE_SERVER),
    "Update": RpcMethod(_update, write_done, is_write=True, needs=MANAGE_SERVER),
    "Delete": RpcMethod(_delete, write_done, is_write=True, needs=MANAGE_SERVER),
    "UpdateAliases": RpcMethod(_update_aliases, write_done, is_write=True, needs=MANAGE_SERVER),
    "ListAliases": RpcMethod(_list_aliases, write_aliases, needs=ANYONE_KNOWN),
    "ListCollectionAliases": RpcMethod(_list_collection_aliases, write_aliases, needs=READ_POINTS),
    "CollectionClusterInfo": RpcMethod(_cluster_info, write_cluster_info, needs=READ_POINTS),
    # Reads the collection, so that a missing one is an error.
    "ListShardKeys": RpcMethod(_get, write_no_shard_keys, needs=READ_POINTS),
    "UpdateCollectionClusterSetup": RpcMethod(standalone, write_done, needs=MANAGE_COLLECTION),
    "CreateShardKey": RpcMethod(standalone, write_done, needs=MANAGE_COLLECTION),
    "DeleteShardKey": RpcMethod(standalone, write_done, needs=MANAGE_COLLECTION),
}
