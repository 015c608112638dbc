"""Decoding of read requests from JSON: retrieve, scroll, count, facet, query and search.

The public functions raise FormatError, BadInput, ValidationError and NotSupported.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any, TypeVar

from ...jsonform.converter import located, reader_of
from ...model.errors import FormatError, NotSupported, no_sparse_vectors
from ...model.queries import (
    ALL_PAYLOAD,
    DEFAULT_LIMIT,
    NO_PAYLOAD,
    Count,
    Facet,
    Query,
    Retrieve,
    Scroll,
    check_query_vector,
    prefetch_without_query,
)
from ...model.query_forms import (
    Direction,
    Example,
    OrderBy,
    OrderValue,
    PointExample,
    VectorExample,
)
from ...model.search_params import SearchParams
from ...model.validation import validate
from ...model.vectors import UNNAMED
from .fields import (
    Reader,
    defaulted,
    optional,
    read_boolean,
    read_exact_number,
    read_number,
    read_object,
    read_string,
    read_unsigned,
    refuse_shard_key,
    required,
)
from .filters import read_optional_filter
from .gathering import MAX_ELEMENTS, Gathered, gathered
from .ids import read_id, read_ids
from .predicates import read_datetime
from .selectors import read_path, read_selection
from .vectors import is_inference, no_inference, read_vector

T = TypeVar("T")

_QUERIES_KNOWN_LATER = (
    "recommend",
    "discover",
    "context",
    "order_by",
    "fusion",
    "rrf",
    "formula",
    "sample",
    "relevance_feedback",
)
_read_direction: Reader[Direction] = reader_of(Direction)
_read_plain_params: Reader[SearchParams] = reader_of(SearchParams)


def read_retrieve(value: Any) -> Retrieve:
    """A read by ids. Without payloads by default."""
    body = read_object(value, "PointRequest")
    refuse_shard_key(body)
    return Retrieve(required(body, "ids", read_ids), read_selection(body, NO_PAYLOAD))


def read_scroll(value: Any) -> Scroll:
    """A page of points. With payloads by default."""
    body = read_object(value, "ScrollRequest")
    refuse_shard_key(body)
    scroll = Scroll(
        limit=optional(body, "limit", read_unsigned, DEFAULT_LIMIT),
        offset=optional(body, "offset", read_id, None),
        filter=read_optional_filter(body, "scroll_request.filter"),
        order_by=optional(body, "order_by", _read_order_by, None),
        selection=read_selection(body, ALL_PAYLOAD),
    )
    validate(scroll, "scroll_request")
    return scroll


def read_count(value: Any) -> Count:
    """A count of the points that match a filter."""
    body = read_object(value, "CountRequest")
    refuse_shard_key(body)
    return Count(
        filter=read_optional_filter(body, "count_request.filter"),
        exact=defaulted(body, "exact", read_boolean, True),
    )


def read_facet(value: Any) -> Facet:
    """A facet: the counts of the values of a payload field."""
    body = read_object(value, "FacetRequest")
    refuse_shard_key(body)
    facet = Facet(
        key=required(body, "key", read_path),
        limit=optional(body, "limit", read_unsigned, DEFAULT_LIMIT),
        filter=read_optional_filter(body, "facet_request.filter"),
        exact=optional(body, "exact", read_boolean, False),
    )
    validate(facet, "facet_request")
    return facet


def _read_order_by(value: Any) -> OrderBy:
    """An order: the path of a payload field, or an object with one."""
    if type(value) is str:
        return OrderBy(read_path(value))
    body = read_object(value, "OrderBy")
    return OrderBy(
        key=required(body, "key", read_path),
        direction=optional(body, "direction", _read_direction, Direction.ASC),
        start_from=optional(body, "start_from", _read_start, None),
    )


def _read_start(value: Any) -> OrderValue:
    if type(value) is str:
        return read_datetime(value)
    return read_exact_number(value)


def read_query(value: Any, path: str = "internal") -> Query:
    """A query of the universal endpoint. `path` is its path in the request, for errors."""
    body = read_object(value, "QueryRequest")
    refuse_shard_key(body)
    target = optional(body, "query", _read_target, None)
    _check_parts(body, target is not None)
    query = Query(
        form=target,
        using=optional(body, "using", read_string, UNNAMED),
        filter=read_optional_filter(body, f"{path}.filter"),
        params=optional(body, "params", _read_params, SearchParams()),
        score_threshold=optional(body, "score_threshold", read_number, None),
        limit=optional(body, "limit", read_unsigned, DEFAULT_LIMIT),
        offset=optional(body, "offset", read_unsigned, 0),
        selection=read_selection(body, NO_PAYLOAD, takes_null=True),
    )
    validate(query, path)
    return query


def read_search(value: Any, path: str = "search_request") -> Query:
    """A query of the older search endpoint: a vector, optionally named, and a limit.

    `path` is its path in the request, for errors.
    """
    body = read_object(value, "SearchRequest")
    refuse_shard_key(body)
    name, target = required(body, "vector", _read_search_vector)
    limit_name = "limit" if body.get("top") is None else "top"
    query = Query(
        form=target,
        using=name,
        filter=read_optional_filter(body, f"{path}.filter"),
        params=optional(body, "params", _read_params, SearchParams()),
        score_threshold=optional(body, "score_threshold", read_number, None),
        limit=required(body, limit_name, read_unsigned),
        offset=optional(body, "offset", read_unsigned, 0),
        selection=read_selection(body, NO_PAYLOAD, takes_null=True),
    )
    validate(query, path)
    return query


def read_query_batch(value: Any) -> list[Query]:
    """The queries of a batch."""
    return _read_searches(value, "QueryRequestBatch", gather_queries)


def gather_queries() -> Gathered[list[Query]]:
    """A gatherer of the queries of a batch."""

    def read(queries: list[Any], start: int) -> list[Query]:
        numbered = enumerate(queries, start)
        return [read_query(item, f"searches[{i}].internal") for i, item in numbered]

    return Gathered(read, MAX_ELEMENTS)


def read_search_batch(value: Any) -> list[Query]:
    """The searches of a batch."""
    return _read_searches(value, "SearchRequestBatch", gather_searches)


def gather_searches() -> Gathered[list[Query]]:
    """A gatherer of the searches of a batch."""

    def read(searches: list[Any], start: int) -> list[Query]:
        numbered = enumerate(searches, start)
        return [read_search(item, f"searches[{i}].search_request") for i, item in numbered]

    return Gathered(read, MAX_ELEMENTS)


def _read_searches(
    value: Any, name: str, gather: Callable[[], Gathered[list[Query]]]
) -> list[Query]:
    def read(searches: Any) -> Gathered[list[Query]]:
        return gathered(searches, Gathered, gather)

    return list(chain.from_iterable(required(read_object(value, name), "searches", read).parts()))


def _check_parts(body: dict[str, Any], has_target: bool) -> None:
    """Raise for a prefetch without a query, and for members that are not supported yet."""
    if body.get("prefetch") not in (None, []):
        if not has_target:
            raise prefetch_without_query()
        raise NotSupported("`prefetch` is not supported yet")
    if body.get("lookup_from") is not None:
        raise NotSupported("`lookup_from` is not supported yet")


def _read_target(value: Any) -> Example:
    """The target of a query: a vector, the id of a point, or either in `nearest`."""
    if type(value) is dict:
        if value.get("nearest") is not None:
            if value.get("mmr") is not None:
                raise NotSupported("`mmr` is not supported yet")
            return located("nearest", _read_vector_input, value["nearest"])
        for name in _QUERIES_KNOWN_LATER:
            if name in value:
                raise NotSupported(f"The query kind `{name}` is not supported yet")
    return _read_vector_input(value)


def _read_vector_input(value: Any) -> Example:
    if type(value) is int or type(value) is str:
        return PointExample(read_id(value))
    if type(value) is list:
        return _read_nearest(value)
    if type(value) is dict:
        if "indices" in value:
            raise no_sparse_vectors()
        if is_inference(value):
            raise no_inference()
    raise FormatError("data did not match any variant of untagged enum VectorInput")


def _read_search_vector(value: Any) -> tuple[str, Example]:
    if type(value) is dict and "name" in value:
        name = required(value, "name", read_string)
        return name, required(value, "vector", _read_nearest)
    return UNNAMED, _read_nearest(value)


def _read_nearest(value: Any) -> VectorExample:
    vector = read_vector(value, "vector")
    check_query_vector(vector)
    return VectorExample(vector)


def _read_params(value: Any) -> SearchParams:
    if read_object(value, "SearchParams").get("idf") is not None:
        raise NotSupported("The search parameter `idf` is not supported yet")
    return _read_plain_params(value)
