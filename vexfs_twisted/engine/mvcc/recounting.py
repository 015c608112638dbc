"""The same state with its rows counted from a later row.

Row numbers only grow, and after moves all rows before some row are dead. What has a place for each
row, such as a bitmap, then begins there, so that it does not grow with the rows ever written.
"""

from __future__ import annotations

from typing import Any

import attrs

from ..storage.bitmap import CHUNK_ROWS
from ..vector_index.space import AnySpace, VectorSpace
from .state import CollectionState


def first_used(state: CollectionState) -> int:
    """The first row that a state uses: that is live, or in the range of a segment."""
    first = state.live.nth_between(0, state.next_row, 1)
    for space in state.spaces.values():
        for segment in space.segments:
            # Dead rows before it that are not freed yet are freed with all before the first row.
            first = min(first, segment.start)
    return first


def counted_from(state: CollectionState, row: int) -> CollectionState:
    """A state of the next operation that counts rows from `row` on, a multiple of CHUNK_ROWS.

    No row before it may be used.
    """
    assert row % CHUNK_ROWS == 0 and 0 < row <= first_used(state)
    return attrs.evolve(
        state,
        base=state.base + row,
        next_row=state.next_row - row,
        next_operation=state.next_operation + 1,
        live=state.live.counted_from(row),
        spaces={name: _moved(space, row) for name, space in state.spaces.items()},
        payload_changes=state.payload_changes.counted_from(row),
    )


def _moved(space: AnySpace, row: int) -> AnySpace:
    base = space.base + row
    changed: dict[str, Any] = {
        "base": base,
        "present": space.present.counted_from(row),
        "segments": tuple(segment.counted_from(base) for segment in space.segments),
    }
    if isinstance(space, VectorSpace):
        return attrs.evolve(space, matrix=space.matrix[row:], **changed)
    # Where later rows have no vector there are no offsets of them: all end where the last one does.
    offsets = space.offsets[row:] if row <= space.rows else space.offsets[-1:]
    return attrs.evolve(space, offsets=offsets, **changed)
