"""Graphs over vectors that are made up, and what they must find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.vector_index.graph.builder import Copies, GraphBuilder, GraphOptions
from vexfs_twisted.engine.vector_index.graph.graph import Graph
from vexfs_twisted.engine.vector_index.graph.native import Elements
from vexfs_twisted.model.collection_params import Datatype, Distance

OPTIONS = GraphOptions(m=8, ef_construct=50, copies=Copies.NEVER)
COARSE = GraphOptions(m=8, ef_construct=50)
DATATYPES: dict[np.dtype[Any], Datatype] = {
    np.dtype(np.float32): Datatype.FLOAT32,
    np.dtype(np.float16): Datatype.FLOAT16,
    np.dtype(np.uint8): Datatype.UINT8,
}
Rows = NDArray[np.int64]


def random_vectors(rows: int, dimension: int) -> NDArray[np.float32]:
    source = np.random.default_rng(rows)
    return source.standard_normal((rows, dimension), dtype=np.float32)


def stored(vectors: NDArray[np.float32], dtype: np.dtype) -> Elements:
    """The vectors as elements of a type; for uint8 moved and stretched to fit."""
    if dtype == np.uint8:
        return np.clip(vectors * 40 + 128, 0, 255).astype(np.uint8)
    return vectors.astype(dtype)


def true_distances(distance: Distance, queries: Elements, vectors: Elements) -> NDArray[np.float64]:
    """Smaller is nearer."""
    own, theirs = queries.astype(np.float64), vectors.astype(np.float64)
    if distance.larger_is_nearer:
        return -(own @ theirs.T)
    difference = own[:, np.newaxis] - theirs
    if distance is Distance.EUCLID:
        return np.square(difference).sum(axis=2)
    return np.abs(difference).sum(axis=2)


class GraphTestCase(SynchronousTestCase):
    """Tools of the tests of graphs."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.path = self.folder / "own.graph"

    def builder(
        self,
        vectors: Elements,
        distance: Distance = Distance.EUCLID,
        options: GraphOptions = OPTIONS,
    ) -> GraphBuilder:
        def read(rows: Rows) -> NDArray[np.float32]:
            return vectors[rows].astype(np.float32)

        return GraphBuilder(distance, read, options)

    def graph(
        self,
        vectors: Elements,
        rows: Rows | None = None,
        distance: Distance = Distance.EUCLID,
        span: tuple[int, int] | None = None,
        options: GraphOptions = OPTIONS,
    ) -> Graph:
        rows = np.arange(len(vectors)) if rows is None else rows
        start, stop = (0, len(vectors)) if span is None else span
        builder = self.builder(vectors, distance, options)
        self.assertTrue(builder.add(rows))
        facts = builder.save(self.path, start, stop)
        graph = Graph.open(self.path, facts, distance, vectors)
        graph.verify()
        return graph
