"""The ids of rows in memory, so that rows found by columns are put in the order of ids at once."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ..store.bitmap import Bitmap, Rows
from ..store.keys import INTEGER_KEY_SIZE, UUID_KEY_SIZE, decode_rows, encode_rows
from ..store.rowvalue import key_of
from ..store.tables import TableReader

Keys = NDArray[np.bytes_]
"""Id keys, shape [rows]. Padded with zeros they sort as the keys themselves do."""

_NARROW = f"S{INTEGER_KEY_SIZE}"
_WIDE = f"S{UUID_KEY_SIZE}"


@frozen
class RowIds:
    """The id keys of the rows below `len(keys)`; of rows that were dead by then, anything."""

    keys: Keys = field(eq=False)

    def first(self, rows: Rows, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """The first `limit` of `rows` from the id key `start` on, as keys of ids and of rows."""
        keys = self._order(rows)
        if start:
            reached = self._reached(keys, start)
            rows, keys = rows[reached], keys[reached]
        if limit < len(rows):
            least = np.argpartition(keys, limit)[:limit]
            rows, keys = rows[least], keys[least]
        rows = rows[np.argsort(keys)]
        return list(zip(self._spelled(rows), encode_rows(rows), strict=True))

    @property
    def _is_narrow(self) -> bool:
        return self.keys.dtype.itemsize == INTEGER_KEY_SIZE

    def _order(self, rows: Rows) -> NDArray[Any]:
        """What sorts as the ids of `rows` do: the numbers themselves where all are integers."""
        found = self.keys[rows]
        if not self._is_narrow:
            return found
        numbers = found.view(np.uint8).reshape(len(rows), INTEGER_KEY_SIZE)[:, 1:]
        return np.ascontiguousarray(numbers).view(">u8").ravel().astype(np.uint64)

    def _reached(self, keys: NDArray[Any], start: bytes) -> NDArray[np.bool_]:
        """Which of `keys`, as `_order` has them, are not before the id key `start`."""
        if not self._is_narrow:
            return np.asarray(keys >= start, dtype=np.bool_)
        if start[0]:
            # A UUID, which comes after every integer.
            return np.zeros(len(keys), dtype=np.bool_)
        return np.asarray(keys >= np.uint64(int.from_bytes(start[1:], "big")), dtype=np.bool_)

    def _spelled(self, rows: Rows) -> list[bytes]:
        width = self.keys.dtype.itemsize
        joined = self.keys[rows].tobytes()
        padded = (joined[start : start + width] for start in range(0, len(joined), width))
        return [key if key[0] else key[:INTEGER_KEY_SIZE] for key in padded]


class RowIdCache:
    """The ids of the rows of one collection, kept up to date. Any thread may use it.

    A row keeps its id for as long as it is live, so newer ids serve an older moment too.
    """

    def __init__(self) -> None:
        self._known = RowIds(np.zeros(0, dtype=_NARROW))
        self._lock = Lock()

    def at(self, tables: TableReader, live: Bitmap, next_row: int) -> RowIds:
        """The ids of all `live` rows, below `next_row`, as a committed moment has them."""
        with self._lock:
            known = len(self._known.keys)
            if known < next_row:
                rows = live.rows()
                fresh = rows[np.searchsorted(rows, known) :]
                self._known = RowIds(self._extended(*_keys_of(tables, fresh, rows), next_row))
            return self._known

    def _extended(self, rows: Rows, keys: Sequence[bytes], next_row: int) -> Keys:
        old = self._known.keys
        is_wide = old.dtype.itemsize == UUID_KEY_SIZE or any(
            len(key) == UUID_KEY_SIZE for key in keys
        )
        extended = np.zeros(next_row, dtype=_WIDE if is_wide else _NARROW)
        extended[: len(old)] = old
        extended[rows] = keys
        return extended


def _keys_of(tables: TableReader, fresh: Rows, rows: Rows) -> tuple[Rows, list[bytes]]:
    """Rows among `rows`, `fresh` ones at least, and their id keys."""
    if 2 * len(fresh) < len(rows):
        return fresh, list(map(key_of, tables.values(fresh)))
    # Of most rows, the table of points tells without reading their payloads.
    pairs = list(tables.scan())
    return decode_rows([row for _, row in pairs]), [key for key, _ in pairs]
