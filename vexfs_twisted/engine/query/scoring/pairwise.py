"""The similarities between points, from their vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ....model.collection_params import Distance, SparseVectorParams, VectorParams
from ....model.vector_kinds import DenseVectors, Vectors
from ...vector_index.kernels import Matrix, score_block
from .similarity import Scores, similarity


def pairwise(
    params: VectorParams | SparseVectorParams, vectors: Vectors
) -> Callable[[int], Scores]:
    """A function from the position of a vector to the similarities of all to it, shape [n].

    `vectors` are as they are compared.
    """
    assert isinstance(params, VectorParams)
    assert isinstance(vectors, DenseVectors)
    return _dense(params.distance, np.ascontiguousarray(vectors.data))


def _dense(distance: Distance, data: Matrix) -> Callable[[int], Scores]:
    def similar_to(place: int) -> Scores:
        own = data[place : place + 1]
        similar: Scores = similarity(distance, score_block(distance, own, data))[0]
        return similar

    return similar_to
