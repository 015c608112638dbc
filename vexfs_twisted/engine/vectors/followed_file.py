"""A vector file that another process writes, mapped read-only as far as it is needed."""

from __future__ import annotations

import os
from pathlib import Path

from ...model.collection_params import Memory
from ...model.system_limits import is_exhausted
from ..errors import DamagedFile
from ..storage.file_map import FileMap
from ..storage.map_advice import advise
from .encodings import RowFormat, Stored
from .vector_file import HEADER_SIZE, check_header, row_size


class FollowedFile:
    """Maps of the vector file at `path`; see VectorFile. Used by one thread at a time.

    It has a descriptor only while it is being mapped. Rows never change once they are committed, so
    a map is valid for as long as it is long enough.
    """

    def __init__(
        self, path: Path, encoding: RowFormat, dimension: int, memory: Memory | None
    ) -> None:
        self._path = path
        self._encoding = encoding
        self._dimension = dimension
        self._memory = memory
        self._matrix: Stored | None = None

    def rows(self, count: int, wanted: int = 0, first: int = 0) -> Stored:
        """The first `count` rows at least, and `wanted` if there are as many: [capacity, width].

        Nobody reads those before `first`. The array is read-only. Raises UnusableDataFolder if the
        file is missing or has fewer rows, UnknownFormat for another header, and OSError if
        descriptors or maps have run out.
        """
        if self._matrix is None or len(self._matrix) < max(count, wanted):
            self._matrix = self._mapped(count, first)
        return self._matrix

    def _mapped(self, count: int, first: int) -> Stored:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            if is_exhausted(error):
                raise
            raise DamagedFile(self._path, None, str(error.strerror)) from error
        try:
            header = os.pread(descriptor, HEADER_SIZE, 0)
            check_header(self._path, header, self._encoding, self._dimension)
            size = row_size(self._encoding, self._dimension)
            capacity = (os.fstat(descriptor).st_size - HEADER_SIZE) // size
            if capacity < max(count, 1):
                end = HEADER_SIZE + max(capacity, 0) * size
                raise DamagedFile(self._path, end, f"{count} rows expected, {capacity} found")
            mapped = FileMap(descriptor, HEADER_SIZE + capacity * size)
        finally:
            os.close(descriptor)
        flat = mapped.array(self._encoding.item, offset=HEADER_SIZE)
        advise(flat, self._memory, HEADER_SIZE + first * size)
        matrix: Stored = flat.reshape(-1, self._encoding.width(self._dimension))[:capacity]
        return matrix
