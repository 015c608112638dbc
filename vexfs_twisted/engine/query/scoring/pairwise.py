"""The similarities between points, from their vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....model.collection_params import Distance, SparseVectorParams, VectorParams
from ....model.vector_kinds import MultiVectors, SparseVectors, Vectors
from ...vector_index.kernels import Matrix, score_block
from ...vector_index.sparse.scores import score_each
from .similarity import Scores, similarity

_SCORES = 1 << 20
"""The most scores of rows that are held at a time."""


def pairwise(
    params: VectorParams | SparseVectorParams, vectors: Vectors
) -> Callable[[int], Scores]:
    """A function from the position of a vector to the similarities of all to it, shape [n].

    `vectors` are as they are compared. Of multivectors, which are not compared symmetrically, the
    one at the position takes the part of the stored one.
    """
    if isinstance(vectors, SparseVectors):
        sparse = vectors
        return lambda place: score_each(sparse, [sparse.vector(place)])[0]
    assert isinstance(params, VectorParams)
    if isinstance(vectors, MultiVectors):
        return _multi(params.distance, vectors)
    return _dense(params.distance, np.ascontiguousarray(vectors.data))


def _dense(distance: Distance, data: Matrix) -> Callable[[int], Scores]:
    def similar_to(place: int) -> Scores:
        own = data[place : place + 1]
        similar: Scores = similarity(distance, score_block(distance, own, data))[0]
        return similar

    return similar_to


def _multi(distance: Distance, vectors: MultiVectors) -> Callable[[int], Scores]:
    def similar_to(place: int) -> Scores:
        own = vectors.vector(place).rows
        step = max(1, _SCORES // len(own))
        parts = []
        for start in range(0, len(vectors.data), step):
            scores = score_block(distance, vectors.data[start : start + step], own)
            parts.append(scores.max(axis=1) if distance.larger_is_nearer else scores.min(axis=1))
        best = np.concatenate(parts)
        similar: Scores = np.add.reduceat(similarity(distance, best), vectors.offsets[:-1])
        return similar

    return similar_to
