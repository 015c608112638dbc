"""The files of a log: segments of records, each a batch of commands that was committed.

A segment is named by the number of the command before its first, `<20 digits>.commands`. It begins
with the format. A record has the size of its batch, the CRC-32 of all that follows it, the numbers
of the last command before and after the batch, the ids of the next operation before and after it,
and the batch as `encode_batch` writes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import BinaryIO

from attrs import frozen
from isal.isal_zlib import crc32

from .errors import UnknownFormat

FORMAT = b"vexfscommands-1\n"
_SUFFIX = ".commands"
_DIGITS = 20
_HEAD = Struct("<QI")
_NUMBERS = Struct("<QQQQ")

LARGEST_BATCH = 1 << 31
"""More bytes than a request may have."""


@frozen
class LoggedBatch:
    """A batch as bytes, the last command and the next operation before it and after it.

    `operation` may be beyond the next one after the batch before: moves of points take ids too.
    """

    before: int
    after: int
    operation: int
    next_operation: int
    data: bytes

    def sealed(self) -> bytes:
        """The record."""
        body = _NUMBERS.pack(self.before, self.after, self.operation, self.next_operation)
        body += self.data
        return _HEAD.pack(len(self.data), crc32(body)) + body


def segment_files(directory: Path) -> list[Path]:
    """The segments of a log, the oldest first. Raises OSError."""
    return sorted(path for path in directory.iterdir() if _is_segment(path))


def segment_path(directory: Path, before: int) -> Path:
    """The segment whose first command follows command `before`."""
    return directory / f"{before:0{_DIGITS}}{_SUFFIX}"


def begin_of(segment: Path) -> int:
    """The number of the command before the first of a segment."""
    return int(segment.stem)


def _is_segment(path: Path) -> bool:
    return path.suffix == _SUFFIX and len(path.stem) == _DIGITS and path.stem.isdecimal()


def read_segment(file: BinaryIO) -> Iterator[tuple[LoggedBatch, int]]:
    """The records of a segment, each with the position after it, up to one that is not whole.

    Raises UnknownFormat and OSError.
    """
    found = file.read(len(FORMAT))
    if found != FORMAT:
        # A file that was cut off in its first line has no records.
        if FORMAT.startswith(found):
            return
        raise UnknownFormat(Path(file.name), found.hex())
    end = os.fstat(file.fileno()).st_size
    position = len(FORMAT)
    while position + _HEAD.size + _NUMBERS.size <= end:
        size, checksum = _HEAD.unpack(file.read(_HEAD.size))
        length = _NUMBERS.size + size
        if size > LARGEST_BATCH or position + _HEAD.size + length > end:
            return
        body = file.read(length)
        if len(body) < length or crc32(body) != checksum:
            return
        position += _HEAD.size + length
        before, after, operation, following = _NUMBERS.unpack_from(body)
        yield LoggedBatch(before, after, operation, following, body[_NUMBERS.size :]), position
