"""Graphs: built, extended, saved, mapped and searched, and what is told of damaged ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.engine.index.graph.builder import Copies, GraphBuilder, GraphOptions
from vexfs_twisted.engine.index.graph.eligible import is_read_in_place
from vexfs_twisted.engine.index.graph.errors import DamagedGraph
from vexfs_twisted.engine.index.graph.file import GraphFacts
from vexfs_twisted.engine.index.graph.graph import Graph
from vexfs_twisted.engine.index.graph.native import Elements
from vexfs_twisted.engine.index.kernels import faiss
from vexfs_twisted.engine.norms import normalised
from vexfs_twisted.model.collection_params import Datatype, Distance, VectorParams

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


def bits_of(rows: Rows, start: int, stop: int) -> NDArray[np.uint8]:
    return np.packbits(np.isin(np.arange(start, stop), rows), bitorder="little")


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


class SearchTests(GraphTestCase):
    """What a graph finds."""

    def test_every_distance_and_type(self) -> None:
        for distance in Distance:
            for dtype in DATATYPES:
                if is_read_in_place(VectorParams(distance, 24, datatype=DATATYPES[dtype])):
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

    def test_only_what_is_allowed(self) -> None:
        vectors = random_vectors(640, 16)
        graph = self.graph(vectors, span=(0, 640))
        allowed = np.arange(0, 640, 7)
        queries = random_vectors(20, 16)
        _, rows = graph.search(queries, 10, 640, bits_of(allowed, 0, 640))
        truth = true_distances(Distance.EUCLID, queries, vectors)[:, allowed]
        expected = allowed[np.argsort(truth, axis=1)[:, :10]]
        self.assertEqual(rows.tolist(), expected.tolist())

    def test_nothing_allowed(self) -> None:
        graph = self.graph(random_vectors(64, 4))
        _, rows = graph.search(random_vectors(3, 4), 5, 10, np.zeros(8, dtype=np.uint8))
        self.assertEqual(rows.tolist(), [[-1] * 5] * 3)

    def test_too_few_bits(self) -> None:
        graph = self.graph(random_vectors(64, 4))
        with self.assertRaises(ValueError):
            graph.search(random_vectors(3, 4), 5, 10, np.zeros(7, dtype=np.uint8))

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
        double = graph.search(vectors[:100], 10, 50, threads=2)
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


class CoarseTests(GraphTestCase):
    """Graphs that are searched by coarse copies."""

    def nearest(
        self, graph: Graph, distance: Distance, queries: NDArray[np.float32], vectors: Elements
    ) -> Rows:
        """The nearest 10 of the 18 that are found, by their vectors."""
        _, rows = graph.search(queries, 18, 64)
        found = np.take_along_axis(true_distances(distance, queries, vectors), rows, axis=1)
        return np.take_along_axis(rows, np.argsort(found, axis=1)[:, :10], axis=1)

    def check(self, distance: Distance, dimension: int) -> None:
        """As many are right as without copies."""
        vectors, queries = random_vectors(1280, dimension), random_vectors(100, dimension)
        if distance is Distance.COSINE:
            vectors, queries = normalised(vectors), normalised(queries)
        live = np.setdiff1d(np.arange(64, 1280), np.arange(70, 1280, 7))
        coarse = self.graph(vectors, live, distance, (64, 1280), COARSE)
        self.assertGreater(coarse.facts.nbytes, 1216 * dimension)
        truth = true_distances(distance, queries, vectors)
        expected = live[np.argsort(truth[:, live], axis=1)[:, :10]]
        rows = self.nearest(coarse, distance, queries, vectors)
        right = [np.isin(*pair) for pair in zip(rows, expected, strict=True)]
        self.assertGreater(np.mean(right), 0.95)

    def test_every_distance_that_has_them(self) -> None:
        for distance in (Distance.COSINE, Distance.DOT, Distance.EUCLID):
            for dimension in (24, 32, 3):
                self.check(distance, dimension)

    def test_they_stand_in_for_what_cannot_be_searched_by(self) -> None:
        """The vectors may be stored in any form; here, in one that faiss does not know."""
        vectors = random_vectors(640, 16)
        always = attrs.evolve(COARSE, copies=Copies.ALWAYS)
        builder = self.builder(vectors, options=always)
        builder.add(np.arange(640))
        facts = builder.save(self.path, 0, 640)
        graph = Graph.open(self.path, facts, Distance.EUCLID, np.zeros((640, 3), dtype=np.uint8))
        found = self.nearest(graph, Distance.EUCLID, vectors, vectors)
        self.assertGreater(np.mean(found[:, 0] == np.arange(640)), 0.98)

    def test_without_them_for_absolute_differences(self) -> None:
        vectors = random_vectors(640, 16)
        graph = self.graph(vectors, distance=Distance.MANHATTAN, options=COARSE)
        self.assertLess(graph.facts.nbytes, 200 * 640)

    def test_without_them_where_they_cannot_tell_vectors_apart(self) -> None:
        """Pairs of clusters so far apart that a byte holds nothing of what is inside of them."""
        source = np.random.default_rng(2)
        vectors = source.standard_normal((640, 16)).astype(np.float32)
        vectors += 1e6 * source.integers(0, 2, (640, 1))
        graph = self.graph(vectors, options=COARSE)
        self.assertEqual(graph.facts.nbytes, self.graph(vectors, options=OPTIONS).facts.nbytes)

    def test_they_may_lie_in_any_order(self) -> None:
        vectors = random_vectors(640, 16)
        rows = np.random.default_rng(5).permutation(640)
        graph = self.graph(vectors, rows, options=COARSE)
        found = self.nearest(graph, Distance.EUCLID, vectors, vectors)
        self.assertGreater(np.mean(found[:, 0] == np.arange(640)), 0.98)

    def test_what_was_learned_holds_for_what_is_added(self) -> None:
        """Rows far outside of the first ones are told apart too."""
        vectors = random_vectors(1280, 16)
        vectors[640:] *= 100
        builder = self.builder(vectors, options=COARSE)
        builder.learn(np.arange(1280))
        for start in (0, 640):
            builder.add(np.arange(start, start + 640))
        self.assertEqual(builder.nodes, 1280)
        facts = builder.save(self.path, 0, 1280)
        graph = Graph.open(self.path, facts, Distance.EUCLID, vectors)
        found = self.nearest(graph, Distance.EUCLID, vectors[640:], vectors)
        self.assertGreater(np.mean(found[:, 0] == np.arange(640, 1280)), 0.98)

    def test_damaged_ones_are_noticed(self) -> None:
        graph = self.graph(random_vectors(640, 16), options=COARSE)
        sound = self.path.read_bytes()
        for place in (4096 + 640, 4096 + 700, len(sound) - 1, len(sound) - 640 * 16):
            flipped = bytearray(sound)
            flipped[place] ^= 1
            self.path.write_bytes(flipped)
            with self.assertRaises(DamagedGraph, msg=f"byte {place} of {graph.facts}"):
                Graph.open(self.path, None, Distance.EUCLID, random_vectors(640, 16)).verify()


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


class FileTests(GraphTestCase):
    """What a file must be to be searched."""

    def setUp(self) -> None:
        super().setUp()
        self.vectors = random_vectors(640, 8)
        self.facts = self.graph(self.vectors).facts
        self.sound = self.path.read_bytes()

    def open(self, expected: GraphFacts | None = None) -> Graph:
        return Graph.open(self.path, expected, Distance.EUCLID, self.vectors)

    def test_what_is_told_of_it(self) -> None:
        facts = self.open().facts
        self.assertEqual(facts, self.facts)
        self.assertEqual((facts.start, facts.stop, facts.nodes), (0, 640, 640))
        self.assertEqual((facts.m, facts.ef_construct), (8, 50))
        self.assertEqual(facts.nbytes, len(self.sound))

    def test_every_flipped_byte_is_noticed(self) -> None:
        head = self.sound.index(b"}") + 1
        places = {*range(head), *range(4096, 4096 + 640), *range(8192, len(self.sound) - 64, 997)}
        for place in sorted(places):
            flipped = bytearray(self.sound)
            flipped[place] ^= 0x41
            self.path.write_bytes(flipped)
            with self.assertRaises(DamagedGraph, msg=f"byte {place}"):
                self.open().verify()

    def test_every_length_is_noticed(self) -> None:
        for length in (0, 10, 24, 4095, 4096, 4500, 8192, 10000, len(self.sound) - 1):
            self.path.write_bytes(self.sound[:length])
            with self.assertRaises(DamagedGraph, msg=f"{length} bytes"):
                self.open()
        self.path.write_bytes(self.sound + b"\0")
        with self.assertRaises(DamagedGraph):
            self.open()

    def test_a_neighbor_out_of_range(self) -> None:
        changed = bytearray(self.sound)
        changed[8192:8196] = (640).to_bytes(4, "little")
        self.path.write_bytes(changed)
        with self.assertRaises(DamagedGraph):
            self.open().verify()

    def test_a_missing_file(self) -> None:
        self.path.unlink()
        with self.assertRaises(DamagedGraph):
            self.open()

    def test_another_graph(self) -> None:
        self.graph(self.vectors[::-1].copy())
        with self.assertRaises(DamagedGraph):
            self.open(self.facts)

    def test_too_few_vectors(self) -> None:
        self.vectors = self.vectors[:639]
        with self.assertRaises(DamagedGraph):
            self.open()

    def test_it_outlives_its_name(self) -> None:
        graph = self.open()
        self.path.unlink()
        graph.verify()
        _, rows = graph.search(self.vectors, 1, 50)
        self.assertEqual(rows[:, 0].tolist(), list(range(640)))

    def test_nothing_else_is_left_behind(self) -> None:
        self.assertEqual([path.name for path in self.folder.iterdir()], [self.path.name])
