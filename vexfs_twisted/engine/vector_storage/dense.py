"""The storage of dense vectors: a flat file of rows of equal size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import VectorParams
from ...model.vector_kinds import DenseVectors, Vectors
from ..storage.bitmap import Bitmap, Rows
from ..storage.files import FileExtent
from ..storage.hole_punching import runs
from ..storage.map_advice import memory_placement
from ..vector_index.segments import stop_of
from ..vector_index.space import VectorSpace
from ..vectors.codec import to_compared, to_stored
from ..vectors.encodings import Stored, encoding_of
from ..vectors.norms import squared_norms
from ..vectors.vector_file import VectorFile, vectors_file
from .committed import CommittedVectors

_BLOCK = 1 << 19
"""Vectors are converted and written so many bytes at a time: the results stay in the caches, and
in memory that malloc has at hand."""


class DenseStorage:
    """See VectorStorage. All rows of the file have the same number of bytes."""

    def __init__(self, file: VectorFile, space: VectorSpace) -> None:
        self._file = file
        self.begin(space)

    @staticmethod
    def create(directory: Path, params: VectorParams, slot: int) -> None:
        """Create the file, without rows, and sync it."""
        encoding = encoding_of(params.datatype)
        VectorFile.create(directory / vectors_file(slot, encoding), encoding, params.size)

    @classmethod
    def open(
        cls, directory: Path, params: VectorParams, committed: CommittedVectors
    ) -> tuple[DenseStorage, VectorSpace]:
        """Open a storage; returns it and its space. Raises UnknownFormat and UnusableDataFolder."""
        encoding = encoding_of(params.datatype)
        slot, skipped, present = committed.slot, committed.skipped, committed.present
        path = directory / vectors_file(slot.number, encoding)
        memory = memory_placement(params.memory, params.on_disk)
        # A file without a vector is perhaps shorter than what is skipped.
        end = skipped + present.end if present.end else 0
        file = VectorFile.open(path, encoding, params.size, end, memory, skipped)
        try:
            file.fill(end)
            file.make_room(skipped + committed.rows)
        except BaseException:
            file.close()
            raise
        space = VectorSpace(
            params,
            slot.number,
            present,
            file.matrix[skipped:],
            slot.norm_bound,
            committed.segments,
            committed.base,
            slot.first,
        )
        return cls(file, space), space

    @property
    def descriptors(self) -> int:
        """See VectorStorage."""
        return 1

    def begin(self, space: VectorSpace) -> None:
        """See VectorStorage."""
        self._params = space.params
        self._skipped = space.skipped
        self._norm_bound = space.norm_bound
        self._is_written = False

    def append(self, rows: Rows, vectors: Vectors) -> None:
        """See VectorStorage."""
        if not len(rows):
            return
        step = max(1, _BLOCK * len(rows) // max(vectors.nbytes, 1))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            self._write(rows[part], self._stored(vectors[part]))

    def rewrite(
        self,
        old: Rows,
        new: Rows,
        has_vector: NDArray[np.bool_],
        given: tuple[Rows, Vectors] | None,
    ) -> None:
        """See VectorStorage."""
        if not has_vector.any():
            return
        is_kept = has_vector.copy()
        matrix = self._matrix
        moved = np.zeros((len(old), matrix.shape[1]), dtype=matrix.dtype)
        if given is not None and len(given[0]):
            places, vectors = given
            moved[places] = self._stored(vectors)
            is_kept[places] = False
        moved[is_kept] = matrix[old[is_kept]]
        self._write(new[has_vector], moved[has_vector])

    def sync(self) -> None:
        """See VectorStorage."""
        if self._is_written:
            self._file.sync()

    def space(self, before: VectorSpace, present: Bitmap, rows: int) -> VectorSpace:
        """See VectorStorage."""
        self._file.make_room(self._skipped + rows)
        return attrs.evolve(
            before, present=present, matrix=self._matrix, norm_bound=self._norm_bound
        )

    def extents(self, space: VectorSpace) -> Sequence[FileExtent]:
        """See VectorStorage."""
        # Graphs go by dead rows as well.
        rows = space.skipped + max(space.present.end, stop_of(space.segments))
        return [self._file.extent(rows, space.skipped)]

    def drop_after(self, rows: int) -> None:
        """See VectorStorage."""
        self._file.drop_after(rows)

    def give_back(self, first: int, is_free: NDArray[np.bool_]) -> None:
        """See VectorStorage."""
        self._file.give_back(*runs(is_free, first))

    def drop_before(self, row: int) -> None:
        """See VectorStorage."""
        self._file.drop_before(row)

    def skip_to(self, row: int) -> None:
        """See VectorStorage."""

    def let_go(self) -> None:
        """See VectorStorage."""
        self._file.let_go()

    def close(self) -> None:
        """See VectorStorage."""
        self._file.close()

    @property
    def _matrix(self) -> Stored:
        """The rows of the space."""
        return self._file.matrix[self._skipped :]

    def _stored(self, vectors: Vectors) -> Stored:
        # Commands are validated before they are executed, so other kinds do not get here.
        assert isinstance(vectors, DenseVectors)
        return to_stored(self._params, vectors.data)

    def _write(self, rows: Rows, data: Stored) -> None:
        norm = float(np.sqrt(squared_norms(to_compared(self._params, data)).max()))
        self._norm_bound = max(self._norm_bound, norm)
        first, span = int(rows[0]), int(rows[-1] - rows[0]) + 1
        if span != len(rows):
            # One write with zeros in the gaps is cheaper than one per run of rows.
            spread = np.zeros((span, data.shape[1]), dtype=data.dtype)
            spread[rows - first] = data
            data = spread
        self._file.write(self._skipped + first, np.ascontiguousarray(data))
        self._is_written = True
