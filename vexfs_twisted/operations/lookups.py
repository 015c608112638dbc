"""Lookups of a query in other collections: vectors of its examples, and records of its groups.

Queries are executed in one collection. So examples that refer to points of another one are replaced
by the vectors of these points before the query is executed, and records are added to its groups
afterwards. In the reactor thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from attrs import define, evolve, field

from ..model.errors import BadInput, NotFound, VectorNotFound
from ..model.filters import Filter, HasId
from ..model.groups import GroupLookup, GroupQuery, PointGroup
from ..model.ids import PointId, canonical_uuid
from ..model.queries import (
    Prefetch,
    Query,
    QueryBatch,
    Record,
    Retrieve,
    Selection,
    kinds_of,
    nodes_of,
)
from ..model.query_forms import (
    Example,
    PointExample,
    VectorExample,
    examples_of,
    with_examples,
)
from ..model.reads import Answer, ReadRequest
from ..model.vectors import NamedVectors

Node = TypeVar("Node", Query, Prefetch)

Resolve = Callable[[str], str]
"""Resolves the name of a collection or alias. Raises NotFound."""

Fetch = Callable[[str, Retrieve], Awaitable[list[Record]]]
"""Reads points of a collection by ids."""

_IDS = range(2**64)


def has_lookups(request: ReadRequest[Any]) -> bool:
    """Whether a read refers to another collection."""
    if isinstance(request, GroupQuery):
        return request.lookup is not None or _refers(request.query)
    if isinstance(request, QueryBatch):
        return any(map(_refers, kinds_of(request.queries)))
    return isinstance(request, Query) and _refers(request)


def looked_up(request: ReadRequest[Any]) -> set[str]:
    """The names of the collections that a read refers to beside its own."""
    names = {
        node.lookup_from.collection
        for query in queries_of(request)
        for node in nodes_of(query)
        if node.lookup_from is not None
    }
    if isinstance(request, GroupQuery) and request.lookup is not None:
        names.add(request.lookup.collection)
    return names


def _refers(node: Query | Prefetch) -> bool:
    return node.lookup_from is not None or any(map(_refers, node.prefetch))


def queries_of(request: ReadRequest[Any]) -> Sequence[Query]:
    """The queries of a read, in their order."""
    if isinstance(request, QueryBatch):
        return request.queries
    if isinstance(request, GroupQuery):
        return [request.query]
    return [request] if isinstance(request, Query) else []


@define
class _Wanted:
    """The points of one collection that examples refer to, and the names of their vectors.

    `found` has the vectors of each point by id once they are fetched.
    """

    ids: dict[PointId, None] = field(factory=dict)
    names: dict[str, None] = field(factory=dict)
    found: Mapping[PointId, NamedVectors] = field(factory=dict)


class Lookups:
    """The lookups of one read of the collection `name`, which is no alias."""

    def __init__(self, name: str, resolve: Resolve, fetch: Fetch) -> None:
        self._name = name
        self._resolve = resolve
        self._fetch = fetch
        self._wanted: dict[str, _Wanted] = {}

    async def replace(self, request: ReadRequest[Answer]) -> ReadRequest[Answer]:
        """The read without lookups of examples.

        Raises NotFound for a collection, a point or a vector that does not exist, in this order for
        the whole request, and BadInput for the name of a vector that the collection does not have.
        """
        queries = queries_of(request)
        for query in queries:
            for node in nodes_of(query):
                self._collect(node)
        if isinstance(request, GroupQuery) and request.lookup is not None:
            self._real_name(request.lookup.collection)
        for name, wanted in self._wanted.items():
            await self._look_up(name, wanted)
        replaced = list(map(self._replaced_query, queries))
        local: Any = request
        if isinstance(request, QueryBatch):
            local = QueryBatch(replaced)
        elif isinstance(request, GroupQuery):
            local = evolve(request, query=replaced[0])
        elif replaced:
            local = replaced[0]
        return cast("ReadRequest[Answer]", local)

    async def add_records(
        self, groups: Sequence[PointGroup], lookup: GroupLookup
    ) -> list[PointGroup]:
        """The groups, each with the record of its id in the other collection, if there is one."""
        name = self._real_name(lookup.collection)
        ids = [point_id for group in groups if (point_id := _as_point_id(group.id)) is not None]
        found = await self._fetch(name, Retrieve(ids, lookup.selection)) if ids else []
        records: dict[Any, Record] = {record.id: record for record in found}
        return [group._replace(lookup=records.get(_as_point_id(group.id))) for group in groups]

    def _real_name(self, name: str) -> str:
        try:
            return self._resolve(name)
        except NotFound:
            raise NotFound(f"Collection {name} not found") from None

    def _is_elsewhere(self, node: Query | Prefetch) -> bool:
        """Whether the examples of a query have to be looked up."""
        location = node.lookup_from
        if location is None:
            return False
        is_other = self._real_name(location.collection) != self._name
        return is_other or location.vector not in (None, node.using)

    def _collect(self, node: Query | Prefetch) -> None:
        """Note the points that the examples of a query refer to."""
        if not self._is_elsewhere(node) or node.lookup_from is None:
            return
        name = self._real_name(node.lookup_from.collection)
        ids = [own.id for own in examples_of(node.form) if isinstance(own, PointExample)]
        if ids:
            wanted = self._wanted.setdefault(name, _Wanted())
            wanted.ids |= dict.fromkeys(ids)
            wanted.names[_vector_name(node)] = None

    async def _look_up(self, name: str, wanted: _Wanted) -> None:
        ids = list(wanted.ids)
        selection = Selection(vectors=tuple(wanted.names))
        try:
            records = await self._fetch(name, Retrieve(ids, selection))
        except BadInput:
            # A name of a vector is unknown. A missing point is reported first.
            _check_found(ids, await self._fetch(name, Retrieve(ids, Selection())))
            raise
        _check_found(ids, records)
        wanted.found = {record.id: record.vectors or {} for record in records}

    def _replaced_query(self, query: Query) -> Query:
        """The query with vectors for examples elsewhere.

        Points of the same collection, whose vectors of another name are looked up, are excluded
        from all results as without a lookup.
        """
        excluded: dict[PointId, None] = {}
        replaced = self._replaced(query, excluded)
        if not excluded:
            return replaced
        others = Filter(must_not=(HasId(frozenset(excluded)),))
        both = others if query.filter is None else Filter(must=(query.filter, others))
        return evolve(replaced, filter=both)

    def _replaced(self, node: Node, excluded: dict[PointId, None]) -> Node:
        prefetch = tuple(self._replaced(own, excluded) for own in node.prefetch)
        form = node.form
        if form is not None and node.lookup_from is not None and self._is_elsewhere(node):
            name = self._real_name(node.lookup_from.collection)
            wanted = self._wanted.get(name, _Wanted())
            vector_name = _vector_name(node)

            def replace(example: Example) -> Example:
                if isinstance(example, VectorExample):
                    return example
                vector = wanted.found[example.id].get(vector_name)
                if vector is None:
                    raise VectorNotFound(vector_name)
                if name == self._name:
                    excluded[example.id] = None
                return VectorExample(vector)

            form = with_examples(form, replace)
        return evolve(node, form=form, prefetch=prefetch, lookup_from=None)


def _vector_name(node: Query | Prefetch) -> str:
    """The name of the vectors that examples of a query with a lookup refer to."""
    location = node.lookup_from
    return node.using if location is None or location.vector is None else location.vector


def _check_found(ids: Sequence[PointId], records: Sequence[Record]) -> None:
    """Raise NotFound for the first id without a record."""
    found = {record.id for record in records}
    for point_id in ids:
        if point_id not in found:
            raise NotFound(f"No point with id {point_id} found")


def _as_point_id(group: str | int) -> PointId | None:
    """The id of the point that a group is named after, or None if it cannot be one."""
    if isinstance(group, str):
        return canonical_uuid(group)
    return group if group in _IDS else None
