"""The scores of recommendations, from similarities to positive and negative examples.

Similarities have the shapes [p, n] and [m, n], float32; the scores, shape [n], are larger for
better points.
"""

from __future__ import annotations

import numpy as np

from .similarity import Scores, bounded, scaled_sigmoid


def best_score(positive: Scores, negative: Scores) -> Scores:
    """By the most similar example: above 0 if it is a positive one, else below 0."""
    none = np.float32(-np.inf)
    return score_of_best(positive.max(axis=0, initial=none), negative.max(axis=0, initial=none))


def score_of_best(best: Scores, worst: Scores) -> Scores:
    """The score by the largest similarities p and n, -inf without examples, arrays of one shape.

    p > n: sigmoid(p), else -sigmoid(n).
    """
    is_positive = best > worst
    sigmoid = scaled_sigmoid(np.where(is_positive, best, worst))
    return np.where(is_positive, sigmoid, -sigmoid)


def sum_scores(positive: Scores, negative: Scores) -> Scores:
    """The sum of the similarities to positive examples minus that of those to negative ones."""
    return bounded(positive.sum(axis=0, dtype=np.float64) - negative.sum(axis=0, dtype=np.float64))
