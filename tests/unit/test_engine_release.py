"""Nothing is held of a collection that is deleted or closed, with no collector to help."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any
from weakref import ref

import numpy as np

from tests.engine_support import EVERYTHING, EngineTestCase, field, floats, to_vector, upsert, write
from tests.held_files import mapped_below, open_below, without_collector
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    VectorParams,
)
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.optimizations import OptimizationsRequest
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Facet, Query, QueryBatch, Retrieve, Scroll, Selection
from vexfs_twisted.model.query_forms import OrderBy, PointExample
from vexfs_twisted.model.updates import DeletePoints, UpdateVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

ROWS = 700

Check = Callable[[Collection], None]


class ReleaseCase(EngineTestCase):
    """A collection with all kinds of files, and the collector switched off."""

    def setUp(self) -> None:
        super().setUp()
        request = CreateCollection(
            vectors={
                UNNAMED: VectorParams(Distance.COSINE, 16),
                "other": VectorParams(Distance.EUCLID, 8),
            },
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
            quantization_config=QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
        )
        self.collection = self.catalog.create("files", request)
        for key, kind in (("k", FieldType.KEYWORD), ("n", FieldType.INTEGER)):
            write(self.collection, CreateFieldIndex(PayloadPath.parse(key), FieldSchema(kind)))
        self.fill(ROWS)
        self.collection.optimize()
        without_collector(self.addCleanup)

    def fill(self, count: int, first: int = 0) -> None:
        """Write points that have both vectors and a payload."""
        random = np.random.default_rng(count)
        vectors = {
            UNNAMED: VectorColumn.of(random.standard_normal((count, 16), dtype=np.float32)),
            "other": VectorColumn.of(random.standard_normal((count, 8), dtype=np.float32)),
        }
        payloads = [{"k": f"v{number % 5}", "n": number} for number in range(count)]
        write(self.collection, upsert(range(first, first + count), vectors, payloads))

    def held(self) -> list[str]:
        """What is held of the files of the collection."""
        home = self.path / "collections"
        found = open_below(home) + mapped_below(home)
        # A collection that is to be removed lies in a directory of another name, which begins so.
        return [name for name in found if self.collection.directory in name]

    def use(self) -> None:
        """Read in every way."""
        collection, query = self.collection, to_vector([1] * 16, limit=5, selection=EVERYTHING)
        condition = Filter(must=(field("k", MatchValue("v1")),))
        collection.read(QueryBatch([query, to_vector([1] * 8, using="other", limit=5)]))
        collection.read(QueryBatch([to_vector([1] * 16, filter=condition, limit=5)]))
        collection.read(QueryBatch([Query(PointExample(3), limit=5), Query(None, limit=5)]))
        collection.read(Scroll(filter=condition, selection=EVERYTHING))
        collection.read(Scroll(order_by=OrderBy(PayloadPath.parse("n"))))
        collection.read(Count(Filter(must=(field("n", MatchValue(3)),))))
        collection.read(Facet(PayloadPath.parse("k")))
        collection.read(Retrieve([1, 2, 3], EVERYTHING))
        collection.read(CollectionInfoRequest())
        collection.read(OptimizationsRequest())


class Deletion(ReleaseCase):
    """Deleted while others read, or after anything may have gone wrong."""

    def test_all_kinds_of_files_are_there(self) -> None:
        names = {name.rsplit("/", 1)[1].split("-")[0] for name in self.held()}
        self.assertEqual(names, {"data.mdb", "lock.mdb", "vectors", "graph", "codes"})

    def test_after_reads_and_writes(self) -> None:
        self.use()
        self.fill(9000, ROWS)
        write(self.collection, DeletePoints(ids=list(range(600, 700))))
        self.use()
        self.collection.optimize()
        self.use()
        self.catalog.delete("files")
        self.assertEqual(self.held(), [])

    def test_without_a_use(self) -> None:
        self.catalog.delete("files")
        self.assertEqual(self.held(), [])

    def test_its_objects(self) -> None:
        store = self.collection._store
        stores: list[ref[Any]] = [ref(store), ref(store._access)]
        del store
        del self.collection
        self.catalog.delete("files")
        self.assertEqual([found() for found in stores], [None, None])

    def test_after_a_start(self) -> None:
        self.collection = self.reopen().get("files")
        self.use()
        self.collection.optimize()
        self.use()
        self.catalog.delete("files")
        self.assertEqual(self.held(), [])

    def test_after_queries_that_were_refused(self) -> None:
        self.assert_refused(to_vector([1] * 3))
        self.assert_refused(to_vector([1] * 16, using="missing"))
        self.assert_refused(Query(PointExample(10**9), limit=5))
        self.assert_refused(Query(PointExample(10**9), limit=5), to_vector([1] * 16))
        selection = Selection(vectors=("missing",))
        self.assert_fails(self.collection.read, Retrieve([1], selection))
        self.assert_fails(self.collection.read, Scroll(selection=selection))
        self.assert_fails(self.collection.open_cursor, Scroll(selection=selection))
        self.assert_fails(self.collection.open_cursor, to_vector([1] * 3))
        self.assert_fails(self.collection.read, Facet(PayloadPath.parse("unknown")))
        self.catalog.delete("files")
        self.assertEqual(self.held(), [])

    def test_after_updates_that_were_refused(self) -> None:
        self.assert_outcomes_fail(upsert([1], floats([1, 2])))
        missing = UpdateVectors([10**9], {"other": VectorColumn.of(np.ones((1, 8), np.float32))})
        self.assert_outcomes_fail(missing)
        self.assert_outcomes_fail(missing, missing)
        self.catalog.delete("files")
        self.assertEqual(self.held(), [])

    def test_with_cursors_that_are_open(self) -> None:
        query = to_vector([1] * 16, limit=500, selection=EVERYTHING)
        cursors: list[Any] = [
            self.collection.open_cursor(Scroll(limit=500, selection=EVERYTHING)),
            self.collection.open_cursor(query),
            self.collection.open_cursor(Retrieve([1, 2, 3], EVERYTHING)),
        ]
        for cursor in cursors:
            cursor.next(1, 1 << 20)
        self.catalog.delete("files")
        self.assertEqual(self.held(), [])
        for cursor in cursors:
            self.assert_fails(cursor.next, 1, 1 << 20)
            cursor.close()

    def test_with_a_reader_inside_who_has_until_he_leaves(self) -> None:
        inside, leave, found = Event(), Event(), list[float]()

        def read() -> None:
            with self.collection._store.read() as snapshot:
                inside.set()
                leave.wait(30)
                found.append(float(snapshot.state.dense["other"].matrix[:ROWS].sum()))

        reader = Thread(target=read)
        deleter = Thread(target=self.catalog.delete, args=("files",))
        reader.start()
        inside.wait(30)
        deleter.start()
        while self.collection.directory in [p.name for p in (self.path / "collections").iterdir()]:
            pass
        self.assertTrue(self.held())
        leave.set()
        reader.join()
        deleter.join()
        self.assertEqual(len(found), 1)
        self.assertEqual(self.held(), [])

    def test_a_snapshot_that_is_kept_keeps_its_maps_alone(self) -> None:
        state, indexes = self.collection.state, self.collection.indexes
        self.catalog.delete("files")
        kinds = {name.rsplit("/", 1)[1].split("-")[0] for name in self.held()}
        self.assertEqual(kinds, {"vectors", "graph", "codes"})
        self.assertEqual(state.dense["other"].matrix[:ROWS].shape, (ROWS, 8))
        self.assertTrue(indexes.graphs)
        del indexes
        self.assertEqual(
            {name.rsplit("/", 1)[1].split("-")[0] for name in self.held()}, {"vectors"}
        )
        del state
        self.assertEqual(self.held(), [])

    def test_the_catalog_closed(self) -> None:
        self.use()
        self.catalog.close()
        self.assertEqual(self.held(), [])

    def assert_refused(self, *queries: Query) -> None:
        self.assertIsInstance(self.collection.query_each(queries)[0], DomainError)

    def assert_fails(self, function: Callable[..., object], *arguments: object) -> None:
        # Not assertRaises, which keeps the error with its traceback.
        try:
            function(*arguments)
        except DomainError:
            return
        self.fail("it was not refused")

    def assert_outcomes_fail(self, *updates: Any) -> None:
        for outcome in self.collection.apply(updates):
            self.assertIsInstance(outcome, DomainError)


class Moments(ReleaseCase):
    """Moments that are over, of a collection that goes on."""

    def vector_maps(self) -> int:
        """How many maps there are of the vector files."""
        return sum("vectors-" in name for name in mapped_below(self.path))

    def test_the_maps_of_files_that_have_grown(self) -> None:
        before = self.vector_maps()
        for round_ in range(1, 6):
            self.fill(3000 * round_, 100_000 * round_)
            self.use()
            self.collection.query_each([to_vector([1] * 3)])
        # The views of the last two commits are kept, and graphs that were built over others.
        self.assertLessEqual(self.vector_maps(), 3 * before)

    def test_graphs_that_were_replaced(self) -> None:
        for round_ in range(1, 4):
            self.fill(2000, 2000 * round_)
            self.collection.query_each([to_vector([1] * 3)])
            self.use()
            self.collection.optimize()
        self.fill(1, 10**6)
        self.fill(1, 10**6)
        removed = [name for name in mapped_below(self.path) if name.endswith(" (deleted)")]
        self.assertEqual(removed, [])
