"""Graphs over encodings or lines of multivectors: built, used, verified and removed."""

from __future__ import annotations

import attrs
import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import EngineTestCase, Floats, write
from vexfs_twisted.engine.optimizer import dead_rows, optimizer
from vexfs_twisted.engine.storage.bitmap import Rows
from vexfs_twisted.engine.vector_index.linked import linked, rows_linked
from vexfs_twisted.engine.vector_index.multi import beams, encoding, max_sim, products, search
from vexfs_twisted.engine.vector_index.multi.encoding import encoder_for
from vexfs_twisted.engine.vector_index.segments import Segments
from vexfs_twisted.engine.vector_index.space import MultiSpace
from vexfs_twisted.engine.vectors.norms import normalised
from vexfs_twisted.model.collection import (
    CollectionInfoRequest,
    CreateCollection,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    VectorParams,
)
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.queries import Query, QueryBatch
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.ragged import offsets_of
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import DeletePoints, Upsert
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

SIZE = 24
POINTS = 600
EAGER = OptimizersConfigDiff(indexing_threshold=8, vacuum_min_vector_number=100)


def topics(points: int, seed: int) -> tuple[MultiVectors, MultiVectors]:
    """Points of three to eight rows about topics of theirs, and queries about some of the same."""
    random = np.random.default_rng(seed)
    centers = random.standard_normal((60, SIZE))
    own = random.integers(0, 60, (points, 3))
    lengths = random.integers(3, 9, points)
    chosen = own[np.repeat(np.arange(points), lengths), random.integers(0, 3, lengths.sum())]
    lines = centers[chosen] + 0.4 * random.standard_normal((len(chosen), SIZE))
    asked = centers[own[:: points // 20].ravel()]
    asked = asked + 0.4 * random.standard_normal(asked.shape)
    count = len(asked) // 3
    stored = MultiVectors(offsets_of(lengths), normalised(lines.astype(np.float32)))
    return stored, MultiVectors(offsets_of([3] * count), normalised(asked.astype(np.float32)))


class EncodingTests(SynchronousTestCase):
    """What encodings are, by hand."""

    def test_products_add_up_the_means_of_cells_where_long_lines_count_most(self) -> None:
        encoder = encoder_for(4)
        random = np.random.default_rng(3)
        lines: Floats = random.standard_normal((7, 4)).astype(np.float32)
        query: Floats = random.standard_normal((3, 4)).astype(np.float32)
        found = (
            encoder.of_points(offsets_of([5, 2]), lines)
            @ encoder.of_queries(offsets_of([3]), query).T
        )
        for place, own in enumerate((lines[:5], lines[5:])):
            total = 0.0
            lengths = np.linalg.norm(own, axis=1)
            weights = (lengths / lengths.max()) ** encoding._EMPHASIS
            for planes in np.split(encoder.planes, encoding._REPETITIONS, axis=1):
                sides = own @ planes > 0
                for row in query:
                    differing = (sides != (row @ planes > 0)).sum(axis=1)
                    same = differing == 0
                    near = own[differing.argmin()]
                    if same.any():
                        near = np.average(own[same], axis=0, weights=weights[same])
                    total += float(row @ near)
            self.assertAlmostEqual(float(found[place, 0]), total, places=3)

    def test_one_row_is_estimated_by_its_product(self) -> None:
        encoder = encoder_for(4)
        line, query = np.array([[1, 2, 3, 4]], np.float32), np.array([[4, 3, 2, 1]], np.float32)
        one = offsets_of([1])
        product = encoder.of_points(one, line) @ encoder.of_queries(one, query).T
        self.assertAlmostEqual(float(product[0, 0]), 20.0 * encoding._REPETITIONS, places=3)

    def test_lines_of_length_zero_and_of_very_different_lengths(self) -> None:
        encoder = encoder_for(4)
        lines: Floats = np.random.default_rng(3).standard_normal((6, 4)).astype(np.float32)
        lines[:2] = 0
        lines[2:4] *= np.float32(1e-30)
        lines[5] *= np.float32(1e15)
        encoded = encoder.of_points(offsets_of([2, 2, 2]), lines)
        self.assertTrue(np.isfinite(encoded).all())
        self.assertFalse(encoded[0].any())
        self.assertLess(np.abs(encoded[1]).max(), 1e-29)
        self.assertGreater(np.abs(encoded[1]).max(), 1e-31)
        self.assertGreater(np.abs(encoded[2]).max(), 1e14)

    def test_an_encoding_does_not_depend_on_others(self) -> None:
        stored, _ = topics(40, 1)
        encoder = encoder_for(SIZE)
        together = encoder.of_points(stored.offsets, stored.data)
        self.assertEqual(together.shape, (40, encoder.size))
        for place in (0, 17, 39):
            own = stored.take(np.array([place]))
            alone = encoder.of_points(own.offsets, own.data)
            np.testing.assert_allclose(alone[0], together[place], rtol=1e-5, atol=1e-6)


class GraphCase(EngineTestCase):
    """A collection of multivectors whose graphs are used as soon as there are any."""

    distance = Distance.COSINE
    breadth = 1

    def setUp(self) -> None:
        super().setUp()
        self.patch(optimizer, "QUIET_SECONDS", 0)
        self.patch(search, "_PRODUCT_NS", 1000.0)
        self.patch(search, "_DIFFERENCE_NS", 1000.0)
        self.stored, self.queries = topics(POINTS, 5)
        self.collection = self.catalog.create("m", self.request(self.distance))
        self.fill(range(POINTS))

    def request(self, distance: Distance) -> CreateCollection:
        config = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        params = attrs.evolve(VectorParams(distance, SIZE), multivector_config=config)
        return CreateCollection({UNNAMED: params}, optimizers_config=EAGER)

    def fill(self, ids: range) -> None:
        column = VectorColumn(self.stored.take(np.array(ids)))
        write(self.collection, Upsert(list(ids), {UNNAMED: column}, [b"{}"] * len(ids)))

    def segments(self) -> Segments:
        return self.collection._store.state.spaces[UNNAMED].segments

    def ask(
        self, limit: int, *, exact: bool, passing: Filter | None = None
    ) -> list[list[tuple[object, float]]]:
        params = SearchParams(exact=exact)
        queries = [
            Query(VectorExample(own), limit=limit, params=params, filter=passing)
            for own in self.queries
            if isinstance(own, MultiVector)
        ]
        answers = self.collection.read(QueryBatch(queries))
        return [[(found.id, found.score) for found in answer] for answer in answers]

    def assertFinds(self, passing: Filter | None = None) -> None:
        """Nearly all of the nearest are found, with the scores of an exact search."""
        found, truth = (self.ask(5, exact=exact, passing=passing) for exact in (False, True))
        pairs = list(zip(found, truth, strict=True))
        hits = sum(len(set(own) & set(true)) for own, true in pairs)
        self.assertGreaterEqual(hits, 0.98 * sum(len(true) for _, true in pairs))
        scores = {own: score for answer in self.ask(POINTS, exact=True) for own, score in answer}
        self.assertEqual(len(scores), self.collection.read(CollectionInfoRequest()).points_count)

    def narrow(self) -> None:
        """Beams of a part of the nodes, so that graphs are used."""
        self.patch(beams, "_BREADTH", self.breadth)


class GraphTests(GraphCase):
    """What holds for every graph, tried with one over encodings."""

    def test_a_graph_is_built_and_used(self) -> None:
        self.collection.optimize()
        (segment,) = self.segments()
        self.assertEqual((segment.start, segment.stop, segment.nodes), (0, POINTS, POINTS))
        self.assertEqual(
            self.collection.read(CollectionInfoRequest()).indexed_vectors_count, POINTS
        )
        self.narrow()
        compared: list[int] = []

        def counted(space: object, rows: object, *rest: object) -> object:
            compared.append(len(rows))  # type: ignore[arg-type]
            return real(space, rows, *rest)  # type: ignore[arg-type]

        real = products.may_be_nearest
        self.patch(search, "may_be_nearest", counted)
        self.assertFinds()
        self.assertLess(min(compared), POINTS)

    def test_a_tail_and_deleted_points(self) -> None:
        self.collection.optimize()
        self.narrow()
        write(self.collection, DeletePoints(list(range(0, POINTS, 7))))
        self.fill(range(30))
        self.assertFinds()
        self.collection.optimize()
        self.assertFinds()

    def test_the_last_points_may_lack_the_vector(self) -> None:
        write(self.collection, Upsert([POINTS, POINTS + 1], {}, [b"{}"] * 2))
        self.collection.optimize()
        (segment,) = self.segments()
        self.assertEqual(segment.nodes, POINTS)

    def test_a_graph_whose_last_points_are_deleted_is_opened_again(self) -> None:
        self.collection.optimize()
        write(self.collection, DeletePoints(list(range(POINTS - 20, POINTS))))
        (before,) = self.segments()
        self.collection = self.reopen().get("m")
        self.collection.optimize()
        (after,) = self.segments()
        self.assertEqual(after.uuid, before.uuid)
        self.narrow()
        self.assertFinds()

    def test_a_graph_is_opened_again(self) -> None:
        self.collection.optimize()
        before = self.segments()
        self.collection = self.reopen().get("m")
        self.collection.optimize()
        self.assertEqual(self.segments(), before)
        self.narrow()
        self.assertFinds()

    def test_a_damaged_graph_is_built_again(self) -> None:
        self.collection.optimize()
        (before,) = self.segments()
        (file,) = self.directory().glob("graph-*")
        self.catalog.close()
        data = bytearray(file.read_bytes())
        data[-5] ^= 255
        file.write_bytes(bytes(data))
        self.collection = self.reopen().get("m")
        self.collection.optimize()
        (after,) = self.segments()
        self.assertNotEqual(after.uuid, before.uuid)
        self.narrow()
        self.assertFinds()

    def test_no_graph_where_m_is_0(self) -> None:
        self.collection.optimize()
        write(self.collection, UpdateCollection(hnsw_config=HnswConfigDiff(m=0)))
        self.collection.optimize()
        self.assertEqual(self.segments(), ())
        self.assertEqual(self.ask(5, exact=False), self.ask(5, exact=True))

    def test_filters(self) -> None:
        self.collection.optimize()
        self.narrow()
        passing = Filter(must=(HasId(frozenset(range(0, POINTS, 3))),))
        self.assertFinds(passing)
        few = Filter(must=(HasId(frozenset(range(7))),))
        self.assertEqual(*(self.ask(20, exact=exact, passing=few) for exact in (False, True)))

    def test_many_lines_without_a_graph_are_left_out_where_that_is_asked(self) -> None:
        write(self.collection, UpdateCollection(hnsw_config=HnswConfigDiff(full_scan_threshold=10)))
        self.collection.optimize()
        allowed = 10 * 1024 // (SIZE * 4)
        for count, is_found in ((10, True), (60, False)):
            lines = self.stored.take(np.arange(count))
            self.assertEqual(len(lines) < allowed and len(lines.data) < allowed, is_found)
            ids = list(range(POINTS, POINTS + count))
            write(self.collection, Upsert(ids, {UNNAMED: VectorColumn(lines)}, [b"{}"] * count))
            query = Query(
                VectorExample(lines.vector(0)),
                limit=2,
                params=SearchParams(indexed_only=True),
                filter=Filter(must=(HasId(frozenset([0, POINTS])),)),
            )
            (answer,) = self.collection.read(QueryBatch([query]))
            self.assertEqual({point.id for point in answer}, {0, POINTS} if is_found else {0})

    def test_graphs_of_later_rows(self) -> None:
        fewer = OptimizersConfigDiff(max_segment_size=1, indexing_threshold=8)
        write(self.collection, UpdateCollection(optimizers_config=fewer))
        self.fill(range(POINTS // 2))
        self.collection.optimize()
        self.assertGreater(len(self.segments()), 3)
        self.narrow()
        self.assertFinds()

    def test_dead_rows_do_not_mislead_a_graph_that_is_grown(self) -> None:
        self.patch(dead_rows, "LEAST_ROWS", 10)
        self.collection.optimize()
        (before,) = self.segments()
        dead = np.arange(100, 180)
        with self.collection._store.read() as snapshot:
            space = snapshot.state.spaces[UNNAMED]
            assert isinstance(space, MultiSpace)
            own = linked(space)
            nodes = own.numbers(dead)
            vectors = own.read(nodes)
        del snapshot, space, own
        write(self.collection, DeletePoints(dead.tolist()))
        self.collection.optimize()
        self.fill(range(100, 130))
        self.collection.optimize()
        (after,) = self.segments()
        self.assertGreater(after.facts.nodes, before.facts.nodes)
        graph = self.collection.indexes.graphs[after.uuid].graph
        copies = graph.copies(nodes)[:, : vectors.shape[1]]
        spread = vectors.max(axis=0) - vectors.min(axis=0)
        self.assertLess(float((np.abs(copies - vectors) / spread).mean()), 0.01)
        self.narrow()
        self.assertFinds()


class EncodingGraphTests(GraphCase):
    """What holds for graphs over encodings alone."""

    def test_a_graph_over_other_encodings_is_built_again(self) -> None:
        self.collection.optimize()
        (before,) = self.segments()
        self.collection = self.reopen().get("m")
        self.patch(encoding, "_VERSION", 0)
        self.collection.optimize()
        (after,) = self.segments()
        self.assertNotEqual((after.uuid, after.encoding), (before.uuid, before.encoding))

    def test_vectors_whose_products_overflow_are_searched_exactly(self) -> None:
        self.narrow()
        self.stored = attrs.evolve(self.stored, data=self.stored.data * np.float32(3e38))
        self.collection = self.catalog.create("long", self.request(Distance.DOT))
        self.fill(range(POINTS))
        self.collection.optimize()
        self.assertEqual(len(self.segments()), 1)
        self.assertEqual(self.ask(5, exact=False), self.ask(5, exact=True))


class LineGraphTests(GraphTests):
    """Graphs over the lines of multivectors."""

    distance = Distance.EUCLID
    breadth = 4

    def test_nodes_are_numbered_by_lines(self) -> None:
        write(self.collection, DeletePoints([0, 1, 2, 5]))
        self.collection.optimize()
        (segment,) = self.segments()
        lengths = np.diff(self.stored.offsets)
        self.assertEqual((segment.start, segment.nodes), (3, POINTS - 4))
        self.assertEqual(segment.facts.start, lengths[:3].sum())
        self.assertEqual(segment.facts.stop, lengths.sum())
        self.assertEqual(segment.facts.nodes, lengths.sum() - lengths[[0, 1, 2, 5]].sum())
        space = self.collection._store.state.spaces[UNNAMED]
        assert isinstance(space, MultiSpace)
        own = linked(space)
        self.assertTrue(own.fits(segment))
        self.assertFalse(own.fits(attrs.evolve(segment, lined=None)))
        for change in ({"start": 4}, {"stop": POINTS - 1}, {"stop": POINTS + 9}):
            assert segment.lined is not None
            moved = attrs.evolve(segment, lined=attrs.evolve(segment.lined, **change))
            self.assertEqual(own.fits(moved), "stop" in change and change["stop"] > POINTS)
        graph = self.collection.indexes.graphs[segment.uuid].graph
        is_linked = rows_linked(space, segment, graph)
        self.assertEqual(np.flatnonzero(~is_linked).tolist(), [2])

    def test_a_row_with_no_line_near_the_query_is_not_compared(self) -> None:
        self.collection.optimize()
        self.narrow()
        compared: list[int] = []
        real = max_sim.true_scores

        def counted(space: MultiSpace, query: Floats, rows: Rows) -> object:
            compared.append(len(rows))
            return real(space, query, rows)

        self.patch(search, "true_scores", counted)
        self.ask(5, exact=False)
        self.assertLess(max(compared), POINTS // 2)

    def test_lines_that_copies_do_not_tell_apart(self) -> None:
        """Lines of few tight groups far apart: graphs over them are searched in place."""
        self.patch(dead_rows, "LEAST_ROWS", 10)
        random = np.random.default_rng(2)
        noise = random.standard_normal(self.stored.data.shape).astype(np.float32)
        groups = np.repeat(np.arange(POINTS) % 3, np.diff(self.stored.offsets))
        lines = groups[:, np.newaxis] * np.float32(100) + noise * np.float32(0.02)
        self.stored = attrs.evolve(self.stored, data=lines.astype(np.float32))
        self.queries = self.stored.take(np.arange(0, POINTS, 20))
        self.fill(range(POINTS))
        self.collection.optimize()
        (segment,) = self.segments()
        self.assertFalse(self.collection.indexes.graphs[segment.uuid].graph.has_copies)
        self.narrow()
        self.assertFinds()
        before = self.blocks()
        write(self.collection, DeletePoints(list(range(80))))
        self.collection.optimize()
        self.assertEqual((self.segments(), self.blocks()), ((segment,), before))
        self.queries = self.stored.take(np.arange(80, POINTS, 20))
        self.assertFinds()

    def blocks(self) -> int:
        """The disk space of the vectors."""
        return sum(path.stat().st_blocks for path in self.directory().glob("vectors-*"))


class ManhattanGraphTests(LineGraphTests):
    """Graphs over lines by another distance than that of scores."""

    distance = Distance.MANHATTAN
