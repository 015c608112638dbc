"""Cursors of the engine: the same points as whole reads, batch by batch, on one moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine_support import (
    EVERYTHING,
    UUID_1,
    UUID_2,
    EngineTestCase,
    field,
    floats,
    payload_of,
    to_vector,
    unnamed,
    upsert,
    write,
)
from vexfs_twisted.engine import collection_store
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.cursor import Cursor
from vexfs_twisted.engine.mvcc.pinned import PinnedSnapshots
from vexfs_twisted.engine.query import cursor_sources
from vexfs_twisted.engine.storage import tables
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.errors import BadInput, Interrupted, NotFound, TooMany, Unavailable
from vexfs_twisted.model.filters import Filter, HasId, Range
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import (
    ALL_PAYLOAD,
    Count,
    Query,
    QueryBatch,
    Retrieve,
    Scroll,
    Selection,
)
from vexfs_twisted.model.query_forms import Direction, OrderBy, PointExample
from vexfs_twisted.model.streams import UNLIMITED
from vexfs_twisted.model.updates import DeletePoints

PLENTY = 1 << 20


def read(cursor: Cursor[Any], points: int = 7, size: int = PLENTY) -> list[Any]:
    """All that a cursor reads."""
    found: list[Any] = []
    while (batch := cursor.next(points, size)) is not None:
        found.extend(batch.points)
    cursor.close()
    return found


class CursorCase(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.random = np.random.default_rng(5)
        self.collection = self.catalog.create("c", unnamed(4))

    def fill(self, count: int) -> None:
        ids: list[PointId] = [*range(count), UUID_2, UUID_1]
        vectors = self.random.random((len(ids), 4), dtype=np.float32)
        payloads = [{"n": number % 10, "t": number} for number in range(len(ids))]
        write(self.collection, upsert(ids, vectors, payloads))

    def assert_same(self, found: Sequence[Any], expected: Sequence[Any]) -> None:
        self.assertEqual([_plain(point) for point in found], [_plain(point) for point in expected])


class WholeReads(CursorCase):
    """What cursors read is what the reads answer that are not cut into batches."""

    def setUp(self) -> None:
        super().setUp()
        # Small pieces, so that few points make many.
        self.patch(cursor_sources, "_AHEAD", 16)
        self.patch(cursor_sources, "_AHEAD_FILTERED", 24)
        self.fill(100)

    def assert_scrolls(self, **options: Any) -> None:
        options.setdefault("selection", EVERYTHING)
        expected = self.collection.read(Scroll(**options | {"limit": options.get("limit", 1000)}))
        for points in (1, 7, 16, 1000):
            request = Scroll(**options | {"limit": options.get("limit", UNLIMITED)})
            found = read(self.collection.open_cursor(request), points)
            self.assert_same(found, expected.records)

    def test_scrolls(self) -> None:
        self.assert_scrolls()
        self.assert_scrolls(offset=90)
        self.assert_scrolls(offset=UUID_1)
        self.assert_scrolls(limit=17)
        self.assert_scrolls(limit=1, offset=3)
        self.assert_scrolls(selection=Selection())

    def test_scrolls_by_filter(self) -> None:
        third = Filter(must=(field("n", Range(gte=3, lt=6)),))
        for indexed in (False, True):
            self.assert_scrolls(filter=third)
            self.assert_scrolls(filter=third, offset=40, limit=11)
            self.assert_scrolls(filter=Filter(must_not=(field("n", Range(gte=0)),)))
            self.assert_scrolls(filter=Filter(must=(HasId(frozenset([5, 95, UUID_1, 1000])),)))
            self.assert_scrolls(filter=Filter())
            if not indexed:
                schema = FieldSchema(FieldType.INTEGER)
                write(self.collection, CreateFieldIndex(PayloadPath.parse("n"), schema))

    def test_scrolls_in_the_order_of_a_field(self) -> None:
        by_t = OrderBy(PayloadPath.parse("t"), Direction.DESC)
        error = self.assertRaises(
            BadInput, self.collection.open_cursor, Scroll(order_by=by_t, limit=UNLIMITED)
        )
        self.assertIn("No range index", error.message)
        schema = FieldSchema(FieldType.INTEGER)
        write(self.collection, CreateFieldIndex(PayloadPath.parse("t"), schema))
        self.assert_scrolls(order_by=by_t)
        self.assert_scrolls(order_by=OrderBy(PayloadPath.parse("t"), start_from=50), limit=20)

    def test_queries(self) -> None:
        filtered = Filter(must=(field("n", Range(lt=5)),))
        for query in (
            to_vector([1, 0, 0, 0], limit=1000, selection=EVERYTHING),
            to_vector([0, 1, 0, 1], limit=30, offset=20, selection=Selection(ALL_PAYLOAD)),
            to_vector([0, 1, 0, 1], limit=UNLIMITED, filter=filtered, score_threshold=0.5),
            Query(PointExample(7), limit=50),
            Query(limit=UNLIMITED, offset=70, selection=EVERYTHING),
            Query(limit=10, offset=1000),
            Query(limit=10, offset=UNLIMITED),
            Query(limit=25, offset=3, filter=filtered),
        ):
            (expected,) = self.collection.read(QueryBatch([query]))
            for points in (1, 7, 1000):
                self.assert_same(read(self.collection.open_cursor(query), points), expected)

    def test_retrieves(self) -> None:
        ids: list[PointId] = [5, UUID_1, 5, 1000, *range(60, 20, -1), UUID_1]
        expected = self.collection.read(Retrieve(ids, EVERYTHING))
        self.assertEqual(len(expected), 42)
        for points in (1, 7, 1000):
            found = read(self.collection.open_cursor(Retrieve(ids, EVERYTHING)), points)
            self.assert_same(found, expected)

    def test_what_is_wrong_is_said_before_the_first_batch(self) -> None:
        wrong = Selection(vectors=("nothing",))
        self.assertRaises(BadInput, self.collection.open_cursor, Scroll(selection=wrong))
        self.assertRaises(BadInput, self.collection.open_cursor, Retrieve([1], wrong))
        self.assertRaises(BadInput, self.collection.open_cursor, Query(selection=wrong))
        self.assertRaises(BadInput, self.collection.open_cursor, to_vector([1, 2]))
        self.assertRaises(NotFound, self.collection.open_cursor, Query(PointExample(1000)))
        # Nothing is left behind that would keep the collection from closing.
        self.catalog.close()


class Sizes(CursorCase):
    def test_no_batch_goes_on_past_its_bytes(self) -> None:
        large = [{"text": "x" * size} for size in (10, 5000, 10, 10, 20_000, 10)]
        write(self.collection, upsert(range(6), floats(*[[1, 0, 0, 0]] * 6), large))
        cursor = self.collection.open_cursor(Scroll(limit=10, selection=EVERYTHING))
        batches = []
        while (batch := cursor.next(4, 5000)) is not None:
            batches.append(([point.id for point in batch.points], batch.size > 5000))
        self.assertEqual(batches, [([0, 1], True), ([2, 3, 4], True), ([5], False)])

    def test_vectors_and_payloads_count(self) -> None:
        sizes = []
        collection = self.catalog.create("wide", unnamed(512))
        vectors = self.random.random((10, 512), dtype=np.float32)
        write(collection, upsert(range(10), vectors, [{"text": "x" * 3000}] * 10))
        for selection in (Selection(), Selection(ALL_PAYLOAD), EVERYTHING):
            batch = collection.open_cursor(Scroll(selection=selection)).next(10, PLENTY)
            assert batch is not None
            sizes.append(batch.size)
        bare, payloads, everything = sizes
        self.assertGreaterEqual(payloads - bare, 30_000)
        self.assertLess(payloads - bare, 31_000)
        self.assertGreaterEqual(everything - payloads, 10 * 512 * 4)

    @settings(max_examples=30)
    @given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 3000)), min_size=1, max_size=9))
    def test_any_sizes_read_everything_once(self, asked: list[tuple[int, int]]) -> None:
        if not self.collection.read(CollectionInfoRequest()).points_count:
            self.fill(40)
        cursor = self.collection.open_cursor(Scroll(limit=UNLIMITED, selection=EVERYTHING))
        ids: list[PointId] = []
        turns = 0
        while (batch := cursor.next(*asked[turns % len(asked)])) is not None:
            self.assertLessEqual(len(batch.points), asked[turns % len(asked)][0])
            ids.extend(point.id for point in batch.points)
            turns += 1
        cursor.close()
        self.assertEqual(ids, [*range(40), UUID_1, UUID_2])


class OneMoment(CursorCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(cursor_sources, "_AHEAD", 16)
        self.fill(50)

    def test_later_updates_are_not_seen(self) -> None:
        cursor = self.collection.open_cursor(Scroll(limit=UNLIMITED, selection=EVERYTHING))
        expected = self.collection.read(Scroll(limit=100, selection=EVERYTHING)).records
        first = cursor.next(5, PLENTY)
        assert first is not None
        write(self.collection, DeletePoints(ids=list(range(0, 50, 2))))
        changed = upsert(range(100), np.zeros((100, 4), dtype=np.float32), [{"new": True}] * 100)
        write(self.collection, changed)
        self.assert_same([*first.points, *read(cursor)], expected)
        after = read(self.collection.open_cursor(Scroll(limit=UNLIMITED, selection=EVERYTHING)))
        self.assertEqual(sum("new" in payload_of(record) for record in after), 100)

    def test_a_closed_cursor_keeps_nothing_alive(self) -> None:
        cursor = self.collection.open_cursor(Scroll())
        cursor.close()
        cursor.close()
        self.assertRaises(Interrupted, cursor.next, 1, PLENTY)

    def test_as_many_as_there_may_be(self) -> None:
        held: list[Cursor[Any]] = []
        with self.assertRaises(TooMany):
            while True:
                held.append(self.collection.open_cursor(Scroll(limit=2)))
        self.assertGreater(len(held), 500)
        with self.assertRaises(TooMany):
            self.collection.read(Count())
        write(self.collection, DeletePoints([UUID_2]))
        for cursor in held:
            self.assertEqual(len(read(cursor)), 2)
        self.collection.open_cursor(Scroll(limit=2)).close()

    def test_a_deleted_collection(self) -> None:
        cursor = self.collection.open_cursor(Scroll())
        self.assertIsNotNone(cursor.next(1, PLENTY))
        self.catalog.delete("c")
        error = self.assertRaises(NotFound, cursor.next, 1, PLENTY)
        self.assertEqual(error.message, "Not found: Collection `c` doesn't exist!")
        self.assertRaises(NotFound, self.collection.open_cursor, Scroll())
        cursor.close()

    def test_a_closed_collection(self) -> None:
        cursor = self.collection.open_cursor(Scroll())
        self.catalog.close()
        self.assertRaises(Unavailable, cursor.next, 1, PLENTY)
        cursor.close()


class Growth(CursorCase):
    """The map of the tables must grow, for which no moment of it may be kept."""

    def setUp(self) -> None:
        self.patch(tables, "FIRST_MAP_SIZE", 1 << 20)
        self.patch(collection_store, "PATIENCE_S", 0.05)
        super().setUp()

    def grow(self, collection: Collection, first: int = 1000) -> None:
        """Write more than the map holds."""
        count = 300
        vectors = np.zeros((count, 4), dtype=np.float32)
        payloads = [{"text": "x" * 10_000}] * count
        write(collection, upsert(range(first, first + count), vectors, payloads))

    def growing(self) -> Callable[[], None]:
        """Grow in a thread, which has come to wait for cursors; what is returned waits for it."""
        is_waiting = Event()
        wait = PinnedSnapshots.wait

        def waited(pinned: PinnedSnapshots, seconds: float) -> None:
            is_waiting.set()
            wait(pinned, seconds)

        self.patch(PinnedSnapshots, "wait", waited)
        pool = ThreadPoolExecutor(1)
        self.addCleanup(pool.shutdown)
        growth = pool.submit(self.grow, self.collection)
        self.assertTrue(is_waiting.wait(60))
        return lambda: growth.result(60)

    def test_a_cursor_that_is_in_the_way_is_ended(self) -> None:
        self.fill(50)
        cursor = self.collection.open_cursor(Scroll(limit=UNLIMITED))
        self.assertIsNotNone(cursor.next(10, PLENTY))
        self.grow(self.collection)
        error = self.assertRaises(Interrupted, cursor.next, 10, PLENTY)
        self.assertTrue(error.message.startswith("Interrupted: "))
        cursor.close()
        self.assertEqual(len(read(self.collection.open_cursor(Scroll(limit=UNLIMITED)))), 352)
        self.grow(self.collection, first=2000)
        self.reopen()
        self.assertEqual(self.catalog.get("c").read(CollectionInfoRequest()).points_count, 652)

    def test_a_cursor_that_ends_in_time_reads_everything(self) -> None:
        self.patch(collection_store, "PATIENCE_S", 60.0)
        self.fill(50)
        cursor = self.collection.open_cursor(Scroll(limit=UNLIMITED))
        grown = self.growing()
        self.assertEqual(len(read(cursor, points=1)), 52)
        grown()
        self.assertEqual(self.collection.read(CollectionInfoRequest()).points_count, 352)

    def test_other_reads_go_on_while_a_commit_waits_for_a_cursor(self) -> None:
        self.patch(collection_store, "PATIENCE_S", 60.0)
        self.fill(50)
        cursor = self.collection.open_cursor(Scroll(limit=UNLIMITED))
        grown = self.growing()
        for _ in range(20):
            self.assertEqual(len(self.collection.read(Scroll()).records), 10)
        late = self.collection.open_cursor(Scroll(limit=UNLIMITED))
        cursor.close()
        late.close()
        grown()
        self.assertEqual(self.collection.read(CollectionInfoRequest()).points_count, 352)


def _plain(point: Any) -> Any:
    vectors = point.vectors
    named = None if vectors is None else {name: vectors[name].tolist() for name in vectors}
    return point._replace(vectors=named)
