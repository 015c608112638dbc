"""The links of a graph, and their renumbering.

While a graph is built its nodes are numbered 0, 1, 2...; in its file they are numbered by the
positions of their rows in a range of rows, some of which have no node. Both have the same layout: a
level for every number, and the neighbor slots of all nodes concatenated.
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

    `levels`, shape [n], is the number of levels that a node is on, 0 for a number without a node.
    `neighbors`, shape [slots], has 2 * `m` slots for the lowest level of each node and `m` for each
    other one; a free slot is -1. `entry` is the node that searches start at, which is on all
    levels, or NO_ENTRY if there are no nodes.
    """

    m: int
    entry: int
    levels: Levels = field(eq=False)
    neighbors: Neighbors = field(eq=False)

    def offsets(self) -> NDArray[np.uint64]:
        """The offsets of the slots of each number, and the end of the last: shape [n + 1]."""
        return slot_offsets(self.m, self.levels)

    def nodes(self) -> Positions:
        """The numbers of all nodes, ascending."""
        return np.flatnonzero(self.levels)

    def copied(self) -> Links:
        """A copy with its own memory for the neighbors."""
        return evolve(self, neighbors=self.neighbors.copy())

    def scattered(self, positions: Positions, size: int) -> Links:
        """Renumber node i to the i-th of `positions`, which are ascending and below `size`.

        Every number must have a node. The neighbors are renumbered in place.
        """
        levels = np.zeros(size, dtype=np.uint8)
        levels[positions] = self.levels
        return self._renumbered(positions, levels, self.neighbors)

    def compacted(self) -> Links:
        """A copy in which the i-th node has the number i."""
        nodes = self.nodes()
        numbers = np.zeros(len(self.levels), dtype=np.int32)
        numbers[nodes] = np.arange(len(nodes), dtype=np.int32)
        return self._renumbered(numbers, self.levels[nodes], np.empty_like(self.neighbors))

    def _renumbered(
        self, numbers: NDArray[np.signedinteger], levels: Levels, neighbors: Neighbors
    ) -> Links:
        """Renumber by `numbers`, the new number of each old one, shape [n]; fills `neighbors`."""
        # A free slot, -1, indexes the last element of the table, which is -1.
        table = np.append(numbers, -1).astype(np.int32)
        for start in range(0, len(neighbors), _RENUMBERED_AT_ONCE):
            part = slice(start, start + _RENUMBERED_AT_ONCE)
            neighbors[part] = np.take(table, self.neighbors[part], mode="wrap")
        entry = NO_ENTRY if self.entry == NO_ENTRY else int(numbers[self.entry])
        return evolve(self, entry=entry, levels=levels, neighbors=neighbors)


def no_links(m: int, size: int) -> Links:
    """The links of a graph without nodes over `size` numbers."""
    levels = np.zeros(size, dtype=np.uint8)
    return Links(m, NO_ENTRY, levels, np.zeros(0, dtype=np.int32))


def slots_of_levels(m: int) -> NDArray[np.uint64]:
    """The number of slots of a node on 0, 1, 2... levels."""
    levels = np.arange(MOST_LEVELS + 1, dtype=np.uint64)
    return np.where(levels > 0, (levels + np.uint64(1)) * np.uint64(m), np.uint64(0))


def slot_offsets(m: int, levels: Levels) -> NDArray[np.uint64]:
    """The offsets of the slots of each number, and the end of the last: shape [n + 1]."""
    offsets = np.zeros(len(levels) + 1, dtype=np.uint64)
    np.cumsum(slots_of_levels(m)[levels], out=offsets[1:])
    return offsets


def are_closed(links: Links) -> bool:
    """Whether every slot is free or has a node that is on the level of the slot.

    Searches trust the slots: others would lead out of the memory of the graph. For links that
    somebody else may have made; takes about 10 ns a slot.
    """
    size, neighbors = len(links.levels), links.neighbors
    # A free slot, -1, indexes the last element of the table, which is on all levels.
    levels = np.append(links.levels, np.uint8(MOST_LEVELS + 1))
    for start in range(0, len(neighbors), _RENUMBERED_AT_ONCE):
        part = neighbors[start : start + _RENUMBERED_AT_ONCE]
        if part.min() < -1 or part.max() >= size or not levels[part].all():
            return False
    offsets = links.offsets().astype(np.int64)
    for level in range(1, int(links.levels.max(initial=0))):
        slots = offsets[np.flatnonzero(links.levels > level)] + (level + 1) * links.m
        targets = neighbors[slots[:, np.newaxis] + np.arange(links.m)]
        if (levels[targets] <= level).any():
            return False
    return True
