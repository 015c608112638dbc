"""Building a graph, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from attrs import frozen

from ....model.collection_params import Distance
from ...store.bitmap import Rows
from ..kernels import Matrix, faiss, threads_of_faiss
from .coarse import Scale, closeness, holds_nearest, pad
from .file import Coarse, GraphFacts, Origin, save_graph
from .graph import Graph
from .native import (
    Elements,
    codes_of,
    empty_coarse_storage,
    empty_graph,
    empty_storage,
    links_of,
    reorder,
    set_links,
)
from .trial import check_borrowing

_FIRST_CHUNK = 256
_LARGEST_CHUNK = 1 << 14
_SECONDS_A_CHUNK = 0.15
_SEEDED_AT_ONCE = 1 << 12
_LEAST_M = 2

_RUN = 32
_SAMPLED_RUNS = 128
_TRIED = 32
_TRIED_AMONG = 128


@frozen
class GraphOptions:
    """How a graph is built: `m` links a node, the `ef_construct` closest nodes looked at.

    With `keeps_codes`, coarse copies of float32 vectors are kept to search by, where they will do.
    """

    m: int
    ef_construct: int
    threads: int = 1
    keeps_codes: bool = True


class GraphBuilder:
    """A graph that is being built. For one thread; it holds copies of the vectors of its nodes.

    `dtype` is how the vectors are stored. Every call gets the same of them, shape [rows, dim], of
    which row 0 is the first. Raises GraphsUnavailable.
    """

    def __init__(
        self, distance: Distance, dimension: int, dtype: np.dtype[Any], options: GraphOptions
    ) -> None:
        check_borrowing()
        self._distance = distance
        self._options = options
        # With fewer links there is one level only, or none.
        self._m = max(options.m, _LEAST_M)
        self._begin(empty_storage(distance, dimension, dtype))
        # Those of a byte a component are small enough, and there are no copies by which absolute
        # differences are faster.
        self._may_be_coarse = dtype != np.uint8 and distance is not Distance.MANHATTAN
        self._scale: Scale | None = None
        self._vectors: Elements = np.zeros((0, dimension), dtype=dtype)
        self._rows: list[Rows] = []
        self._chunk = _FIRST_CHUNK

    def learn(self, rows: Rows, vectors: Elements) -> None:
        """See what the vectors are like, from some of all `rows` that are going to be added.

        To be called before rows are added, if at all; else the first rows are taken.
        """
        if not self._may_be_coarse or self._rows or not len(rows):
            return
        self._may_be_coarse = False
        sample = _floats(vectors[_sampled(rows)])
        scale = Scale.of(sample)
        if scale.is_fine_for(self._distance, sample):
            self._scale = scale
            self._begin(empty_coarse_storage(self._distance, scale))

    def seed(self, graph: Graph, vectors: Elements) -> None:
        """Begin with the nodes of a graph over these vectors, whose m is the same."""
        if self._rows or graph.links.m != self._m:
            raise ValueError("a graph of other links cannot be extended")
        rows = graph.links.nodes() + graph.facts.start
        self.learn(rows, vectors)
        self._vectors = vectors
        for start in range(0, len(rows), _SEEDED_AT_ONCE):
            chunk = rows[start : start + _SEEDED_AT_ONCE]
            self._storage.add(self._prepared(vectors[chunk]))
        set_links(self._graph, graph.links.compacted())
        # Else the levels of the new nodes would be those of the first ones once more.
        self._graph.hnsw.rng = faiss.RandomGenerator(len(rows))
        self._rows.append(rows)

    def add(
        self, rows: Rows, vectors: Elements, should_stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Link more `rows`, in any order; False if it was stopped before the end.

        `should_stop` is asked about every 0.15 seconds.
        """
        self.learn(rows, vectors)
        self._vectors = vectors
        done = 0
        while done < len(rows):
            if should_stop():
                return False
            chunk = rows[done : done + self._chunk]
            self._add_chunk(chunk, vectors)
            done += len(chunk)
        return True

    @property
    def nodes(self) -> int:
        """How many rows are linked by now."""
        return sum(map(len, self._rows))

    def save(self, path: Path, start: int, stop: int) -> GraphFacts:
        """Write the graph durably as one of the rows from `start` to before `stop`.

        These are all rows that were added, and maybe others. Nothing can be added afterwards.
        """
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *self._rows])
        keeps_codes = self._keeps_codes(rows)
        order = None
        if (np.diff(rows) <= 0).any():
            order = np.argsort(rows)
            reorder(self._graph, order)
            rows = rows[order]
        coarse = None
        if self._scale is not None and keeps_codes:
            codes = codes_of(self._storage)
            coarse = Coarse(self._scale, codes if order is None else codes[order])
        links = links_of(self._graph, self._m).scattered(rows - start, stop - start)
        origin = Origin(start, stop, self._options.m, self._options.ef_construct)
        return save_graph(path, origin, links, coarse)

    def _begin(self, storage: Any) -> None:
        self._storage = storage
        self._graph = empty_graph(storage, self._m)
        self._graph.hnsw.efConstruction = self._options.ef_construct

    def _add_chunk(self, rows: Rows, vectors: Elements) -> None:
        started = perf_counter()
        chunk = self._prepared(vectors[rows])
        with threads_of_faiss(self._options.threads):
            self._graph.add(chunk)
        self._rows.append(rows)
        fitting = len(rows) * _SECONDS_A_CHUNK / max(perf_counter() - started, 1e-6)
        self._chunk = int(min(max(fitting, self._chunk / 2, 1), 2 * self._chunk, _LARGEST_CHUNK))

    def _prepared(self, vectors: Elements) -> Matrix:
        floats = _floats(vectors)
        return floats if self._scale is None else pad(floats)

    def _keeps_codes(self, rows: Rows) -> bool:
        """Whether searches by copies do, as tried on some nodes among their nearest others.

        Those of a sample are farther from each other, so that it does not tell of dense clusters.
        """
        vectors = self._vectors
        if self._scale is None or not self._options.keeps_codes or vectors.dtype != np.float32:
            return False
        asked = _floats(vectors[rows[:: -(-len(rows) // _TRIED)]])
        with threads_of_faiss(1):
            parameters = faiss.SearchParametersHNSW(efSearch=_TRIED_AMONG)
            count = min(_TRIED_AMONG, len(rows))
            _, found = self._graph.search(pad(asked), count, params=parameters)
        true = np.full(found.shape, -np.inf, dtype=np.float32)
        for query, own, scores in zip(asked, found, true, strict=True):
            near = _floats(vectors[rows[own[own >= 0]]])
            scores[own >= 0] = closeness(self._distance, query[np.newaxis], near)[0]
        return holds_nearest(true)


def _sampled(rows: Rows) -> Rows:
    """Some rows: runs of such as were stored together, all over them."""
    runs = max(len(rows) // _RUN, 1)
    chosen = np.linspace(0, runs - 1, min(runs, _SAMPLED_RUNS)).astype(np.int64)
    places = (chosen[:, np.newaxis] * _RUN + np.arange(_RUN)).ravel()
    sampled: Rows = rows[places[places < len(rows)]]
    return sampled


def _floats(vectors: Elements) -> Matrix:
    return vectors.astype(np.float32, copy=False)
