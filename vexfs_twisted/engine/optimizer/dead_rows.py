"""Frees the disk space of dead sparse vectors and multivectors.

Dead rows of dense vectors are freed by jobs, along with their graphs: see Punch. Most graphs of
multivectors have copies of what they are over; rows in others are not freed, as these are searched
by the vectors in place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..collection_store import CollectionStore
from ..vector_index.linked import rows_linked
from ..vector_index.space import MultiSpace, SparseSpace, VectorSpace

LEAST_ROWS = 1024
"""Dead rows are freed when there are this many more of them."""

_PERCENT = 5
"""And this part of all rows."""


class DeadRows:
    """What has been freed of one collection. Used by one thread at a time."""

    def __init__(self, store: CollectionStore) -> None:
        self._store = store
        self._freed: dict[int, int] = {}

    def free(self) -> None:
        """Free the dead rows that no reader uses, where there are many. Raises OSError."""
        for space in self._store.state.spaces.values():
            if not isinstance(space, VectorSpace):
                dead = space.rows - space.present.count - self._freed.get(space.slot, 0)
                if dead > max(LEAST_ROWS, space.rows * _PERCENT // 100):
                    number, is_free = self._store.number, self._unused(space)
                    if self._store.is_behind_elsewhere(number):
                        continue
                    self._store.give_back(space.slot, 0, is_free)
                    self._freed[space.slot] = int(np.count_nonzero(is_free))

    def _unused(self, space: SparseSpace | MultiSpace) -> NDArray[np.bool_]:
        """Which rows of the newest state no state in use has: they never come back."""
        is_unused = ~space.present.mask(space.rows)
        for state in self._store.states_in_use():
            for other in state.spaces.values():
                if other.slot == space.slot and not isinstance(other, VectorSpace):
                    count = min(other.rows, space.rows)
                    is_unused[:count] &= ~other.present.mask(count)
                    if isinstance(other, MultiSpace):
                        self._keep_in_place(other, is_unused)
        return is_unused

    def _keep_in_place(self, space: MultiSpace, is_unused: NDArray[np.bool_]) -> None:
        """Take from `is_unused` the rows of the graphs that read vectors in place."""
        graphs = self._store.indexes.graphs
        for segment in space.segments:
            opened = graphs.get(segment.uuid)
            if opened is None:
                is_unused[segment.start : segment.stop] = False
            elif not opened.graph.has_copies:
                is_linked = rows_linked(space, segment, opened.graph)
                is_unused[segment.start : segment.stop] &= ~is_linked
