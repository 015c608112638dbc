"""Answers to queries: ranked points, fetched with the parts that were selected."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model.errors import DomainError
from ...model.queries import Query, ScoredPoint, Selection, VectorQueries
from ..acceleration import SearchAccelerator
from ..mvcc.state import Snapshot
from ..read_bounds import STOPS, UNBOUNDED, ReadBoundsOfEach
from .executor import rank_each
from .leaves import SnapshotSource
from .ordering import with_values
from .plan import Ranked
from .records import check_selection, expect_points, fetch_scored

Answer = Sequence[ScoredPoint] | Exception

_FEW_POINTS = 100


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
    if isinstance(queries, VectorQueries):
        alike = _answer_alike(snapshot, queries, accelerator, bounds)
        if alike is not None:
            return alike
        queries = list(queries)
    ranked = ranked_each(snapshot, queries, accelerator, bounds)
    answers: list[Answer] = [()] * len(queries)
    found: dict[Selection, list[int]] = {}
    for position, own in enumerate(ranked):
        if isinstance(own, Exception):
            answers[position] = own
        else:
            found.setdefault(queries[position].selection, []).append(position)
    for selection, positions in found.items():
        _fetch(snapshot, selection, positions, ranked, answers, bounds)
    return answers


def _answer_alike(
    snapshot: Snapshot,
    queries: VectorQueries,
    accelerator: SearchAccelerator | None,
    bounds: ReadBoundsOfEach,
) -> list[Answer] | None:
    """The answers to searches that differ in their vectors only; None: as `read_alike`."""
    pattern, count = queries.pattern, len(queries)
    if pattern.offset or pattern.score_threshold is not None or pattern.params.idf is not None:
        return None
    try:
        with bounds.of(range(count)):
            check_selection(pattern.selection, snapshot)
            expect_points(count * min(pattern.limit, snapshot.state.live.count), pattern.selection)
            hits = SnapshotSource(snapshot, accelerator).read_alike(queries)
            if hits is None:
                return None
            points = fetch_scored(snapshot, hits.rows, hits.scores, pattern.selection)
    except DomainError:
        return None
    except STOPS as error:
        # The traceback would refer to this frame.
        return [error.with_traceback(None)] * count
    return [points[start:end] for start, end in pairwise([0, *hits.ends])]


def ranked_each(
    snapshot: Snapshot,
    queries: Sequence[Query],
    accelerator: SearchAccelerator | None = None,
    bounds: ReadBoundsOfEach = UNBOUNDED,
) -> list[Ranked | Exception]:
    """The rows that answer each query, in order, or its error; fetches no points."""
    refused = _refused(snapshot, queries, bounds)
    return rank_each(SnapshotSource(snapshot, accelerator), queries, bounds, refused)


def _refused(
    snapshot: Snapshot, queries: Sequence[Query], bounds: ReadBoundsOfEach
) -> dict[int, Exception]:
    """The errors of queries whose selections are wrong, and of those that return too much."""
    errors: dict[int, Exception] = {}
    live = snapshot.state.live.count
    selections: dict[Selection, list[int]] = {}
    for position, query in enumerate(queries):
        selections.setdefault(query.selection, []).append(position)
    for selection, positions in selections.items():
        try:
            check_selection(selection, snapshot)
            count = sum([min(queries[position].limit, live) for position in positions])
            if count > _FEW_POINTS:
                with bounds.of(positions):
                    expect_points(count, selection)
        except (DomainError, *STOPS) as error:
            errors.update(dict.fromkeys(positions, error.with_traceback(None)))
    return errors


def _fetch(
    snapshot: Snapshot,
    selection: Selection,
    positions: Sequence[int],
    ranked: Sequence[Ranked | Exception],
    answers: list[Answer],
    bounds: ReadBoundsOfEach,
) -> None:
    """Fetch the points of queries with the same selection, and store them in `answers`."""
    lists = [own for own in map(ranked.__getitem__, positions) if isinstance(own, Ranked)]
    if sum(len(own.keys) for own in lists) <= _FEW_POINTS:
        # Fetching them takes less time than setting bounds.
        bounds = UNBOUNDED
    points: Sequence[Answer]
    try:
        with bounds.of(positions):
            points = _fetched(snapshot, selection, lists)
    except STOPS as error:
        # The traceback would refer to the frame with `answers`, and so to the error itself.
        points = [error.with_traceback(None)] * len(positions)
    for position, own in zip(positions, points, strict=True):
        answers[position] = own


def _fetched(
    snapshot: Snapshot, selection: Selection, lists: Sequence[Ranked]
) -> Sequence[Sequence[ScoredPoint]]:
    """Fetch the points of several answers together."""
    if len(lists) == 1:
        rows, scores, values = lists[0]
        return [_ordered(fetch_scored(snapshot, rows, scores, selection), values)]
    rows = np.concatenate([own.keys for own in lists])
    scores = np.concatenate([own.scores for own in lists])
    points = fetch_scored(snapshot, rows, scores, selection)
    ends = list(accumulate([len(own.keys) for own in lists]))
    return [
        _ordered(points[start:end], own.order_values)
        for start, end, own in zip([0, *ends], ends, lists, strict=False)
    ]


def _ordered(points: Sequence[ScoredPoint], values: NDArray[Any] | None) -> Sequence[ScoredPoint]:
    """The points, each with the value that it is ordered by, if any."""
    return points if values is None else with_values(points, values)
