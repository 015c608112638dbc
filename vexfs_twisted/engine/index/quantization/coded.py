"""A graph that is searched by codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..graph import Graph
from ..kernels import Matrix, RowMatrix, Scores
from .codes import Codes


class CodedGraph:
    """A graph and the codes of its rows. Immutable; any thread may search it."""

    def __init__(self, graph: Graph, codes: Codes) -> None:
        self.codes = codes
        self._twin = graph.with_storage(codes.storage, codes)

    def search(
        self,
        queries: Matrix,
        limit: int,
        ef: int,
        allowed: NDArray[np.uint8] | None = None,
        threads: int = 1,
    ) -> tuple[Scores, RowMatrix]:
        """What `Graph.search` answers, by the distances that the codes tell."""
        return self._twin.search(self.codes.prepared(queries), limit, ef, allowed, threads)

    def scores(self, distances: Scores) -> Scores:
        """The scores that distances of a search stand for, as far as the codes tell."""
        return self.codes.scores(distances)
