"""The spaces of vectors that another process writes, on maps of its files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from ...model.collection_params import Memory, SparseVectorParams, VectorParams
from ...model.ragged import Offsets
from ..storage.counters import Slot
from ..storage.map_advice import memory_placement
from ..vector_index.space import AnySpace, MultiSpace, SparseSpace, VectorSpace
from ..vectors.encodings import OFFSETS, RowFormat, Stored, encoding_of
from ..vectors.followed_file import FollowedFile
from ..vectors.vector_file import vectors_file
from .committed import CommittedVectors
from .files import AnyParams
from .multi import line_format
from .ragged_files import ElementFormat, rows_kept
from .sparse import ELEMENT_FORMATS


class FollowedVectors:
    """The mapped files of all storages in a directory. Used by one thread at a time.

    Nothing is written. A space has the rows that a storage has which is opened at that time.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[tuple[int, str], FollowedFile] = {}

    def space(self, params: AnyParams, committed: CommittedVectors) -> AnySpace:
        """The space of the vectors of a commit.

        Raises what `FollowedFile.rows` raises, as when the vector name has been dropped since.
        """
        if isinstance(params, SparseVectorParams):
            return self._sparse(params, committed)
        if params.multivector_config is not None:
            return self._multi(params, committed)
        slot, skipped = committed.slot, committed.skipped
        encoding = encoding_of(params.datatype)
        memory = memory_placement(params.memory, params.on_disk)
        file = self._file(slot, encoding, params.size, memory)
        matrix = file.rows(skipped + committed.rows, first=skipped)[skipped:]
        rest = slot.norm_bound, committed.segments, committed.base, slot.first
        return VectorSpace(params, slot.number, committed.present, matrix, *rest)

    def keep(self, slots: Collection[int]) -> None:
        """Forget the files of all other slots."""
        self._files = {key: file for key, file in self._files.items() if key[0] in slots}

    def _sparse(self, params: SparseVectorParams, committed: CommittedVectors) -> SparseSpace:
        index = params.index
        memory = None if index is None else memory_placement(index.memory, index.on_disk)
        slot, present = committed.slot, committed.present
        offsets, arrays = self._ragged(committed, ELEMENT_FORMATS, memory)
        indices, values = (array[:, 0] for array in arrays)
        return SparseSpace(
            params, slot.number, present, offsets, indices, values, (), committed.base, slot.first
        )

    def _multi(self, params: VectorParams, committed: CommittedVectors) -> MultiSpace:
        memory = memory_placement(params.memory, params.on_disk)
        slot, present = committed.slot, committed.present
        offsets, (lines,) = self._ragged(committed, [line_format(params)], memory)
        rest = slot.norm_bound, committed.segments, committed.base, slot.first
        return MultiSpace(params, slot.number, present, offsets, lines, *rest)

    def _ragged(
        self, committed: CommittedVectors, forms: Sequence[ElementFormat], memory: Memory | None
    ) -> tuple[Offsets, list[Stored]]:
        """The offsets and the arrays of elements, as RaggedFiles opens them."""
        slot, skipped = committed.slot, committed.skipped
        rows, indexed = committed.present.end, committed.indexed
        offsets = np.zeros(1, dtype=np.int64)
        if max(rows, indexed):
            rows, indexed = skipped + rows, skipped + indexed
            file = self._file(slot, OFFSETS, 1, memory)
            found = file.rows(rows + 1, indexed + 1, skipped)
            offsets = found[skipped : rows_kept(found, rows, indexed) + 1, 0]
        first, total = int(offsets[0]), int(offsets[-1])
        files = [self._file(slot, f.row, f.dimension, memory) for f in forms]
        return offsets, [file.rows(total, first=first)[:total] for file in files]

    def _file(
        self, slot: Slot, form: RowFormat, dimension: int, memory: Memory | None
    ) -> FollowedFile:
        name = vectors_file(slot.number, form)
        key = slot.number, name
        if key not in self._files:
            self._files[key] = FollowedFile(self._directory / name, form, dimension, memory)
        return self._files[key]
