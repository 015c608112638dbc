"""Requests of the flat service, read as the requests of Qdrant's own services that they stand for.

Fields have the same names in both, but for the vectors of a new collection, and other numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import evolve
from google.protobuf.message import Message

from ...model.errors import NotSupported
from ...model.queries import Scroll
from ...model.streams import UNLIMITED
from ..generated import collections_pb2 as collections
from ..generated import flat_pb2 as flat
from ..generated import points_pb2 as points
from .fields import given
from .points import read_scroll

M = TypeVar("M", bound=Message)


def restated(kind: type[M]) -> Callable[[Message], M]:
    """How a request is read as the message `kind`, which has all its fields by name."""

    def read(message: Message) -> M:
        result = kind()
        for field, value in message.ListFields():
            if field.is_repeated:
                getattr(result, field.name).MergeFrom(value)
            elif field.message_type is not None:
                getattr(result, field.name).CopyFrom(value)
            else:
                setattr(result, field.name, value)
        return result

    return read


def read_create(message: flat.CreateCollectionRequest) -> collections.CreateCollection:
    """The creation of a collection."""
    names = ("shard_number", "replication_factor", "write_consistency_factor")
    result = collections.CreateCollection(
        collection_name=message.collection_name,
        **given(message, *names, "on_disk_payload", "timeout"),
    )
    kind = message.WhichOneof("config")
    if kind == "vectors":
        result.vectors_config.params.CopyFrom(message.vectors)
    elif kind == "vectors_config_map":
        result.vectors_config.params_map.CopyFrom(message.vectors_config_map)
    return result


def read_search(message: flat.SearchPointsRequest) -> points.SearchPoints:
    """A search. Raises NotSupported for a look-up in another collection, which it cannot mean."""
    if message.HasField("lookup_from"):
        raise NotSupported("`lookup_from` is not supported in a search by vector")
    return restated(points.SearchPoints)(message)


def read_search_batch(message: flat.SearchPointsBatchRequest) -> points.SearchBatchPoints:
    """Several searches in one collection."""
    searches = map(read_search, message.search_points)
    return points.SearchBatchPoints(collection_name=message.collection_name, search_points=searches)


def read_whole_scroll(message: flat.ScrollRequest) -> Scroll:
    """A scroll that goes on to its end, unless a limit is set."""
    scroll = read_scroll(restated(points.ScrollPoints)(message))
    return scroll if message.HasField("limit") else evolve(scroll, limit=UNLIMITED)
