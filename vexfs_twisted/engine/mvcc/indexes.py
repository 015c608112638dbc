"""The indexes of a collection in memory: what makes reads fast, beside the states that they read.

A state is a value. Columns of payloads and opened graphs are caches that are filled and replaced
while a state stays the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs
from attrs import field, frozen

from ..payload_index.cache import ColumnCache
from ..vector_index.segments import NO_GRAPHS, Graphs, SegmentGraph, Segments, recounted
from ..vector_index.sparse.cache import PostingsCache


@frozen(eq=False)
class Indexes:
    """The indexes as a snapshot uses them, which keeps them alive. Thread-safe.

    `columns`, and `postings` of sparse vectors, are shared by all snapshots of the collection.
    `graphs` has the opened graphs by the keys of segments, and does not change; a segment that is
    not in it is scanned.
    """

    columns: ColumnCache = field(factory=ColumnCache)
    postings: PostingsCache = field(factory=PostingsCache)
    graphs: Graphs = NO_GRAPHS


class IndexRegistry:
    """The indexes that new snapshots get. Read by any thread, changed by one at a time."""

    def __init__(self) -> None:
        self.current = Indexes()

    def add_graphs(self, graphs: Mapping[str, SegmentGraph]) -> None:
        """Add opened graphs, or replace those of the same segments."""
        if graphs:
            self.current = attrs.evolve(self.current, graphs={**self.current.graphs, **graphs})

    def recount(self, before: Mapping[str, Segments], after: Mapping[str, Segments]) -> None:
        """Add the graphs of segments by name, whose rows were counted from another row before."""
        for name, segments in after.items():
            self.add_graphs(recounted(segments, before.get(name, ()), self.current.graphs))

    def keep_graphs(self, keys: Collection[str]) -> None:
        """Drop the graphs of all other segments; snapshots that have them keep them."""
        graphs = self.current.graphs
        if graphs.keys() - keys:
            kept = {key: graph for key, graph in graphs.items() if key in keys}
            self.current = attrs.evolve(self.current, graphs=kept)

    def release(self) -> None:
        """Drop all indexes, when the collection is closed."""
        self.current = Indexes()
