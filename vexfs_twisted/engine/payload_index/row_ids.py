"""A cache of the id keys of rows, to sort rows found by columns in id order without table reads."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from ..read_bounds import PatientLock, expect
from ..storage.bitmap import Rows
from ..storage.keys import INTEGER_KEY_SIZE, UUID_KEY_SIZE
from ..storage.row_arrays import rows_of_zeros
from ..storage.row_sets import RowSet
from ..storage.row_values import key_of
from ..storage.table_reader import TableReader
from .row_snapshot import RowSnapshot

Keys = NDArray[np.bytes_]
"""Id keys, shape [rows]. Padding with zeros preserves their order."""

_NARROW = f"S{INTEGER_KEY_SIZE}"
_WIDE = f"S{UUID_KEY_SIZE}"
_LEAST_ROOM = 4096
_KEY_S = 1e-6
_COPY_S = 1e-8


@frozen
class RowIds:
    """The id keys of the rows below `size` that are live as of `operation`.

    A later snapshot has no other rows below `size`. An earlier one may: the keys of rows that are
    dead by now are present if a snapshot has needed them before, and zeros if not. The end of
    `keys` is spare capacity, shared with later `RowIds`. Among the rows below `ordered`, ids ascend
    with rows, as they do if points are added in the order of their ids. Rows are counted from
    `base`.
    """

    keys: Keys = field(eq=False)
    size: int
    ordered: int
    begin: int
    operation: int
    base: int

    @classmethod
    def none(cls, base: int) -> RowIds:
        """An empty cache."""
        return cls(np.zeros(0, dtype=_NARROW), 0, 0, 0, 0, base)

    def counted_from(self, base: int) -> RowIds:
        """The same ids with rows counted from `base`, without those before it."""
        row = base - self.base
        size, ordered = max(self.size - row, 0), max(self.ordered - row, 0)
        expect(size * _COPY_S)
        # A view would keep the memory of all those before.
        keys: Keys = rows_of_zeros(len(self.keys[row:]), self.keys.dtype.str)
        keys[:size] = self.keys[row : row + size]
        return evolve(self, keys=keys, size=size, ordered=ordered, base=base)

    def first(self, rows: RowSet, start: bytes, limit: int) -> Rows:
        """The first `limit` of live `rows` from the id key `start` on, in id order."""
        first = rows.first(self._row_of(rows, start) if start else 0, limit)
        chosen = first[: first.searchsorted(self.ordered)]
        if self.ordered >= rows.size:
            return chosen
        numbers = rows.numbers()
        others = numbers[numbers.searchsorted(self.ordered) :]
        return self._least(np.concatenate((chosen, others)), start, limit)

    def _row_of(self, rows: RowSet, start: bytes) -> int:
        """The first of `rows` below `ordered` with an id key from `start` on; else `ordered`."""
        numbers = rows.numbers()
        end = int(numbers.searchsorted(self.ordered))
        place = bisect_left(numbers, start, 0, end, key=self._key)
        return int(numbers[place]) if place < end else self.ordered

    def extended(
        self, snapshot: RowSnapshot, rows: Rows, fresh: Rows, keys: Sequence[bytes]
    ) -> RowIds:
        """These ids and the id keys of `fresh`, the last of the live `rows` of a snapshot."""
        is_wide = not self._is_narrow or any(len(key) == UUID_KEY_SIZE for key in keys)
        ids = evolve(self, size=snapshot.next_row, operation=snapshot.operation)
        if ids.size > len(self.keys) or (is_wide and self._is_narrow):
            ids = evolve(ids, keys=self._moved(rows, ids.size, is_wide), begin=snapshot.operation)
        ids.keys[fresh] = keys
        if self.ordered < self.size:
            return ids
        rows = rows[max(len(rows) - len(fresh) - 1, 0) :]
        order = ids._order(rows)
        falls = np.flatnonzero(order[1:] <= order[:-1])
        return evolve(ids, ordered=int(rows[falls[0] + 1]) if len(falls) else ids.size)

    def earlier(self, snapshot: RowSnapshot) -> RowIds | None:
        """The ids for a snapshot before `operation`; None if one of its keys does not fit.

        It is unknown which of its rows are in the order of their ids: `ordered` is 0.
        """
        rows = snapshot.live.rows()
        # The key of the integer 0 is zeros as well, which costs one lookup.
        unknown = rows[self.keys[rows] == b""]
        expect(len(unknown) * _KEY_S)
        keys = list(map(key_of, snapshot.tables.values(unknown)))
        if self._is_narrow and any(len(key) == UUID_KEY_SIZE for key in keys):
            return None
        self.keys[unknown] = keys
        return evolve(self, size=snapshot.next_row, ordered=0, operation=snapshot.operation)

    def _moved(self, rows: Rows, size: int, is_wide: bool) -> Keys:
        """A copy of the known keys of `rows`, with capacity for more than `size` rows.

        Dead rows take no memory any more: the kernel allocates a page when it is first written.
        """
        room = size + max(2 * len(rows), _LEAST_ROOM)
        keys: Keys = rows_of_zeros(room, _WIDE if is_wide else _NARROW)
        known = rows[: rows.searchsorted(self.size)]
        keys[known] = self.keys[known]
        return keys

    def _key(self, row: int) -> bytes:
        return self.keys[row : row + 1].tobytes()

    def _least(self, rows: Rows, start: bytes, limit: int) -> Rows:
        """The result of `first` for rows whose ids are in any order."""
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
        """Sort keys of `rows` in id order: the integers themselves (uint64) if all are."""
        found = self.keys[rows]
        if not self._is_narrow:
            return found
        numbers = found.view(np.uint8).reshape(len(rows), INTEGER_KEY_SIZE)[:, 1:]
        return np.ascontiguousarray(numbers).view(">u8").ravel().astype(np.uint64)

    def _reached(self, keys: NDArray[Any], start: bytes) -> NDArray[np.bool_]:
        """Which of `keys`, as returned by `_order`, are not before the id key `start`."""
        if not self._is_narrow:
            return np.asarray(keys >= start, dtype=np.bool_)
        if start[0]:
            # `start` is a UUID, which sorts after every integer.
            return np.zeros(len(keys), dtype=np.bool_)
        return np.asarray(keys >= np.uint64(int.from_bytes(start[1:], "big")), dtype=np.bool_)


class RowIdCache:
    """The ids of the rows of one collection, updated incrementally. Thread-safe.

    A row keeps its id for as long as it is live, and its number is never given out again, so newer
    ids serve an older snapshot too, with those of the rows that were dead by then.
    """

    def __init__(self) -> None:
        self._known = RowIds.none(0)
        self._lock = PatientLock()

    @property
    def nbytes(self) -> int:
        """The bytes of the ids."""
        return int(self._known.keys.nbytes)

    def at(self, snapshot: RowSnapshot) -> RowIds:
        """The ids of all live rows of a committed snapshot."""
        with self._lock:
            known = self._known
            if snapshot.base < known.base:
                return _followed(RowIds.none(snapshot.base), snapshot)
            if snapshot.base > known.base:
                known = self._known = known.counted_from(snapshot.base)
            if snapshot.operation < known.operation:
                earlier = known.earlier(snapshot) if snapshot.operation >= known.begin else None
                return earlier or _followed(RowIds.none(known.base), snapshot)
            if known.size < snapshot.next_row:
                known = self._known = _followed(known, snapshot)
            return known


def _followed(known: RowIds, snapshot: RowSnapshot) -> RowIds:
    """The ids `known`, extended by those of the newer live rows of the snapshot."""
    rows = snapshot.live.rows()
    fresh = rows[rows.searchsorted(known.size) :]
    expect(len(fresh) * _KEY_S)
    return known.extended(snapshot, rows, fresh, _keys_of(snapshot.tables, fresh, len(rows)))


def _keys_of(tables: TableReader, fresh: Rows, live_count: int) -> list[bytes]:
    """Read the id keys of `fresh`, the last of the live rows."""
    if 2 * len(fresh) < live_count:
        return list(map(key_of, tables.values(fresh)))
    # For most of the rows, the table of points has the keys without reading payloads.
    pairs = list(chain.from_iterable(tables.pages(b"", sys.maxsize)))
    rows = tables.rows_of(pairs)
    order = np.argsort(rows)[len(rows) - len(fresh) :]
    return [pairs[place][0] for place in order.tolist()]
