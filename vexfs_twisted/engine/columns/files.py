"""Columns on disk, so that opening a collection need not read all payloads again.

A file is derived: one that is damaged or of another version is not used. It stands for the moment
its column was made for, which the collection may have left behind. Layout: the format, a checksum
of all that follows, the size of the head, the head as JSON, and the arrays that it describes one
after another.
"""

from __future__ import annotations

import zlib
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
import orjson

from ...model.payload_path import PayloadPath
from ..store.files import write_durably
from .column import Column, Part
from .sorting import SortedValues

_FORMAT = b"vexfscolumn-1\n\0\0"
_LEAD = Struct(f"<{len(_FORMAT)}sIQ")


def column_files(directory: Path) -> set[Path]:
    """All files of columns that there are, wholly written or not."""
    return set(directory.glob("column-*.bin*"))


def column_file(directory: Path, path: PayloadPath) -> Path:
    """Where the column of a path lies."""
    name = blake2b(path.text.encode(), digest_size=16).hexdigest()
    return directory / f"column-{name}.bin"


def save_column(file: Path, column: Column) -> None:
    """Write the column durably in the place of what the file held."""
    head = orjson.dumps({
        "operation": column.operation,
        "next_row": column.next_row,
        "terms": list(column.terms),
        "lengths": [len(column.parts[part].rows) for part in Part],
    })  # fmt: skip
    body: list[bytes | memoryview] = [head]
    for part in Part:
        values = column.parts[part]
        body += [np.ascontiguousarray(array).data for array in (values.values, values.rows)]
    checksum = 0
    for piece in body:
        checksum = zlib.crc32(piece, checksum)
    write_durably(file, _LEAD.pack(_FORMAT, checksum, len(head)), *body)


def load_column(file: Path) -> Column | None:
    """The column in the file; None when there is none that is sound."""
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
    head: dict[str, Any] = orjson.loads(body[:size])
    parts: dict[Part, SortedValues] = {}
    start = _LEAD.size + size
    for part, length in zip(Part, head["lengths"], strict=True):
        # Copies are aligned, which what lies in the file need not be.
        values = np.frombuffer(data, part.value, length, start).copy()
        start += values.nbytes
        rows = np.frombuffer(data, np.uint32, length, start).copy()
        start += rows.nbytes
        parts[part] = SortedValues(values, rows)
    return Column(head["operation"], head["next_row"], head["terms"], parts)
