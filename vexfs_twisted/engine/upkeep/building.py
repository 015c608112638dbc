"""Graphs built over rows of a view, while reads and writes go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..index.graph.builder import GraphBuilder, GraphOptions
from ..index.graph.graph import Graph
from ..store.bitmap import Rows
from ..store.segments import Segment, graph_file
from ..store.view import VectorSpace
from .jobs import Build
from .settings import Settings

_ROWS_AT_ONCE = 1 << 14

Advance = Callable[[int], None]
"""Takes note of rows that have been linked."""


ShouldStop = Callable[[], bool]


class Stopped(Exception):
    """Work was given up because somebody asked for it. Nothing of it is left."""

    def __init__(self) -> None:
        super().__init__("it was asked to stop")


class Building:
    """One graph on its way. `should_stop` is asked about every 0.15 seconds."""

    def __init__(
        self, job: Build, space: VectorSpace, settings: Settings, should_stop: ShouldStop
    ) -> None:
        self._job = job
        self._space = space
        self._should_stop = should_stop
        params = space.params
        options = GraphOptions(settings.m, settings.ef_construct, settings.threads)
        self._builder = GraphBuilder(params.distance, params.size, space.matrix.dtype, options)

    def save(self, directory: Path, uuid: str, advance: Advance) -> Segment:
        """Build the graph and make its file durable. Raises Stopped, GraphError or StorageFull.

        The file is one of no segment until the segment is committed.
        """
        job, vectors = self._job, self._space.matrix
        if job.seed is not None:
            assert job.seed.graph is not None
            self._builder.seed(job.seed.graph, vectors)
        rows = self._rows()
        self._builder.learn(rows, vectors)
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[first : first + _ROWS_AT_ONCE]
            if not self._builder.add(part, vectors, self._should_stop):
                raise Stopped
            advance(len(part))
        path = directory / graph_file(uuid)
        facts = self._builder.save(path, job.start, job.stop)
        graph = Graph.open(path, facts, self._space.params.distance, vectors)
        return Segment(uuid, facts, facts.nodes == job.stop - job.start, graph)

    def _rows(self) -> Rows:
        """The rows that have a vector and are not in the seed."""
        job = self._job
        bits = self._space.present.bits[job.start // 8 : job.stop // 8]
        rows = np.flatnonzero(np.unpackbits(bits, bitorder="little")) + job.start
        if job.seed is None:
            return rows
        return rows[(rows < job.seed.start) | (rows >= job.seed.stop)]
