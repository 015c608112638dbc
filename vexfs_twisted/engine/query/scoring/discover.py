"""The scores of discovery, from similarities to a target and to pairs of examples.

Similarities to the positive and to the negative examples of the pairs have the shape [pairs, n]
each, float32, those to the target [n]; the scores, shape [n], are larger for better points.
"""

from __future__ import annotations

import numpy as np

from .similarity import Scores, bounded, fast_sigmoid, scaled_sigmoid

_EPSILON = np.finfo(np.float32).eps


def discover_scores(target: Scores, positive: Scores, negative: Scores) -> Scores:
    """The rank of a point among the pairs, plus a fraction in (0, 1).

    The rank is the number of pairs whose positive example is nearer, minus the number of those
    whose negative one is; the fraction grows with the similarity to the target.
    """
    is_nearer, is_farther = positive > negative, positive < negative
    ranks = is_nearer.sum(axis=0, dtype=np.float32) - is_farther.sum(axis=0, dtype=np.float32)
    scores: Scores = ranks + scaled_sigmoid(target)
    return scores


def context_scores(positive: Scores, negative: Scores) -> Scores:
    """The sum over pairs of sigmoid(min(positive - negative - epsilon, 0)), at most 0."""
    difference = bounded(positive.astype(np.float64) - negative)
    missing = np.minimum(difference - _EPSILON, np.float32(0))
    scores: Scores = fast_sigmoid(missing).sum(axis=0)
    return scores
