"""Scores in double precision, which no sum of products of float32 overflows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from .kernels import Scores

LARGEST = float(np.finfo(np.float32).max)
"""The largest score."""


def clipped(scores: NDArray[np.floating]) -> Scores:
    """Scores that are numbers, of any shape, as float32; those beyond its range are the largest."""
    # Two calls take less time than np.clip for few scores.
    within: Scores = np.maximum(np.minimum(scores, LARGEST), -LARGEST).astype(np.float32)
    return within


def scores_in_double(
    distance: Distance, query: NDArray[np.float64], vectors: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The scores of `vectors`, shape [n, dim], which are overwritten, against one query, [dim]."""
    scores: NDArray[np.float64]
    if distance.larger_is_nearer:
        scores = vectors @ query
        return scores
    np.subtract(vectors, query, out=vectors)
    if distance is Distance.MANHATTAN:
        scores = np.abs(vectors, out=vectors).sum(axis=1)
    else:
        scores = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return scores
