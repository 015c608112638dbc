"""Columns on disk, so that opening a collection need not read all payloads again.

A file is derived: one that is damaged or of another version is not used. It stands for the moment
its column was made for, which the collection may have left behind. Layout: the format, a checksum
of all that follows, the size of the head, the head as JSON, and the arrays that it describes one
after another. With a text index there are the tokens too, under a stamp of how they were read.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ...model.payload_index import FieldSchema
from ...model.payload_path import PayloadPath
from ..store.files import write_durably
from ..text.stamp import reading_stamp
from .column import Column, Part
from .sorting import SortedValues
from .text import TextPostings

_FORMAT = b"vexfscolumn-2\n\0\0"
_LEAD = Struct(f"<{len(_FORMAT)}sIQ")


def column_files(directory: Path) -> set[Path]:
    """All files of columns that there are, wholly written or not."""
    return set(directory.glob("column-*.bin*"))


def column_file(directory: Path, path: PayloadPath) -> Path:
    """Where the column of a path lies."""
    name = blake2b(path.text.encode(), digest_size=16).hexdigest()
    return directory / f"column-{name}.bin"


def save_column(file: Path, column: Column, schema: FieldSchema) -> None:
    """Write the column of an index durably in the place of what the file held."""
    pairs = [column.parts[part] for part in Part]
    head: dict[str, Any] = {
        "operation": column.operation,
        "next_row": column.next_row,
        "terms": list(column.terms),
        "lengths": [len(values.rows) for values in pairs],
    }
    if schema.text is not None:
        read = column.read_by(schema.text)
        tokens = sorted(read.vocabulary, key=read.vocabulary.__getitem__)
        count = len(read.postings.rows)
        head["text"] = {"stamp": reading_stamp(schema), "tokens": tokens, "length": count}
        pairs.append(read.postings)
    packed = orjson.dumps(head)
    body: list[bytes | memoryview] = [packed]
    for values in pairs:
        body += [np.ascontiguousarray(array).data for array in (values.values, values.rows)]
    checksum = 0
    for piece in body:
        checksum = zlib.crc32(piece, checksum)
    write_durably(file, _LEAD.pack(_FORMAT, checksum, len(packed)), *body)


def load_column(file: Path, schema: FieldSchema) -> Column | None:
    """The column in the file, for an index; None when there is none that is sound.

    For a text index the tokens must have been read as that index reads them now.
    """
    try:
        data = file.read_bytes()
    except OSError:
        return None
    if len(data) < _LEAD.size:
        return None
    found, checksum, size = _LEAD.unpack_from(data)
    body = memoryview(data)[_LEAD.size :]
    if found != _FORMAT or zlib.crc32(body) != checksum:
        return None
    head = orjson.loads(body[:size])
    arrays = _Arrays(data, _LEAD.size + size)
    lengths = zip(Part, head["lengths"], strict=True)
    parts = {part: arrays.next(part.value, length) for part, length in lengths}
    terms, read = head["terms"], None
    if schema.text is not None:
        text = head.get("text")
        if text is None or text["stamp"] != reading_stamp(schema):
            return None
        numbers = {token: number for number, token in enumerate(text["tokens"])}
        postings = arrays.next("u4", text["length"])
        read = TextPostings(schema.text, terms, parts[Part.STRINGS], numbers, postings)
    return Column(head["operation"], head["next_row"], terms, parts, read)


class _Arrays:
    """Reads the arrays of a file, from the first on."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._start = start

    def next(self, kind: str, length: int) -> SortedValues:
        """The next pairs, of values of that dtype."""
        return SortedValues(self._array(kind, length), self._array("u4", length))

    def _array(self, kind: str, length: int) -> NDArray[Any]:
        # A copy is aligned, which what lies in the file need not be.
        array = np.frombuffer(self._data, kind, length, self._start).copy()
        self._start += array.nbytes
        return array
