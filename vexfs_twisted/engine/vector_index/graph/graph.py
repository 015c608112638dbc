"""A graph over a range of rows, opened for search."""

from __future__ import annotations

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ..kernels import Matrix, RowMatrix, Scores, faiss, use_one_thread
from .coarse import pad
from .errors import DamagedGraph
from .file import GraphFacts, GraphFile, map_graph
from .links import Links
from .native import Elements, borrowed_coarse_storage, borrowed_graph, borrowed_storage
from .trial import check_borrowing

_thread = threading.local()


class Graph:
    """The graph of the rows from `start` to before `stop`. Immutable; any thread may search it."""

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
    ) -> Graph:
        """Map the graph in a file, over `vectors`, shape [rows, dim], of which row 0 is the first.

        If the file holds coarse copies, these are searched by, and `vectors` may have any form.
        Else they are float32, float16 or uint8, C-contiguous, reach to the end of the range, and
        are read where they are. Checks what is small of the file: `verify` must have passed before
        the first search. Raises DamagedGraph, also for a graph other than `expected`, and
        GraphsUnavailable.
        """
        check_borrowing()
        file = map_graph(path)
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
        """The same graph, searched by other distances.

        `storage` is a faiss index that holds a code for every row of the range in order, and
        `keepalive` whatever must live as long as it.
        """
        return Graph(self._file, storage, (storage, keepalive))

    @property
    def facts(self) -> GraphFacts:
        """What the graph was built over and with."""
        return self._file.facts

    def verify(self) -> None:
        """Check what `open` left out, reading the whole file; raises DamagedGraph."""
        self._file.verify()

    @property
    def links(self) -> Links:
        """The links, numbered by the positions of rows in the range."""
        return self._file.links

    def node_mask(self) -> NDArray[np.bool_]:
        """Which rows of the range the graph links, shape [stop - start]."""
        return self.links.levels > 0

    def search(self, queries: Matrix, limit: int, ef: int) -> tuple[Scores, RowMatrix]:
        """The nearest rows of each of `queries`, shape [q, dim], C-contiguous, as the graph finds.

        Every node may be found, also of a row that is dead by now. `ef` is how many of the closest
        nodes are looked at; at least `limit` are. The threads are those of `threads_of_faiss`.

        Returns distances and row numbers, both of shape [q, k] where k is the `limit` or the number
        of nodes if that is less; the nearest first, -1 where there is no more. Distances are inner
        products, squared distances for Euclid, or sums of absolute differences; by coarse copies
        they are rough, so that some more should be asked for than are wanted, and compared by
        their vectors. Releases the GIL.
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
        """Made when it is first searched: it takes 12 bytes a row."""
        return borrowed_graph(self._storage, self.links)


def _parameters(ef: int) -> Any:
    """The parameters of this thread, which take longer to make than to change."""
    if not hasattr(_thread, "parameters"):
        _thread.parameters = faiss.SearchParametersHNSW()
    _thread.parameters.efSearch = ef
    return _thread.parameters
