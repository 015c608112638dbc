"""Decoding of queries, with their prefetches, from JSON. The public functions raise DomainErrors.

`path` is the path of a value in the request, for validation errors.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from ...jsonform.converter import located
from ...model.queries import (
    DEFAULT_LIMIT,
    NO_PAYLOAD,
    LookupLocation,
    Prefetch,
    Query,
    check_depth,
)
from ...model.validation import validate
from ...model.vectors import UNNAMED
from .fields import (
    optional,
    read_number,
    read_object,
    read_string,
    read_unsigned,
    refuse_shard_key,
    required,
)
from .filters import read_optional_filter
from .gathering import MAX_ELEMENTS, Gathered
from .query_forms import one_or_more, read_form
from .search_params import read_params
from .selectors import read_selection


def read_query(value: Any, path: str = "internal") -> Query:
    """A query of the universal endpoint."""
    body = read_object(value, "QueryRequest")
    refuse_shard_key(body)
    query = Query(
        **read_tree(body, path),
        offset=optional(body, "offset", read_unsigned, 0),
        selection=read_selection(body, NO_PAYLOAD, takes_null=True),
    )
    validate(query, path)
    return query


def gather_queries() -> Gathered[list[Query]]:
    """A gatherer of the queries of a batch."""

    def read(queries: list[Any], start: int) -> list[Query]:
        numbered = enumerate(queries, start)
        return [read_query(item, f"searches[{i}].internal") for i, item in numbered]

    return Gathered(read, MAX_ELEMENTS)


def read_tree(body: dict[str, Any], path: str) -> dict[str, Any]:
    """The parts of a query that a prefetch has too, by name."""
    parts = _read_parts(body, path)
    if body.get("prefetch") is not None:
        parts["prefetch"] = _read_prefetches(body, path)
    return parts


def read_lookup_location(value: Any) -> LookupLocation:
    """Where examples are looked up."""
    body = read_object(value, "LookupLocation")
    refuse_shard_key(body)
    return LookupLocation(
        required(body, "collection", read_string), optional(body, "vector", read_string, None)
    )


def _read_parts(body: dict[str, Any], path: str) -> dict[str, Any]:
    """The parts of a query or prefetch except its prefetches."""
    limit = optional(body, "limit", read_unsigned, DEFAULT_LIMIT)
    return {
        "form": optional(
            body, "query", lambda value: read_form(value, f"{path}.query", limit), None
        ),
        "limit": limit,
        "using": optional(body, "using", read_string, UNNAMED),
        "filter": read_optional_filter(body, f"{path}.filter"),
        "params": read_params(body, path),
        "score_threshold": optional(body, "score_threshold", read_number, None),
        "lookup_from": optional(body, "lookup_from", read_lookup_location, None),
    }


@define
class _Node:
    """A query or prefetch that is being decoded, `place` within the query at depth 0."""

    body: dict[str, Any]
    path: str
    place: str = ""
    depth: int = 0
    parts: dict[str, Any] = field(factory=dict)
    inner: list[_Node] = field(factory=list)
    prefetch: tuple[Prefetch, ...] = ()

    def read(self) -> None:
        """Decode the parts of a prefetch except its own prefetches."""
        self.parts = _read_parts(self.body, self.path)

    def open(self) -> None:
        """Make nodes of the prefetches of this one."""
        for index, value in enumerate(one_or_more(self.body.get("prefetch"))):
            check_depth(self.depth + 1)
            place = f"{self.place}.prefetch[{index}]".removeprefix(".")
            body = located(place, read_object, value, "Prefetch")
            path = f"{self.path}.prefetch[{index}]"
            self.inner.append(_Node(body, path, place, self.depth + 1))


def _read_prefetches(body: dict[str, Any], path: str) -> tuple[Prefetch, ...]:
    """The prefetches of a query.

    Without recursion: forms and filters, which are decoded at each level, need the stack.
    """
    root = _Node(body, path)
    root.open()
    found: list[_Node] = []
    waiting = root.inner[::-1]
    while waiting:
        node = waiting.pop()
        located(node.place, lambda _, own=node: own.read(), None)
        node.open()
        found.append(node)
        waiting.extend(reversed(node.inner))
    # Every node comes after the one that it is a prefetch of.
    for node in [*reversed(found), root]:
        node.prefetch = tuple(Prefetch(**own.parts, prefetch=own.prefetch) for own in node.inner)
    return root.prefetch
