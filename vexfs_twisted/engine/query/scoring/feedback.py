"""The scores of relevance feedback, from similarities to a target and to items of feedback."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....model.query_forms import NaiveStrategy
from .similarity import Scores, bounded


def feedback_scores(
    strategy: NaiveStrategy, target: Scores, items: Scores, relevance: NDArray[np.float32]
) -> Scores:
    """The scores, shape [n], of points with the similarities `target`, [n], and `items`, [i, n].

    `relevance`, shape [i], are the scores of the items. See NaiveStrategy for the formula; its
    pairs are all in which the first item has the larger score. Scores beyond the range of float32
    are clipped to it.
    """
    wide = relevance.astype(np.float64)
    confidence = wide[:, np.newaxis] - wide
    better, worse = np.nonzero(confidence > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        weights = strategy.c * confidence[better, worse] ** strategy.b
        # The weight of each item is the sum over its pairs, so that each item is added once.
        of_each = np.zeros(len(relevance))
        np.add.at(of_each, better, weights)
        np.subtract.at(of_each, worse, weights)
        scores = strategy.a * target.astype(np.float64)
        for weight, similar in zip(np.nan_to_num(of_each), items, strict=True):
            scores += weight * similar
    return bounded(scores)
