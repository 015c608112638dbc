"""The storage of sparse vectors: offsets, indices and values.

Values are float32. The datatype of the parameters is that of the index, and may change.
"""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from ...model.collection_params import SparseVectorParams
from ...model.vector_kinds import SparseVectors, Vectors
from ..storage.bitmap import Bitmap
from ..storage.map_advice import memory_placement
from ..vector_index.space import SparseSpace
from ..vectors.encodings import INDICES, Float32
from .committed import CommittedVectors
from .ragged import RaggedStorage
from .ragged_files import ElementFormat, Elements, RaggedFiles

ELEMENT_FORMATS = ElementFormat(INDICES, 1), ElementFormat(Float32(), 1)
"""The formats of the files of indices and of values."""


class SparseStorage(RaggedStorage[SparseSpace]):
    """See VectorStorage."""

    @staticmethod
    def create(directory: Path, slot: int) -> None:
        """Create the files, without rows, and sync them."""
        RaggedFiles.create(directory, slot, ELEMENT_FORMATS)

    @classmethod
    def open(
        cls, directory: Path, params: SparseVectorParams, committed: CommittedVectors
    ) -> tuple[SparseStorage, SparseSpace]:
        """Open a storage; returns it and its space. Raises UnknownFormat and UnusableDataFolder."""
        index = params.index
        memory = None if index is None else memory_placement(index.memory, index.on_disk)
        slot, present, base = committed.slot, committed.present, committed.base
        rows = committed.skipped, present.end, 0
        files = RaggedFiles.open(directory, slot.number, ELEMENT_FORMATS, *rows, memory)
        storage = cls(files)
        no_elements = np.zeros(1, np.int64), np.empty(0, np.uint32), np.empty(0, np.float32)
        empty = SparseSpace(params, slot.number, present, *no_elements, base=base, first=slot.first)
        space = storage.space(empty, present, files.rows - empty.skipped)
        storage.begin(space)
        return storage, space

    def space(self, before: SparseSpace, present: Bitmap, rows: int) -> SparseSpace:
        """See VectorStorage."""
        found = self._files.elements(before.skipped)
        indices, values = (array[:, 0] for array in found.arrays)
        return attrs.evolve(
            before, present=present, offsets=found.offsets, indices=indices, values=values
        )

    def _stored(self, vectors: Vectors) -> Elements:
        # Commands are validated before they are executed, so other kinds do not get here.
        assert isinstance(vectors, SparseVectors)
        arrays = vectors.indices[:, np.newaxis], vectors.values[:, np.newaxis]
        return Elements(vectors.offsets, arrays)
