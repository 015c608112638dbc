"""Search by scoring every row with the kernel whose scores are returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ..read_bounds import checkpoint
from ..storage.bitmap import Rows
from .hits import Hits, best_of, merged_hits, no_hits
from .kernels import Matrix, Scores, score_block
from .pairs import is_read_in_place, score_pairs
from .space import VectorSpace

_SCANNED_ROWS = 1 << 18
_SCANNED_QUERIES = 16
_CACHED_BYTES = 2 << 20
_UNCACHED = 16
"""The factor by which steps are longer for a single query, which gains nothing by the cache."""

_LEAST_STEP = 64
_SPARSE = 3


ScoresOf = Callable[[VectorSpace, Rows, Matrix], Any]
"""Computes the scores of rows of a space for queries, shape [q, n], of any float dtype."""


def by_scan(
    space: VectorSpace,
    rows: Rows,
    queries: Matrix,
    limits: NDArray[np.int64],
    scores_of: ScoresOf | None = None,
) -> list[Hits]:
    """The nearest of `rows` for each query; memory does not grow with the number of either.

    Ranked by the scores of `scores_of`, or of the kernel if that is None.
    """
    found: list[Hits] = []
    for start in range(0, len(queries), _SCANNED_QUERIES):
        stop = start + _SCANNED_QUERIES
        part, own_limits = queries[start:stop], limits[start:stop]
        found += _scan_for_some(space, rows, part, own_limits, scores_of or scan_scores)
    return found


def _scan_for_some(
    space: VectorSpace,
    rows: Rows,
    queries: Matrix,
    limits: NDArray[np.int64],
    scores_of: ScoresOf,
) -> list[Hits]:
    distance = space.params.distance
    found = [no_hits()] * len(queries)
    for start in range(0, len(rows), _SCANNED_ROWS):
        checkpoint()
        part = rows[start : start + _SCANNED_ROWS]
        scores = scores_of(space, part, queries)
        for position, limit in enumerate(limits.tolist()):
            hits = best_of(distance, part, scores[position], limit)
            found[position] = merged_hits(distance, found[position], hits, limit)
    return found


def scan_scores(space: VectorSpace, rows: Rows, queries: Matrix) -> Scores:
    """The scores of ascending `rows` for `queries`, shape [q, n], by the kernel."""
    first, span = int(rows[0]), int(rows[-1] - rows[0]) + 1
    if span > _SPARSE * len(rows):
        return _scattered_scores(space, rows, queries)
    # A sequential read is faster than skipping gaps: rows in gaps are scored and discarded.
    scores = _range_scores(space, first, first + span, queries)
    return scores if span == len(rows) else np.take(scores, rows - first, axis=1)


def _range_scores(space: VectorSpace, start: int, stop: int, queries: Matrix) -> Scores:
    distance = space.params.distance
    # A step fits the cache: rows loaded for the first query are cached for the others.
    step = _step(space)
    if len(queries) == 1 and is_read_in_place(space):
        step *= _UNCACHED
        if stop - start <= step:
            return score_block(distance, queries, space.floats(slice(start, stop)))
    scores = np.empty((len(queries), stop - start), dtype=np.float32)
    for place in range(0, stop - start, step):
        checkpoint()
        block = space.floats(slice(start + place, min(start + place + step, stop)))
        scores[:, place : place + step] = score_block(distance, queries, block)
    return scores


def _scattered_scores(space: VectorSpace, rows: Rows, queries: Matrix) -> Scores:
    scores = np.empty((len(queries), len(rows)), dtype=np.float32)
    step = _step(space)
    for start in range(0, len(rows), step):
        checkpoint()
        part = rows[start : start + step]
        if space.params.distance is Distance.MANHATTAN or not is_read_in_place(space):
            own = score_block(space.params.distance, queries, space.floats(part))
        else:
            own = score_pairs(space, queries, np.broadcast_to(part, (len(queries), len(part))))
        scores[:, start : start + step] = own
    return scores


def _step(space: VectorSpace) -> int:
    """How many rows fit in the cache."""
    return max(_LEAST_STEP, _CACHED_BYTES // (4 * space.params.size))
