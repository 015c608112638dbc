"""A flat file of rows of equal size, such as vectors, mapped read-only by readers.

After a header of one page, row r is at byte 4096 + r * its size, in the format of the file (see
`encodings`). Which rows are valid is in the tables, not in the file. It only grows, sparsely and in
growing steps, so that it is seldom mapped anew; arrays of an old map stay valid. Below the last row
ever written there are holes only where `hole_punching` permits them, or where nobody reads: before
the row that rows are counted from.
"""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Memory
from ..errors import DamagedFile, UnknownFormat
from ..storage.file_map import FileMap
from ..storage.files import NO_GAP, FileExtent, Gap
from ..storage.hole_punching import holes, may_have_holes, punch
from ..storage.map_advice import advise
from .encodings import RowFormat, Stored

HEADER_SIZE = 4096
LEAST_GAP = 1 << 20
"""The rows before the first that is of use are a gap of as many times this many bytes."""

_MAGIC = b"VEXFSVEC"
_VERSION = 1
_HEADER = Struct("<8sIII")
_FIRST_STEP = 1 << 18
_LARGEST_STEP = 1 << 30


def vectors_file(slot: int, form: RowFormat) -> str:
    """The name of the file that a slot has of this form."""
    return f"vectors-{slot}.{form.suffix}"


class VectorFile:
    """An open vector file. Written by one thread; any thread may take `matrix`.

    It has a descriptor until `let_go`, and again from the next write on.
    """

    def __init__(
        self,
        path: Path,
        encoding: RowFormat,
        dimension: int,
        capacity: int,
        memory: Memory | None,
        first: int,
        *,
        has_holes: bool,
    ) -> None:
        self._path = path
        self._opening = Lock()
        self._opened: int | None = None
        self._memory = memory
        self._encoding = encoding
        self._width = encoding.width(dimension)
        self._row_size = row_size(encoding, dimension)
        self._capacity = capacity
        self._has_holes = has_holes
        self._first = HEADER_SIZE + first * self._row_size
        self._filled = self._first if first else 0
        self._matrix = self._nothing()

    @classmethod
    def create(cls, path: Path, encoding: RowFormat, dimension: int) -> None:
        """Create a file without rows and sync it; the caller syncs the directory."""
        with open(path, "xb") as file:
            header = _HEADER.pack(_MAGIC, _VERSION, dimension, encoding.number)
            file.write(header.ljust(HEADER_SIZE, b"\0"))
            file.truncate(HEADER_SIZE + _grown(0, 1, row_size(encoding, dimension)))
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def open(
        cls,
        path: Path,
        encoding: RowFormat,
        dimension: int,
        rows: int,
        memory: Memory | None = None,
        first: int = 0,
    ) -> VectorFile:
        """Open a file, which must have `rows` rows of `dimension` in this encoding.

        `memory` is its placement; if None, the kernel decides. Nobody reads the rows before
        `first`, which may be holes on any file system. Raises UnknownFormat for another
        header, and UnusableDataFolder if the file is missing or too short.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise DamagedFile(path, None, error.strerror or str(error)) from error
        try:
            check_header(path, os.pread(descriptor, HEADER_SIZE, 0), encoding, dimension)
            body = os.fstat(descriptor).st_size - HEADER_SIZE
            capacity = body // row_size(encoding, dimension)
            if capacity < max(rows, 1):
                end = HEADER_SIZE + max(body, 0)
                raise DamagedFile(path, end, f"it ends there: {capacity} of {rows} rows are left")
            has_holes = may_have_holes(path.parent)
            file = cls(path, encoding, dimension, capacity, memory, first, has_holes=has_holes)
            file._map(descriptor, capacity)
            file._opened = descriptor
            return file
        except BaseException:
            os.close(descriptor)
            raise

    @property
    def matrix(self) -> Stored:
        """All rows and spare capacity, shape [capacity, width], on the newest map, read-only."""
        return self._matrix

    def write(self, row: int, data: Stored) -> None:
        """Write stored rows, shape [n, width], C-contiguous, from `row` on; does not sync.

        Raises OSError.
        """
        self.make_room(row + len(data))
        self.fill(row)
        left = data.data.cast("B")
        offset = HEADER_SIZE + row * self._row_size
        while left:
            written = os.pwrite(self._descriptor, left, offset)
            left = left[written:]
            offset += written
        self._filled = max(self._filled, offset)

    def make_room(self, rows: int) -> None:
        """Map the first `rows` rows at least. Allocates no disk space."""
        if rows <= self._capacity:
            return
        size = _grown(self._capacity * self._row_size, rows, self._row_size)
        os.ftruncate(self._descriptor, HEADER_SIZE + size)
        self._map(self._descriptor, size // self._row_size)

    def fill(self, rows: int) -> None:
        """Allocate disk space where the first `rows` rows could not be read. Raises OSError."""
        end = HEADER_SIZE + rows * self._row_size
        if end > self._filled:
            if not self._has_holes:
                os.posix_fallocate(self._descriptor, self._filled, end - self._filled)
            self._filled = end

    def drop_after(self, rows: int) -> None:
        """Free the disk space of all rows from `rows` on, which must be unused.

        The file keeps its length, with a hole at its end, and maps stay valid. Raises OSError.
        """
        # A crash may leave the file as short as this, and one without any row is refused.
        end = HEADER_SIZE + max(rows, 1) * self._row_size
        self._filled = min(self._filled, end)
        os.ftruncate(self._descriptor, end)
        os.ftruncate(self._descriptor, HEADER_SIZE + self._capacity * self._row_size)

    def give_back(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
        """Free the disk space of pages that contain free rows only, which must be unused.

        The free rows are the ranges from `starts` to `stops`, both of shape [n], ascending.
        """
        if not self._has_holes:
            return
        for start, size in holes(starts, stops, HEADER_SIZE, self._row_size):
            if not punch(self._descriptor, start, size):
                return

    def drop_before(self, row: int) -> None:
        """Free the disk space of all rows before `row`, which nobody reads any more."""
        self._first = HEADER_SIZE + row * self._row_size
        for start, size in holes(np.array([0]), np.array([row]), HEADER_SIZE, self._row_size):
            punch(self._descriptor, start, size)

    def sync(self) -> None:
        """Block until everything written is on disk."""
        os.fdatasync(self._descriptor)

    def extent(self, rows: int, first: int) -> FileExtent:
        """The part of the file with the header and the first `rows` rows, at least one.

        Those before row `first` are of no use.
        """
        size = min(max(rows, 1), self._capacity) * self._row_size
        unused = min(first * self._row_size, size) // LEAST_GAP * LEAST_GAP
        gap = Gap(HEADER_SIZE, unused) if unused else NO_GAP
        return FileExtent(self._path, HEADER_SIZE + size, gap)

    def let_go(self) -> None:
        """Close the descriptor until it is needed again. Must not run during a write."""
        with self._opening:
            if self._opened is not None:
                os.close(self._opened)
                self._opened = None

    def close(self) -> None:
        """Close the file for good; arrays taken stay valid."""
        self.let_go()
        self._matrix = self._nothing()

    @property
    def _descriptor(self) -> int:
        with self._opening:
            if self._opened is None:
                self._opened = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            return self._opened

    def _map(self, descriptor: int, capacity: int) -> None:
        mapped = FileMap(descriptor, HEADER_SIZE + capacity * self._row_size)
        flat = mapped.array(self._encoding.item, offset=HEADER_SIZE)
        advise(flat, self._memory, self._first)
        self._matrix = flat.reshape(capacity, self._width)
        self._capacity = capacity

    def _nothing(self) -> Stored:
        return np.empty((0, self._width), dtype=self._encoding.item)


def row_size(encoding: RowFormat, dimension: int) -> int:
    """The bytes of a row of a file."""
    return encoding.width(dimension) * encoding.item.itemsize


def _grown(size: int, rows: int, row_size: int) -> int:
    """The next file size, in bytes of whole rows, with capacity for `rows`."""
    step = min(max(size, _FIRST_STEP), _LARGEST_STEP)
    return -(-max(size + step, rows * row_size) // row_size) * row_size


def check_header(path: Path, header: bytes, encoding: RowFormat, dimension: int) -> None:
    """Check the header of a file. Raises UnknownFormat and UnusableDataFolder."""
    if len(header) < HEADER_SIZE:
        raise DamagedFile(path, len(header), "it ends there, within its header")
    magic, version, found, kind = _HEADER.unpack_from(header)
    if magic != _MAGIC:
        raise UnknownFormat(path, "not a vector file")
    if version != _VERSION or kind != encoding.number:
        raise UnknownFormat(path, f"vector file version {version}, data type {kind}")
    if found != dimension:
        raise UnknownFormat(path, f"vectors of dimension {found}, not {dimension}")
