"""Fusion of several lists of points into one.

Points are numbers, int64. The result is ordered by score, the largest first, and points of equal
scores by their first occurrence in the lists, taken one after another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .similarity import bounded

Keys = NDArray[np.int64]
Scores = NDArray[np.float32]

_DEVIATIONS = 3.0
_MIDDLE = 0.5


def rrf(
    lists: Sequence[Keys], k: int, weights: Sequence[float] | None = None
) -> tuple[Keys, Scores]:
    """Reciprocal rank fusion: the sum of 1 / ((position + 1) / weight + k - 1) over the lists.

    Positions count from 0; without weights that is 1 / (position + k). A list with a weight of 0 or
    less contributes 0. A point occurs once in a list at most.
    """
    parts = []
    for place, keys in enumerate(lists):
        weight = 1.0 if weights is None else weights[place]
        ranks = np.arange(1, len(keys) + 1, dtype=np.float64)
        parts.append(1 / (ranks / weight + (k - 1)) if weight > 0 else np.zeros(len(keys)))
    return _summed(lists, parts)


def dbsf(lists: Sequence[tuple[Keys, Scores]]) -> tuple[Keys, Scores]:
    """Distribution-based score fusion: the sum of the scores, normalised within each list.

    The limits of a list are three deviations (of n - 1 degrees of freedom) from its mean: they
    become 0 and 1. Scores of a list without deviation become 0.5.
    """
    return _summed([keys for keys, _ in lists], [_normalised(scores) for _, scores in lists])


def _normalised(scores: Scores) -> NDArray[np.float64]:
    wide = scores.astype(np.float64)
    deviation = float(wide.std(ddof=1)) if len(wide) > 1 else 0.0
    if deviation == 0 or not np.isfinite(deviation):
        return np.full(len(wide), _MIDDLE)
    low = wide.mean() - _DEVIATIONS * deviation
    normalised: NDArray[np.float64] = (wide - low) / (2 * _DEVIATIONS * deviation)
    return normalised


def _summed(lists: Sequence[Keys], parts: Sequence[NDArray[np.float64]]) -> tuple[Keys, Scores]:
    """The distinct points with the sums of their parts, largest first."""
    if not lists:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    keys = np.concatenate(lists)
    distinct, first, place = np.unique(keys, return_index=True, return_inverse=True)
    totals = np.bincount(place, np.concatenate(parts), len(distinct)).astype(np.float64)
    sums = bounded(totals)
    order = np.lexsort((first, -sums))
    return distinct[order], sums[order]
