"""The storage of multivectors: offsets, and lines encoded like dense vectors."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from ...model.collection_params import VectorParams
from ...model.vector_kinds import DenseVectors, MultiVectors, Vectors
from ..storage.bitmap import Bitmap
from ..storage.map_advice import memory_placement
from ..vector_index.space import MultiSpace
from ..vectors.codec import to_compared, to_stored
from ..vectors.encodings import encoding_of
from ..vectors.norms import squared_norms
from .committed import CommittedVectors
from .ragged import RaggedStorage
from .ragged_files import ElementFormat, Elements, RaggedFiles


class MultiStorage(RaggedStorage[MultiSpace]):
    """See VectorStorage."""

    def __init__(self, params: VectorParams, files: RaggedFiles, norm_bound: float) -> None:
        super().__init__(files)
        self._params = params
        self._norm_bound = norm_bound

    @staticmethod
    def create(directory: Path, params: VectorParams, slot: int) -> None:
        """Create the files, without rows, and sync them."""
        RaggedFiles.create(directory, slot, [line_format(params)])

    @classmethod
    def open(
        cls, directory: Path, params: VectorParams, committed: CommittedVectors
    ) -> tuple[MultiStorage, MultiSpace]:
        """Open a storage; returns it and its space. Raises UnknownFormat and UnusableDataFolder."""
        memory = memory_placement(params.memory, params.on_disk)
        slot, present = committed.slot, committed.present
        form = [line_format(params)]
        rows = committed.skipped, present.end, committed.indexed
        files = RaggedFiles.open(directory, slot.number, form, *rows, memory)
        storage = cls(params, files, slot.norm_bound)
        nothing = np.empty((0, 0), np.float32)
        empty = MultiSpace(
            params,
            slot.number,
            present,
            np.zeros(1, np.int64),
            nothing,
            0.0,
            committed.segments,
            committed.base,
            slot.first,
        )
        space = storage.space(empty, present, files.rows - empty.skipped)
        storage.begin(space)
        return storage, space

    def begin(self, space: MultiSpace) -> None:
        """See VectorStorage."""
        super().begin(space)
        self._params = space.params
        self._norm_bound = space.norm_bound

    def space(self, before: MultiSpace, present: Bitmap, rows: int) -> MultiSpace:
        """See VectorStorage."""
        found = self._files.elements(before.skipped)
        return attrs.evolve(
            before,
            present=present,
            offsets=found.offsets,
            matrix=found.arrays[0],
            norm_bound=self._norm_bound,
        )

    def _stored(self, vectors: Vectors) -> Elements:
        if isinstance(vectors, DenseVectors):
            vectors = MultiVectors.of_single_rows(vectors)
        # Commands are validated before they are executed, so other kinds do not get here.
        assert isinstance(vectors, MultiVectors)
        lines = to_stored(self._params, vectors.data)
        norms = squared_norms(to_compared(self._params, lines))
        self._norm_bound = max(self._norm_bound, float(np.sqrt(norms.max(initial=0.0))))
        return Elements(vectors.offsets, (lines,))


def line_format(params: VectorParams) -> ElementFormat:
    """The format of the file of lines."""
    return ElementFormat(encoding_of(params.datatype), params.size)
