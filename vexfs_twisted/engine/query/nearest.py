"""Nearest-point queries; those of a batch that search the same rows run together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from ...model.errors import DomainError, NotFound, NotSupported, unknown_vector, wrong_dimension
from ...model.filters import Filter
from ...model.queries import Query, ScoredPoint, Selection, check_query_vector
from ...model.query_forms import PointExample, VectorExample
from ...model.scored_points import ScoredSlice
from ...model.search_params import SearchParams
from ...model.vector_kinds import DenseVector, unsupported
from ..acceleration import SearchAccelerator, view_of
from ..filtering.row_filter import selected
from ..mvcc.state import Snapshot
from ..read_bounds import STOPS, UNBOUNDED, ReadBoundsOfEach
from ..storage.keys import encode_id
from ..vector_index import overflow
from ..vector_index.candidates import CandidateSet
from ..vector_index.hits import Hits
from ..vector_index.search import search_space
from ..vector_index.search_parameters import resolved_parameters
from ..vector_index.space import VectorSpace
from .records import check_selection, expect_points, fetch_columns, fetch_scored
from .scrolling import scroll_scored

Answer = Sequence[ScoredPoint] | Exception

_FEW_POINTS = 100
_ERRORS = (DomainError, *STOPS)


class _Search(NamedTuple):
    """A prepared query. `position` is its position in the batch.

    `excluded` is the row of the query's own point, which must not be in the result; None if the
    query has a vector.
    """

    position: int
    query: Query
    vector: DenseVector
    excluded: int | None


class _Group(NamedTuple):
    """The key by which queries are grouped to run in one call."""

    using: str
    filter: Filter | None
    params: SearchParams


def answer(
    snapshot: Snapshot,
    queries: Sequence[Query],
    accelerator: SearchAccelerator | None = None,
    bounds: ReadBoundsOfEach = UNBOUNDED,
) -> list[Answer]:
    """The answer to each of `queries`, or the client's error as a value.

    `accelerator` is tried before the engine if allowed. `bounds` has the bounds of each query; the
    answer of a query that is stopped is the exception that stopped it.
    """
    answers: list[Answer] = [()] * len(queries)
    found: dict[Selection, list[tuple[int, Hits]]] = {}
    for group, searches in _grouped(snapshot, queries, answers, bounds).items():
        space = snapshot.state.spaces[group.using]
        positions = [search.position for search in searches]
        try:
            with bounds.of(positions):
                nearest_of_each = _run(snapshot, group, searches, accelerator)
        except STOPS as error:
            _put(answers, positions, error)
            continue
        for search, hits in zip(searches, nearest_of_each, strict=True):
            chosen = _chosen(space, search, hits)
            found.setdefault(search.query.selection, []).append((search.position, chosen))
    for selection, positioned in found.items():
        _fetch(snapshot, selection, positioned, answers, bounds)
    return answers


def _grouped(
    snapshot: Snapshot, queries: Sequence[Query], answers: list[Answer], bounds: ReadBoundsOfEach
) -> dict[_Group, list[_Search]]:
    """Group the queries that need a search; those without a target are answered here."""
    groups: dict[_Group, list[_Search]] = {}
    for position, query in enumerate(queries):
        try:
            check_selection(query.selection, snapshot)
            if query.form is None:
                with bounds.of([position]):
                    answers[position] = scroll_scored(snapshot, query)
                continue
            search = _prepared(snapshot, position, query)
            group = _Group(query.using, query.filter, query.params)
            groups.setdefault(group, []).append(search)
        except _ERRORS as error:
            _put(answers, [position], error)
    return groups


def _fetch(
    snapshot: Snapshot,
    selection: Selection,
    positioned: Sequence[tuple[int, Hits]],
    answers: list[Answer],
    bounds: ReadBoundsOfEach,
) -> None:
    """Fetch the points of queries with the same selection, and store them in `answers`."""
    positions = [position for position, _ in positioned]
    hits = [own for _, own in positioned]
    if sum(len(own.rows) for own in hits) <= _FEW_POINTS:
        # Fetching them takes less time than setting bounds.
        bounds = UNBOUNDED
    try:
        with bounds.of(positions):
            points = _fetched(snapshot, selection, hits)
    except STOPS as error:
        _put(answers, positions, error)
        return
    for position, own in zip(positions, points, strict=True):
        answers[position] = own


def _put(answers: list[Answer], positions: Sequence[int], error: Exception) -> None:
    # The traceback would refer to the frame with `answers`, and so to the error itself (a cycle),
    # and to the snapshot, whose transaction has one of a limited number of reader slots.
    error.with_traceback(None)
    for position in positions:
        answers[position] = error


def ranked_points(
    snapshot: Snapshot, query: Query, accelerator: SearchAccelerator | None = None
) -> Hits:
    """The rows and scores that answer one query with a target; fetches no points.

    Raises the client's error.
    """
    search = _prepared(snapshot, 0, query)
    space = snapshot.state.spaces[query.using]
    group = _Group(query.using, query.filter, query.params)
    (hits,) = _run(snapshot, group, [search], accelerator)
    return _chosen(space, search, hits)


def _prepared(snapshot: Snapshot, position: int, query: Query) -> _Search:
    space = _space(snapshot, query.using)
    target = query.form
    if isinstance(target, PointExample):
        row = _row_of(snapshot, target, query.using, space)
        return _Search(position, query, space.read(slice(row, row + 1)).vector(0), row)
    assert isinstance(target, VectorExample)
    vector = target.vector
    check_query_vector(vector)
    if not isinstance(vector, np.ndarray):
        raise unsupported(vector)
    if len(vector) != space.params.size:
        raise wrong_dimension(space.params.size, len(vector), query.using)
    return _Search(position, query, vector, None)


def _space(snapshot: Snapshot, using: str) -> VectorSpace:
    space = snapshot.state.spaces.get(using)
    if space is not None:
        return space
    params = snapshot.state.config.params
    if using in (params.sparse_vectors or {}):
        raise NotSupported(f"Searching the sparse vector `{using}` is not supported yet")
    if using in params.vectors:
        raise NotSupported(f"Searching the multivector `{using}` is not supported yet")
    raise unknown_vector(using)


def _row_of(snapshot: Snapshot, target: PointExample, using: str, space: VectorSpace) -> int:
    row = snapshot.tables.find_row(encode_id(target.id))
    if row is None:
        raise NotFound(f"No point with id {target.id} found")
    if not space.present.has(np.array([row]))[0]:
        raise NotFound(f'Vector with name "{using}" for point not found')
    return row


def _run(
    snapshot: Snapshot,
    group: _Group,
    searches: Sequence[_Search],
    accelerator: SearchAccelerator | None,
) -> list[Hits]:
    """The nearest rows of each search, as many as it can need."""
    space = snapshot.state.spaces[group.using]
    vectors = space.queries(np.array([search.vector for search in searches], dtype=np.float32))
    candidates = _allowed(snapshot, space, group.filter)
    limits = np.array([_reach(search, candidates.count) for search in searches])
    # An estimate: grouped queries mostly have the same selection.
    expect_points(int(limits.sum()), searches[0].query.selection)
    parameters = resolved_parameters(snapshot.state.config, space.params, group.params)
    graphs = snapshot.indexes.graphs
    doubtful = overflow.may_overflow(space, vectors)
    if doubtful is not None:
        return overflow.search_overflowing(
            space, candidates, vectors, limits, parameters, graphs, doubtful
        )
    if (
        accelerator is not None
        and parameters.may_be_accelerated
        and candidates.count
        and not candidates.is_filtered
    ):
        found = accelerator.nearest(
            group.using, view_of(snapshot.state, group.using), vectors, limits
        )
        if found is not None:
            return found
    return search_space(space, candidates, vectors, limits, parameters, graphs)


def _allowed(snapshot: Snapshot, space: VectorSpace, filter_: Filter | None) -> CandidateSet:
    if filter_ is None or filter_.is_empty:
        return space.everything
    return CandidateSet(space.present, selected(filter_, snapshot, space.present))


def _reach(search: _Search, count: int) -> int:
    """The number of rows that must be found to answer the search."""
    query = search.query
    return min(query.offset + query.limit + (search.excluded is not None), count)


def _chosen(space: VectorSpace, search: _Search, hits: Hits) -> Hits:
    """Apply exclusion, score threshold, offset and limit of the query to its hits."""
    query = search.query
    if search.excluded is not None:
        hits = hits.where(hits.rows != search.excluded)
    if query.score_threshold is not None:
        # Scores are float32, so the threshold is rounded to that too. An equal score does not pass.
        with np.errstate(over="ignore"):
            threshold = np.float32(query.score_threshold)
        is_larger_nearer = space.params.distance.larger_is_nearer
        hits = hits.where(hits.scores > threshold if is_larger_nearer else hits.scores < threshold)
    if not query.offset and len(hits.rows) <= query.limit:
        return hits
    return hits.between(query.offset, query.offset + query.limit)


def _fetched(
    snapshot: Snapshot, selection: Selection, hits: Sequence[Hits]
) -> Sequence[Sequence[ScoredPoint]]:
    """Fetch the points of several answers together."""
    if len(hits) == 1:
        return [fetch_scored(snapshot, *hits[0], selection)]
    rows = np.concatenate([own.rows for own in hits])
    scores = np.concatenate([own.scores for own in hits])
    ends = list(accumulate(len(own.rows) for own in hits))
    starts = [0, *ends[:-1]]
    columns = fetch_columns(snapshot, rows, scores, selection)
    if columns is not None:
        return [ScoredSlice(columns, *ends) for ends in zip(starts, ends, strict=True)]
    points = fetch_scored(snapshot, rows, scores, selection)
    return [points[start:end] for start, end in zip(starts, ends, strict=True)]
