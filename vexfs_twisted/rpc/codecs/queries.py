"""Decoding of the universal query and of the older search request.

The public functions raise DomainErrors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...model.errors import MalformedMessage, NotSupported
from ...model.queries import Query, check_query_vector, prefetch_without_query
from ...model.query_forms import Example, PointExample, VectorExample
from ...model.search_params import Acorn, Quantization, SearchParams
from ...model.validation import validate
from ..generated import points_pb2 as pb
from .fields import check_consistency, given, refuse_shard_keys
from .filters import read_optional_filter
from .ids import read_id
from .selections import read_selection
from .vectors import read_floats, unsupported_vector

_REMEMBERED_BYTES = 1024
_REMEMBERED_QUERIES = 1024

_remembered: dict[tuple[Callable[[Any, str], Query], bytes], Query] = {}
"""A cache of valid queries without targets, by their messages. Immutable, so threads share them."""


def read_query(message: pb.QueryPoints, path: str = "") -> Query:
    """Decode a query. Clears the field `query` of the message.

    `path` is the path of the message in the request, for errors.
    """
    target = message.query if message.HasField("query") else None
    message.ClearField("query")
    if target is None and message.prefetch:
        raise prefetch_without_query()
    plain = _plain(_read_plain_query, message, path)
    if target is None:
        return plain
    return _aimed(plain, _read_target(target))


def _read_plain_query(message: pb.QueryPoints, path: str) -> Query:
    refuse_shard_keys(message)
    if message.prefetch:
        raise NotSupported("`prefetch` is not supported yet")
    if message.HasField("lookup_from"):
        raise NotSupported("`lookup_from` is not supported yet")
    return Query(**_common_parts(message, path), **given(message, "using", "limit"))


def _read_target(message: pb.Query) -> Example:
    kind = message.WhichOneof("variant")
    if kind == "nearest":
        return _read_nearest(message.nearest)
    if kind is None:
        raise MalformedMessage("Query variant is missing")
    raise NotSupported(f"The query kind `{kind}` is not supported yet")


def _read_nearest(message: pb.VectorInput) -> Example:
    kind = message.WhichOneof("variant")
    if kind == "dense":
        return VectorExample(read_floats(message.dense.data))
    if kind == "id":
        return PointExample(read_id(message.id))
    if kind is None:
        raise MalformedMessage("VectorInput variant is missing")
    raise unsupported_vector(kind)


def read_search(message: pb.SearchPoints, path: str = "") -> Query:
    """Decode an older search request. Clears the field `vector` of the message.

    `path` is the path of the message in the request, for errors.
    """
    vector = read_floats(message.vector)
    message.ClearField("vector")
    return _aimed(_plain(_read_plain_search, message, path), VectorExample(vector))


def _read_plain_search(message: pb.SearchPoints, path: str) -> Query:
    refuse_shard_keys(message)
    if message.HasField("sparse_indices"):
        raise unsupported_vector("sparse")
    return Query(using=message.vector_name, limit=message.limit, **_common_parts(message, path))


def _plain(read: Callable[[Any, str], Query], message: Any, path: str) -> Query:
    """Decode a message without its target with `read`, and validate it.

    The result is cached, as searches of a client usually differ in their targets only.
    """
    data = message.SerializeToString()
    key = (read, data)
    plain = _remembered.get(key)
    if plain is None:
        plain = read(message, path)
        validate(plain, path)
        if len(data) <= _REMEMBERED_BYTES:
            if len(_remembered) >= _REMEMBERED_QUERIES:
                _remembered.clear()
            _remembered[key] = plain
    return plain


def _aimed(plain: Query, target: Example) -> Query:
    """`plain` with a target. Raises a DomainError for an invalid vector."""
    if isinstance(target, VectorExample):
        check_query_vector(target.vector)
    return Query(
        target,
        plain.using,
        plain.filter,
        plain.params,
        plain.score_threshold,
        plain.limit,
        plain.offset,
        plain.selection,
    )


def read_each(messages: Iterable[Any], field: str, read: Any) -> list[Query]:
    """Decode the queries of a batch, which are in the repeated field `field` of the request."""
    return [read(message, f"{field}[{index}]") for index, message in enumerate(messages)]


def _common_parts(message: pb.QueryPoints | pb.SearchPoints, path: str) -> dict[str, Any]:
    check_consistency(message)
    parts = given(message, "score_threshold", "offset")
    parts["filter"] = read_optional_filter(message, f"{path}.filter" if path else "filter")
    if message.HasField("params"):
        parts["params"] = _read_params(message.params)
    parts["selection"] = read_selection(message)
    return parts


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
