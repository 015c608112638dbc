"""The storage of sparse vectors: offsets, indices, and values in the configured datatype."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from ...model.collection_params import SparseVectorParams
from ...model.vector_kinds import SparseVectors, Vectors
from ..storage.bitmap import Bitmap
from ..storage.counters import Slot
from ..storage.map_advice import memory_placement
from ..vector_index.space import SparseSpace, sparse_datatype
from ..vectors.encodings import INDICES, encoding_of
from .ragged import RaggedStorage
from .ragged_files import ElementFormat, Elements, RaggedFiles


class SparseStorage(RaggedStorage[SparseSpace]):
    """See VectorStorage."""

    def __init__(self, params: SparseVectorParams, files: RaggedFiles) -> None:
        super().__init__(files)
        # The datatype of existing vectors never changes.
        self._encoding = encoding_of(sparse_datatype(params))

    @staticmethod
    def create(directory: Path, params: SparseVectorParams, slot: int) -> None:
        """Create the files, without rows, and sync them."""
        RaggedFiles.create(directory, slot, _formats(params))

    @classmethod
    def open(
        cls, directory: Path, params: SparseVectorParams, slot: Slot, present: Bitmap
    ) -> tuple[SparseStorage, SparseSpace]:
        """Open a storage; returns it and its space. Raises UnknownFormat and UnusableDataFolder."""
        index = params.index
        memory = None if index is None else memory_placement(index.memory, index.on_disk)
        files = RaggedFiles.open(directory, slot.number, _formats(params), present.end, memory)
        storage = cls(params, files)
        no_elements = np.zeros(1, np.int64), np.empty(0, np.uint32), np.empty(0, np.float32)
        empty = SparseSpace(params, slot.number, present, *no_elements)
        return storage, storage.space(empty, present, files.rows)

    def space(self, before: SparseSpace, present: Bitmap, rows: int) -> SparseSpace:
        """See VectorStorage."""
        offsets, (indices, values) = self._files.offsets, self._files.elements.arrays
        return attrs.evolve(
            before, present=present, offsets=offsets, indices=indices[:, 0], values=values[:, 0]
        )

    def _stored(self, vectors: Vectors) -> Elements:
        # Commands are validated before they are executed, so other kinds do not get here.
        assert isinstance(vectors, SparseVectors)
        values = self._encoding.stored(vectors.values[:, np.newaxis])
        return Elements(vectors.offsets, (vectors.indices[:, np.newaxis], values))


def _formats(params: SparseVectorParams) -> tuple[ElementFormat, ElementFormat]:
    values = encoding_of(sparse_datatype(params))
    return ElementFormat(INDICES, 1), ElementFormat(values, 1)
