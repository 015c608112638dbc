"""Builds graphs over rows of one state, concurrently with reads and writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..storage.bitmap import Rows
from ..storage.map_advice import advise
from ..vector_index.graph.builder import Copies, GraphBuilder, GraphOptions, Read
from ..vector_index.graph.graph import Graph
from ..vector_index.kernels import Matrix
from ..vector_index.linked import Linked, LinkedSpace, copies_of, linked
from ..vector_index.segments import Segment, SegmentGraph, graph_file
from ..vector_index.space import MultiSpace, VectorSpace
from .jobs import Build
from .settings import OptimizerSettings, lines_each

_AT_ONCE = 1 << 14
_MIXED = 1 << 16

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
        self._linked = linked(space)
        copies, read = copies_of(space, has_codes=settings.codes is not None), self._linked.read
        if isinstance(space, MultiSpace) and seed is not None and seed.graph.has_copies:
            assert job.seed is not None
            read = _reader(space, self._linked, seed.graph)
            if job.seed.live(space.present) < job.seed.nodes:
                # In place, dead rows that have been freed would be read as zeros.
                copies = Copies.ALWAYS
        options = GraphOptions(settings.m, settings.ef_construct, settings.threads, copies)
        self._builder = GraphBuilder(self._linked.distance, read, options)

    def save(self, directory: Path, uuid: str, advance: Advance) -> tuple[Segment, Graph]:
        """Build the graph and make its file durable. Raises Stopped, GraphError or StorageFull.

        The file belongs to no segment until the returned segment is committed.
        """
        job, rows = self._job, self._rows()
        self._builder.learn(self._linked.numbers(rows))
        count = len(rows)
        if job.seed is not None:
            assert self._seed is not None
            self._builder.seed(self._seed.graph)
            rows = rows[(rows < job.seed.start) | (rows >= job.seed.stop)]
            count = job.seed.nodes + len(rows)
        for part, done in self._parts(rows):
            if not self._builder.add(part, self._should_stop):
                raise Stopped
            advance(done)
        path = directory / graph_file(uuid)
        own = self._linked
        facts = self._builder.save(path, *own.limits(job.start, job.stop), own.base)
        graph = Graph.open(path, facts, own.distance, own.elements, own.base)
        advise(graph.links.neighbors, self._memory)
        # The dead rows of multivectors are freed without their graphs; see DeadRows.
        is_full = facts.nodes == job.stop - job.first or not isinstance(self._space, VectorSpace)
        unfreed_from = None if is_full else job.first
        lined, base = own.lined(job.start, job.stop, count), self._space.base
        encoding = own.encoding
        return Segment(uuid, facts, unfreed_from, encoding=encoding, lined=lined, base=base), graph

    def _rows(self) -> Rows:
        """The rows of the job's range that have a vector."""
        return self._space.present.rows_between(self._job.start, self._job.stop)

    def _parts(self, rows: Rows) -> Iterator[tuple[Rows, int]]:
        """Partition the nodes of `rows`: their numbers, and how many rows are done with each part.

        Nodes are shuffled within stretches of the vector file. Vectors stored together are often
        similar, and similar nodes added in a row link to each other rather than to their
        surroundings. Shuffling within stretches keeps the number of file pages read at a time
        small.
        """
        each = 1 if self._linked.offsets is None else lines_each(self._space)
        step = max(_MIXED // each, 1)
        for start in range(0, len(rows), step):
            stretch = rows[start : start + step]
            mixed = np.random.default_rng(start).permutation(self._linked.numbers(stretch))
            told = 0
            for first in range(0, len(mixed), _AT_ONCE):
                part = mixed[first : first + _AT_ONCE]
                done = len(stretch) * (first + len(part)) // len(mixed)
                yield part, done - told
                told = done


def _reader(space: MultiSpace, own: Linked, grown: Graph) -> Read:
    """Reads vectors, but those of dead rows, which may have been freed, from copies of `grown`."""

    def read(numbers: Rows) -> Matrix:
        vectors = own.read(numbers)
        is_dead = ~space.present.has(own.rows(numbers))
        if is_dead.any():
            vectors[is_dead] = grown.copies(numbers[is_dead])[:, : vectors.shape[1]]
        return vectors

    return read
