"""Inverse document frequencies of the terms of sparse vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def idf_weights(points: int, frequencies: NDArray[np.int64]) -> NDArray[np.float32]:
    """The weight of each term, float32, shape [n], by how many of `points` have it.

    ln((N - df + 0.5) / (df + 0.5) + 1), as in BM25.
    """
    had = frequencies.astype(np.float64)
    return np.log((points - had + 0.5) / (had + 0.5) + 1).astype(np.float32)
