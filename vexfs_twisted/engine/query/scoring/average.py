"""The average of examples, for recommendations by one vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from ....model.errors import BadInput, wrong_dimension
from ....model.query_forms import no_positive_examples
from ....model.vector_kinds import DenseVector, MultiVector, SparseVector, Vector


def average_vector(positive: Sequence[Vector], negative: Sequence[Vector]) -> Vector:
    """The vector to search for: mean(positive) + mean(positive) - mean(negative).

    Without negative examples it is the mean of the positive ones. Of multivectors it has all rows
    of the positive ones, and those of the negative ones negated. Raises BadInput without positive
    examples, and if the examples differ in kind or dimension.
    """
    if not positive:
        raise no_positive_examples()
    kinds = {type(vector) for vector in (*positive, *negative)}
    if len(kinds) > 1:
        raise BadInput("The examples of a recommendation must be vectors of one kind")
    (kind,) = kinds
    if kind is SparseVector:
        return _sparse(
            cast("Sequence[SparseVector]", positive), cast("Sequence[SparseVector]", negative)
        )
    if kind is MultiVector:
        return _multi(
            cast("Sequence[MultiVector]", positive), cast("Sequence[MultiVector]", negative)
        )
    return _dense(cast("Sequence[DenseVector]", positive), cast("Sequence[DenseVector]", negative))


def _dense(positive: Sequence[DenseVector], negative: Sequence[DenseVector]) -> DenseVector:
    _check_sizes([len(vector) for vector in (*positive, *negative)])
    mean = _mean(positive)
    return mean + mean - _mean(negative) if negative else mean


def _mean(vectors: Sequence[DenseVector]) -> DenseVector:
    # The same as numpy's mean, which takes several times longer for few vectors.
    mean: DenseVector = np.add.reduce(np.array(vectors), axis=0) / np.float32(len(vectors))
    return mean


def _sparse(positive: Sequence[SparseVector], negative: Sequence[SparseVector]) -> SparseVector:
    factor = 2.0 if negative else 1.0
    vectors = [*positive, *negative]
    scales = [factor / len(positive)] * len(positive) + [-1 / max(len(negative), 1)] * len(negative)
    indices = np.concatenate([vector.indices for vector in vectors])
    scaled = [
        vector.values.astype(np.float64) * scale
        for vector, scale in zip(vectors, scales, strict=True)
    ]
    distinct, place = np.unique(indices, return_inverse=True)
    sums = np.bincount(place, np.concatenate(scaled), len(distinct))
    return SparseVector(distinct, sums.astype(np.float32))


def _multi(positive: Sequence[MultiVector], negative: Sequence[MultiVector]) -> MultiVector:
    rows = [vector.rows for vector in positive] + [-vector.rows for vector in negative]
    _check_sizes([own.shape[1] for own in rows])
    return MultiVector(np.concatenate(rows))


def _check_sizes(sizes: Sequence[int]) -> None:
    other = next((size for size in sizes if size != sizes[0]), None)
    if other is not None:
        raise wrong_dimension(sizes[0], other)
