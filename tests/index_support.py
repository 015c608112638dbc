"""Vector spaces with graphs, made without a collection around them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.engine_support import Floats
from vexfs_twisted.engine.storage.bitmap import Bitmap, Rows
from vexfs_twisted.engine.vector_index.graph import Graph, GraphBuilder, GraphOptions
from vexfs_twisted.engine.vector_index.segments import Graphs, Segment, SegmentGraph
from vexfs_twisted.engine.vector_index.space import VectorSpace
from vexfs_twisted.engine.vectors.norms import normalised, squared_norms
from vexfs_twisted.model.collection_params import Distance, VectorParams


def clustered(seed: int, rows: int, dimension: int, clusters: int = 20) -> Floats:
    """Vectors around a few centres, as real ones are."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((clusters, dimension))
    around = random.standard_normal((rows, dimension)) * 0.5
    return (centres[random.integers(0, clusters, rows)] + around).astype(np.float32)


def bitmap_of(rows: Rows, room: int) -> Bitmap:
    """The set of `rows`."""
    mask = np.zeros(room, dtype=np.bool_)
    mask[rows] = True
    return Bitmap.of_bits(np.packbits(mask, bitorder="little")).with_room(room)


def space_with_graphs(
    distance: Distance,
    matrix: Floats,
    ranges: Sequence[tuple[int, int]],
    present: Rows | None = None,
    *,
    nodes: Rows | None = None,
    m: int = 8,
    ef_construct: int = 40,
) -> tuple[VectorSpace, Graphs]:
    """A space of the vectors of `matrix` with a graph over each range of rows, and the graphs.

    Only the rows in `present` are alive, and only those in `nodes`, which are more, are linked.
    """
    if distance is Distance.COSINE:
        matrix = normalised(matrix)
    every = np.arange(len(matrix))
    present = every if present is None else present
    nodes = every if nodes is None else nodes
    # Bitmaps are whole chunks long; files of vectors are longer still.
    room = Bitmap.empty().with_room(len(matrix)).bits.size * 8
    stored = np.zeros((room, matrix.shape[1]), dtype=np.float32)
    stored[: len(matrix)] = matrix
    segments, graphs = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (start, stop) in enumerate(ranges):
            options = GraphOptions(m, ef_construct, threads=1)
            builder = GraphBuilder(distance, stored.__getitem__, options)
            builder.add(nodes[(nodes >= start) & (nodes < stop)])
            path = Path(folder) / str(number)
            facts = builder.save(path, start, stop)
            graph = Graph.open(path, facts, distance, stored)
            segments.append(Segment(str(number), facts))
            graphs[str(number)] = SegmentGraph(graph)
    params = VectorParams(distance, matrix.shape[1])
    bound = float(np.sqrt(squared_norms(stored).max()))
    present_rows = bitmap_of(present, room)
    return VectorSpace(params, 1, present_rows, stored, bound, tuple(segments)), graphs
