"""The ids and versions of rows in memory, so that a search that returns no more reads no table."""

from __future__ import annotations

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..store.bitmap import Rows
from ..store.rowvalue import heads_of
from ..store.tables import TableReader
from ..store.touches import TouchLog

Numbers = NDArray[np.uint64]

_UNKNOWN, _INTEGER, _OTHER = 0, 1, 2
_LEAST_ROOM = 4096


@frozen(eq=False)
class _Heads:
    """What is known of rows as of `touches`, by row number."""

    touches: TouchLog
    kinds: NDArray[np.uint8]
    ids: Numbers
    versions: Numbers

    @classmethod
    def unknown(cls, touches: TouchLog, room: int) -> _Heads:
        """Nothing about so many rows; it takes no memory before something is known."""
        numbers = (np.zeros(room, dtype=np.uint64) for _ in range(2))
        return cls(touches, np.zeros(room, dtype=np.uint8), *numbers)


class HeadCache:
    """Integer ids and versions of the rows that were asked for. Any thread may use it.

    A row keeps both until an update changes it where it is; the log of touches tells of that.
    """

    def __init__(self) -> None:
        self._heads = _Heads.unknown(TouchLog(0), 0)

    def of(
        self, touches: TouchLog, tables: TableReader, rows: Rows
    ) -> tuple[Numbers, Numbers] | None:
        """The ids and versions of live `rows`, in any order; None if an id is no integer."""
        heads = self._at(touches, int(rows.max(initial=-1)) + 1)
        kinds = heads.kinds[rows]
        if not kinds.all():
            self._learn(heads, tables, np.unique(rows[kinds == _UNKNOWN]))
            kinds = heads.kinds[rows]
        if (kinds == _OTHER).any():
            return None
        return heads.ids[rows], heads.versions[rows]

    def _at(self, touches: TouchLog, room: int) -> _Heads:
        heads = self._heads
        if heads.touches is not touches:
            heads = _Heads.unknown(touches, max(2 * room, _LEAST_ROOM))
        elif len(heads.kinds) < room:
            old, heads = heads, _Heads.unknown(touches, 2 * room)
            known = len(old.kinds)
            heads.ids[:known], heads.versions[:known] = old.ids, old.versions
            heads.kinds[:known] = old.kinds
        self._heads = heads
        return heads

    def _learn(self, heads: _Heads, tables: TableReader, rows: Rows) -> None:
        versions, ids = heads_of(tables.values(rows))
        is_integer = np.array([isinstance(point_id, int) for point_id in ids])
        heads.versions[rows] = versions
        heads.ids[rows] = [point_id if isinstance(point_id, int) else 0 for point_id in ids]
        # Last, since other threads go by it.
        heads.kinds[rows] = np.where(is_integer, _INTEGER, _OTHER)
