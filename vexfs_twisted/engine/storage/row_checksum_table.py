"""Checksums of the rows of vector files, in the table `sums`, in the commit that adds the rows.

One value for each vector name and block of rows: CRC-32s, uint32 little-endian, of the bytes of the
vector of each row in all files of the name; 0 where none is known. The key is slot and block. Rows
are numbered as in the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from .bitmap import Rows
from .record_checksums import is_sealed, sealed
from .tables import Tables, Transaction, delete_keys

TABLE = "sums"
BLOCK = 256
_KEY = Struct(">HQ")
_NO_BLOCK = (1 << 64) - 1
_SUM = np.dtype("<u4")

Sums = NDArray[np.uint32]

_UNKNOWN = np.zeros(BLOCK, dtype=_SUM)


def read_row_checksums(transaction: Transaction, tables: Tables, slot: int, rows: Rows) -> Sums:
    """The checksums of `rows`, ascending, shape [n]; 0 where none is known.

    Those in a damaged record are not known.
    """
    if not len(rows):
        return np.zeros(0, dtype=np.uint32)
    blocks = rows // BLOCK
    if blocks[0] == blocks[-1]:
        return _block(transaction, tables, slot, int(blocks[0]))[rows % BLOCK]
    begins = np.ones(len(blocks), dtype=bool)
    np.not_equal(blocks[1:], blocks[:-1], out=begins[1:])
    found = [_block(transaction, tables, slot, block) for block in blocks[begins].tolist()]
    every: Sums = np.concatenate(found).reshape(-1, BLOCK)[begins.cumsum() - 1, rows % BLOCK]
    return every


def write_row_checksums(
    transaction: Transaction, tables: Tables, slot: int, rows: Rows, sums: Sums
) -> None:
    """Record the checksums of `rows`, ascending."""
    for block, start, stop in _blocks(rows):
        data = _block(transaction, tables, slot, block).copy()
        data[rows[start:stop] - block * BLOCK] = sums[start:stop]
        key = _KEY.pack(slot, block)
        transaction.put(key, sealed(key, data.tobytes()), db=tables.sums)


def drop_row_checksums(transaction: Transaction, tables: Tables, slot: int) -> None:
    """Delete the checksums of a slot."""
    delete_keys(transaction, tables.sums, _KEY.pack(slot, 0), _KEY.pack(slot, _NO_BLOCK))


def drop_row_checksums_before(
    transaction: Transaction, tables: Tables, slot: int, row: int
) -> None:
    """Delete the checksums of a slot in the blocks before that of `row`."""
    stop = _KEY.pack(slot, row // BLOCK)
    delete_keys(transaction, tables.sums, _KEY.pack(slot, 0), stop)


def _blocks(rows: Rows) -> Iterator[tuple[int, int, int]]:
    """The blocks of `rows`, ascending, and which of these are in each."""
    if len(rows):
        blocks, starts = np.unique(rows // BLOCK, return_index=True)
        stops = [*starts[1:].tolist(), len(rows)]
        yield from zip(blocks.tolist(), starts.tolist(), stops, strict=True)


def _block(transaction: Transaction, tables: Tables, slot: int, block: int) -> Sums:
    """The checksums of a block, shape [BLOCK], not to be changed."""
    key = _KEY.pack(slot, block)
    value = transaction.get(key, db=tables.sums)
    if value is None or not is_sealed(TABLE, key, value):
        return _UNKNOWN
    return np.frombuffer(value, dtype=_SUM, count=BLOCK)
