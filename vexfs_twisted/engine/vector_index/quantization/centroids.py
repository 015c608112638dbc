"""Centroids for product quantization: k-means (Lloyd's algorithm) on a sample."""

from __future__ import annotations

import numpy as np

from ...native_library import faiss
from ..kernels import Matrix

CENTROIDS = 256
_ROUNDS = 10
_POINTS = 24 * CENTROIDS


def find_centroids(points: Matrix) -> Matrix:
    """256 cluster centroids of `points`, shape [n, dim]: shape [256, dim]."""
    if len(points) < CENTROIDS:
        # Each point is a centroid, some of them repeated.
        return np.resize(points, (CENTROIDS, points.shape[1]))
    dimension = points.shape[1]
    clustering = faiss.Clustering(dimension, CENTROIDS)
    clustering.niter = _ROUNDS
    # Keeps faiss from printing a warning about few points to the standard output.
    clustering.min_points_per_centroid = 1
    chosen = np.ascontiguousarray(points[:: -(-len(points) // _POINTS)])
    clustering.train(chosen, faiss.IndexFlatL2(dimension))
    found: Matrix = faiss.vector_to_array(clustering.centroids).reshape(CENTROIDS, dimension)
    return found
