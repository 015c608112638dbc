"""The scores of multivectors: max_sim.

For each row of the query the best score among the rows of the stored vector, the largest product or
the smallest distance, summed over the rows of the query. Scores of pairs of rows are those of the
kernels, and sums are in the order of the query's rows, so that a score does not depend on what it
was computed with.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ...read_bounds import checkpoint
from ...storage.bitmap import Rows
from ..kernels import Matrix, Scores, score_block
from ..space import MultiSpace

_LINES = 1 << 14
"""About the most stored rows that are compared in one native call."""


def max_sim(distance: Distance, query: Matrix, offsets: NDArray[np.int64], lines: Matrix) -> Scores:
    """The scores, shape [n], of stored vectors for one query, [r, dim].

    Vector i has the rows offsets[i] to offsets[i + 1] of `lines`, at least one; both in the form
    used for comparison.
    """
    if len(offsets) < 2:
        return np.zeros(0, dtype=np.float32)
    return summed(distance, score_block(distance, query, lines), offsets)


def summed(distance: Distance, scores: Scores, offsets: NDArray[np.int64]) -> Scores:
    """The scores of vectors, shape [n], by those of their rows, [r, total]."""
    reduce = np.maximum if distance.larger_is_nearer else np.minimum
    best = reduce.reduceat(scores, offsets[:-1], axis=1)
    sums: Scores = best.sum(axis=0, dtype=np.float32)
    return sums


def score_rows(space: MultiSpace, query: Matrix, rows: Rows) -> Scores:
    """The scores of present `rows`, shape [n], in any order."""
    scores = np.zeros(len(rows), dtype=np.float32)
    lengths = space.offsets[rows + 1] - space.offsets[rows]
    for part in blocks(lengths):
        checkpoint()
        offsets, lines = space.lines(rows[part])
        block = np.ascontiguousarray(lines)
        scores[part] = max_sim(space.params.distance, query, offsets, block)
    return scores


def blocks(lengths: NDArray[np.int64]) -> list[slice]:
    """Ranges of vectors, of these numbers of rows, that are compared together."""
    ends = np.cumsum(lengths)
    found, start = [], 0
    while start < len(lengths):
        done = int(ends[start - 1]) if start else 0
        stop = max(int(np.searchsorted(ends, done + _LINES, side="right")), start + 1)
        found.append(slice(start, stop))
        start = stop
    return found
