"""Bitmaps in the table `bits`: one value per chunk, keyed by slot and chunk number.

A bitmap in memory has rows that are counted from `base`, a multiple of CHUNK_ROWS, which is the
number of its row 0 in the table.
"""

from __future__ import annotations

from struct import Struct

import numpy as np

from ..errors import DamagedRecord
from .bitmap import CHUNK_BYTES, CHUNK_ROWS, Bitmap, BitmapBuilder
from .record_checksums import CHECKSUM_BYTES, are_sealed, is_sealed, sealed
from .tables import Tables, Transaction, delete_keys

LIVE_SLOT = 0
"""The slot of the bitmap of all live rows. Vector names have the slots after it."""

_TABLE = "bits"

MOST_SLOTS = 1 << 16

_KEY = Struct(">HQ")
_NO_CHUNK = (1 << 64) - 1
_KEYS = np.dtype([("slot", ">u2"), ("chunk", ">u8")])
_SLOT_BYTES = 2


def read_bitmap(transaction: Transaction, tables: Tables, slot: int, base: int = 0) -> Bitmap:
    """Read the bitmap of `slot`; chunks that were never written are empty."""
    keys: list[bytes] = []
    chunks: list[bytes] = []
    prefix = _KEY.pack(slot, 0)[:_SLOT_BYTES]
    with transaction.cursor(tables.bits) as cursor:
        if cursor.set_range(prefix):
            for key, value in cursor.iternext():
                if not key.startswith(prefix):
                    break
                keys.append(key)
                chunks.append(value)
    if not are_sealed(keys, chunks):
        pairs = zip(keys, chunks, strict=True)
        raise DamagedRecord(
            "bits", next(key for key, value in pairs if not is_sealed("bits", key, value))
        )
    numbers = np.frombuffer(b"".join(keys), dtype=_KEYS)["chunk"].astype(np.intp)
    numbers -= base // CHUNK_ROWS
    if len(numbers) and numbers[0] < 0:
        raise DamagedRecord("bits", keys[0])
    bits = np.zeros((int(numbers.max(initial=-1)) + 1, CHUNK_BYTES), dtype=np.uint8)
    data = np.frombuffer(b"".join(chunks), dtype=np.uint8)
    bits[numbers] = data.reshape(-1, CHUNK_BYTES + CHECKSUM_BYTES)[:, :CHUNK_BYTES]
    return Bitmap.of_bits(bits.ravel())


def drop_bitmap(transaction: Transaction, tables: Tables, slot: int) -> None:
    """Delete the chunks of `slot`."""
    delete_keys(transaction, tables.bits, _KEY.pack(slot, 0), _KEY.pack(slot, _NO_CHUNK))


def drop_chunks_before(transaction: Transaction, tables: Tables, slot: int, row: int) -> None:
    """Delete the chunks of `slot` before that of row `row`, as numbered in the table."""
    stop = _KEY.pack(slot, row // CHUNK_ROWS)
    delete_keys(transaction, tables.bits, _KEY.pack(slot, 0), stop)


def write_changes(
    transaction: Transaction, tables: Tables, slot: int, builder: BitmapBuilder, base: int = 0
) -> None:
    """Write back the chunks that `builder` has changed."""
    for chunk, data in builder.touched_chunks():
        key = _KEY.pack(slot, base // CHUNK_ROWS + chunk)
        transaction.put(key, sealed(key, data), db=tables.bits)
