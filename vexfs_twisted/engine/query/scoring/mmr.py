"""Maximal marginal relevance: a selection of relevant points that differ from each other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .similarity import Scores


def select_diverse(
    relevance: Scores, similar_to: Callable[[int], Scores], diversity: float, limit: int
) -> NDArray[np.int64]:
    """The positions of at most `limit` of n points, in the order of their selection.

    `relevance`, shape [n], are their similarities to the query; `similar_to(i)`, shape [n], the
    similarities of all points to point i, is called once for each point selected. First comes the
    most relevant point, then each time the one with the largest (1 - diversity) * relevance -
    diversity * largest similarity to those selected before; of equal ones the first.
    """
    count = min(limit, len(relevance))
    selected = np.zeros(count, dtype=np.int64)
    if not count:
        return selected
    weighted = (1 - diversity) * relevance.astype(np.float64)
    left = np.arange(len(relevance))
    nearest = np.full(len(relevance), -np.inf, dtype=np.float32)
    scores = weighted if diversity < 1 else relevance
    for place in range(count):
        if place:
            scores = weighted - diversity * nearest
        best = int(left[scores[left].argmax()])
        selected[place] = best
        left = left[left != best]
        np.maximum(nearest, similar_to(best), out=nearest)
    return selected
