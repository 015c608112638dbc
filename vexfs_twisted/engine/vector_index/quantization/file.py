"""Files of codes: an own layout, searched in the memory map.

A derived file: the header; from the second page on the learned parameters of the kind, float32; on
pages of their own one code per row of the range, zeros for rows without a vector. Everything is
little-endian. Damaged codes are made again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from attrs import asdict, evolve, frozen
from isal.isal_zlib import crc32
from numpy.typing import NDArray

from ...storage.derived_files import PAGE, DerivedFormat
from ...storage.files import storage_errors, written_durably
from .errors import DamagedCodes

_FORMAT = DerivedFormat(b"vexfscodes-1\n\0\0\0", DamagedCodes, "their")
_PART = 1 << 20

Bytes = NDArray[np.uint8]


@frozen
class CodesFacts:
    """The description of saved codes.

    They are for the rows in [start, stop), `code_size` bytes each, of the kind named `kind`.
    `nbytes` is the size of the file, and `checksum` covers all of its contents.
    """

    start: int
    stop: int
    kind: str
    code_size: int
    nbytes: int
    checksum: int

    def moved(self, rows: int) -> CodesFacts:
        """The same facts, with `rows` added to the numbers of the rows."""
        return evolve(self, start=self.start + rows, stop=self.stop + rows)


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
        return PAGE + -(-4 * self.learned // PAGE) * PAGE

    @property
    def size(self) -> int:
        return self.codes_offset + (self.stop - self.start) * self.code_size


@frozen
class MappedCodes:
    """An open file of codes: its description, the learned parameters, and the codes on the map."""

    path: Path
    facts: CodesFacts
    learned: NDArray[np.float32]
    codes: Bytes
    codes_checksum: int

    def moved(self, rows: int) -> MappedCodes:
        """The same codes, with `rows` added to the numbers of the rows."""
        return evolve(self, facts=self.facts.moved(rows))

    def check_codes(self) -> None:
        """Verify the checksum of all codes; raises DamagedCodes."""
        checksum = 0
        for start in range(0, len(self.codes), _PART):
            checksum = crc32(self.codes[start : start + _PART].data, checksum)
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
    """Write codes durably. `blocks`, shape [n, code size], are those of all rows in order.

    Raises StorageFull if the device is full. If that or `blocks` raises, no file is left behind.
    """
    numbers = learned.astype("<f4", copy=False)
    with storage_errors(path), written_durably(path) as file:
        file.seek(PAGE)
        file.write(numbers.data)
        file.seek(PAGE + -(-numbers.nbytes // PAGE) * PAGE)
        code_size, checksum = _write_blocks(file, blocks)
        head = _Head(
            start=rows[0],
            stop=rows[1],
            kind=kind,
            dimension=dimension,
            code_size=code_size,
            learned=len(numbers),
            learned_checksum=crc32(numbers.data),
            codes_checksum=checksum,
        )
        head_checksum = _FORMAT.write_head(file, asdict(head))
    return _facts(head, head_checksum)


def map_codes(path: Path, dimension: int) -> MappedCodes:
    """Map a file of codes of vectors of `dimension`, and verify all of it but the codes.

    Raises DamagedCodes.
    """
    head, checksum, mapped = _FORMAT.map(path, _Head)
    learned = mapped.array("<f4", head.learned, PAGE)
    if head.dimension != dimension or crc32(learned.data) != head.learned_checksum:
        raise DamagedCodes(path, "what they were made with is not what was written")
    codes = mapped.array(np.uint8, offset=head.codes_offset)
    return MappedCodes(path, _facts(head, checksum), learned, codes, head.codes_checksum)


def _write_blocks(file: BinaryIO, blocks: Iterable[Bytes]) -> tuple[int, int]:
    """Write codes; returns the size of one, and the checksum of all."""
    code_size = checksum = 0
    for block in blocks:
        code_size = block.shape[1]
        checksum = crc32(block.data, checksum)
        file.write(block.data)
    return code_size, checksum


def _facts(head: _Head, checksum: int) -> CodesFacts:
    return CodesFacts(
        start=head.start,
        stop=head.stop,
        kind=head.kind,
        code_size=head.code_size,
        nbytes=head.size,
        checksum=checksum,
    )
