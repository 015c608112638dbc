"""Finds the rows that may be the nearest by matrix products, several times faster than by kernels.

Products round differently than the kernels. So all rows are kept whose score may exceed those of
the best by more than the rounding of both. For Euclid the product q.x less |x|^2 / 2 stands for the
distance: their order is the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ...read_bounds import checkpoint
from ...storage.bitmap import Rows
from ...vectors.norms import squared_norms
from ..kernels import Matrix, Scores
from ..matrices import multiplied
from ..space import MultiSpace
from .max_sim import blocks, lengths_of

_FEW = 32
"""Up to this many rows are scored by the kernels at once."""

_PAIRS = 1 << 18
"""About the most pairs whose products are computed before they are reduced, in the cache."""

_ROUNDING = 2.0**-24
_SAFE_SQUARE = 1e30


def may_be_nearest(space: MultiSpace, rows: Rows, query: Matrix, limit: int) -> Rows:
    """Those of ascending `rows` that may be among the nearest `limit`: all of these, few others.

    `query`, [r, dim], is in the form used for comparison. For Manhattan, all of `rows`.
    """
    if space.params.distance is Distance.MANHATTAN or len(rows) <= max(_FEW, limit):
        return rows
    norms = np.sqrt(squared_norms(query))
    if space.params.distance is Distance.EUCLID:
        largest = np.square(norms + space.norm_bound)
    else:
        largest = norms * space.norm_bound
    if not float(largest.max()) < _SAFE_SQUARE:
        return rows
    scores = _products(space, rows, query).astype(np.float64)
    bound = np.partition(scores, len(scores) - limit)[len(scores) - limit]
    error = _error(space, len(query)) * float(largest.sum())
    kept: Rows = rows[scores >= bound - 2 * error]
    return kept


def _error(space: MultiSpace, query_rows: int) -> float:
    """A bound of the rounding of a score, as a share of the largest that it may come to.

    Of sums of `dim` products, by kernels and by products, and of the sum over the query's rows; see
    Higham, Accuracy and Stability of Numerical Algorithms, 3.1.
    """
    return 2 * (space.params.size + query_rows + 8) * _ROUNDING


def _products(space: MultiSpace, rows: Rows, query: Matrix) -> Scores:
    """The scores of `rows`, shape [n]."""
    scores = np.zeros(len(rows), dtype=np.float32)
    turned = np.ascontiguousarray(query.T)
    lengths = lengths_of(space, rows)
    for part in blocks(lengths, len(query), space.params.size, _PAIRS):
        checkpoint()
        scores[part] = _best_sums(space, rows[part], lengths[part], turned)
    return scores


def _best_sums(space: MultiSpace, rows: Rows, lengths: NDArray[np.int64], turned: Matrix) -> Scores:
    if rows[-1] - rows[0] + 1 == len(rows):
        offsets, lines = space.lines(slice(int(rows[0]), int(rows[-1]) + 1))
    else:
        offsets, lines = space.lines(rows)
    products = multiplied(lines, turned)
    if space.params.distance is Distance.EUCLID:
        products -= (squared_norms(lines) / 2).astype(np.float32)[:, np.newaxis]
    if (lengths == lengths[0]).all():
        # Several times faster than by offsets.
        best = products.reshape(len(rows), int(lengths[0]), -1).max(axis=1)
    else:
        best = np.maximum.reduceat(products, offsets[:-1], axis=0)
    sums: Scores = best.sum(axis=1)
    return sums
