"""Searches on the wire: the universal query, and the older search request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...model.errors import BadRequest, NotSupported
from ...model.queries import (
    Acorn,
    NearestToPoint,
    NearestToVector,
    Quantization,
    Query,
    SearchParams,
    Target,
    check_query_vector,
)
from ...model.validation import validate
from ..generated import points_pb2 as pb
from .fields import given, refuse_shard_keys
from .filters import read_optional_filter
from .ids import read_id
from .selections import read_selection
from .vectors import read_floats, unsupported_vector


def read_query(message: pb.QueryPoints, path: str = "") -> Query:
    """The query that `message` means. `path` is where it stands in the request."""
    refuse_shard_keys(message)
    if message.prefetch:
        raise NotSupported("`prefetch` is not supported yet")
    if message.HasField("lookup_from"):
        raise NotSupported("`lookup_from` is not supported yet")
    query = Query(
        target=_read_target(message.query) if message.HasField("query") else None,
        **_common_parts(message, path),
        **given(message, "using", "limit"),
    )
    return _checked(query, path)


def _read_target(message: pb.Query) -> Target:
    kind = message.WhichOneof("variant")
    if kind == "nearest":
        return _read_nearest(message.nearest)
    if kind is None:
        raise BadRequest("Query variant is missing")
    raise NotSupported(f"The query kind `{kind}` is not supported yet")


def _read_nearest(message: pb.VectorInput) -> Target:
    kind = message.WhichOneof("variant")
    if kind == "dense":
        return NearestToVector(read_floats(message.dense.data))
    if kind == "id":
        return NearestToPoint(read_id(message.id))
    if kind is None:
        raise BadRequest("Vector input variant is missing")
    raise unsupported_vector(kind)


def read_search(message: pb.SearchPoints, path: str = "") -> Query:
    """The query that an older search request means. `path` is where it stands in the request."""
    refuse_shard_keys(message)
    if message.HasField("sparse_indices"):
        raise unsupported_vector("sparse")
    query = Query(
        target=NearestToVector(read_floats(message.vector)),
        using=message.vector_name,
        limit=message.limit,
        **_common_parts(message, path),
    )
    return _checked(query, path)


def read_each(messages: Iterable[Any], field: str, read: Any) -> list[Query]:
    """The queries of a batch, which stand in the request's list `field`."""
    return [read(message, f"{field}[{index}]") for index, message in enumerate(messages)]


def _common_parts(message: pb.QueryPoints | pb.SearchPoints, path: str) -> dict[str, Any]:
    parts = given(message, "score_threshold", "offset")
    parts["filter"] = read_optional_filter(message, f"{path}.filter" if path else "filter")
    if message.HasField("params"):
        parts["params"] = _read_params(message.params)
    parts["selection"] = read_selection(message)
    return parts


def _checked(query: Query, path: str) -> Query:
    validate(query, path)
    if isinstance(query.target, NearestToVector):
        check_query_vector(query.target.vector)
    return query


def _read_params(message: pb.SearchParams) -> SearchParams:
    if message.HasField("idf"):
        raise NotSupported("The search parameter `idf` is not supported yet")
    parts = given(message, "hnsw_ef", "exact", "indexed_only")
    if message.HasField("quantization"):
        names = ("ignore", "rescore", "oversampling")
        parts["quantization"] = Quantization(**given(message.quantization, *names))
    if message.HasField("acorn"):
        parts["acorn"] = Acorn(**given(message.acorn, "enable", "max_selectivity"))
    return SearchParams(**parts)
