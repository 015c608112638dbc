"""Snapshots in parts: an index that names chunks, and packs of chunks, which snapshots share.

An archive is cut into chunks at fixed places of its sections. A chunk that is as at the same place
of the snapshot before is not stored again: the tables keep their pages where they are, and vectors
their rows. So memory does not grow with the archive, and what is stored is what has changed.

`<name>.snapshot.parts` is the index: a checksummed value, padded to whole pages, and a record for
each chunk: its SHA-256, the number of its pack, its length and its offset. `<unique>.pack` has the
chunks that one snapshot has added, each from the begin of a page on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO

import numpy as np
from attrs import asdict, frozen
from numpy.typing import NDArray

from ..storage.checksummed import Damaged, OtherVersion, seal, sealed_size, unseal
from ..storage.tables import TABLES_FILE
from .archive import Piece
from .block_file import BlockFile
from .errors import UnusableArchive

PAGE = 4096
_KIND = "vexfs-snapshot-parts"
_VERSION = 1
_LARGEST_HEAD = 1 << 28
_FIRST_READ = 1 << 20
_TABLE_CHUNK = PAGE
_CHUNK = 64 * PAGE
_ZEROS = 0xFFFFFFFF
"""The number of the pack of a chunk of zeros, which is in none."""

_RECORD = np.dtype([("digest", "u1", 32), ("pack", "<u4"), ("length", "<u4"), ("offset", "<u8")])
_PACKED = Struct("<32sIIQ")
"""The same of one chunk."""

Records = NDArray[Any]
"""Chunks, in the order of the archive, shape [n]."""


Extents = NDArray[np.int64]
"""Where chunks of a pack begin and end, in bytes, whole pages, ascending, shape [n, 2]."""


@frozen
class SectionChunks:
    """The name of a section of an archive, and how many chunks it has."""

    name: str
    chunks: int


@frozen
class PartsHead:
    """The head of an index: size and SHA-256 of the archive, the names of packs, the sections."""

    size: int
    checksum: str
    packs: Sequence[str]
    sections: Sequence[SectionChunks]

    def sealed(self) -> bytes:
        """The head as bytes, whole pages."""
        data = seal(_KIND, _VERSION, asdict(self))
        return data.ljust(-(-len(data) // PAGE) * PAGE, b"\0")


class PartsIndex:
    """An index that is there: its head, and its records on a map."""

    def __init__(self, path: Path) -> None:
        """Read the index at `path`. Raises UnusableArchive and OSError."""
        self.path = path
        with open(path, "rb") as file:
            data = file.read(_FIRST_READ)
            data += file.read(max(min(sealed_size(data), _LARGEST_HEAD) - len(data), 0))
        try:
            plain = unseal(_KIND, _VERSION, data)
        except (Damaged, OtherVersion) as error:
            raise UnusableArchive(f"{path.name}: {error}") from None
        sections = [SectionChunks(**section) for section in plain.pop("sections")]
        self.head = PartsHead(**plain, sections=sections)
        count = sum(section.chunks for section in sections)
        start = len(self.head.sealed())
        if os.path.getsize(path) != start + count * _RECORD.itemsize:
            raise UnusableArchive(f"{path.name} has not the size that it should have")
        self.records: Records = np.empty(0, _RECORD)
        if count:
            self.records = np.memmap(path, _RECORD, "r", start, (count,))
        ends = accumulate(section.chunks for section in sections)
        self._sections = {
            section.name: slice(end - section.chunks, end)
            for section, end in zip(sections, ends, strict=True)
        }

    def section(self, name: str) -> Records:
        """The records of a section; none if there is no such one."""
        return self.records[self._sections.get(name, slice(0))]


class PartsWriter:
    """Writes chunks that are not in `base` to a new pack, and the records of all."""

    def __init__(
        self, base: PartsIndex | None, pack: BinaryIO, pack_name: str, records: BinaryIO
    ) -> None:
        self._base = base
        self._pack = pack
        self._records = records
        self._packs = [*(() if base is None else base.head.packs), pack_name]
        self._offset = 0

    def write(self, pieces: Iterable[Piece], sections: Iterable[tuple[str, int]]) -> PartsHead:
        """Write everything; returns the head of the index.

        `sections` are the sections of the archive and their sizes in bytes. Each is taken before
        its pieces are.
        """
        digest, size, found = sha256(), 0, list[SectionChunks]()
        source = _Source(pieces)
        for name, length in sections:
            before = np.empty(0, _RECORD) if self._base is None else self._base.section(name)
            # Of one collection, or of one of many: see `StorageArchive`.
            is_tables = name.rpartition("/")[2] == TABLES_FILE
            chunk_size = _TABLE_CHUNK if is_tables else _CHUNK
            count = 0
            for chunk in source.chunks(length, chunk_size):
                digest.update(chunk)
                self._store(chunk, before[count] if count < len(before) else None)
                count += 1
            size += length
            found.append(SectionChunks(name, count))
        source.end()
        return PartsHead(size, digest.hexdigest(), self._packs, found)

    def _store(self, chunk: memoryview, before: Any) -> None:
        own = sha256(chunk).digest()
        if before is not None and (record := before.tobytes())[: len(own)] == own:
            self._records.write(record)
        elif own == _digest_of_zeros(len(chunk)):
            self._records.write(_PACKED.pack(own, _ZEROS, len(chunk), 0))
        else:
            place = len(self._packs) - 1, len(chunk), self._offset
            self._records.write(_PACKED.pack(own, *place))
            padding = -len(chunk) % PAGE
            self._pack.write(chunk)
            self._pack.write(bytes(padding))
            self._offset += len(chunk) + padding


@lru_cache(maxsize=8)
def _digest_of_zeros(size: int) -> bytes:
    return sha256(bytes(size)).digest()


class _Source:
    """Pieces that are read as chunks of given lengths."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def chunks(self, length: int, chunk_size: int) -> Iterator[memoryview]:
        """The next `length` bytes in chunks, each valid until the next."""
        for start in range(0, length, chunk_size):
            yield self._take(min(chunk_size, length - start))

    def end(self) -> None:
        """Raise ValueError if there is more."""
        if self._rest or any(len(piece) for piece in self._pieces):
            raise ValueError("the archive is longer than it was said to be")

    def _take(self, size: int) -> memoryview:
        if len(self._rest) >= size:
            taken, self._rest = self._rest[:size], self._rest[size:]
            return taken
        gathered = bytearray()
        while True:
            part = self._rest[: size - len(gathered)]
            gathered += part
            self._rest = self._rest[len(part) :]
            if len(gathered) == size:
                return memoryview(gathered)
            self._rest = memoryview(next(self._pieces))


class PartsFile(BlockFile):
    """The archive that an index and its packs make, as a file to read. Used by one thread.

    Every chunk is compared with its checksum. Packs stay readable when they are removed.
    """

    def __init__(self, index: PartsIndex) -> None:
        """Open the packs. Raises OSError."""
        super().__init__()
        self._index = index
        self._ends = np.cumsum(index.records["length"], dtype=np.int64)
        self._chunk: tuple[int, bytes] = (-1, b"")
        self._packs: dict[int, int] = {}
        try:
            for number in np.unique(index.records["pack"]).tolist():
                if number != _ZEROS:
                    path = index.path.with_name(index.head.packs[number])
                    self._packs[number] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except BaseException:
            self.close()
            raise

    @property
    def size(self) -> int:
        """See BlockFile."""
        return self._index.head.size

    def block_at(self, offset: int) -> tuple[int, bytes]:
        """See BlockFile. Raises OSError for a damaged chunk."""
        number = int(np.searchsorted(self._ends, offset, side="right"))
        chunk = self._read(number)
        return int(self._ends[number]) - len(chunk), chunk

    def close(self) -> None:
        """Close the packs."""
        packs, self._packs = self._packs, {}
        for descriptor in packs.values():
            os.close(descriptor)
        super().close()

    def _read(self, number: int) -> bytes:
        """A chunk by its number."""
        if self._chunk[0] != number:
            record = self._index.records[number]
            length, pack = int(record["length"]), int(record["pack"])
            data = bytes(length)
            if pack != _ZEROS:
                data = os.pread(self._packs[pack], length, int(record["offset"]))
            if sha256(data).digest() != record["digest"].tobytes():
                raise OSError(f"a chunk of {self._index.path.name} is damaged")
            self._chunk = number, data
        return self._chunk[1]


def pack_extents(indexes: Iterable[PartsIndex]) -> dict[str, Extents]:
    """What indexes use of each pack."""
    used: dict[str, Extents] = {}
    for index in indexes:
        records = index.records
        for number in np.unique(records["pack"]).tolist():
            if number == _ZEROS:
                continue
            own = records[records["pack"] == number]
            begins = own["offset"].astype(np.int64)
            ends = begins + (own["length"].astype(np.int64) + PAGE - 1) // PAGE * PAGE
            pack = index.head.packs[number]
            found = np.column_stack([begins, ends])
            both = np.concatenate([used.get(pack, found[:0]), found])
            # A chunk of a pack is known by where it begins.
            used[pack] = both[np.unique(both[:, 0], return_index=True)[1]]
    return used
