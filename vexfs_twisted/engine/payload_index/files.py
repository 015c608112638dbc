"""Columns on disk, so that opening a collection need not read all payloads again.

A derived file: one that is damaged or of another version is ignored. It is valid for the snapshot
its column was built at, which may be older than the collection. Layout: the format, the CRC-32 of
all that follows, the size of the header, the header as JSON, and the parts that it describes, in
this order: the terms, as JSON lists, and the arrays. For a text index, the tokens and the arrays of
their postings follow; the header then has a stamp of how the text was tokenized. Arrays begin at
multiples of eight bytes. They are mapped, so that processes that read a collection share them; in
files of the version before they could begin anywhere, and are copied.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
import orjson
from isal.isal_zlib import crc32
from numpy.typing import NDArray

from ...model.payload_index import FieldSchema
from ...model.payload_path import PayloadPath
from ...text.stamp import reading_stamp
from ..storage.file_map import FileMap
from ..storage.files import write_durably
from .column import Column, ColumnPart
from .sorted_values import SortedValues
from .text_postings import TextPostings

_FORMAT = b"vexfscolumn-5\n\0\0"
_UNALIGNED = b"vexfscolumn-4\n\0\0"
_ALIGNMENT = 8
_LEAD = Struct(f"<{len(_FORMAT)}sIQ")
_LISTED = 1 << 12
"""The most strings of one list: the JSON library holds the GIL while it reads or writes one."""

Piece = bytes | memoryview


def column_files(directory: Path) -> set[Path]:
    """All column files in a directory, including incomplete ones."""
    return set(directory.glob("column-*.bin*"))


def column_file(directory: Path, path: PayloadPath) -> Path:
    """The path of the file of a payload path's column."""
    name = blake2b(path.text.encode(), digest_size=16).hexdigest()
    return directory / f"column-{name}.bin"


def save_column(file: Path, column: Column, schema: FieldSchema) -> None:
    """Write the column of an index durably; replaces the file atomically."""
    pairs = [column.parts[part] for part in ColumnPart]
    terms = _lists(column.terms)
    head: dict[str, Any] = {
        "operation": column.operation,
        "next_row": column.next_row,
        "base": column.base,
        "terms": list(map(len, terms)),
        "lengths": [len(values.rows) for values in pairs],
    }
    body: list[Piece] = [*terms, *chain.from_iterable(map(_arrays, pairs))]
    if schema.text is not None:
        read = column.read_by(schema.text)
        tokens = _lists(sorted(read.vocabulary, key=read.vocabulary.__getitem__))
        head["stamp"] = reading_stamp(schema)
        head["tokens"] = list(map(len, tokens))
        head["postings"] = len(read.postings.rows)
        body += [*tokens, *_arrays(read.postings)]
    packed = orjson.dumps(head)
    body = list(_aligned([packed, *body]))
    checksum = 0
    for piece in body:
        checksum = crc32(piece, checksum)
    write_durably(file, _LEAD.pack(_FORMAT, checksum, len(packed)), *body)


def load_column(file: Path, schema: FieldSchema) -> Column | None:
    """Load the column of an index; None if the file is missing or damaged.

    Also None for a text index whose text was tokenized in another way than it is now.
    """
    try:
        data = _mapped(file)
    except OSError:
        return None
    if len(data) < _LEAD.size:
        return None
    found, checksum, size = _LEAD.unpack_from(data.data)
    body = data[_LEAD.size :].data
    if found not in (_FORMAT, _UNALIGNED) or crc32(body) != checksum:
        return None
    head = orjson.loads(body[:size])
    if schema.text is not None and head.get("stamp") != reading_stamp(schema):
        return None
    rest = _Rest(data, _LEAD.size + size, 1 if found == _UNALIGNED else _ALIGNMENT)
    terms = rest.strings(head["terms"])
    lengths = zip(ColumnPart, head["lengths"], strict=True)
    parts = {part: rest.pairs(part.value, length) for part, length in lengths}
    read: TextPostings | None = None
    if schema.text is not None:
        numbers = {token: number for number, token in enumerate(rest.strings(head["tokens"]))}
        postings = rest.pairs("u4", head["postings"])
        read = TextPostings(schema.text, terms, parts[ColumnPart.STRINGS], numbers, postings)
    # Files of the version before this one had no `base`, as all rows were counted from the first.
    return Column(head["operation"], head["next_row"], terms, parts, read, head.get("base", 0))


def _lists(strings: Sequence[str]) -> list[bytes]:
    starts = range(0, len(strings), _LISTED)
    return [orjson.dumps(strings[start : start + _LISTED]) for start in starts]


def _arrays(pairs: SortedValues) -> Iterator[Piece]:
    for array in (pairs.values, pairs.rows):
        yield np.ascontiguousarray(array).data


def _mapped(file: Path) -> NDArray[np.uint8]:
    """The bytes of a file, mapped. Raises OSError."""
    with file.open("rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        if not size:
            return np.zeros(0, dtype=np.uint8)
        return FileMap(opened.fileno(), size).array(np.uint8)


def _aligned(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces of a file after its lead, with zeros before each array that is not aligned."""
    position = _LEAD.size
    for piece in pieces:
        if isinstance(piece, memoryview):
            gap = -position % _ALIGNMENT
            if gap:
                yield bytes(gap)
            position += gap + piece.nbytes
        else:
            position += len(piece)
        yield piece


class _Rest:
    """Reads the parts after the header of a file in order.

    Arrays begin at multiples of `alignment` bytes.
    """

    def __init__(self, data: NDArray[np.uint8], start: int, alignment: int) -> None:
        self._data = data
        self._start = start
        self._alignment = alignment

    def strings(self, sizes: Sequence[int]) -> list[str]:
        """Read lists of strings; `sizes` are their sizes in bytes."""
        return [string for size in sizes for string in orjson.loads(self._next(size).data)]

    def pairs(self, kind: str, length: int) -> SortedValues:
        """Read `length` pairs whose values have the dtype `kind`."""
        values = self._array(np.dtype(kind), length)
        return SortedValues(values, self._array(np.dtype(np.uint32), length))

    def _array(self, kind: np.dtype[Any], length: int) -> NDArray[Any]:
        self._start += -self._start % self._alignment
        found = self._next(length * kind.itemsize)
        return found.view(kind) if self._alignment > 1 else found.copy().view(kind)

    def _next(self, size: int) -> NDArray[np.uint8]:
        start = self._start
        self._start += size
        return self._data[start : self._start]
