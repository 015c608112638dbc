"""Bitmaps in the table `bits`: one value per chunk, keyed by slot and chunk number."""

from __future__ import annotations

from struct import Struct

import numpy as np

from .bitmap import CHUNK_BYTES, Bitmap, BitmapBuilder
from .tables import Tables, Transaction

LIVE_SLOT = 0
"""The slot of the bitmap of all live rows. Vector names have the slots after it."""

MOST_SLOTS = 1 << 16

_KEY = Struct(">HQ")


def read_bitmap(transaction: Transaction, tables: Tables, slot: int) -> Bitmap:
    """Read the bitmap of `slot`; chunks that were never written are empty."""
    chunks: dict[int, bytes] = {}
    with transaction.cursor(tables.bits) as cursor:
        if cursor.set_range(_KEY.pack(slot, 0)):
            for key, value in cursor.iternext():
                found, chunk = _KEY.unpack(key)
                if found != slot:
                    break
                chunks[chunk] = value
    bits = np.zeros((max(chunks, default=-1) + 1, CHUNK_BYTES), dtype=np.uint8)
    for chunk, value in chunks.items():
        bits[chunk] = np.frombuffer(value, dtype=np.uint8)
    return Bitmap.of_bits(bits.ravel())


def drop_bitmap(transaction: Transaction, tables: Tables, slot: int) -> None:
    """Delete the chunks of `slot`."""
    with transaction.cursor(tables.bits) as cursor:
        cursor.set_range(_KEY.pack(slot, 0))
        # It has no key once it is past the last.
        while (key := cursor.key()) and _KEY.unpack(key)[0] == slot:
            cursor.delete()


def write_changes(
    transaction: Transaction, tables: Tables, slot: int, builder: BitmapBuilder
) -> None:
    """Write back the chunks that `builder` has changed."""
    for chunk, data in builder.touched_chunks():
        transaction.put(_KEY.pack(slot, chunk), data, db=tables.bits)
