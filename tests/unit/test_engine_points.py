"""Points of a collection: what updates do, and what reads by id tell of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine_support import (
    EVERYTHING,
    UUID_1,
    UUID_2,
    EngineTestCase,
    column,
    field,
    floats,
    payload_of,
    to_vector,
    unnamed,
    upsert,
    write,
)
from tests.suites.values import dense
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.storage import tables as tables_module
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.errors import BadInput
from vexfs_twisted.model.filters import Filter, HasId, MatchValue, Range
from vexfs_twisted.model.ids import MAX_INTEGER_ID, PointId
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import (
    ALL_PAYLOAD,
    Count,
    PayloadMode,
    PayloadSelector,
    Query,
    QueryBatch,
    Retrieve,
    Scroll,
    Selection,
)
from vexfs_twisted.model.updates import DeletePoints, Upsert
from vexfs_twisted.model.vector_kinds import MultiVector
from vexfs_twisted.model.vectors import VectorColumn

HUGE = 2**64 - 1


class PointsTestCase(EngineTestCase):
    """An empty collection of four-dimensional vectors under Dot."""

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("a", unnamed())

    def ids(self, collection: Collection | None = None) -> list[PointId]:
        page = (collection or self.collection).read(Scroll(limit=HUGE))
        return [record.id for record in page.records]

    def payloads(self) -> dict[PointId, object]:
        page = self.collection.read(Scroll(limit=HUGE, selection=EVERYTHING))
        return {record.id: payload_of(record) for record in page.records}


class UpsertTests(PointsTestCase):
    """Writing points."""

    def test_points_come_back_as_written_and_after_opening_again(self) -> None:
        ids: list[PointId] = [3, UUID_2, 1]
        vectors = floats([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.4], [5, 6, 7, 8])
        payloads: list[dict[str, Any]] = [{"a": 1}, {}, {"text": "ü", "big": 2**63}]
        write(self.collection, upsert(ids, vectors, payloads))
        for is_kept in (False, True):
            found = self.reopen().get("a") if is_kept else self.collection
            records = found.read(Retrieve(ids, EVERYTHING))
            self.assertEqual([record.id for record in records], ids)
            self.assertEqual([payload_of(record) for record in records], payloads)
            stored = [dense((record.vectors or {})[""]) for record in records]
            np.testing.assert_array_equal(stored, vectors)
            self.assertEqual(stored[0].dtype, np.float32)

    def test_operation_ids_count_updates_and_stay_counted(self) -> None:
        one = upsert([1], floats([1, 2, 3, 4]))
        self.assertEqual(write(self.collection, one), [0])
        self.assertEqual(write(self.collection, one, DeletePoints([7]), one), [1, 2, 3])
        self.assertEqual(write(self.reopen().get("a"), one), [4])

    def test_a_point_carries_the_operation_that_wrote_it_last(self) -> None:
        write(self.collection, upsert([1, 2], floats([1, 0, 0, 0], [2, 0, 0, 0])))
        write(self.collection, upsert([2], floats([3, 0, 0, 0])))
        (found,) = self.collection.read(QueryBatch([to_vector([1, 0, 0, 0])]))
        self.assertEqual([(point.id, point.version) for point in found], [(2, 1), (1, 0)])

    def test_an_upsert_replaces_the_whole_point(self) -> None:
        write(self.collection, upsert([1], floats([1, 2, 3, 4]), [{"a": 1}]))
        write(self.collection, upsert([1]))
        (record,) = self.collection.read(Retrieve([1], EVERYTHING))
        self.assertEqual((record.payload, record.vectors), (b"{}", {}))
        self.assertEqual(self.collection.read(CollectionInfoRequest()).points_count, 1)
        self.assertEqual(self.collection.read(QueryBatch([to_vector([1, 2, 3, 4])])), [[]])

    def test_the_last_of_equal_ids_wins_in_a_request_and_in_a_group(self) -> None:
        vectors = floats([1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0], [4, 0, 0, 0])
        again = upsert([5, 6, 5, 5], vectors, [{"n": n} for n in range(4)])
        write(self.collection, again, upsert([6], floats([9, 0, 0, 0]), [{"n": 9}]))
        self.assertEqual(self.payloads(), {5: {"n": 3}, 6: {"n": 9}})
        (found,) = self.collection.read(QueryBatch([to_vector([1, 0, 0, 0])]))
        self.assertEqual([(point.id, point.score) for point in found], [(6, 9.0), (5, 4.0)])

    def test_equal_ids_with_vectors_for_some_points_only(self) -> None:
        vectors = {"": column([1, 0, 0, 0], [2, 0, 0, 0], positions=[0, 2])}
        write(self.collection, upsert([5, 6, 6, 5], vectors))
        records = self.collection.read(Retrieve([5, 6], EVERYTHING))
        self.assertEqual(records[0].vectors, {})
        np.testing.assert_array_equal((records[1].vectors or {})[""], [2, 0, 0, 0])

    def test_an_upsert_of_nothing_is_an_operation(self) -> None:
        self.assertEqual(write(self.collection, Upsert([], {}, [])), [0])
        self.assertEqual(self.collection.read(CollectionInfoRequest()).points_count, 0)

    def test_the_largest_ids(self) -> None:
        ids: list[PointId] = [0, MAX_INTEGER_ID, "ffffffff-ffff-ffff-ffff-ffffffffffff"]
        write(self.collection, upsert(ids))
        self.assertEqual(self.ids(), ids)

    def test_many_points_more_than_the_first_map_and_file_hold(self) -> None:
        self.patch(tables_module, "FIRST_MAP_SIZE", 1 << 20)
        collection = self.catalog.create("small", unnamed())
        text = "x" * 1000
        for start in range(0, 20_000, 5000):
            ids = range(start, start + 5000)
            vectors = np.repeat(np.array(ids, dtype=np.float32)[:, np.newaxis], 4, axis=1)
            write(collection, upsert(ids, vectors, [{"n": n, "text": text} for n in ids]))
        for is_kept in (False, True):
            found = self.reopen().get("small") if is_kept else collection
            self.assertEqual(found.read(Count()), 20_000)
            (record,) = found.read(Retrieve([12_345], EVERYTHING))
            self.assertEqual(payload_of(record), {"n": 12_345, "text": text})
            np.testing.assert_array_equal((record.vectors or {})[""], [12_345] * 4)


class CosineTests(EngineTestCase):
    """Vectors under Cosine are stored at length one."""

    def test_vectors_are_normalised_and_zero_stays_zero(self) -> None:
        collection = self.catalog.create("a", unnamed(distance=Distance.COSINE))
        vectors = floats([3, 0, 4, 0], [0, 0, 0, 0], [1e-30, 0, 0, 0], [3e38, 3e38, 0, 0])
        write(collection, upsert([1, 2, 3, 4], vectors))
        records = collection.read(Retrieve([1, 2, 3, 4], EVERYTHING))
        found = [dense((record.vectors or {})[""]) for record in records]
        half = float(np.sqrt(0.5))
        np.testing.assert_allclose(found[0], [0.6, 0, 0.8, 0], rtol=1e-6)
        np.testing.assert_array_equal(found[1], [0, 0, 0, 0])
        np.testing.assert_allclose(found[2], [1, 0, 0, 0], rtol=1e-6)
        np.testing.assert_allclose(found[3], [half, half, 0, 0], rtol=1e-6)

    def test_a_vector_read_and_written_again_does_not_change(self) -> None:
        collection = self.catalog.create("a", unnamed(64, Distance.COSINE))
        vectors = np.random.default_rng(3).standard_normal((50, 64), dtype=np.float32)
        ids = list(range(50))
        write(collection, upsert(ids, vectors))
        first = np.array(
            [(r.vectors or {})[""] for r in collection.read(Retrieve(ids, EVERYTHING))]
        )
        write(collection, upsert(ids, first))
        second = np.array(
            [(r.vectors or {})[""] for r in collection.read(Retrieve(ids, EVERYTHING))]
        )
        np.testing.assert_array_equal(first, second)


class RefusalTests(PointsTestCase):
    """A bad update fails alone, wholly, and with the text that clients know."""

    def test_each_update_has_its_own_outcome(self) -> None:
        good = upsert([1], floats([1, 2, 3, 4]))
        outcomes = self.collection.apply(
            [
                good,
                upsert([2], floats([1, 2, 3])),
                upsert([3], {"x": column([1, 2, 3, 4])}),
                upsert([4], floats([1, 2, np.nan, 4])),
                upsert([5], {"": VectorColumn.uneven((4, 7))}),
                DeletePoints(),
                good,
            ]
        )
        self.assertEqual(
            [outcome if isinstance(outcome, int) else str(outcome) for outcome in outcomes],
            [
                0,
                "Wrong input: Vector dimension error: expected dim: 4, got 3",
                "Wrong input: Not existing vector name error: x",
                "Wrong input: Vector contains NaN or infinite values",
                "Wrong input: Vector dimension error: expected dim: 4, got 7",
                "Bad request: No filter or points provided",
                1,
            ],
        )
        self.assertEqual(self.ids(), [1])

    def test_one_bad_column_keeps_the_whole_update_out(self) -> None:
        named = CreateCollection(
            vectors={"x": VectorParams(Distance.DOT, 2), "y": VectorParams(Distance.DOT, 3)}
        )
        collection = self.catalog.create("named", named)
        (outcome,) = collection.apply(
            [upsert([1], {"x": column([1, 2]), "y": column([1, 2])}, [{"a": 1}])]
        )
        self.assertIsInstance(outcome, BadInput)
        self.assertEqual(collection.read(Count()), 0)

    def test_an_unexpected_fault_fails_the_poisoned_update_alone(self) -> None:
        poisoned = Upsert([2], {}, [None])  # type: ignore[list-item]
        group = [upsert([1], None, [{"n": 1}]), poisoned, upsert([3], None, [{"n": 3}])]
        outcomes = self.collection.apply(group)
        self.assertEqual(outcomes[0::2], [0, 1])
        self.assertIsInstance(outcomes[1], TypeError)
        self.assertEqual(self.payloads(), {1: {"n": 1}, 3: {"n": 3}})
        self.assertEqual(write(self.collection, upsert([4])), [2])

    def test_a_dense_vector_for_a_multivector_is_one_row(self) -> None:
        params = VectorParams(
            Distance.DOT, 4, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        )
        collection = self.catalog.create("multi", CreateCollection(vectors={"m": params}))
        write(collection, upsert([1], {"m": column([1, 2, 3, 4])}))
        (record,) = collection.read(Retrieve([1], EVERYTHING))
        rows = np.array([[1, 2, 3, 4]], dtype=np.float32)
        self.assertEqual(record.vectors, {"m": MultiVector(rows)})


class DeleteTests(PointsTestCase):
    """Removing points."""

    def setUp(self) -> None:
        super().setUp()
        ids = [*range(10), UUID_1]
        vectors = np.ones((11, 4), dtype=np.float32)
        write(self.collection, upsert(ids, vectors, [{"n": n} for n in range(11)]))

    def test_by_ids_missing_ones_ignored(self) -> None:
        write(self.collection, DeletePoints([3, 99, UUID_1, 3, UUID_2]))
        self.assertEqual(self.ids(), [0, 1, 2, 4, 5, 6, 7, 8, 9])

    def test_by_filter(self) -> None:
        write(self.collection, DeletePoints(filter=Filter(must=(field("n", Range(gte=3)),))))
        self.assertEqual(self.ids(), [0, 1, 2])

    def test_by_filter_on_what_the_same_group_wrote(self) -> None:
        write(
            self.collection,
            upsert([50, 51], None, [{"n": 500}, {"n": 1}]),
            DeletePoints([0]),
            DeletePoints(filter=Filter(must=(field("n", Range(lt=500)),))),
        )
        self.assertEqual(self.ids(), [50])

    def test_an_empty_filter_removes_all_and_leaves_a_working_collection(self) -> None:
        write(self.collection, DeletePoints(filter=Filter()))
        self.assertEqual(
            (self.ids(), self.collection.read(CollectionInfoRequest()).points_count), ([], 0)
        )
        self.assertEqual(self.collection.read(QueryBatch([to_vector([1, 1, 1, 1])])), [[]])
        write(self.collection, upsert([5], floats([1, 2, 3, 4]), [{"n": 5}]))
        for is_kept in (False, True):
            found = self.reopen().get("a") if is_kept else self.collection
            self.assertEqual(self.ids(found), [5])
            (answer,) = found.read(QueryBatch([to_vector([1, 1, 1, 1])]))
            self.assertEqual([(point.id, point.score) for point in answer], [(5, 10.0)])

    def test_deleted_points_are_not_found_by_search_or_filter(self) -> None:
        write(self.collection, DeletePoints([4]))
        (found,) = self.collection.read(QueryBatch([to_vector([1, 1, 1, 1], limit=HUGE)]))
        self.assertEqual({point.id for point in found}, {0, 1, 2, 3, 5, 6, 7, 8, 9, UUID_1})
        filter_ = Filter(must=(field("n", MatchValue(4)),))
        self.assertEqual(self.collection.read(Count(filter_)), 0)


class NamedVectorTests(EngineTestCase):
    """Collections of several vectors, or none."""

    def setUp(self) -> None:
        super().setUp()
        vectors = {"x": VectorParams(Distance.DOT, 2), "y": VectorParams(Distance.EUCLID, 3)}
        sparse = {"s": SparseVectorParams()}
        request = CreateCollection(vectors=vectors, sparse_vectors=sparse)
        self.collection = self.catalog.create("named", request)
        columns = {
            "x": column([1, 1], [2, 2], positions=[0, 2]),
            "y": column([3, 3, 3], positions=[1]),
        }
        write(self.collection, upsert([10, 11, 12, 13], columns))

    def vectors(self, selector: bool | tuple[str, ...]) -> list[dict[str, list[float]]]:
        records = self.collection.read(Retrieve([10, 11, 12, 13], Selection(vectors=selector)))
        return [
            {name: dense(vector).tolist() for name, vector in (record.vectors or {}).items()}
            for record in records
        ]

    def test_a_point_has_the_vectors_it_was_given(self) -> None:
        self.assertEqual(self.vectors(True), [{"x": [1, 1]}, {"y": [3, 3, 3]}, {"x": [2, 2]}, {}])

    def test_only_the_vectors_asked_for_are_returned(self) -> None:
        self.assertEqual(self.vectors(("y", "s")), [{}, {"y": [3, 3, 3]}, {}, {}])

    def test_a_search_finds_only_points_that_have_the_vector(self) -> None:
        queries = [to_vector([1, 0], using="x"), to_vector([3, 3, 4], using="y")]
        found = self.collection.read(QueryBatch(queries))
        scored = [[(point.id, point.score) for point in points] for points in found]
        self.assertEqual(scored, [[(12, 2.0), (10, 1.0)], [(11, 1.0)]])

    def test_a_name_the_collection_lacks_is_refused(self) -> None:
        expected = "Wrong input: Not existing vector name error: z"
        selection = Selection(vectors=("x", "z"))
        for read in (
            lambda: self.collection.read(Retrieve([10], selection)),
            lambda: self.collection.read(Scroll(selection=selection)),
            lambda: self.collection.read(QueryBatch([Query(selection=selection)])),
            lambda: self.collection.read(QueryBatch([to_vector([1, 0], using="z")])),
            lambda: self.collection.read(QueryBatch([to_vector([1, 0])])),
        ):
            with self.assertRaises(BadInput) as caught:
                read()
            self.assertIn(caught.exception.message, (expected, expected.removesuffix("z")))

    def test_a_point_added_long_after_has_room_in_every_bitmap(self) -> None:
        write(self.collection, upsert(range(100, 9100)))
        records = self.collection.read(Retrieve([9099], EVERYTHING))
        self.assertEqual(records[0].vectors, {})

    def test_points_that_come_and_go_in_one_group_far_beyond_the_bitmaps(self) -> None:
        ids = range(100, 9100)
        outcomes = write(self.collection, upsert(ids), DeletePoints(list(ids)), upsert([9000]))
        self.assertEqual(outcomes, [1, 2, 3])
        self.assertEqual(self.collection.read(Count()), 5)

    def test_a_collection_without_vectors_keeps_payloads(self) -> None:
        collection = self.catalog.create("bare", CreateCollection())
        write(collection, upsert([1], None, [{"a": 1}]))
        (record,) = collection.read(Retrieve([1], EVERYTHING))
        self.assertEqual((record.payload, record.vectors), (b'{"a":1}', {}))


class RetrieveTests(PointsTestCase):
    """Reading by ids."""

    def setUp(self) -> None:
        super().setUp()
        write(self.collection, upsert([1, 2, 3], None, [{"a": {"b": 1, "c": 2}, "d": 3}] * 3))

    def test_in_the_order_asked_for_each_once_missing_skipped(self) -> None:
        records = self.collection.read(Retrieve([3, 9, 1, 3, UUID_1], Selection()))
        self.assertEqual([record.id for record in records], [3, 1])

    def test_what_was_not_asked_for_is_none(self) -> None:
        (record,) = self.collection.read(Retrieve([1], Selection()))
        self.assertEqual((record.payload, record.vectors), (None, None))

    def test_a_part_of_the_payload(self) -> None:
        paths = (PayloadPath.parse("a.b"),)
        for mode, expected in (
            (PayloadMode.INCLUDE, {"a": {"b": 1}}),
            (PayloadMode.EXCLUDE, {"a": {"c": 2}, "d": 3}),
        ):
            (record,) = self.collection.read(Retrieve([1], Selection(PayloadSelector(mode, paths))))
            self.assertEqual(payload_of(record), expected)

    def test_the_payload_is_returned_byte_for_byte(self) -> None:
        odd = b'{"z":1.0,"a":1e2,"n":null}'
        write(self.collection, Upsert([1], {}, [odd]))
        (record,) = self.collection.read(Retrieve([1], Selection(ALL_PAYLOAD)))
        self.assertEqual(record.payload, odd)


class ScrollTests(PointsTestCase):
    """Pages in the order of ids."""

    IDS = (UUID_2, 5, 300, UUID_1, 2, 70_000)
    ORDER = (2, 5, 300, 70_000, UUID_1, UUID_2)

    def setUp(self) -> None:
        super().setUp()
        payloads = [{"odd": isinstance(point_id, str)} for point_id in self.IDS]
        write(self.collection, upsert(self.IDS, None, payloads))

    def test_pages_follow_each_other(self) -> None:
        seen: list[PointId] = []
        offset: PointId | None = None
        while True:
            page = self.collection.read(Scroll(limit=4, offset=offset))
            seen += [record.id for record in page.records]
            offset = page.next_offset
            if offset is None:
                break
        self.assertEqual(tuple(seen), self.ORDER)

    def test_the_offset_is_included_and_need_not_exist(self) -> None:
        for offset, first in ((5, 5), (6, 300), (MAX_INTEGER_ID, UUID_1), (UUID_2, UUID_2)):
            page = self.collection.read(Scroll(offset=offset))
            self.assertEqual(page.records[0].id, first)

    def test_a_full_last_page_has_no_next(self) -> None:
        self.assertIsNone(self.collection.read(Scroll(limit=6)).next_offset)
        self.assertEqual(self.collection.read(Scroll(limit=5)).next_offset, UUID_2)

    def test_a_filter(self) -> None:
        strings = Filter(must=(field("odd", MatchValue(True)),))
        page = self.collection.read(Scroll(filter=strings, limit=1))
        self.assertEqual([record.id for record in page.records], [UUID_1])
        self.assertEqual(page.next_offset, UUID_2)
        page = self.collection.read(Scroll(filter=strings, limit=HUGE, offset=UUID_2))
        self.assertEqual([record.id for record in page.records], [UUID_2])
        self.assertIsNone(page.next_offset)

    def test_a_filter_that_names_ids(self) -> None:
        named = Filter(must=(HasId(frozenset(self.IDS[:4])), field("odd", MatchValue(False))))
        page = self.collection.read(Scroll(filter=named, limit=1))
        self.assertEqual(([r.id for r in page.records], page.next_offset), ([5], 300))
        page = self.collection.read(Scroll(filter=named, offset=6))
        self.assertEqual(([r.id for r in page.records], page.next_offset), ([300], None))

    def test_a_filter_over_many_points_finds_the_few_that_pass(self) -> None:
        write(
            self.collection,
            upsert(range(100_000, 130_000), None, [{"n": n % 9000} for n in range(30_000)]),
        )
        rare = Filter(must=(field("n", MatchValue(8999)),))
        page = self.collection.read(Scroll(filter=rare, limit=2))
        self.assertEqual([record.id for record in page.records], [108_999, 117_999])
        self.assertEqual(page.next_offset, 126_999)

    def test_a_query_without_a_target_is_a_scroll_that_scores_one(self) -> None:
        (found,) = self.collection.read(QueryBatch([Query(limit=3, offset=2)]))
        expected = [(point_id, 1.0, 0) for point_id in self.ORDER[2:5]]
        self.assertEqual([(point.id, point.score, point.version) for point in found], expected)
        (found,) = self.collection.read(QueryBatch([Query(limit=HUGE, offset=HUGE)]))
        self.assertEqual(found, [])

    def test_an_offset_beyond_all_hits_leaves_none(self) -> None:
        write(self.collection, upsert([1, 2], floats([1, 0, 0, 0], [2, 0, 0, 0])))
        for offset, expected in ((1, [1]), (2, []), (HUGE, [])):
            query = to_vector([1, 0, 0, 0], offset=offset, limit=HUGE)
            (found,) = self.collection.read(QueryBatch([query]))
            self.assertEqual([point.id for point in found], expected)
