"""The ids of rows in memory, so that rows found by columns are put in the order of ids at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from ..store.bitmap import Bitmap, Rows
from ..store.keys import INTEGER_KEY_SIZE, UUID_KEY_SIZE, decode_rows
from ..store.rowvalue import key_of
from ..store.tables import TableReader
from .rowset import RowSet

Keys = NDArray[np.bytes_]
"""Id keys, shape [rows]. Padded with zeros they sort as the keys themselves do."""

_NARROW = f"S{INTEGER_KEY_SIZE}"
_WIDE = f"S{UUID_KEY_SIZE}"


@frozen
class RowIds:
    """The id keys of the rows below `len(keys)`; of rows that were dead by then, anything.

    The ids of the live rows below `ordered` ascend with the rows, as they do where points are added
    in the order of their ids: among those the first rows have the first ids.
    """

    keys: Keys = field(eq=False)
    ordered: int

    def first(self, rows: RowSet, start: bytes, limit: int) -> Rows:
        """The first `limit` of live `rows` from the id key `start` on, in the order of ids."""
        first = rows.first(self._row_of(rows, start) if start else 0, limit)
        chosen = first[: first.searchsorted(self.ordered)]
        if self.ordered >= rows.size:
            return chosen
        numbers = rows.numbers()
        others = numbers[numbers.searchsorted(self.ordered) :]
        return self._least(np.concatenate((chosen, others)), start, limit)

    def _row_of(self, rows: RowSet, start: bytes) -> int:
        """The first of `rows` below `ordered` from the id key `start` on, or where others start."""
        numbers = rows.numbers()
        end = int(numbers.searchsorted(self.ordered))
        place = bisect_left(numbers, start, 0, end, key=self._key)
        return int(numbers[place]) if place < end else self.ordered

    def extended(self, rows: Rows, fresh: Rows, keys: Sequence[bytes], next_row: int) -> RowIds:
        """These and the id keys of `fresh`, which are the last of the live `rows`."""
        is_wide = not self._is_narrow or any(len(key) == UUID_KEY_SIZE for key in keys)
        extended = np.zeros(next_row, dtype=_WIDE if is_wide else _NARROW)
        extended[: len(self.keys)] = self.keys
        extended[fresh] = keys
        ids = RowIds(extended, self.ordered)
        if self.ordered < len(self.keys):
            return ids
        rows = rows[max(len(rows) - len(fresh) - 1, 0) :]
        order = ids._order(rows)
        falls = np.flatnonzero(order[1:] <= order[:-1])
        return evolve(ids, ordered=int(rows[falls[0] + 1]) if len(falls) else next_row)

    def _key(self, row: int) -> bytes:
        return self.keys[row : row + 1].tobytes()

    def _least(self, rows: Rows, start: bytes, limit: int) -> Rows:
        """What `first` tells, of rows whose ids are in any order."""
        keys = self._order(rows)
        if start:
            reached = self._reached(keys, start)
            rows, keys = rows[reached], keys[reached]
        if limit < len(rows):
            least = np.argpartition(keys, limit)[:limit]
            rows, keys = rows[least], keys[least]
        return rows[np.argsort(keys)]

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


class RowIdCache:
    """The ids of the rows of one collection, kept up to date. Any thread may use it.

    A row keeps its id for as long as it is live, so newer ids serve an older moment too.
    """

    def __init__(self) -> None:
        self._known = RowIds(np.zeros(0, dtype=_NARROW), 0)
        self._lock = Lock()

    def at(self, tables: TableReader, live: Bitmap, next_row: int) -> RowIds:
        """The ids of all `live` rows, below `next_row`, as a committed moment has them."""
        with self._lock:
            known = len(self._known.keys)
            if known < next_row:
                rows = live.rows()
                fresh = rows[np.searchsorted(rows, known) :]
                keys = _keys_of(tables, fresh, len(rows))
                self._known = self._known.extended(rows, fresh, keys, next_row)
            return self._known


def _keys_of(tables: TableReader, fresh: Rows, live_count: int) -> list[bytes]:
    """The id keys of `fresh`, which are the last of the live rows."""
    if 2 * len(fresh) < live_count:
        return list(map(key_of, tables.values(fresh)))
    # Of most rows, the table of points tells without reading their payloads.
    pairs = list(tables.scan())
    rows = decode_rows([row for _, row in pairs])
    order = np.argsort(rows)[len(rows) - len(fresh) :]
    return [pairs[place][0] for place in order.tolist()]
