"""A graph that is searched by codes."""

from __future__ import annotations

from ..graph import Graph
from ..kernels import Matrix, RowMatrix, Scores
from .codes import Codes


class CodedGraph:
    """A graph and the codes of its rows. Immutable; any thread may search it."""

    def __init__(self, graph: Graph, codes: Codes) -> None:
        self.codes = codes
        self._twin = graph.with_storage(codes.storage, codes)

    def search(self, queries: Matrix, limit: int, ef: int) -> tuple[Scores, RowMatrix]:
        """What `Graph.search` answers, by the distances that the codes tell."""
        return self._twin.search(self.codes.prepared(queries), limit, ef)

    def scores(self, distances: Scores) -> Scores:
        """The scores that distances of a search stand for, as far as the codes tell."""
        return self.codes.scores(distances)
