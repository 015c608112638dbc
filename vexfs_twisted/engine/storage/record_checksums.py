"""Checksums of records: the last four bytes of each value are a CRC-32 of it and of its key.

A CRC of data that ends with its own CRC is the same for all data, so many records are checked by a
few calls. The CRC is that of zlib, little-endian, computed by a library that is some times faster.
It begins with the CRC-32 of the key; in the table `rows` with the row number, of which the library
takes the low 32 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add

import numpy as np
from isal.isal_zlib import crc32

from ..errors import DamagedRecord
from .bitmap import Rows
from .keys import ROW_KEY_SIZE

ROWS = "rows"
CHECKSUM_BYTES = 4

_SOUND = {0x2144DF1C}
"""The CRC-32 of anything that is followed by its CRC-32, whatever it begins with."""

_NO_CHECKSUM = bytes(CHECKSUM_BYTES)


def sealed(key: bytes, data: bytes) -> bytes:
    """The value of a record with `data`, of a table other than `rows`."""
    return data + crc32(data, crc32(key)).to_bytes(CHECKSUM_BYTES, "little")


def seal_each(keys: Sequence[bytes], data: Sequence[bytes]) -> Iterable[bytes]:
    """The values of many records, in order, of a table other than `rows`."""
    return _seal(map(crc32, keys), data)


def seal_rows(rows: Rows, data: Sequence[bytes]) -> Iterable[bytes]:
    """The values of records of `rows`, in order, which are numbered as in the table."""
    return _seal(rows.tolist(), data)


def unsealed(table: str, key: bytes, value: bytes) -> bytes:
    """The data of a value. Raises DamagedRecord unless it is what was written."""
    if not is_sealed(table, key, value):
        raise DamagedRecord(table, key)
    return value[:-CHECKSUM_BYTES]


def is_sealed(table: str, key: bytes, value: bytes) -> bool:
    """Whether a value is what was written."""
    if table == ROWS and len(key) != ROW_KEY_SIZE:
        return False
    start = int.from_bytes(key, "big") if table == ROWS else crc32(key)
    return crc32(value, start) in _SOUND


def are_sealed(keys: Sequence[bytes], values: Sequence[bytes]) -> bool:
    """Whether all values are what was written, of a table other than `rows`."""
    return not set(map(crc32, values, map(crc32, keys))) - _SOUND


def are_rows_sealed(rows: Rows, values: Sequence[bytes]) -> bool:
    """Whether all values of records of `rows`, numbered as in the table, are what was written."""
    return not set(map(crc32, values, rows.tolist())) - _SOUND


def without_checksum(data: bytes) -> bytes:
    """A value in the form of those with a checksum, of data that has none."""
    return data + _NO_CHECKSUM


def _seal(starts: Iterable[int], data: Sequence[bytes]) -> Iterable[bytes]:
    sums = list(map(crc32, data, starts))
    return map(add, data, np.array(sums, dtype="<u4").view("V4").tolist())
