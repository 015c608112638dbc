"""Lets rows be counted from a later row, once those before it are dead and moves have passed it.

Row numbers only grow. What a state has a place in for each row, such as bitmaps, columns and
offsets, begins with the row that it counts from, so that row is not left behind for long.
"""

from __future__ import annotations

from ..collection_store import CollectionStore
from ..mvcc.recounting import first_used
from ..mvcc.state import CollectionState
from ..storage.bitmap import CHUNK_ROWS
from .settings import is_urgent

LEAST_UNUSED = 1 << 17
"""Rows are counted from a later one when this many before it are unused, and half of all rows.

A quarter will do where it is urgent. So the work, which is in proportion to the rows of a state, is
done once for as many rows written.
"""


def recount(store: CollectionStore) -> bool:
    """Count rows from a later one if that is due; whether it was done. Raises OSError."""
    row = next_base(store.state)
    if row:
        store.recount(row)
    return row > 0


def next_base(state: CollectionState) -> int:
    """The row, a multiple of CHUNK_ROWS, that rows should be counted from; 0 if that is not due."""
    rows = state.next_row
    least = max(LEAST_UNUSED, rows // (4 if is_urgent(state) else 2), CHUNK_ROWS)
    # Counting is cheap, and finding the first used row is not.
    if rows - state.live.count < least:
        return 0
    first = first_used(state) // CHUNK_ROWS * CHUNK_ROWS
    return first if first >= least else 0
