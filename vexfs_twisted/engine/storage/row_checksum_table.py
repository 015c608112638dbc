"""Checksums of the rows of vector files, in the table `sums`, in the commit that adds the rows.

One value for each vector name and block of rows: CRC-32s, uint32 little-endian, of the bytes of the
vector of each row in all files of the name; 0 where none is known. The key is slot and block.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from .bitmap import Rows
from .record_checksums import CHECKSUM_BYTES, is_sealed, sealed
from .tables import Tables, Transaction

TABLE = "sums"
BLOCK = 256
_KEY = Struct(">HQ")
_SUM = np.dtype("<u4")

Sums = NDArray[np.uint32]


def read_row_checksums(transaction: Transaction, tables: Tables, slot: int, rows: Rows) -> Sums:
    """The checksums of `rows`, ascending, shape [n]; 0 where none is known.

    Those in a damaged record are not known.
    """
    found = np.zeros(len(rows), dtype=np.uint32)
    for block, start, stop in _blocks(rows):
        known = _block(transaction, tables, slot, block)
        if known is not None:
            found[start:stop] = known[rows[start:stop] - block * BLOCK]
    return found


def write_row_checksums(
    transaction: Transaction, tables: Tables, slot: int, rows: Rows, sums: Sums
) -> None:
    """Record the checksums of `rows`, ascending."""
    for block, start, stop in _blocks(rows):
        known = _block(transaction, tables, slot, block)
        data = np.zeros(BLOCK, dtype=_SUM) if known is None else known.copy()
        data[rows[start:stop] - block * BLOCK] = sums[start:stop]
        key = _KEY.pack(slot, block)
        transaction.put(key, sealed(key, data.tobytes()), db=tables.sums)


def drop_row_checksums(transaction: Transaction, tables: Tables, slot: int) -> None:
    """Delete the checksums of a slot."""
    with transaction.cursor(tables.sums) as cursor:
        cursor.set_range(_KEY.pack(slot, 0))
        # It has no key once it is past the last.
        while (key := cursor.key()) and _KEY.unpack(key)[0] == slot:
            cursor.delete()


def _blocks(rows: Rows) -> Iterator[tuple[int, int, int]]:
    """The blocks of `rows`, ascending, and which of these are in each."""
    if len(rows):
        blocks, starts = np.unique(rows // BLOCK, return_index=True)
        stops = [*starts[1:].tolist(), len(rows)]
        yield from zip(blocks.tolist(), starts.tolist(), stops, strict=True)


def _block(transaction: Transaction, tables: Tables, slot: int, block: int) -> Sums | None:
    key = _KEY.pack(slot, block)
    value = transaction.get(key, db=tables.sums)
    if value is None or not is_sealed(TABLE, key, value):
        return None
    return np.frombuffer(value[:-CHECKSUM_BYTES], dtype=_SUM)
