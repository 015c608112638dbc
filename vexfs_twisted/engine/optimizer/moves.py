"""Moves the oldest points to the end of the rows, where few rows are live among many dead ones.

Row numbers only grow. Points that are never written again would keep rows from the beginning in
use, and what is made over a range of rows, such as a graph, would grow with the number of rows ever
written. So when the live rows lie far apart, those before the last ones are moved to new rows, as
an update would that changes nothing. Each step is a commit of its own, and may be the last.
"""

from __future__ import annotations

import numpy as np

from ..collection_store import CollectionStore
from ..mvcc.state import CollectionState
from ..storage.bitmap import Rows
from ..storage.table_reader import TableReader
from .settings import is_paused, is_urgent

LEAST_SPREAD = 1 << 17
"""Points are moved when the rows from the first live one on are more than this,"""

SPREAD = 8
"""and more than this many times the live ones,"""

DENSE = 2
"""until they are at most about this many times as many and those that were moved.

So before the next points are moved, five times as many rows are written as are moved at most.
"""

URGENT_SPREAD, URGENT_DENSE = 3, 1
"""SPREAD and DENSE where a collection may run out of rows; see `is_urgent`."""

ROWS_AT_ONCE = 1024
"""The most points that one commit moves."""

BYTES_AT_ONCE = 8 << 20
"""About the most bytes of vectors, and of payloads, that one commit moves; one point at least."""


class Moves:
    """The moves of one collection. Used by one thread at a time."""

    def __init__(self, store: CollectionStore) -> None:
        self._store = store
        # As it is numbered in the tables.
        self._stop = 0

    @property
    def is_begun(self) -> bool:
        """Whether some points were moved, and others still are to be."""
        return self._stop > 0

    def step(self) -> bool:
        """Move some points, if that is due; whether any was moved. Raises StorageFull, OSError."""
        state = self._store.state
        if is_paused(state):
            self._stop = 0
            return False
        if not self._stop and is_spread(state):
            dense = URGENT_DENSE if is_urgent(state) else DENSE
            self._stop = state.end - dense * state.live.count
        if not self._stop:
            return False
        if not self._store.move(self._chosen):
            self._stop = 0
        return bool(self._stop)

    def _chosen(self, state: CollectionState, tables: TableReader) -> Rows:
        """The next rows to move: the oldest live ones below `_stop`."""
        stop = max(self._stop - state.base, 0)
        first = state.live.nth_between(0, stop, 1)
        last = state.live.nth_between(first, stop, ROWS_AT_ONCE + 1)
        rows = state.live.rows_between(first, last)
        for space in state.spaces.values():
            rows = rows[: _fitting(space.sizes(rows))]
        # Counted last, since the values are read for that.
        return rows[: len(tables.values_until(rows, BYTES_AT_ONCE))]


def is_spread(state: CollectionState) -> bool:
    """Whether the live rows of a collection lie so far apart that points should be moved."""
    rows = state.next_row
    most = max(LEAST_SPREAD, (URGENT_SPREAD if is_urgent(state) else SPREAD) * state.live.count)
    if rows <= most or not state.live.count:
        return False
    return rows - state.live.nth_between(0, rows, 1) > most


def _fitting(sizes: Rows) -> int:
    """How many rows of these sizes are moved at once, from the first on."""
    return max(1, int(np.searchsorted(np.cumsum(sizes), BYTES_AT_ONCE, side="right")))
