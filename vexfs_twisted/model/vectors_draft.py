"""Columns of vectors that grow."""

from __future__ import annotations

import numpy as np

from .vector_kinds import Vectors


class VectorsDraft:
    """Vectors of one kind and dimension that arrive in pieces.

    Every array grows in place, so the whole is not copied once more at the end.
    """

    def __init__(self) -> None:
        self._pattern: Vectors | None = None
        self._buffers: list[bytearray] = []
        self._lengths: list[int] = []

    def add(self, vectors: Vectors) -> None:
        """Take the vectors that follow those before."""
        arrays = vectors.arrays()
        if self._pattern is None:
            self._pattern = vectors.take(slice(0, 0))
            self._buffers = [bytearray() for _ in arrays]
            self._lengths = [0] * len(arrays)
        for number, array in enumerate(arrays):
            self._buffers[number] += array.reshape(-1).view(np.uint8).data
            self._lengths[number] += len(array)

    def clear(self) -> None:
        """Drop all vectors taken."""
        self._pattern = None
        self._buffers = []

    def finish(self) -> Vectors:
        """The column of all vectors taken; there must have been some."""
        assert self._pattern is not None
        parts = zip(self._buffers, self._lengths, self._pattern.arrays(), strict=True)
        arrays = (
            np.frombuffer(buffer, dtype=array.dtype).reshape(length, *array.shape[1:])
            for buffer, length, array in parts
        )
        return self._pattern.from_arrays(*arrays)
