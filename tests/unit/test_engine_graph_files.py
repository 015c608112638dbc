"""Graph files and the coarse copies in them, and what graphs depend on."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from twisted.trial.unittest import SynchronousTestCase

from tests.graph_support import COARSE, OPTIONS, GraphTestCase, Rows, random_vectors, true_distances
from vexfs_twisted.engine.vector_index.graph import trial
from vexfs_twisted.engine.vector_index.graph.builder import Copies
from vexfs_twisted.engine.vector_index.graph.eligible import can_link, copies_for
from vexfs_twisted.engine.vector_index.graph.errors import DamagedGraph, GraphsUnavailable
from vexfs_twisted.engine.vector_index.graph.file import GraphFacts
from vexfs_twisted.engine.vector_index.graph.graph import Graph
from vexfs_twisted.engine.vector_index.graph.links import are_closed, no_links
from vexfs_twisted.engine.vector_index.graph.native import Elements, borrowed_storage
from vexfs_twisted.engine.vectors.norms import normalised
from vexfs_twisted.model.collection_params import Datatype, Distance, VectorParams


class Closed(GraphTestCase):
    """Links that stay within their graph, and others."""

    def setUp(self) -> None:
        super().setUp()
        live = np.setdiff1d(np.arange(2000), np.arange(0, 2000, 7))
        self.links = self.graph(random_vectors(2000, 8), live).links

    def is_closed(self, slot: int, target: int) -> bool:
        neighbors = self.links.neighbors.copy()
        neighbors[slot] = target
        return are_closed(attrs.evolve(self.links, neighbors=neighbors))

    def test_those_of_every_graph_are(self) -> None:
        self.assertTrue(are_closed(self.links))
        self.assertTrue(are_closed(no_links(16, 10)))
        self.assertGreater(int(self.links.levels.max()), 1)

    def test_targets_that_are_no_nodes(self) -> None:
        last = len(self.links.neighbors) - 1
        for target in (2000, -2, 2**31 - 1, -(2**31), 7):
            for slot in (0, last):
                self.assertFalse(self.is_closed(slot, target), target)
        self.assertTrue(self.is_closed(0, 1))

    def test_targets_that_are_not_on_the_level(self) -> None:
        links = self.links
        upper = int(np.flatnonzero(links.levels > 1)[-1])
        slot = int(links.offsets()[upper]) + 2 * links.m
        low, high = (int(np.flatnonzero(links.levels == level)[0]) for level in (1, 2))
        self.assertFalse(self.is_closed(slot, low))
        self.assertTrue(self.is_closed(slot, high))
        self.assertTrue(self.is_closed(slot - 1, low))


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


class TrialTests(SynchronousTestCase):
    """What is tried out before graphs are relied on."""

    def test_graphs_are_searched_right_here(self) -> None:
        trial.check_borrowing.__wrapped__()

    def test_a_library_that_finds_something_else_is_not_used(self) -> None:
        kept: list[Elements] = []

        def lends_others(distance: Distance, vectors: Elements) -> Any:
            kept.append(vectors[::-1].copy())
            return borrowed_storage(distance, kept[-1])

        self.patch(trial, "borrowed_storage", lends_others)
        with self.assertRaises(GraphsUnavailable):
            trial.check_borrowing.__wrapped__()

    def test_a_library_that_refuses_is_not_used(self) -> None:
        def refuses(*arguments: object) -> Any:
            raise AttributeError("no such thing")

        self.patch(trial, "borrowed_graph", refuses)
        with self.assertRaises(GraphsUnavailable):
            trial.check_borrowing.__wrapped__()


class EligibleTests(SynchronousTestCase):
    """Which vectors have graphs."""

    def test_every_type_and_distance(self) -> None:
        for distance in Distance:
            for datatype in Datatype:
                params = VectorParams(distance, 8, datatype=datatype)
                is_float32 = datatype is Datatype.FLOAT32
                self.assertEqual(can_link(params), is_float32 or distance is not Distance.MANHATTAN)

    def test_what_cannot_be_searched_by_has_copies(self) -> None:
        for params, expected in (
            (VectorParams(Distance.COSINE, 8), Copies.WHERE_FINE),
            (VectorParams(Distance.DOT, 8, datatype=Datatype.FLOAT16), Copies.NEVER),
            (VectorParams(Distance.DOT, 9, datatype=Datatype.FLOAT16), Copies.WHERE_FINE),
            (VectorParams(Distance.EUCLID, 8, datatype=Datatype.UINT8), Copies.NEVER),
            (VectorParams(Distance.COSINE, 8, datatype=Datatype.UINT8), Copies.ALWAYS),
            (VectorParams(Distance.DOT, 8, datatype=Datatype.TURBO4), Copies.ALWAYS),
        ):
            self.assertEqual(copies_for(params, has_codes=False), expected)
            kept = Copies.NEVER if expected is Copies.WHERE_FINE else expected
            self.assertEqual(copies_for(params, has_codes=True), kept)
