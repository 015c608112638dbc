"""Checksums of records: the last four bytes of each value are the CRC-32 of its key and itself.

A CRC of data that ends with its own CRC is the same for all data, so many records are checked by a
few calls. The CRC is that of zlib, little-endian, computed by a library that is some times faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add

import numpy as np
from isal.isal_zlib import crc32

from ..errors import DamagedRecord

CHECKSUM_BYTES = 4

_SOUND = {0x2144DF1C}
"""The CRC-32 of anything that is followed by its CRC-32."""

_NO_CHECKSUM = bytes(CHECKSUM_BYTES)


def sealed(key: bytes, data: bytes) -> bytes:
    """The value of a record with `data`."""
    return data + crc32(data, crc32(key)).to_bytes(CHECKSUM_BYTES, "little")


def seal_each(keys: Sequence[bytes], data: Sequence[bytes]) -> Iterable[bytes]:
    """The values of many records, in order."""
    sums = list(map(crc32, data, map(crc32, keys)))
    return map(add, data, np.array(sums, dtype="<u4").view("V4").tolist())


def unsealed(table: str, key: bytes, value: bytes) -> bytes:
    """The data of a value. Raises DamagedRecord unless it is what was written."""
    if not is_sealed(key, value):
        raise DamagedRecord(table, key)
    return value[:-CHECKSUM_BYTES]


def is_sealed(key: bytes, value: bytes) -> bool:
    """Whether a value is what was written."""
    return crc32(value, crc32(key)) in _SOUND


def are_sealed(keys: Sequence[bytes], values: Sequence[bytes]) -> bool:
    """Whether all values are what was written."""
    return not set(map(crc32, values, map(crc32, keys))) - _SOUND


def without_checksum(data: bytes) -> bytes:
    """A value in the form of those with a checksum, of data that has none."""
    return data + _NO_CHECKSUM
