"""Incremental construction of columns of vectors."""

from __future__ import annotations

import numpy as np

from .vector_kinds import Vectors, of_one_kind


class VectorsDraft:
    """A column of one dimension that is built from pieces; see `of_one_kind` for their kinds.

    The arrays grow in place, so that they are not copied at the end.
    """

    def __init__(self) -> None:
        self._pattern: Vectors | None = None
        self._buffers: list[bytearray] = []
        self._lengths: list[int] = []

    def add(self, vectors: Vectors) -> None:
        """Append vectors. Raises BadInput as `of_one_kind` does."""
        if self._pattern is not None and type(self._pattern) is not type(vectors):
            earlier, vectors = of_one_kind([self.finish(), vectors])
            if type(earlier) is not type(self._pattern):
                self.clear()
                self.add(earlier)
        arrays = vectors.arrays()
        if self._pattern is None:
            self._pattern = vectors.take(slice(0, 0))
            self._buffers = [bytearray() for _ in arrays]
            self._lengths = [0] * len(arrays)
        for number, array in enumerate(arrays):
            self._buffers[number] += array.reshape(-1).view(np.uint8).data
            self._lengths[number] += len(array)

    def clear(self) -> None:
        """Remove all vectors."""
        self._pattern = None
        self._buffers = []

    def finish(self) -> Vectors:
        """The column of all vectors, of which there must be at least one."""
        assert self._pattern is not None
        parts = zip(self._buffers, self._lengths, self._pattern.arrays(), strict=True)
        arrays = (
            np.frombuffer(buffer, dtype=array.dtype).reshape(length, *array.shape[1:])
            for buffer, length, array in parts
        )
        return self._pattern.from_arrays(*arrays)
