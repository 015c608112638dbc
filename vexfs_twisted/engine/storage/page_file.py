"""An LMDB file as pages, its meta pages, and the trees that they name.

The format is that of LMDB 0.9, little-endian. Pages are read from the file, never through a map, so
no damage can end the process.
"""

from __future__ import annotations

import os
from struct import Struct

import numpy as np
from attrs import Factory, define, frozen
from numpy.typing import NDArray

from ...model.damage import Damage
from .page_nodes import Pages

_META = 0x08
_MAGIC = 0xBEEFC0DE
_VERSION = 1
NOTHING = (1 << 64) - 1
_PAGE_SIZES = (4096, 8192, 16384, 32768, 65536)
METAS = 2
TREE_RECORD = Struct("<IHHQQQQQ")
HEAD = Struct("<QHHHH")
_META_HEAD = Struct("<IIQQ")
_META_TAIL = Struct("<QQ")
_META_BYTES = 16 + _META_HEAD.size + 2 * TREE_RECORD.size + _META_TAIL.size
TREES = b"\0main"
FREE = b"\0free"
_MOST_FINDINGS = 100

Numbers = NDArray[np.int64]


@frozen
class Tree:
    """A tree of a file: its name, the number of its root page, its depth and its counts."""

    name: bytes
    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int

    @classmethod
    def of(cls, name: bytes, data: bytes) -> Tree:
        """The tree of a record of 48 bytes."""
        _, _, depth, branches, leaves, overflows, entries, root = TREE_RECORD.unpack(data)
        return cls(name, depth, branches, leaves, overflows, entries, root)


class BrokenPages(Exception):
    """The file cannot be checked any further."""

    def __init__(self, offset: int, text: str) -> None:
        super().__init__(text)
        self.offset = offset


@define
class PageFile:
    """An LMDB file that is open for checking.

    `last` is the last page it should have, `end` the first one that it does not have. `findings`
    are those so far.
    """

    descriptor: int
    name: str
    page_size: int = 4096
    last: int = 0
    end: int = 0
    number: int = 0
    trees: list[Tree] = Factory(list)
    findings: list[Damage] = Factory(list)
    used: list[Numbers] = Factory(list)
    free: list[Numbers] = Factory(list)

    def read(self, pages: Numbers) -> Pages:
        """The bytes of pages, ascending or not, shape [n, page size]; read in runs."""
        found = np.zeros((len(pages), self.page_size), dtype=np.uint8)
        breaks = (pages[1:] - pages[:-1] != 1).nonzero()[0] + 1
        for start, stop in zip([0, *breaks], [*breaks, len(pages)], strict=True):
            if start == stop:
                continue
            view = found[start:stop].reshape(-1)
            os.preadv(self.descriptor, [view.data], int(pages[start]) * self.page_size)
        return found

    def tell(self, page: int, text: str, place: int = 0) -> None:
        """Add a finding about a page, `place` bytes from its begin."""
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(Damage(self.name, page * self.page_size + place, text))


def read_meta(file: PageFile, wanted: int | None = None) -> None:
    """Read the meta pages and the size of the file. Raises BrokenPages if there is no way on."""
    size = os.fstat(file.descriptor).st_size
    found = os.pread(file.descriptor, 4, 16 + _META_HEAD.size)
    if int.from_bytes(found, "little") in _PAGE_SIZES:
        file.page_size = int.from_bytes(found, "little")
    if size < METAS * file.page_size:
        raise BrokenPages(size, "the file ends there, within its header")
    data = os.pread(file.descriptor, METAS * file.page_size, 0)
    numbers: list[int] = []
    for page in range(METAS):
        numbers.append(_check_meta(file, page, data[page * file.page_size :][:_META_BYTES]))
    if sorted(numbers) != [0, 0] and (
        abs(numbers[0] - numbers[1]) != 1 or numbers[0] % 2 or not numbers[1] % 2
    ):
        raise BrokenPages(0, f"the numbers {numbers} of its last transactions do not go together")
    chosen = int(numbers[1] > numbers[0])
    if wanted is not None and wanted in numbers:
        chosen = numbers.index(wanted)
    begin = chosen * file.page_size + 16 + _META_HEAD.size
    file.trees = [
        Tree.of(name, data[begin + place * TREE_RECORD.size :][: TREE_RECORD.size])
        for place, name in enumerate((FREE, TREES))
    ]
    file.last, file.number = _META_TAIL.unpack_from(data, begin + 2 * TREE_RECORD.size)
    # Free pages at the end may never have been written.
    file.end = min(file.last + 1, size // file.page_size)


def _check_meta(file: PageFile, page: int, data: bytes) -> int:
    """Check a meta page; the number of its transaction. Raises BrokenPages."""
    begin = page * file.page_size
    number, pad, flags, *_ = HEAD.unpack_from(data)
    magic, version, address, _ = _META_HEAD.unpack_from(data, 16)
    if (number, pad, flags) != (page, 0, _META) or (magic, version) != (_MAGIC, _VERSION):
        raise BrokenPages(begin, "it is no meta page")
    free, main = (
        TREE_RECORD.unpack_from(data, 16 + _META_HEAD.size + place * TREE_RECORD.size)
        for place in (0, 1)
    )
    if free[0] != file.page_size or address != 0 or main[0] != 0:
        raise BrokenPages(begin, "its meta page has impossible contents")
    # The free list has integer keys. Flags of the environment lie there, too.
    if main[1] != 0 or free[1] & ~0x8 & 0xFFF:
        raise BrokenPages(begin, "its meta page has impossible flags")
    last, transaction = _META_TAIL.unpack_from(data, _META_BYTES - _META_TAIL.size)
    if last < 1:
        raise BrokenPages(begin, "its meta page has an impossible number of pages")
    return int(transaction)
