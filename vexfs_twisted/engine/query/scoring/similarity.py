"""Similarities, larger for nearer, of the scores of every metric, and bounded functions of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance

Scores = NDArray[np.float32]


def similarity(distance: Distance, scores: Scores) -> Scores:
    """Scores of any shape as similarities.

    Negative squares of Euclidean distances, negative Manhattan distances, other scores as they are.
    """
    if distance is Distance.EUCLID:
        squares: Scores = -np.square(scores)
        return squares
    return scores if distance.larger_is_nearer else -scores


def fast_sigmoid(x: Scores) -> Scores:
    """X / (1 + |x|), in (-1, 1)."""
    bounded: Scores = x / (1 + np.abs(x))
    return bounded


def scaled_sigmoid(x: Scores) -> Scores:
    """The same scaled to (0, 1)."""
    scaled: Scores = np.float32(0.5) * (fast_sigmoid(x) + np.float32(1))
    return scaled
