"""Vectors of requests: columns, with the points that they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from .vector_kinds import DenseVectors, Vector, Vectors

UNNAMED = ""
"""The name of the unnamed vector."""


@frozen
class VectorColumn:
    """The vectors of one name of the points of one request.

    `positions`, shape [n], int64, ascending, are the points of the request that the `vectors`
    belong to; None if every point has one, in order. `dimensions` are the distinct dimensions in
    the request. If there is more than one, `vectors` is empty: they are for the error.
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
        """Create a column of dense vectors, shape [n, dim]."""
        return cls(DenseVectors(data), positions)

    @classmethod
    def uneven(cls, dimensions: tuple[int, ...]) -> Self:
        """A column of vectors with different dimensions, which will be refused."""
        return cls(DenseVectors(np.empty((0, 0), dtype=np.float32)), None, dimensions)

    @property
    def is_whole(self) -> bool:
        """Whether every point of the request has a vector."""
        return self.positions is None and len(self.dimensions) <= 1

    @property
    def places(self) -> NDArray[np.int64]:
        """The point of the request that each vector belongs to, shape [n], ascending."""
        if self.positions is not None:
            return self.positions
        return np.arange(len(self.vectors), dtype=np.int64)

    def joins(self, other: VectorColumn) -> bool:
        """Whether the vectors of both have the same kind and dimension."""
        return type(self.vectors) is type(other.vectors) and self.dimensions == other.dimensions

    def between(self, start: int, stop: int) -> VectorColumn:
        """The column of the points in [start, stop) of the request, with positions from 0."""
        if self.positions is None:
            return VectorColumn(self.vectors[start:stop], None, self.dimensions)
        first, last = self.positions.searchsorted((start, stop))
        positions = self.positions[first:last] - start
        return VectorColumn(self.vectors[first:last], positions, self.dimensions)


NamedVectors = Mapping[str, Vector]
"""The vectors of one point by name."""
