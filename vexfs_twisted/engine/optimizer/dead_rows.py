"""Frees the disk space of dead rows that are in no graph.

Dense rows within segments are freed by jobs, along with their graphs: see Punch. All others are
freed here: dense rows that are in no segment, sparse vectors, and multivectors. Most graphs of
multivectors have copies of what they are over; rows in others are not freed, as these are searched
by the vectors in place.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ..collection_store import CollectionStore
from ..mvcc.state import CollectionState
from ..vector_index.linked import rows_linked
from ..vector_index.space import AnySpace, SparseSpace, VectorSpace

LEAST_ROWS = 1024
"""Dead rows are freed when there are this many more of them."""

_PERCENT = 5
"""And this part of the live ones, so that what is not freed yet never grows with the dead ones."""


class DeadRows:
    """What has been freed of one collection. Used by one thread at a time."""

    def __init__(self, store: CollectionStore) -> None:
        self._store = store
        self._freed: dict[tuple[int, int], int] = {}
        self._begins: dict[int, int] = {}

    def free(self) -> None:
        """Free the dead rows that no reader uses, where there are many. Raises OSError."""
        state, freed_before = self._store.state, self._freed
        self._freed = {}
        for space in state.spaces.values():
            dead = _dead(space, state)
            # Segments may have taken in rows that were freed before.
            key = space.slot, space.base
            freed = self._freed[key] = min(freed_before.get(key, 0), dead)
            if dead - freed > max(LEAST_ROWS, space.present.count * _PERCENT // 100):
                number, is_free = self._store.number, self._unused(space, state)
                if self._store.is_behind_elsewhere(number):
                    continue
                self._store.give_back(space.slot, space.skipped, is_free)
                self._freed[key] = int(np.count_nonzero(is_free))

    def free_skipped(self) -> None:
        """Free the rows before those that all states in use begin with. Raises OSError."""
        state = self._store.state
        behind = [s for s in state.spaces.values() if self._begins.get(s.slot, 0) < s.skipped]
        number = self._store.number
        if not behind or self._store.is_behind_elsewhere(number):
            return
        if all(other.base == state.base for other in self._store.states_in_use()):
            for space in behind:
                self._store.drop_before(space.slot, space.skipped)
                self._begins[space.slot] = space.skipped

    def _unused(self, space: AnySpace, state: CollectionState) -> NDArray[np.bool_]:
        """Which rows of the newest state no state in use has: they never come back."""
        is_unused = ~space.present.mask(_rows(space, state))
        for other_state in self._store.states_in_use():
            for other in other_state.spaces.values():
                if other.slot == space.slot and other.base == space.base:
                    count = min(_rows(other, other_state), len(is_unused))
                    is_unused[:count] &= ~other.present.mask(count)
                    self._keep_linked(other, is_unused)
                elif other.slot == space.slot:
                    # Its rows are counted from another one: it goes soon.
                    is_unused[:] = False
        return is_unused

    def _keep_linked(self, space: AnySpace, is_unused: NDArray[np.bool_]) -> None:
        """Take from `is_unused` the rows that graphs may read, or that jobs free."""
        if isinstance(space, SparseSpace):
            return
        graphs = self._store.indexes.graphs
        for segment in space.segments:
            opened = graphs.get(segment.key)
            if opened is None or isinstance(space, VectorSpace):
                is_unused[segment.start : segment.stop] = False
            elif not opened.graph.has_copies:
                is_linked = rows_linked(space, segment, opened.graph)
                is_unused[segment.start : segment.stop] &= ~is_linked


def _rows(space: AnySpace, state: CollectionState) -> int:
    """The rows of the space of a state."""
    return state.next_row if isinstance(space, VectorSpace) else space.rows


def _dead(space: AnySpace, state: CollectionState) -> int:
    """How many rows without a vector there are, but for dense ones in segments."""
    if not isinstance(space, VectorSpace):
        return space.rows - space.present.count
    present = space.present.with_room(state.next_row)
    gaps = _gaps(space, state.next_row)
    return sum(stop - start - present.count_between(start, stop) for start, stop in gaps)


def _gaps(space: VectorSpace, rows: int) -> Iterator[tuple[int, int]]:
    """The ranges of rows in no segment."""
    start = 0
    for segment in space.segments:
        yield start, max(start, segment.start)
        start = segment.stop
    yield start, max(start, rows)
