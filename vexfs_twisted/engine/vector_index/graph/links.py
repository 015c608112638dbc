"""The links of a graph, and how they are renumbered.

While a graph is built its nodes are numbered 0, 1, 2...; in its file they have the positions of
their rows in a range of rows, some of which have no node. Both are the same structure: a level for
every number, and for every node its slots for neighbors, one node's after the other's.
"""

from __future__ import annotations

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Levels = NDArray[np.uint8]
Neighbors = NDArray[np.int32]

MOST_LEVELS = 32
NO_ENTRY = -1

_RENUMBERED_AT_ONCE = 1 << 18


@frozen
class Links:
    """The links of a graph.

    `levels`, shape [n], tells on how many levels a number is, 0 for one without a node.
    `neighbors`, shape [slots], holds for each node 2 * `m` slots of the lowest level and `m` of
    each other one; a free slot is -1. A search starts at the number `entry`, which is on all
    levels there are, or at NO_ENTRY where there is no node.
    """

    m: int
    entry: int
    levels: Levels = field(eq=False)
    neighbors: Neighbors = field(eq=False)

    def offsets(self) -> NDArray[np.uint64]:
        """Where the slots of each number begin, and where those of the last end: shape [n + 1]."""
        return slot_offsets(self.m, self.levels)

    def nodes(self) -> Positions:
        """The numbers that have a node, ascending."""
        return np.flatnonzero(self.levels)

    def copied(self) -> Links:
        """The same links in memory of their own."""
        return evolve(self, neighbors=self.neighbors.copy())

    def scattered(self, positions: Positions, size: int) -> Links:
        """These links with node i at the i-th of `positions`, ascending and below `size`.

        Every number must have a node. The neighbors are renumbered in place.
        """
        levels = np.zeros(size, dtype=np.uint8)
        levels[positions] = self.levels
        return self._renumbered(positions, levels, self.neighbors)

    def compacted(self) -> Links:
        """A copy of these links in which the i-th node has the number i."""
        nodes = self.nodes()
        numbers = np.zeros(len(self.levels), dtype=np.int32)
        numbers[nodes] = np.arange(len(nodes), dtype=np.int32)
        return self._renumbered(numbers, self.levels[nodes], np.empty_like(self.neighbors))

    def _renumbered(
        self, numbers: NDArray[np.signedinteger], levels: Levels, neighbors: Neighbors
    ) -> Links:
        """The links with `numbers`, shape [n], for the old ones, written into `neighbors`."""
        # A free slot is -1, so that it finds the last number and stays what it is.
        table = np.append(numbers, -1).astype(np.int32)
        for start in range(0, len(neighbors), _RENUMBERED_AT_ONCE):
            part = slice(start, start + _RENUMBERED_AT_ONCE)
            neighbors[part] = np.take(table, self.neighbors[part], mode="wrap")
        entry = NO_ENTRY if self.entry == NO_ENTRY else int(numbers[self.entry])
        return evolve(self, entry=entry, levels=levels, neighbors=neighbors)


def no_links(m: int, size: int) -> Links:
    """The links of no node among `size` numbers."""
    levels = np.zeros(size, dtype=np.uint8)
    return Links(m, NO_ENTRY, levels, np.zeros(0, dtype=np.int32))


def slots_of_levels(m: int) -> NDArray[np.uint64]:
    """How many slots a node has that is on 0, 1, 2... levels."""
    levels = np.arange(MOST_LEVELS + 1, dtype=np.uint64)
    return np.where(levels > 0, (levels + np.uint64(1)) * np.uint64(m), np.uint64(0))


def slot_offsets(m: int, levels: Levels) -> NDArray[np.uint64]:
    """Where the slots of each number begin, and where those of the last end: shape [n + 1]."""
    offsets = np.zeros(len(levels) + 1, dtype=np.uint64)
    np.cumsum(slots_of_levels(m)[levels], out=offsets[1:])
    return offsets
