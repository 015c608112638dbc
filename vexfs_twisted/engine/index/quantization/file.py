"""Codes on disk, in a layout of our own: searched where they are mapped.

A lead of 16 bytes of format, a checksum of the head and its size; the head as JSON; from the second
page on what the kind has learned, float32; on pages of their own one code a row of the range, zeros
where no vector is. Everything is little-endian. Codes are derived: damaged ones are made again.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from struct import Struct
from typing import BinaryIO

import numpy as np
import orjson
from attrs import asdict, frozen
from numpy.typing import NDArray

from ...store.files import storage_errors, written_durably
from .errors import DamagedCodes

_FORMAT = b"vexfscodes-1\n\0\0\0"
_LEAD = Struct(f"<{len(_FORMAT)}sII")
_PAGE = 4096
_PART = 1 << 20

Bytes = NDArray[np.uint8]


@frozen
class CodesFacts:
    """What is told of saved codes.

    They are for the rows from `start` to before `stop`, `code_size` bytes each, of the kind of that
    name. `nbytes` is the size of the file, and `checksum` that of all that is in it.
    """

    start: int
    stop: int
    kind: str
    code_size: int
    nbytes: int
    checksum: int


@frozen
class _Head:
    start: int
    stop: int
    kind: str
    dimension: int
    code_size: int
    learned: int
    learned_checksum: int
    codes_checksum: int

    @property
    def codes_offset(self) -> int:
        return _PAGE + -(-4 * self.learned // _PAGE) * _PAGE

    @property
    def size(self) -> int:
        return self.codes_offset + (self.stop - self.start) * self.code_size


@frozen
class MappedCodes:
    """A file of codes that is open: what it tells, what was learned, and the codes on the map."""

    path: Path
    facts: CodesFacts
    learned: NDArray[np.float32]
    codes: Bytes
    codes_checksum: int

    def check_codes(self) -> None:
        """Read all codes, and raise DamagedCodes unless they are what was written."""
        checksum = 0
        for start in range(0, len(self.codes), _PART):
            checksum = zlib.crc32(self.codes[start : start + _PART].data, checksum)
        if checksum != self.codes_checksum:
            raise DamagedCodes(self.path, "they are not what was written")


def save_codes(
    path: Path,
    rows: tuple[int, int],
    kind: str,
    dimension: int,
    learned: NDArray[np.float32],
    blocks: Iterable[Bytes],
) -> CodesFacts:
    """Write codes durably; `blocks`, shape [n, code size], are those of all rows one after another.

    Raises StorageFull, and leaves nothing behind, when the device has no room or `blocks` raises.
    """
    numbers = learned.astype("<f4", copy=False)
    with storage_errors(path), written_durably(path) as file:
        file.seek(_PAGE)
        file.write(numbers.data)
        file.seek(_PAGE + -(-numbers.nbytes // _PAGE) * _PAGE)
        code_size, checksum = _write_blocks(file, blocks)
        head = _Head(
            start=rows[0],
            stop=rows[1],
            kind=kind,
            dimension=dimension,
            code_size=code_size,
            learned=len(numbers),
            learned_checksum=zlib.crc32(numbers.data),
            codes_checksum=checksum,
        )
        encoded = orjson.dumps(asdict(head))
        head_checksum = zlib.crc32(encoded)
        file.seek(0)
        file.write(_LEAD.pack(_FORMAT, head_checksum, len(encoded)) + encoded)
    return _facts(head, head_checksum)


def map_codes(path: Path, dimension: int) -> MappedCodes:
    """Open a file of codes of vectors of `dimension`, and check all of it but the codes.

    Raises DamagedCodes.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise DamagedCodes(path, str(error.strerror)) from error
    try:
        head, checksum = _read_head(path, os.pread(descriptor, _PAGE, 0))
        if os.fstat(descriptor).st_size != head.size:
            raise DamagedCodes(path, "their size is not what was written")
        mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
    learned = np.frombuffer(mapped, "<f4", head.learned, _PAGE)
    if head.dimension != dimension or zlib.crc32(learned.data) != head.learned_checksum:
        raise DamagedCodes(path, "what they were made with is not what was written")
    codes = np.frombuffer(mapped, np.uint8, offset=head.codes_offset)
    return MappedCodes(path, _facts(head, checksum), learned, codes, head.codes_checksum)


def _write_blocks(file: BinaryIO, blocks: Iterable[Bytes]) -> tuple[int, int]:
    """Write codes; the size of one, and the checksum of all."""
    code_size = checksum = 0
    for block in blocks:
        code_size = block.shape[1]
        checksum = zlib.crc32(block.data, checksum)
        file.write(block.data)
    return code_size, checksum


def _read_head(path: Path, page: bytes) -> tuple[_Head, int]:
    """The head and its checksum, which covers those of all else."""
    if len(page) < _PAGE:
        raise DamagedCodes(path, "their head is missing")
    found, checksum, size = _LEAD.unpack_from(page)
    if found != _FORMAT:
        raise DamagedCodes(path, "their format is unknown")
    encoded = page[_LEAD.size : _LEAD.size + size]
    if zlib.crc32(encoded) != checksum:
        raise DamagedCodes(path, "their head is not what was written")
    return _Head(**orjson.loads(encoded)), checksum


def _facts(head: _Head, checksum: int) -> CodesFacts:
    return CodesFacts(
        start=head.start,
        stop=head.stop,
        kind=head.kind,
        code_size=head.code_size,
        nbytes=head.size,
        checksum=checksum,
    )
