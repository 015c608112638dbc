"""What graphs find, and how they grow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests.graph_support import (
    COARSE,
    DATATYPES,
    OPTIONS,
    GraphTestCase,
    random_vectors,
    stored,
    true_distances,
)
from vexfs_twisted.engine.native_library import faiss
from vexfs_twisted.engine.vector_index.graph.builder import GraphOptions
from vexfs_twisted.engine.vector_index.graph.eligible import has_graph_in_place
from vexfs_twisted.engine.vector_index.graph.graph import Graph
from vexfs_twisted.engine.vector_index.kernels import threads_of_faiss
from vexfs_twisted.engine.vectors.norms import normalised
from vexfs_twisted.model.collection_params import Distance, VectorParams


class SearchTests(GraphTestCase):
    """What a graph finds."""

    def test_every_distance_and_type(self) -> None:
        for distance in Distance:
            for dtype in DATATYPES:
                if has_graph_in_place(VectorParams(distance, 24, datatype=DATATYPES[dtype])):
                    self.check(distance, dtype)

    def check(self, distance: Distance, dtype: np.dtype) -> None:
        """As many hits as asked for, nearly all of them the nearest, and with right distances."""
        plain, asked = random_vectors(640, 24), random_vectors(50, 24)
        if distance is Distance.COSINE:
            plain, asked = normalised(plain), normalised(asked)
        vectors, queries = stored(plain, dtype), stored(asked, dtype).astype(np.float32)
        live = np.arange(70, 600, 3)
        graph = self.graph(vectors, live, distance, (64, 640))
        distances, rows = graph.search(queries, 10, 64)
        truth = true_distances(distance, queries, vectors)
        best = np.sort(truth[:, live], axis=1)[:, :10]
        found = np.take_along_axis(truth, rows, axis=1)
        self.assertTrue(np.isin(rows, live).all())
        self.assertGreater(np.mean(found <= best[:, -1:] + 1e-3), 0.97, (distance, dtype))
        sign = -1 if distance.larger_is_nearer else 1
        np.testing.assert_allclose(sign * distances, found, rtol=1e-3, atol=1e-2)

    def test_no_node(self) -> None:
        graph = self.graph(random_vectors(64, 4), np.zeros(0, dtype=np.int64))
        distances, rows = graph.search(random_vectors(3, 4), 5, 10)
        self.assertEqual((distances.shape, rows.shape), ((3, 0), (3, 0)))
        self.assertFalse(graph.node_mask().any())

    def test_one_node(self) -> None:
        graph = self.graph(random_vectors(64, 4), np.array([40]))
        _, rows = graph.search(random_vectors(3, 4), 5, 10)
        self.assertEqual(rows.tolist(), [[40]] * 3)

    def test_fewer_nodes_than_asked_for(self) -> None:
        vectors = random_vectors(64, 4)
        graph = self.graph(vectors, np.arange(0, 64, 4))
        _, rows = graph.search(random_vectors(3, 4), 1000, 1000)
        self.assertEqual([sorted(own) for own in rows.tolist()], [list(range(0, 64, 4))] * 3)

    def test_no_query(self) -> None:
        graph = self.graph(random_vectors(64, 4))
        _, rows = graph.search(np.zeros((0, 4), dtype=np.float32), 5, 10)
        self.assertEqual(rows.shape, (0, 5))

    def test_two_threads_find_the_same(self) -> None:
        vectors = random_vectors(640, 16)
        graph = self.graph(vectors)
        single = graph.search(vectors[:100], 10, 50)
        with threads_of_faiss(2):
            double = graph.search(vectors[:100], 10, 50)
        np.testing.assert_array_equal(single[1], double[1])
        np.testing.assert_array_equal(single[0], double[0])

    def test_another_storage(self) -> None:
        vectors = random_vectors(640, 16)
        graph = self.graph(vectors)
        storage = faiss.IndexFlat(16, faiss.METRIC_L2)
        storage.add(vectors + np.float32(1))
        twin = graph.with_storage(storage, None)
        distances, rows = twin.search(vectors[:50] + np.float32(1), 10, 50)
        own_distances, own_rows = graph.search(vectors[:50], 10, 50)
        self.assertEqual(rows.tolist(), own_rows.tolist())
        np.testing.assert_allclose(distances, own_distances, rtol=1e-3)
        self.assertEqual(twin.facts, graph.facts)


class BuildTests(GraphTestCase):
    """How graphs grow."""

    def test_an_extended_graph_is_as_good(self) -> None:
        vectors = random_vectors(1280, 16)
        old = self.graph(vectors, np.arange(3, 600), span=(0, 640))
        builder = self.builder(vectors)
        builder.seed(old)
        self.assertTrue(builder.add(np.arange(700, 1280)))
        facts = builder.save(self.folder / "more.graph", 0, 1280)
        graph = Graph.open(self.folder / "more.graph", facts, Distance.EUCLID, vectors)
        self.assertEqual(
            np.flatnonzero(graph.node_mask()).tolist(), [*range(3, 600), *range(700, 1280)]
        )
        self.check_recall(graph, vectors)

    def test_rows_may_be_added_in_any_order(self) -> None:
        vectors = random_vectors(640, 16)
        rows = np.random.default_rng(5).permutation(640)
        self.check_recall(self.graph(vectors, rows), vectors)

    def check_recall(self, graph: Graph, vectors: NDArray[np.float32]) -> None:
        nodes = np.flatnonzero(graph.node_mask()) + graph.facts.start
        queries = random_vectors(100, 16)
        _, rows = graph.search(queries, 10, 100)
        truth = true_distances(Distance.EUCLID, queries, vectors)[:, nodes]
        expected = nodes[np.argsort(truth, axis=1)[:, :10]]
        shared = [len({*own} & {*other}) for own, other in zip(rows, expected, strict=True)]
        self.assertGreater(np.mean(shared), 9.7)

    def test_only_a_graph_of_as_many_links_is_extended(self) -> None:
        vectors = random_vectors(64, 4)
        builder = self.builder(vectors, options=GraphOptions(m=9, ef_construct=50))
        with self.assertRaises(ValueError):
            builder.seed(self.graph(vectors))

    def test_a_build_can_be_stopped(self) -> None:
        vectors = random_vectors(2000, 8)
        asked: list[bool] = []

        def should_stop() -> bool:
            asked.append(len(asked) == 2)
            return asked[-1]

        self.assertFalse(self.builder(vectors).add(np.arange(2000), should_stop))
        self.assertEqual(asked, [False, False, True])

    def test_few_links(self) -> None:
        vectors = random_vectors(200, 4)
        builder = self.builder(vectors, options=GraphOptions(m=1, ef_construct=4, threads=2))
        builder.add(np.arange(200))
        facts = builder.save(self.path, 0, 200)
        graph = Graph.open(self.path, facts, Distance.EUCLID, vectors)
        _, rows = graph.search(vectors, 1, 200)
        self.assertGreater(np.mean(rows[:, 0] == np.arange(200)), 0.5)
        self.assertEqual(facts.m, 1)

    def test_vectors_that_are_all_the_same(self) -> None:
        for value in (0, 1):
            vectors = np.full((1024, 8), value, dtype=np.float32)
            for distance in Distance:
                graph = self.graph(vectors, distance=distance)
                _, rows = graph.search(vectors[:3], 10, 50)
                self.assertEqual([len({*own} - {-1}) for own in rows.tolist()], [10] * 3)

    def test_many_equal_vectors_hide_nothing(self) -> None:
        """They do not link to each other alone, so that neither they nor others are lost."""
        vectors = random_vectors(2560, 16)
        vectors[::5] = vectors[0]
        for distance in (Distance.COSINE, Distance.EUCLID, Distance.MANHATTAN):
            own = normalised(vectors) if distance is Distance.COSINE else vectors
            for options in (OPTIONS, COARSE):
                graph = self.graph(own, distance=distance, options=options)
                _, rows = graph.search(own[1::5].copy(), 18, 200)
                found = (rows == np.arange(1, 2560, 5)[:, np.newaxis]).any(axis=1)
                self.assertGreater(np.mean(found), 0.8, distance)
                _, rows = graph.search(own[:1], 200, 400)
                self.assertGreater(np.mean(rows % 5 == 0), 0.95, distance)

    def test_vectors_without_a_direction_hide_nothing(self) -> None:
        vectors = normalised(random_vectors(2560, 16))
        vectors[::8] = 0
        graph = self.graph(vectors, distance=Distance.COSINE, options=COARSE)
        self.assertEqual(np.count_nonzero(graph.node_mask()), 2560)
        queries = normalised(random_vectors(100, 16))
        _, rows = graph.search(queries, 18, 100)
        truth = true_distances(Distance.COSINE, queries, vectors)
        expected = np.argsort(truth, axis=1)[:, :10]
        right = [np.isin(*pair) for pair in zip(expected, rows, strict=True)]
        self.assertGreater(np.mean(right), 0.95)
