"""Decoding of queries, with their prefetches. The public functions raise DomainErrors.

`path` is the path of a message in the request, for errors. Recursion needs no limit of its own:
protobuf refuses messages nested deeper than a hundred levels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import evolve

from ...model.queries import DEFAULT_LIMIT, LookupLocation, Prefetch, Query, check_depth
from ...model.query_forms import QueryForm
from ...model.validation import validate
from ..generated import points_pb2 as pb
from .fields import check_consistency, given, refuse_shard_keys
from .filters import read_optional_filter
from .query_forms import read_form
from .search_params import read_params
from .selections import read_selection

_REMEMBERED_BYTES = 1024
_REMEMBERED_QUERIES = 1024

_remembered: dict[tuple[Callable[[Any, str], Query], bytes], Query] = {}
"""A cache of valid queries without forms, by their messages. Immutable, so threads share them."""


def read_query(message: pb.QueryPoints, path: str = "") -> Query:
    """Decode a query. Clears the fields `query` and `prefetch` of the message."""
    form = None
    if message.HasField("query"):
        form = read_form(message.query, within(path, "query"), read_limit(message))
        message.ClearField("query")
    prefetch: tuple[Prefetch, ...] = ()
    if message.prefetch:
        prefetch = read_prefetches(message.prefetch, path)
        message.ClearField("prefetch")
    return aimed(plain(_read_plain, message, path), form, prefetch)


def read_limit(message: Any) -> int:
    """The limit of a query or prefetch."""
    limit: int = message.limit if message.HasField("limit") else DEFAULT_LIMIT
    return limit


def _read_plain(message: pb.QueryPoints, path: str) -> Query:
    refuse_shard_keys(message)
    return Query(
        **read_common_parts(message, path),
        **given(message, "using", "limit", "offset", "score_threshold"),
        lookup_from=read_lookup_location(message),
    )


def plain(read: Callable[[Any, str], Query], message: Any, path: str) -> Query:
    """Decode a message without its form with `read`, and validate it.

    The result is cached, as searches of a client usually differ in their targets only.
    """
    data = message.SerializeToString()
    key = (read, data)
    query = _remembered.get(key)
    if query is None:
        query = read(message, path)
        validate(query, path)
        if len(data) <= _REMEMBERED_BYTES:
            if len(_remembered) >= _REMEMBERED_QUERIES:
                _remembered.clear()
            _remembered[key] = query
    return query


def aimed(plain: Query, form: QueryForm | None, prefetch: tuple[Prefetch, ...] = ()) -> Query:
    """`plain` with a form and prefetches."""
    return Query(
        form,
        plain.using,
        plain.filter,
        plain.params,
        plain.score_threshold,
        plain.limit,
        plain.offset,
        plain.selection,
        prefetch,
        plain.lookup_from,
    )


def read_each(messages: Iterable[Any], field: str, read: Any) -> list[Query]:
    """Decode the queries of a batch, which are in the repeated field `field` of the request."""
    return [read(message, f"{field}[{index}]") for index, message in enumerate(messages)]


def read_prefetches(
    messages: Iterable[pb.PrefetchQuery], path: str, depth: int = 1
) -> tuple[Prefetch, ...]:
    """Decode and validate the prefetches of a query, at a depth of the tree."""
    check_depth(depth)
    found = []
    for index, message in enumerate(messages):
        place = within(path, f"prefetch[{index}]")
        prefetch = _read_prefetch(message, place)
        validate(prefetch, place)
        if message.prefetch:
            inner = read_prefetches(message.prefetch, place, depth + 1)
            prefetch = evolve(prefetch, prefetch=inner)
        found.append(prefetch)
    return tuple(found)


def _read_prefetch(message: pb.PrefetchQuery, path: str) -> Prefetch:
    parts = given(message, "using", "limit", "score_threshold")
    if message.HasField("query"):
        parts["form"] = read_form(message.query, f"{path}.query", read_limit(message))
    if message.HasField("params"):
        parts["params"] = read_params(message.params, f"{path}.params")
    return Prefetch(
        filter=read_optional_filter(message, f"{path}.filter"),
        lookup_from=read_lookup_location(message),
        **parts,
    )


def read_lookup_location(message: Any) -> LookupLocation | None:
    """The field `lookup_from` of a request, or None."""
    if not message.HasField("lookup_from"):
        return None
    location: pb.LookupLocation = message.lookup_from
    refuse_shard_keys(location)
    vector = location.vector_name if location.HasField("vector_name") else None
    return LookupLocation(location.collection_name, vector)


def read_common_parts(message: Any, path: str) -> dict[str, Any]:
    """The parts that all requests for points by score have, by name."""
    check_consistency(message)
    parts: dict[str, Any] = {
        "filter": read_optional_filter(message, within(path, "filter")),
        "selection": read_selection(message),
    }
    if message.HasField("params"):
        parts["params"] = read_params(message.params, within(path, "params"))
    return parts


def within(path: str, name: str) -> str:
    """The path of the field `name` of the message at `path`, which is "" for the request."""
    return f"{path}.{name}" if path else name
