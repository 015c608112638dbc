"""A graph over a range of rows, opened for search."""

from __future__ import annotations

import threading
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ...native_library import faiss
from ...storage.bitmap import Rows
from ..kernels import Matrix, RowMatrix, Scores, use_one_thread
from .coarse import pad
from .errors import DamagedGraph
from .file import GraphFacts, GraphFile, map_graph
from .links import Links
from .native import Elements, borrowed_coarse_storage, borrowed_graph, borrowed_storage
from .trial import check_borrowing

_thread = threading.local()


class Graph:
    """The graph of a range of rows. Immutable and thread-safe."""

    def __init__(self, file: GraphFile, storage: Any, keepalive: object) -> None:
        self._file = file
        self._storage = storage
        self._keepalive = keepalive

    @classmethod
    def open(
        cls,
        path: Path,
        expected: GraphFacts | None,
        distance: Distance,
        vectors: Elements,
        base: int = 0,
    ) -> Graph:
        """Map the graph in a file, over `vectors`, shape [rows, dim], beginning with row 0.

        Rows are counted from row `base` of the file. If the file has coarse copies, these are used
        for searches, and `vectors` may have any encoding. Otherwise they are float32, float16 or
        uint8, C-contiguous, reach to the end of the range, and are read in place. Only the small
        parts of the file are verified: `verify` must have passed before the first search. Raises
        DamagedGraph, also for a graph other than `expected`, and GraphsUnavailable.
        """
        check_borrowing()
        file = map_graph(path).moved(-base)
        facts = file.facts
        if expected is not None and facts != expected:
            raise DamagedGraph(path, "it is another graph")
        if len(vectors) < facts.stop:
            raise DamagedGraph(path, f"its rows end at {facts.stop}, the vectors at {len(vectors)}")
        if file.coarse is None:
            own = vectors[facts.start : facts.stop]
            return cls(file, borrowed_storage(distance, own), own)
        coarse = file.coarse
        return cls(file, borrowed_coarse_storage(distance, coarse.scale, coarse.codes), coarse)

    def with_storage(self, storage: Any, keepalive: object) -> Graph:
        """The same graph, searched with the distances of another storage.

        `storage` is a faiss index that has a code for every row of the range in order, and
        `keepalive` refers to whatever must live as long as it.
        """
        return Graph(self._file, storage, (storage, keepalive))

    def moved(self, rows: int) -> Graph:
        """The same graph, with `rows` added to the numbers of the rows."""
        moved = copy(self)
        moved._file = self._file.moved(rows)
        return moved

    @property
    def facts(self) -> GraphFacts:
        """The description of the graph: its rows and build options."""
        return self._file.facts

    def verify(self) -> None:
        """Verify what `open` did not, reading the whole file; raises DamagedGraph."""
        self._file.verify()

    @property
    def links(self) -> Links:
        """The links; nodes are numbered by the positions of their rows in the range."""
        return self._file.links

    def node_mask(self) -> NDArray[np.bool_]:
        """Which rows of the range the graph links, shape [stop - start]."""
        return self.links.levels > 0

    @property
    def has_copies(self) -> bool:
        """Whether there are coarse copies; else vectors are read in place."""
        return self._file.coarse is not None

    def copies(self, rows: Rows) -> Matrix:
        """The coarse copies of rows that are nodes, shape [n, dim or a few more], as vectors."""
        assert self._file.coarse is not None
        codes = self._file.coarse.codes[rows - self.facts.start]
        decoded: Matrix = self._storage.sa_decode(codes)
        return decoded

    def search(self, queries: Matrix, limit: int, ef: int) -> tuple[Scores, RowMatrix]:
        """The approximately nearest rows of each of `queries`, shape [q, dim], C-contiguous.

        Any node may be found, including those of dead rows. `ef` is the beam width, raised to
        `limit` if that is more. The threads are those of `threads_of_faiss`.

        Returns distances and row numbers, both of shape [q, k], where k is the lesser of `limit`
        and the number of nodes; nearest first, row -1 where there are no more. Distances are inner
        products, squared distances for Euclid, or sums of absolute differences. By coarse copies
        they are rough, so callers should ask for more than they need and compare these by their
        vectors. Releases the GIL.
        """
        facts = self.facts
        limit = min(limit, facts.nodes)
        if self._storage.d > queries.shape[1]:
            queries = pad(queries)
        distances = np.empty((len(queries), limit), dtype=np.float32)
        rows = np.empty((len(queries), limit), dtype=np.int64)
        if rows.size:
            use_one_thread()
            self._graph.search_c(
                len(queries),
                faiss.swig_ptr(queries),
                limit,
                faiss.swig_ptr(distances),
                faiss.swig_ptr(rows),
                _parameters(ef),
            )
            if facts.start:
                rows[rows >= 0] += facts.start
        return distances, rows

    @cached_property
    def _graph(self) -> Any:
        """The faiss graph, made on the first search: it takes 12 bytes per row."""
        return borrowed_graph(self._storage, self.links)


def _parameters(ef: int) -> Any:
    """The search parameters, one object per thread: changing it is faster than making one."""
    if not hasattr(_thread, "parameters"):
        _thread.parameters = faiss.SearchParametersHNSW()
    _thread.parameters.efSearch = ef
    return _thread.parameters
