"""Similarities, larger for nearer, of the scores of every metric, and bounded functions of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance

Scores = NDArray[np.float32]

_LARGEST = float(np.finfo(np.float32).max)


def similarity(distance: Distance, scores: Scores) -> Scores:
    """Scores of any shape as similarities.

    Negative squares of Euclidean distances, negative Manhattan distances, other scores as they are.
    Finite for finite scores.
    """
    if distance is Distance.EUCLID:
        return bounded(-np.square(scores.astype(np.float64)))
    return scores if distance.larger_is_nearer else -scores


def bounded(scores: NDArray[np.float64]) -> Scores:
    """Scores as float32, clipped to its range; NaN becomes the least."""
    numbers = np.nan_to_num(np.clip(scores, -_LARGEST, _LARGEST), nan=-_LARGEST)
    rounded: Scores = numbers.astype(np.float32)
    return rounded


def fast_sigmoid(x: Scores) -> Scores:
    """X / (1 + |x|), in (-1, 1)."""
    bounded: Scores = x / (1 + np.abs(x))
    return bounded


def scaled_sigmoid(x: Scores) -> Scores:
    """The same scaled to (0, 1)."""
    scaled: Scores = np.float32(0.5) * (fast_sigmoid(x) + np.float32(1))
    return scaled
