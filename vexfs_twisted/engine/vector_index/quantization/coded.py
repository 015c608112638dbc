"""A graph searched by quantized codes."""

from __future__ import annotations

from copy import copy

from ..graph import Graph
from ..kernels import Matrix, RowMatrix, Scores
from .codes import Codes


class CodedGraph:
    """A graph and the codes of its rows. Immutable and thread-safe."""

    def __init__(self, graph: Graph, codes: Codes) -> None:
        self.codes = codes
        self._twin = graph.with_storage(codes.storage, codes)

    def moved(self, rows: int) -> CodedGraph:
        """The same graph and codes, with `rows` added to the numbers of the rows."""
        moved = copy(self)
        moved.codes, moved._twin = self.codes.moved(rows), self._twin.moved(rows)
        return moved

    def search(self, queries: Matrix, limit: int, ef: int) -> tuple[Scores, RowMatrix]:
        """Like `Graph.search`, with distances estimated from the codes."""
        return self._twin.search(self.codes.prepared(queries), limit, ef)

    def scores(self, distances: Scores) -> Scores:
        """Convert distances of `search` to scores, as accurate as the codes are."""
        return self.codes.scores(distances)
