"""The sound records of damaged tables, read from their pages without LMDB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import orjson

from ..jsonform.collections import load_collection_config
from ..model.collection import CollectionConfig
from ..model.damage import Damage
from .storage.bitmap import CHUNK_BYTES, CHUNK_ROWS, Bitmap, Rows
from .storage.counters import CHECKSUMS_SINCE, FORMAT_VERSION, Counters, Slot
from .storage.page_check import trees_in, walk
from .storage.page_file import BrokenPages, PageFile, Tree, read_meta
from .storage.page_nodes import BIG
from .storage.record_checksums import CHECKSUM_BYTES, is_sealed
from .storage.row_checksum_table import BLOCK, Sums
from .storage.table_reader import META
from .storage.tables import TABLES_FILE

_FORMAT = b"format"


class Salvage:
    """The tables in the directory `path`, which no process has open; a context manager.

    `damages` are those found so far: of pages first, then of the records that were read.
    """

    def __init__(self, path: Path) -> None:
        """Open the file of the tables. Raises OSError."""
        self.path = path
        self.damages: list[Damage] = []
        self._file = PageFile(os.open(path / TABLES_FILE, os.O_RDONLY | os.O_CLOEXEC), TABLES_FILE)
        self._trees: dict[str, Tree] = {}
        try:
            read_meta(self._file)
            found = trees_in(self._file)
            self._trees = {tree.name.decode(errors="replace"): tree for tree in found}
        except BrokenPages as error:
            self.damages.append(Damage(TABLES_FILE, error.offset, str(error)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file.descriptor)

    @property
    def format(self) -> int | None:
        """The format of the tables, if it can be read."""
        for key, value in self._raw(META):
            if key == _FORMAT and value.isdigit():
                return int(value)
        return None

    @property
    def is_checked(self) -> bool:
        """Whether the tables are of a format that is known and has checksums."""
        return CHECKSUMS_SINCE <= (self.format or 0) <= FORMAT_VERSION

    def records(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        """The sound records of a table, in order. Adds the others to `damages`."""
        for key, value, offset in self._each(table):
            if is_sealed(table, key, value):
                yield key, value
            elif not (table == META and key == _FORMAT):
                text = f"the record {key.hex()} of the table `{table}` is not what was written"
                self.damages.append(Damage(TABLES_FILE, offset, text))

    def meta(self) -> dict[bytes, bytes]:
        """The sound records of `meta`, without checksums."""
        return {key: value[:-CHECKSUM_BYTES] for key, value in self.records(META)}

    def bitmaps(self, base: int) -> dict[int, Bitmap]:
        """The bitmaps by slot, as far as their records are sound, counted from row `base`."""
        chunks: dict[int, dict[int, bytes]] = {}
        for key, value in self.records("bits"):
            own = chunks.setdefault(int.from_bytes(key[:2], "big"), {})
            own[int.from_bytes(key[2:], "big")] = value[:-CHECKSUM_BYTES]
        return {slot: _bitmap(own, base // CHUNK_ROWS) for slot, own in chunks.items()}

    def sums(self) -> dict[int, dict[int, Sums]]:
        """The checksums of rows by slot and block."""
        found: dict[int, dict[int, Sums]] = {}
        for key, value in self.records("sums"):
            own = found.setdefault(int.from_bytes(key[:2], "big"), {})
            block = int.from_bytes(key[2:], "big")
            own[block] = np.frombuffer(value[:-CHECKSUM_BYTES], dtype="<u4").astype(np.uint32)
        return found

    def _raw(self, table: str) -> Iterator[tuple[bytes, bytes]]:
        for key, value, _ in self._each(table):
            yield key, value

    def _each(self, table: str) -> Iterator[tuple[bytes, bytes, int]]:
        tree = self._trees.get(table)
        if tree is None:
            return
        size = self._file.page_size
        for pages, nodes, _ in walk(self._file, tree, every=True):
            for index in range(len(nodes.starts)):
                start = int(nodes.starts[index])
                offset = int(pages[nodes.pages[index]]) * size + start % size
                if nodes.flags[index] & BIG:
                    page = int(nodes.overflow(np.array([index]))[0])
                    length = int(nodes.data_sizes[index])
                    if not 0 < page < self._file.end or length > self._file.end * size:
                        continue
                    value = os.pread(self._file.descriptor, length, page * size + 16)
                else:
                    value = nodes.data(index)
                yield nodes.key(index), value, offset
        self.damages += [own for own in self._file.findings if own not in self.damages]


def config_of(meta: dict[bytes, bytes]) -> CollectionConfig | None:
    """The configuration in the records of `meta`; None if it is lost."""
    with suppress(Exception):
        return load_collection_config(meta[b"config"])
    return None


def counters_of(meta: dict[bytes, bytes]) -> Counters | None:
    """The counters in the records of `meta`; None if they are lost."""
    with suppress(Exception):
        plain = orjson.loads(meta[b"state"])
        slots = {name: Slot(**slot) for name, slot in plain.pop("slots", {}).items()}
        return Counters(**plain, slots=slots)
    return None


def known_sums(sums: dict[int, Sums], rows: Rows) -> Sums:
    """The checksums of `rows`; 0 where none is known."""
    found = np.zeros(len(rows), dtype=np.uint32)
    blocks = rows // BLOCK
    for block in np.unique(blocks).tolist():
        if block in sums:
            own = blocks == block
            found[own] = sums[block][rows[own] - block * BLOCK]
    return found


def _bitmap(chunks: dict[int, bytes], first: int) -> Bitmap:
    bits = np.zeros(max(max(chunks) + 1 - first, 0) * CHUNK_BYTES, dtype=np.uint8)
    for number, data in chunks.items():
        if len(data) == CHUNK_BYTES and number >= first:
            place = (number - first) * CHUNK_BYTES
            bits[place : place + CHUNK_BYTES] = np.frombuffer(data, dtype=np.uint8)
    return Bitmap.of_bits(bits)
