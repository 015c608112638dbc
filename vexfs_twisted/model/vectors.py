"""Vectors as they travel through the server: columns of float32 rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

Vector = NDArray[np.float32]
"""One dense vector, shape [dim]."""

UNNAMED = ""
"""The name of the vector of a collection that has just one, without a name."""


@frozen
class VectorColumn:
    """The vectors that the points of one request have under one name.

    `data` has shape [n, dim], C-contiguous float32. `positions` has shape [n], int64: which points
    of the request the rows belong to, ascending; None when every point has one, in order.
    `dimensions` are the distinct lengths that the request held. When there is more than one, the
    rows fit no array, `data` is empty, and the lengths remain to say which was wrong.
    """

    data: NDArray[np.float32] = field(eq=lambda array: array.tobytes())
    positions: NDArray[np.int64] | None = field(
        default=None, eq=lambda array: None if array is None else array.tobytes()
    )
    dimensions: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, data: NDArray[np.float32], positions: NDArray[np.int64] | None = None
    ) -> VectorColumn:
        """The column over a sound array, shape [n, dim]."""
        return cls(data, positions, (data.shape[1],))

    @classmethod
    def uneven(cls, dimensions: tuple[int, ...]) -> VectorColumn:
        """A column whose rows differ in length, kept only to be refused."""
        return cls(np.empty((0, 0), dtype=np.float32), None, dimensions)


NamedVectors = Mapping[str, Vector]
"""The vectors of one point by name."""
