"""Files of rows of different lengths: the offsets of the rows, and files of their elements.

Entry r + 1 of the file of offsets is the end of the elements of row r; entry 0 is 0. A row without
elements repeats the end before it. Rows are only appended, and those of a failed commit are
overwritten by the next: the end of the valid elements is the entry of the last valid row. Entries
before that of the row that others are counted from are of no use, and may be holes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ...model import ragged
from ...model.collection_params import Memory
from ...model.ragged import Offsets
from ..errors import DamagedFile
from ..storage.bitmap import Rows
from ..storage.files import FileExtent
from ..storage.hole_punching import runs
from ..vectors.encodings import OFFSETS, RowFormat, Stored
from ..vectors.vector_file import HEADER_SIZE, VectorFile, vectors_file


@frozen
class ElementFormat:
    """The format of a file of elements, each of which has `dimension` components."""

    row: RowFormat
    dimension: int


@frozen
class Elements:
    """The elements of rows: `offsets`, shape [n + 1], and arrays of shape [total, width]."""

    offsets: Offsets
    arrays: tuple[Stored, ...]

    def take(self, rows: Rows) -> Elements:
        """Those of the selected rows, in their order."""
        offsets, places = ragged.take(self.offsets, rows)
        return Elements(offsets, tuple(array[places] for array in self.arrays))

    @classmethod
    def joined(cls, first: Elements, second: Elements) -> Elements:
        """Those of both, one after the other."""
        offsets = np.concatenate([first.offsets, second.offsets[1:] + first.offsets[-1]])
        arrays = map(np.concatenate, zip(first.arrays, second.arrays, strict=True))
        return cls(offsets, tuple(arrays))


class RaggedFiles:
    """The open files of one storage. `rows` are the rows written, of which later ones have none.

    Written by one thread at a time.
    """

    def __init__(self, offsets: VectorFile, elements: Sequence[VectorFile], rows: int) -> None:
        self._offsets = offsets
        self._elements = elements
        self.rows, self._total, self._is_written = rows, 0, False
        self.reset(rows)

    @staticmethod
    def create(directory: Path, slot: int, formats: Sequence[ElementFormat]) -> None:
        """Create the files of a slot, without rows, and sync them."""
        VectorFile.create(directory / vectors_file(slot, OFFSETS), OFFSETS, 1)
        for own in formats:
            VectorFile.create(directory / vectors_file(slot, own.row), own.row, own.dimension)

    @classmethod
    def open(
        cls,
        directory: Path,
        slot: int,
        formats: Sequence[ElementFormat],
        skipped: int,
        rows: int,
        indexed: int,
        memory: Memory | None,
    ) -> RaggedFiles:
        """Open the files of a slot, which must have `rows` rows after the first `skipped`.

        Rows up to `indexed`, if that is more, are kept as well: all after `rows` are dead, but
        codes of segments number elements as these rows do. Raises UnknownFormat, and
        UnusableDataFolder for files that are missing or too short.
        """
        is_empty = not max(rows, indexed)
        rows, indexed = skipped + rows, skipped + indexed
        opened: list[VectorFile] = []
        try:
            path = directory / vectors_file(slot, OFFSETS)
            # Rows before `skipped` were perhaps never written.
            least = 1 if is_empty else rows + 1
            offsets = VectorFile.open(path, OFFSETS, 1, least, memory, skipped)
            opened.append(offsets)
            if is_empty and skipped:
                offsets.write(rows, np.zeros((1, 1), dtype=np.int64))
            offsets.fill(rows + 1)
            total = int(offsets.matrix[rows, 0])
            kept = rows_kept(offsets.matrix, rows, indexed)
            if kept > rows:
                rows = kept
                offsets.fill(rows + 1)
                total = int(offsets.matrix[rows, 0])
            first = int(offsets.matrix[skipped, 0])
            if first > total or first < 0 or (first and not skipped):
                place = HEADER_SIZE + 8 * (skipped if first else rows)
                raise DamagedFile(path, place, "the offset there is impossible")
            for own in formats:
                path = directory / vectors_file(slot, own.row)
                file = VectorFile.open(path, own.row, own.dimension, total, memory, first)
                opened.append(file)
                file.fill(total)
            return cls(offsets, opened[1:], rows)
        except BaseException:
            for file in opened:
                file.close()
            raise

    def elements(self, first: int) -> Elements:
        """The rows written from `first` on; offsets and arrays are read-only views."""
        arrays = (file.matrix[: self._total] for file in self._elements)
        return Elements(self._offsets.matrix[first : self.rows + 1, 0], tuple(arrays))

    def skip_to(self, row: int) -> None:
        """Let there be no elements in the rows before `row` that are not written yet; not synced.

        Raises OSError.
        """
        if row > self.rows:
            self._offsets.write(row, np.array([[self._total]]))
            self.rows, self._is_written = row, True

    def reset(self, rows: int) -> None:
        """Discard the rows from `rows` on, which must be at most those written."""
        self.rows = rows
        self._total = int(self._offsets.matrix[rows, 0])
        self._is_written = False

    def append(self, rows: Rows, given: Elements) -> None:
        """Write the elements of `rows`, ascending and new; not synced. Raises OSError."""
        if not len(rows):
            return
        lengths = np.zeros(int(rows[-1]) + 1 - self.rows, dtype=np.int64)
        lengths[rows - self.rows] = np.diff(given.offsets)
        ends = self._total + np.cumsum(lengths)
        self._is_written = True
        for file, array in zip(self._elements, given.arrays, strict=True):
            if len(array):
                file.write(self._total, np.ascontiguousarray(array))
        self._offsets.write(self.rows + 1, ends[:, np.newaxis])
        self.rows += len(lengths)
        self._total = int(ends[-1])

    def sync(self) -> None:
        """Block until everything written is on disk. Raises OSError."""
        if self._is_written:
            for file in self._files():
                file.sync()

    def extents(self, first: int, offsets: Offsets) -> list[FileExtent]:
        """The parts of the files that have the rows of `offsets`, shape [rows + 1].

        Row `first` is the first of these.
        """
        unused, total = int(offsets[0]), int(offsets[-1])
        elements = [file.extent(total, unused) for file in self._elements]
        return [self._offsets.extent(first + len(offsets), first), *elements]

    def drop_after(self, rows: int) -> None:
        """Free the disk space of all rows from `rows` on, which must be unused. Raises OSError."""
        self.reset(min(rows, self.rows))
        self._offsets.drop_after(self.rows + 1)
        for file in self._elements:
            file.drop_after(self._total)

    def give_back(self, first: int, is_free: NDArray[np.bool_]) -> None:
        """Free the disk space of elements of unused rows; `is_free`, [n], begins at row `first`.

        Thread-safe. The offsets stay: those of other rows would not be valid without them.
        """
        known = is_free[: max(self.rows - first, 0)]
        offsets = self._offsets.matrix[:, 0]
        starts, stops = (offsets[edges] for edges in runs(known, first))
        for file in self._elements:
            file.give_back(starts, stops)

    def drop_before(self, row: int) -> None:
        """Free the disk space of all rows before `row`, which must be unused. Thread-safe."""
        row = min(row, self.rows)
        for file in self._elements:
            file.drop_before(int(self._offsets.matrix[row, 0]))
        self._offsets.drop_before(row)

    def let_go(self) -> None:
        """Close the descriptors until they are needed again. Must not run during a write."""
        for file in self._files():
            file.let_go()

    def close(self) -> None:
        """Close the files for good; maps stay valid."""
        for file in self._files():
            file.close()

    @property
    def descriptors(self) -> int:
        """The most descriptors that are open."""
        return 1 + len(self._elements)

    def _files(self) -> Sequence[VectorFile]:
        return [self._offsets, *self._elements]


def rows_kept(offsets: Stored, rows: int, indexed: int) -> int:
    """The rows to keep by a file of offsets, shape [capacity, 1]: `rows`, or `indexed` if more.

    A failed write of an earlier version may have dropped rows up to `indexed`: the segments then
    go, and it is `rows`.
    """
    is_there = rows < indexed < len(offsets) and offsets[indexed, 0] >= offsets[rows, 0]
    return indexed if is_there else rows
