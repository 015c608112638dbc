"""Graphs against plain computations."""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.vector_index.graph import Copies, Graph, GraphBuilder, GraphOptions
from vexfs_twisted.engine.vector_index.graph.links import NO_ENTRY, Links, slot_offsets
from vexfs_twisted.model.collection_params import Distance

Rows = NDArray[np.int64]
ROOM = 320


@st.composite
def links(draw: st.DrawFn) -> Links:
    """Links of some nodes, numbered without gaps, to any others."""
    source = np.random.default_rng(draw(st.integers(0, 2**32)))
    m, nodes = draw(st.integers(2, 5)), draw(st.integers(0, 40))
    levels = source.geometric(0.6, nodes).clip(max=6).astype(np.uint8)
    slots = int(slot_offsets(m, levels)[-1])
    neighbors = source.integers(-1, nodes, slots).astype(np.int32)
    return Links(m, int(levels.argmax()) if nodes else NO_ENTRY, levels, neighbors)


@st.composite
def some_rows(draw: st.DrawFn, least: int = 0) -> Rows:
    """Ascending rows of those there is room for, in runs and alone."""
    share = draw(st.sampled_from([0.02, 0.3, 0.9, 1.0]))
    source = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = np.flatnonzero(source.random(ROOM) < share)
    return rows if len(rows) >= least else np.arange(least)


@st.composite
def vectors(draw: st.DrawFn) -> NDArray[np.float32]:
    """As many as there is room for, some of them equal, spread evenly or in clusters."""
    source = np.random.default_rng(draw(st.integers(0, 2**32)))
    dimension = draw(st.sampled_from([1, 2, 7, 16]))
    centres = source.standard_normal((draw(st.sampled_from([1, 5, ROOM])), dimension)) * 3
    around = source.standard_normal((ROOM, dimension)) * draw(st.sampled_from([0.0, 0.2, 1.0]))
    return (centres[source.integers(0, len(centres), ROOM)] + around).astype(np.float32)


def true_distances(
    distance: Distance, queries: NDArray[np.float32], data: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Smaller is nearer."""
    own, theirs = queries.astype(np.float64)[:, np.newaxis], data.astype(np.float64)
    if distance is Distance.DOT:
        return -(own * theirs).sum(axis=2)
    power = 2 if distance is Distance.EUCLID else 1
    return (np.abs(own - theirs) ** power).sum(axis=2)


class RenumberingTests(SynchronousTestCase):
    """The way from numbers without gaps to positions, and back."""

    @given(links(), st.integers(0, 2**32))
    def test_there_and_back(self, compact: Links, seed: int) -> None:
        size = 2 * len(compact.levels) + 3
        chosen = np.random.default_rng(seed).choice(size, len(compact.levels), replace=False)
        positions = np.sort(chosen)
        kept = compact.copied()
        scattered = compact.scattered(positions, size)
        self.assertEqual(scattered.nodes().tolist(), positions.tolist())
        back = scattered.compacted()
        self.assertEqual((back.m, back.entry), (kept.m, kept.entry))
        np.testing.assert_array_equal(back.levels, kept.levels)
        np.testing.assert_array_equal(back.neighbors, kept.neighbors)

    @given(links())
    def test_every_node_links_to_the_same_ones(self, compact: Links) -> None:
        kept = compact.copied()
        positions = np.arange(len(compact.levels)) * 2 + 1
        scattered = compact.scattered(positions, 2 * len(kept.levels) + 1)
        old, new = kept.offsets().astype(int), scattered.offsets().astype(int)
        for node, position in enumerate(positions.tolist()):
            own = kept.neighbors[old[node] : old[node + 1]]
            theirs = scattered.neighbors[new[position] : new[position + 1]]
            self.assertEqual(np.where(own < 0, -1, own * 2 + 1).tolist(), theirs.tolist())


class SearchTests(SynchronousTestCase):
    """What graphs over any rows find."""

    distances = st.sampled_from([Distance.EUCLID, Distance.DOT, Distance.MANHATTAN])

    def build(
        self, folder: str, distance: Distance, data: NDArray[np.float32], *parts: Rows
    ) -> Graph:
        """The graph of the first of `parts`, extended by one after the other."""
        graph: Graph | None = None
        for number, rows in enumerate(parts):
            builder = GraphBuilder(
                distance, data.__getitem__, GraphOptions(8, 40, copies=Copies.NEVER)
            )
            if graph is not None:
                builder.seed(graph)
            builder.add(rows)
            path = Path(folder) / str(number)
            facts = builder.save(path, 0, ROOM)
            graph = Graph.open(path, facts, distance, data)
            graph.verify()
        assert graph is not None
        return graph

    @given(distances, vectors(), some_rows(), st.integers(1, 400))
    @settings(max_examples=40)
    def test_only_nodes(
        self, distance: Distance, data: NDArray[np.float32], nodes: Rows, limit: int
    ) -> None:
        """None twice, each with its own distance, and no hit behind a place without one."""
        with tempfile.TemporaryDirectory() as folder:
            graph = self.build(folder, distance, data, nodes)
        distances, rows = graph.search(data[:5], limit, 20)
        self.assertEqual(rows.shape, (5, min(limit, len(nodes))))
        truth = true_distances(distance, data[:5], data)
        sign = -1 if distance is Distance.DOT else 1
        for own, found, true in zip(rows, distances, truth, strict=True):
            hits = own[own >= 0]
            self.assertTrue((own[len(hits) :] == -1).all())
            self.assertEqual(len(set(hits.tolist())), len(hits))
            self.assertLessEqual(set(hits.tolist()), set(nodes.tolist()))
            np.testing.assert_allclose(sign * found[: len(hits)], true[hits], rtol=1e-4, atol=1e-4)

    @given(st.sampled_from([Distance.EUCLID, Distance.MANHATTAN]), vectors(), some_rows(1))
    @settings(max_examples=30)
    def test_nearly_all_that_is_nearest_with_great_effort(
        self, distance: Distance, data: NDArray[np.float32], nodes: Rows
    ) -> None:
        with tempfile.TemporaryDirectory() as folder:
            graph = self.build(folder, distance, data, nodes)
        limit = min(10, len(nodes))
        distances, _ = graph.search(data, limit, ROOM)
        best = np.sort(true_distances(distance, data, data[nodes]), axis=1)[:, :limit]
        self.assertGreater(np.mean(distances <= best[:, -1:] * 1.0001 + 1e-4), 0.9)

    @given(distances, vectors(), some_rows(), some_rows())
    @settings(max_examples=20)
    def test_an_extended_graph_has_all_nodes(
        self, distance: Distance, data: NDArray[np.float32], first: Rows, second: Rows
    ) -> None:
        more = np.setdiff1d(second, first)
        with tempfile.TemporaryDirectory() as folder:
            graph = self.build(folder, distance, data, first, more[::2], more[1::2])
        every = np.union1d(first, second)
        self.assertEqual(np.flatnonzero(graph.node_mask()).tolist(), every.tolist())
        self.assertEqual(graph.facts.nodes, len(every))
