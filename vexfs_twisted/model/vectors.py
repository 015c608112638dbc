"""Vectors as they travel through the server: columns with the points that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from .vector_kinds import DenseVectors, Vector, Vectors

UNNAMED = ""
"""The name of the vector of a collection that has just one, without a name."""


@frozen
class VectorColumn:
    """The vectors that the points of one request have under one name.

    `positions` has shape [n], int64: which points of the request the `vectors` belong to,
    ascending; None when every point has one, in order. `dimensions` are the distinct dimensions
    that the request held. When there is more than one, the vectors make no column: `vectors` is
    empty, and the dimensions remain to say which was wrong.
    """

    vectors: Vectors
    positions: NDArray[np.int64] | None = field(
        default=None, eq=lambda array: None if array is None else array.tobytes()
    )
    dimensions: tuple[int, ...] = field()

    @dimensions.default
    def _own_dimensions(self) -> tuple[int, ...]:
        return self.vectors.dimensions

    @classmethod
    def of(cls, data: NDArray[np.float32], positions: NDArray[np.int64] | None = None) -> Self:
        """The column of dense vectors, shape [n, dim]."""
        return cls(DenseVectors(data), positions)

    @classmethod
    def uneven(cls, dimensions: tuple[int, ...]) -> Self:
        """A column whose vectors differ in dimension, kept only to be refused."""
        return cls(DenseVectors(np.empty((0, 0), dtype=np.float32)), None, dimensions)

    @property
    def is_whole(self) -> bool:
        """Whether there are vectors, and every point of the request has one."""
        return self.positions is None and len(self.dimensions) <= 1

    @property
    def places(self) -> NDArray[np.int64]:
        """The point of the request that each vector belongs to, shape [n], ascending."""
        if self.positions is not None:
            return self.positions
        return np.arange(len(self.vectors), dtype=np.int64)

    def joins(self, other: VectorColumn) -> bool:
        """Whether the vectors of both are of one kind and dimension."""
        return type(self.vectors) is type(other.vectors) and self.dimensions == other.dimensions

    def between(self, start: int, stop: int) -> VectorColumn:
        """The column of the points from `start` up to `stop` of the request, as one of its own."""
        if self.positions is None:
            return VectorColumn(self.vectors[start:stop], None, self.dimensions)
        first, last = self.positions.searchsorted((start, stop))
        positions = self.positions[first:last] - start
        return VectorColumn(self.vectors[first:last], positions, self.dimensions)


NamedVectors = Mapping[str, Vector]
"""The vectors of one point by name."""
