"""Conversion of requests of the flat service to the equivalent requests of Qdrant's own services.

Their fields have the same names, except the vectors of a new collection, but different numbers.
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
    """A function that copies a request into the message type `kind`, field by field, by name."""

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
    """Convert a request to create a collection."""
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
    """Convert a search. Raises NotSupported for `lookup_from`, which SearchPoints does not have."""
    if message.HasField("lookup_from"):
        raise NotSupported("`lookup_from` is not supported in a search by vector")
    return restated(points.SearchPoints)(message)


def read_search_batch(message: flat.SearchPointsBatchRequest) -> points.SearchBatchPoints:
    """Convert several searches in one collection."""
    searches = map(read_search, message.search_points)
    return points.SearchBatchPoints(collection_name=message.collection_name, search_points=searches)


def read_whole_scroll(message: flat.ScrollRequest) -> Scroll:
    """Decode a scroll over all points, unless a limit is set."""
    scroll = read_scroll(restated(points.ScrollPoints)(message))
    return scroll if message.HasField("limit") else evolve(scroll, limit=UNLIMITED)
