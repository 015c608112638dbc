"""Queries for the nearest points, answered together where they search the same rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import frozen

from ...model.collection_params import Distance
from ...model.errors import BadRequest, DomainError, NotFound, unknown_vector, wrong_dimension
from ...model.filters import Filter
from ...model.queries import (
    NearestToPoint,
    NearestToVector,
    Query,
    ScoredPoint,
    SearchParams,
    check_query_vector,
)
from ...model.vectors import Vector
from ..filtering.rows import select_rows
from ..index.exact import Hits, nearest
from ..norms import normalised
from ..store.bitmap import Rows
from ..store.keys import encode_id
from ..store.view import Snapshot, VectorSpace
from .records import check_selection, fetch_scored
from .scrolling import scroll_scored

Answer = list[ScoredPoint] | DomainError


@frozen
class _Search:
    """A query ready to run. `excluded` is a row that must not be found."""

    position: int
    query: Query
    vector: Vector
    excluded: int | None


@frozen
class _Group:
    """What queries share that are answered by one call."""

    using: str
    filter: Filter | None
    params: SearchParams


def answer(snapshot: Snapshot, queries: Sequence[Query]) -> list[Answer]:
    """The answer to each of `queries`, or the error that a client caused with it."""
    answers: list[Answer] = [[] for _ in queries]
    groups: dict[_Group, list[_Search]] = {}
    for position, query in enumerate(queries):
        try:
            check_selection(query.selection, snapshot)
            if query.target is None:
                answers[position] = scroll_scored(snapshot, query)
                continue
            group = _Group(query.using, query.filter, query.params)
            groups.setdefault(group, []).append(_prepared(snapshot, position, query))
        except DomainError as error:
            answers[position] = error
    for group, searches in groups.items():
        hits = _search(snapshot, group, searches)
        for search, found in zip(searches, hits, strict=True):
            answers[search.position] = _points(snapshot, search, found)
    return answers


def _prepared(snapshot: Snapshot, position: int, query: Query) -> _Search:
    space = _space(snapshot, query.using)
    target = query.target
    if isinstance(target, NearestToPoint):
        row = _row_of(snapshot, target, query.using, space)
        return _Search(position, query, space.matrix[row], row)
    assert isinstance(target, NearestToVector)
    check_query_vector(target.vector)
    if len(target.vector) != space.params.size:
        raise wrong_dimension(space.params.size, len(target.vector))
    vector = np.ascontiguousarray(target.vector, dtype=np.float32)
    if space.params.distance is Distance.COSINE:
        vector = normalised(vector[np.newaxis])[0]
    return _Search(position, query, vector, None)


def _space(snapshot: Snapshot, using: str) -> VectorSpace:
    space = snapshot.view.spaces.get(using)
    if space is not None:
        return space
    params = snapshot.view.config.params
    if using in (params.sparse_vectors or {}):
        raise BadRequest(f"Searching sparse vectors is not supported yet: {using}")
    if using in params.vectors:
        raise BadRequest(f"Searching multivectors is not supported yet: {using}")
    raise unknown_vector(using)


def _row_of(snapshot: Snapshot, target: NearestToPoint, using: str, space: VectorSpace) -> int:
    row = snapshot.tables.find_row(encode_id(target.id))
    if row is None:
        raise NotFound(f"No point with id {target.id} found")
    if not space.present.has(np.array([row]))[0]:
        raise NotFound(f'Vector with name "{using}" for point not found')
    return row


def _search(snapshot: Snapshot, group: _Group, searches: Sequence[_Search]) -> list[Hits]:
    space = snapshot.view.spaces[group.using]
    queries = np.stack([search.vector for search in searches])
    limits = np.array([_reach(search, space.present.count) for search in searches])
    return nearest(space.params.distance, queries, space.matrix, _rows(snapshot, group), limits)


def _rows(snapshot: Snapshot, group: _Group) -> Rows:
    present = snapshot.view.spaces[group.using].present
    if group.filter is None or group.filter.is_empty:
        return present.rows()
    return select_rows(group.filter, snapshot.tables, present)


def _reach(search: _Search, count: int) -> int:
    """How many rows must be found for the search to be answered."""
    query = search.query
    return min(query.offset + query.limit + (search.excluded is not None), count)


def _points(snapshot: Snapshot, search: _Search, hits: Hits) -> list[ScoredPoint]:
    query = search.query
    keep = np.ones(len(hits.rows), dtype=np.bool_)
    if search.excluded is not None:
        keep &= hits.rows != search.excluded
    if query.score_threshold is not None:
        # Scores are float32, so the threshold is rounded likewise: an equal score passes.
        threshold = np.float32(query.score_threshold)
        space = snapshot.view.spaces[query.using]
        is_larger_nearer = space.params.distance.larger_is_nearer
        keep &= hits.scores >= threshold if is_larger_nearer else hits.scores <= threshold
    chosen = keep.nonzero()[0][query.offset : query.offset + query.limit]
    scores = hits.scores[chosen].tolist()
    return fetch_scored(snapshot, hits.rows[chosen], scores, query.selection)
