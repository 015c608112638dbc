"""A cache of the ids and versions of rows; searches that return only these read no table."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..storage.bitmap import Bitmap, Rows
from ..storage.payload_changelog import PayloadChangelog
from ..storage.row_arrays import rows_of_zeros
from ..storage.row_values import heads_of
from ..storage.table_reader import TableReader
from .row_snapshot import RowSnapshot

Numbers = NDArray[np.uint64]

_UNKNOWN, _INTEGER, _OTHER = 0, 1, 2
_LEAST_ROOM = 4096


@frozen(eq=False)
class _Heads:
    """The cached kinds, ids and versions by row number, as of a payload changelog."""

    payload_changes: PayloadChangelog
    kinds: NDArray[np.uint8]
    ids: Numbers
    versions: Numbers

    @classmethod
    def unknown(cls, payload_changes: PayloadChangelog, room: int) -> _Heads:
        """An empty cache for `room` rows; takes no memory until rows are learned."""
        numbers = (rows_of_zeros(room, "u8") for _ in range(2))
        return cls(payload_changes, rows_of_zeros(room, "u1"), *numbers)

    def take(self, old: _Heads, live: Bitmap) -> None:
        """Copy the entries of live rows; dead rows then take no memory any more."""
        rows = live.rows()
        rows = rows[: rows.searchsorted(len(old.kinds))]
        # Kinds first, since other threads may still be writing to `old`.
        self.kinds[rows] = old.kinds[rows]
        self.ids[rows], self.versions[rows] = old.ids[rows], old.versions[rows]


class HeadCache:
    """Integer ids and versions of the rows requested so far. Thread-safe.

    Both stay the same for a row until an update changes it in place, which the payload changelog
    records.
    """

    def __init__(self) -> None:
        self._heads = _Heads.unknown(PayloadChangelog(0), 0)

    @property
    def nbytes(self) -> int:
        """The bytes of what is known; rows that were not asked for take none."""
        heads = self._heads
        sizes = heads.kinds.itemsize + heads.ids.itemsize + heads.versions.itemsize
        return int(np.count_nonzero(heads.kinds)) * sizes

    def of(self, snapshot: RowSnapshot, rows: Rows) -> tuple[Numbers, Numbers] | None:
        """The ids and versions, uint64, of live `rows`, in any order; None if an id is a UUID."""
        heads = self._at(snapshot)
        kinds = heads.kinds[rows]
        if not kinds.all():
            self._learn(heads, snapshot.tables, np.unique(rows[kinds == _UNKNOWN]))
            kinds = heads.kinds[rows]
        if (kinds == _OTHER).any():
            return None
        return heads.ids[rows], heads.versions[rows]

    def _at(self, snapshot: RowSnapshot) -> _Heads:
        heads = self._heads
        is_outdated = heads.payload_changes is not snapshot.payload_changes
        if is_outdated or len(heads.kinds) < snapshot.next_row:
            old = heads
            room = snapshot.next_row + max(2 * snapshot.live.count, _LEAST_ROOM)
            heads = _Heads.unknown(snapshot.payload_changes, room)
            if not is_outdated:
                heads.take(old, snapshot.live)
            self._heads = heads
        return heads

    def _learn(self, heads: _Heads, tables: TableReader, rows: Rows) -> None:
        versions, ids = heads_of(tables.values(rows))
        is_integer = np.array([isinstance(point_id, int) for point_id in ids])
        heads.versions[rows] = versions
        heads.ids[rows] = [point_id if isinstance(point_id, int) else 0 for point_id in ids]
        # Last, since other threads read the rest once the kind is set.
        heads.kinds[rows] = np.where(is_integer, _INTEGER, _OTHER)
