"""The ids and versions of rows in memory, so that a search that returns no more reads no table."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..storage.bitmap import Bitmap, Rows
from ..storage.payload_changelog import PayloadChangelog
from ..storage.row_arrays import rows_of_zeros
from ..storage.row_values import heads_of
from ..storage.tables import TableReader
from .row_snapshot import RowSnapshot

Numbers = NDArray[np.uint64]

_UNKNOWN, _INTEGER, _OTHER = 0, 1, 2
_LEAST_ROOM = 4096


@frozen(eq=False)
class _Heads:
    """What is known of rows as of `payload changes`, by row number."""

    touches: PayloadChangelog
    kinds: NDArray[np.uint8]
    ids: Numbers
    versions: Numbers

    @classmethod
    def unknown(cls, touches: PayloadChangelog, room: int) -> _Heads:
        """Nothing about so many rows; it takes no memory before something is known."""
        numbers = (rows_of_zeros(room, "u8") for _ in range(2))
        return cls(touches, rows_of_zeros(room, "u1"), *numbers)

    def take(self, old: _Heads, live: Bitmap) -> None:
        """Take over what is known of rows that are live; the others take no more memory."""
        rows = live.rows()
        rows = rows[: rows.searchsorted(len(old.kinds))]
        # First, since others may still be learning.
        self.kinds[rows] = old.kinds[rows]
        self.ids[rows], self.versions[rows] = old.ids[rows], old.versions[rows]


class HeadCache:
    """Integer ids and versions of the rows that were asked for. Any thread may use it.

    A row keeps both until an update changes it in place, which the payload changelog tells.
    """

    def __init__(self) -> None:
        self._heads = _Heads.unknown(PayloadChangelog(0), 0)

    def of(self, snapshot: RowSnapshot, rows: Rows) -> tuple[Numbers, Numbers] | None:
        """The ids and versions of live `rows`, in any order; None if an id is no integer."""
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
        is_outdated = heads.touches is not snapshot.touches
        if is_outdated or len(heads.kinds) < snapshot.next_row:
            old = heads
            room = snapshot.next_row + max(2 * snapshot.live.count, _LEAST_ROOM)
            heads = _Heads.unknown(snapshot.touches, room)
            if not is_outdated:
                heads.take(old, snapshot.live)
            self._heads = heads
        return heads

    def _learn(self, heads: _Heads, tables: TableReader, rows: Rows) -> None:
        versions, ids = heads_of(tables.values(rows))
        is_integer = np.array([isinstance(point_id, int) for point_id in ids])
        heads.versions[rows] = versions
        heads.ids[rows] = [point_id if isinstance(point_id, int) else 0 for point_id in ids]
        # Last, since other threads go by it.
        heads.kinds[rows] = np.where(is_integer, _INTEGER, _OTHER)
