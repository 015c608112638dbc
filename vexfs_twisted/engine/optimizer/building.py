"""Builds graphs over rows of one state, concurrently with reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..storage.bitmap import Rows
from ..storage.map_advice import advise
from ..vector_index.graph.builder import GraphBuilder, GraphOptions
from ..vector_index.graph.graph import Graph
from ..vector_index.linked import LinkedSpace, copies_of, linked
from ..vector_index.segments import Segment, SegmentGraph, graph_file
from ..vector_index.space import VectorSpace
from .jobs import Build
from .settings import OptimizerSettings

_ROWS_AT_ONCE = 1 << 14
_ROWS_MIXED = 1 << 16

Advance = Callable[[int], None]
"""Called with the number of rows linked since the last call."""


ShouldStop = Callable[[], bool]


class Stopped(Exception):
    """Work was aborted on request; nothing of it is left behind."""

    def __init__(self) -> None:
        super().__init__("it was asked to stop")


class Building:
    """The build of one graph, which grows that of the job's `seed` if there is one.

    `should_stop` is called about every 0.15 seconds.
    """

    def __init__(
        self,
        job: Build,
        seed: SegmentGraph | None,
        space: LinkedSpace,
        settings: OptimizerSettings,
        should_stop: ShouldStop,
    ) -> None:
        self._job = job
        self._seed = seed
        self._space = space
        self._should_stop = should_stop
        self._memory = settings.graph_memory
        copies = copies_of(space, has_codes=settings.codes is not None)
        options = GraphOptions(settings.m, settings.ef_construct, settings.threads, copies)
        self._linked = linked(space)
        self._builder = GraphBuilder(self._linked.distance, self._linked.read, options)

    def save(self, directory: Path, uuid: str, advance: Advance) -> tuple[Segment, Graph]:
        """Build the graph and make its file durable. Raises Stopped, GraphError or StorageFull.

        The file belongs to no segment until the returned segment is committed.
        """
        job, rows = self._job, self._rows()
        self._builder.learn(rows)
        if job.seed is not None:
            assert self._seed is not None
            self._builder.seed(self._seed.graph)
            rows = rows[(rows < job.seed.start) | (rows >= job.seed.stop)]
        for part in _mixed(rows):
            if not self._builder.add(part, self._should_stop):
                raise Stopped
            advance(len(part))
        path = directory / graph_file(uuid)
        facts = self._builder.save(path, job.start, job.stop)
        graph = Graph.open(path, facts, self._linked.distance, self._linked.elements)
        advise(graph.links.neighbors, self._memory)
        # The dead rows of multivectors are freed without their graphs; see DeadRows.
        is_full = facts.nodes == job.stop - job.first or not isinstance(self._space, VectorSpace)
        unfreed_from = None if is_full else job.first
        return Segment(uuid, facts, unfreed_from, encoding=self._linked.encoding), graph

    def _rows(self) -> Rows:
        """The rows of the job's range that have a vector."""
        return self._space.present.rows_between(self._job.start, self._job.stop)


def _mixed(rows: Rows) -> Iterator[Rows]:
    """Partition `rows`; rows are shuffled within stretches of the vector file.

    Vectors stored together are often similar, and similar nodes added in a row link to each other
    rather than to their surroundings. Shuffling within stretches keeps the number of file pages
    read at a time small.
    """
    for start in range(0, len(rows), _ROWS_MIXED):
        stretch = np.random.default_rng(start).permutation(rows[start : start + _ROWS_MIXED])
        for first in range(0, len(stretch), _ROWS_AT_ONCE):
            yield stretch[first : first + _ROWS_AT_ONCE]
