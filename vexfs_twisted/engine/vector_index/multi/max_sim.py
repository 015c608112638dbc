"""The scores of multivectors: max_sim.

For each row of the query the best score among the rows of the stored vector, the largest product or
the smallest distance, summed over the rows of the query; for Euclid the root of the sum of squares,
as in Qdrant. Scores of pairs of rows are those of the kernels, and sums are in the order of the
query's rows, so that a score does not depend on what it was computed with. What overflows float32
is computed again in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ....model.ragged import Offsets
from ...read_bounds import checkpoint
from ...storage.bitmap import Rows
from ..doubles import clipped, scores_in_double
from ..kernels import Matrix, Scores, score_block
from ..space import MultiSpace

_PAIRS = 1 << 21
"""About the most pairs of rows that are compared in one native call."""

_LINES = 1 << 14
_COMPONENTS = 1 << 21
_LEAST_LINES = 64


def max_sim(distance: Distance, query: Matrix, offsets: Offsets, lines: Matrix) -> Scores:
    """The scores, shape [n], of stored vectors for one query, [r, dim].

    Vector i has the rows offsets[i] to offsets[i + 1] of `lines`, at least one; both in the form
    used for comparison. A score is infinite or NaN where float32 overflows.
    """
    sums = np.zeros(len(offsets) - 1, dtype=np.float32)
    if not len(sums):
        return sums
    reduce = np.maximum if distance.larger_is_nearer else np.minimum
    step = max(1, _PAIRS // len(lines))
    for start in range(0, len(query), step):
        checkpoint()
        with np.errstate(over="ignore", invalid="ignore"):
            scores = score_block(distance, query[start : start + step], lines)
            if distance.larger_is_nearer and not np.isfinite(scores).all():
                # A maximum would hide a sum that overflowed to minus infinity midway.
                scores[~np.isfinite(scores)] = np.nan
            # One by one, as numpy adds up an array in an order that depends on its shape.
            for best in reduce.reduceat(scores, offsets[:-1], axis=1):
                sums += np.square(best) if distance is Distance.EUCLID else best
    return np.sqrt(sums, out=sums) if distance is Distance.EUCLID else sums


def score_rows(space: MultiSpace, query: Matrix, rows: Rows) -> Scores:
    """The scores of present `rows`, shape [n], in any order; finite, clipped to float32."""
    return clipped(true_scores(space, query, rows))


def true_scores(space: MultiSpace, query: Matrix, rows: Rows) -> Scores | NDArray[np.float64]:
    """The same before they are clipped: float64 if any is beyond float32."""
    scores = np.zeros(len(rows), dtype=np.float32)
    for part in blocks(lengths_of(space, rows), len(query), space.params.size):
        checkpoint()
        offsets, lines = space.lines(rows[part])
        block = np.ascontiguousarray(lines)
        scores[part] = max_sim(space.params.distance, query, offsets, block)
    beyond = np.flatnonzero(~np.isfinite(scores))
    if not len(beyond):
        return scores
    doubles = scores.astype(np.float64)
    wide = query.astype(np.float64)
    for place in beyond.tolist():
        _, lines = space.lines(rows[place : place + 1])
        doubles[place] = _max_sim_in_double(space.params.distance, wide, lines)
    return doubles


def _max_sim_in_double(distance: Distance, query: NDArray[np.float64], lines: Matrix) -> float:
    """The score of one stored vector, in double precision."""
    total = 0.0
    for row in query:
        checkpoint()
        # The lines are overwritten.
        scores = scores_in_double(distance, row, lines.astype(np.float64))
        best = float(scores.max() if distance.larger_is_nearer else scores.min())
        total += best * best if distance is Distance.EUCLID else best
    return sqrt(total) if distance is Distance.EUCLID else total


def lengths_of(space: MultiSpace, rows: Rows) -> NDArray[np.int64]:
    """The numbers of lines of present `rows`, shape [n]."""
    lengths: NDArray[np.int64] = space.offsets[rows + 1] - space.offsets[rows]
    return lengths


def blocks(
    lengths: NDArray[np.int64], query_rows: int, dimension: int, pairs: int = _PAIRS
) -> Iterator[slice]:
    """Ranges of vectors, of these numbers of lines, that are compared together.

    A range has one vector, or not more than about `pairs` lines times rows of the query.
    """
    most = min(_LINES, pairs // query_rows, _COMPONENTS // dimension)
    most = max(most, _LEAST_LINES)
    ends = np.cumsum(lengths)
    start = 0
    while start < len(lengths):
        done = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, done + most, side="right")), start + 1)
        yield slice(start, stop)
        start = stop
