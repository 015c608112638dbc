"""The scores of relevance feedback, from similarities to a target and to items of feedback."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....model.query_forms import NaiveStrategy
from .similarity import Scores


def feedback_scores(
    strategy: NaiveStrategy, target: Scores, items: Scores, relevance: NDArray[np.float32]
) -> Scores:
    """The scores, shape [n], of points with the similarities `target`, [n], and `items`, [i, n].

    `relevance`, shape [i], are the scores of the items. See NaiveStrategy for the formula; its
    pairs are all in which the first item has the larger score.
    """
    confidence = relevance[:, np.newaxis] - relevance
    better, worse = np.nonzero(confidence > 0)
    weights = np.float32(strategy.c) * confidence[better, worse] ** np.float32(strategy.b)
    # The weight of each item is the sum over its pairs, so that each item is added once.
    of_each = np.zeros(len(relevance), dtype=np.float32)
    np.add.at(of_each, better, weights)
    np.subtract.at(of_each, worse, weights)
    scores: Scores = np.float32(strategy.a) * target + of_each @ items
    return scores
