"""Building a graph, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
from attrs import frozen

from ....model.collection_params import Distance
from ...store.bitmap import Rows
from ..kernels import faiss, threads_of_faiss
from .file import GraphFacts, save_links
from .graph import Graph
from .native import Elements, empty_graph, empty_storage, links_of, reorder, set_links
from .trial import check_borrowing

_FIRST_CHUNK = 256
_LARGEST_CHUNK = 1 << 14
_SECONDS_A_CHUNK = 0.15
_LEAST_M = 2


@frozen
class GraphOptions:
    """How a graph is built: `m` links a node, the `ef_construct` closest nodes looked at."""

    m: int
    ef_construct: int
    threads: int = 1


class GraphBuilder:
    """A graph that is being built. For one thread; it holds a copy of the vectors of its nodes.

    Raises GraphsUnavailable.
    """

    def __init__(
        self, distance: Distance, dimension: int, dtype: np.dtype[np.generic], options: GraphOptions
    ) -> None:
        check_borrowing()
        self._options = options
        # With fewer links there is one level only, or none.
        self._m = max(options.m, _LEAST_M)
        self._storage = empty_storage(distance, dimension, dtype)
        self._graph = empty_graph(self._storage, self._m)
        self._graph.hnsw.efConstruction = options.ef_construct
        self._rows: list[Rows] = []
        self._chunk = _FIRST_CHUNK

    def seed(self, graph: Graph, vectors: Elements) -> None:
        """Begin with the nodes of a graph whose m is the same, instead of none.

        `vectors`, shape [rows, dim], are those the graph is over, row 0 first.
        """
        if self._rows or graph.links.m != self._m:
            raise ValueError("a graph of other links cannot be extended")
        links = graph.links.compacted()
        rows = graph.links.nodes() + graph.facts.start
        for start in range(0, len(rows), _LARGEST_CHUNK):
            chunk = rows[start : start + _LARGEST_CHUNK]
            self._storage.add(vectors[chunk].astype(np.float32, copy=False))
        set_links(self._graph, links)
        # Else the levels of the new nodes would be those of the first ones once more.
        self._graph.hnsw.rng = faiss.RandomGenerator(len(rows))
        self._rows.append(rows)

    def add(
        self, rows: Rows, vectors: Elements, should_stop: Callable[[], bool] = lambda: False
    ) -> bool:
        """Link more `rows` of `vectors`, shape [rows, dim]; False if it was stopped before the end.

        `should_stop` is asked about every 0.15 seconds.
        """
        done = 0
        while done < len(rows):
            if should_stop():
                return False
            chunk = rows[done : done + self._chunk]
            self._add_chunk(chunk, vectors)
            done += len(chunk)
        return True

    def save(self, path: Path, start: int, stop: int) -> GraphFacts:
        """Write the graph durably as one of the rows from `start` to before `stop`.

        These are all rows that were added, and maybe others. Nothing can be added afterwards.
        """
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *self._rows])
        if len(rows) and (np.diff(rows) <= 0).any():
            order = np.argsort(rows)
            reorder(self._graph, order)
            rows = rows[order]
        links = links_of(self._graph, self._m).scattered(rows - start, stop - start)
        options = self._options
        return save_links(path, (start, stop), options.m, options.ef_construct, links)

    def _add_chunk(self, rows: Rows, vectors: Elements) -> None:
        started = perf_counter()
        chunk = vectors[rows].astype(np.float32, copy=False)
        with threads_of_faiss(self._options.threads):
            self._graph.add(chunk)
        self._rows.append(rows)
        fitting = len(rows) * _SECONDS_A_CHUNK / max(perf_counter() - started, 1e-6)
        self._chunk = int(min(max(fitting, self._chunk / 2, 1), 2 * self._chunk, _LARGEST_CHUNK))
