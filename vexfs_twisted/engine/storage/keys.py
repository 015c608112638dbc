"""Keys of the tables: order-preserving encodings of point ids and row numbers.

An id is a tag byte and big-endian content, so that integers come first and each kind sorts in its
own order. A row number is eight big-endian bytes; the same bytes are the value stored for an id.
Rows in memory are counted from a later row: see TableReader.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...model.ids import PointId

INTEGER_KEY_SIZE = 9
UUID_KEY_SIZE = 17
ROW_KEY_SIZE = 8

_FEW = 16
"""So many keys cost as much one by one as together."""

_ROW = np.dtype(">u8")
_ENTRY_SIZE = ROW_KEY_SIZE + 4

_INTEGER = b"\x00"
_UUID = b"\x01"


def encode_id(point_id: PointId) -> bytes:
    """Encode one id."""
    if isinstance(point_id, int):
        return _INTEGER + point_id.to_bytes(8, "big")
    return _UUID + bytes.fromhex(point_id.replace("-", ""))


def decode_id(key: bytes) -> PointId:
    """The inverse of `encode_id`."""
    if key[0] == 0:
        return int.from_bytes(key[1:], "big")
    text = key[1:].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def encode_ids(ids: Sequence[PointId]) -> list[bytes]:
    """The keys of many ids, in order; long sequences of integers are encoded vectorized."""
    if len(ids) < _FEW or not isinstance(ids[0], int) or not isinstance(ids[-1], int):
        return [encode_id(point_id) for point_id in ids]
    try:
        numbers = np.array(ids, dtype=np.uint64)
    except (ValueError, TypeError):
        return [encode_id(point_id) for point_id in ids]
    keys = np.zeros((len(ids), INTEGER_KEY_SIZE), dtype=np.uint8)
    keys[:, 1:] = numbers.astype(">u8").view(np.uint8).reshape(-1, 8)
    encoded: list[bytes] = keys.view(f"V{INTEGER_KEY_SIZE}").ravel().tolist()
    return encoded


def encode_rows(numbers: NDArray[np.int64]) -> list[bytes]:
    """The keys of the rows with these numbers in the tables, in order."""
    if len(numbers) < _FEW:
        return [number.to_bytes(ROW_KEY_SIZE, "big") for number in numbers.tolist()]
    encoded: list[bytes] = numbers.astype(">u8").view(f"V{ROW_KEY_SIZE}").tolist()
    return encoded


def decode_rows(keys: Sequence[bytes]) -> NDArray[np.int64]:
    """The row numbers of many keys, in order."""
    return np.frombuffer(b"".join(keys), dtype=">u8").astype(np.int64)


def numbers_of_entries(entries: Sequence[tuple[bytes, bytes]]) -> NDArray[np.int64]:
    """The numbers of the rows in records of the table of points: a row's key, and a checksum."""
    joined = b"".join([value for _, value in entries])
    return np.ndarray((len(entries),), _ROW, joined, 0, (_ENTRY_SIZE,)).astype(np.int64)
