"""Writes: upserts and deletions, their results, and the state after refused ones."""

from __future__ import annotations

import numpy as np
from twisted.internet.defer import DeferredList, gatherResults

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.values import (
    Point,
    delete,
    delete_where,
    dense,
    equals,
    has_id,
    must,
    must_not,
    plain_upsert,
    unnamed,
    upsert,
)
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.errors import BadInput, BadRequest
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import Update, UpdateResult, UpdateStatus

UUID_A = "0b2bd1a5-5b0d-4c5e-8f0a-6c1f3f6a0a01"
UUID_B = "f9c1f2d4-0c8e-4d55-9f1c-2a7b8f3f0b02"

NAMED = CreateCollection(
    {"image": VectorParams(Distance.DOT, 3), "text": VectorParams(Distance.EUCLID, 2)}
)

ODD_PAYLOAD = {
    "integer": 1,
    "float": 1.0,
    "negative": -7,
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "huge": 1e300,
    "tenth": 0.1,
    "yes": True,
    "no": False,
    "nothing": None,
    "empty": "",
    "text": 'gr\u00fc\u00dfe \U0001f600 " \\ \n \u0000 end',
    "list": [1, 2.5, "three", None, [4], {"five": 5}],
    "object": {"a": {"b": {"c": []}}, "": 0, "with.dot": 1},
    "no values": [],
    "no keys": {},
}


class UpsertsContract(ContractCase):
    """Upserts replace whole points and are atomic per request."""

    async def test_operation_ids_count_from_zero(self) -> None:
        await self.create()
        for number in range(3):
            result = await self.put(Point(1, [1, 2, 3, 4]))
            self.assertEqual(result, UpdateResult(number, UpdateStatus.COMPLETED))

    async def test_without_wait_the_update_is_acknowledged_and_done(self) -> None:
        await self.create()
        points = upsert(Point(1, [1, 2, 3, 4]))
        result = await self.operations.update(NAME, points, wait=False)
        self.assertEqual(result, UpdateResult(0, UpdateStatus.ACKNOWLEDGED))
        self.assertEqual(await self.count(), 1)
        result = await self.operations.update(NAME, delete(1), wait=False)
        self.assertEqual(result, UpdateResult(1, UpdateStatus.ACKNOWLEDGED))
        self.assertEqual(await self.count(), 0)

    async def test_a_generous_timeout_changes_nothing(self) -> None:
        await self.create()
        points = upsert(Point(1, [1, 2, 3, 4]))
        result = await self.operations.update(NAME, points, wait=True, timeout=30)
        self.assertEqual(result, UpdateResult(0, UpdateStatus.COMPLETED))

    async def test_a_timeout_of_0_keeps_no_error_back(self) -> None:
        await self.create()
        points = upsert(Point(1, [1, 2, 3, 4]))
        result = await self.operations.update(NAME, points, wait=True, timeout=0)
        self.assertEqual(result, UpdateResult(0, UpdateStatus.COMPLETED))
        results = await self.operations.update_batch(NAME, [points], wait=False, timeout=0)
        self.assertEqual(results, [UpdateResult(1, UpdateStatus.ACKNOWLEDGED)])
        await self.refused(
            BadInput,
            self.operations.update(NAME, upsert(Point(1, [1, 2])), wait=True, timeout=0),
        )

    async def test_a_change_of_indexes_is_late_with_a_timeout_of_0(self) -> None:
        await self.create()
        field = PayloadPath.parse("n")
        create = CreateFieldIndex(field, FieldSchema(FieldType.INTEGER))
        changes: list[tuple[Update, bool]] = [
            (create, True),
            (create, False),
            (DeleteFieldIndex(field), True),
        ]
        for number, (update, wait) in enumerate(changes):
            result = await self.operations.update(NAME, update, wait=wait, timeout=0)
            self.assertEqual(result, UpdateResult(number, UpdateStatus.WAIT_TIMEOUT))
        result = await self.operations.update(NAME, create, wait=True, timeout=30)
        self.assertEqual(result, UpdateResult(3, UpdateStatus.COMPLETED))

    async def test_a_point_is_read_as_it_was_written(self) -> None:
        await self.create()
        await self.put(Point(7, [0.15, 0.31, 0.76, 0.74], {"city": "Berlin"}))
        record = await self.only(7)
        self.assert_vectors(record, {"": [0.15, 0.31, 0.76, 0.74]})
        self.assert_payload(record, {"city": "Berlin"})

    async def test_payloads_keep_their_types(self) -> None:
        await self.create()
        await self.put(Point(1, [1, 2, 3, 4], ODD_PAYLOAD))
        self.assert_payload(await self.only(1), ODD_PAYLOAD)

    async def test_a_point_without_payload_has_an_empty_one(self) -> None:
        await self.create()
        await self.put(Point(1, [1, 2, 3, 4]))
        self.assert_payload(await self.only(1), {})

    async def test_extreme_numbers_survive(self) -> None:
        await self.create(unnamed(6))
        largest, least, smallest = 2.0**128 - 2.0**104, 2.0**-126, 2.0**-149
        numbers = [largest, -largest, least, smallest, 1e-20, -0.0]
        await self.put(Point(1, numbers))
        self.assert_vectors(await self.only(1), {"": numbers})

    async def test_integer_ids(self) -> None:
        await self.create()
        ids = [0, 1, 2**31, 2**32, 2**53 + 1, 2**63, 2**64 - 1]
        await self.update(plain_upsert(ids))
        self.assertEqual(ids_of(await self.retrieve(*ids)), ids)
        self.assertEqual(ids_of((await self.scroll()).records), ids)

    async def test_uuids(self) -> None:
        await self.create()
        await self.update(plain_upsert([UUID_B, UUID_A]))
        self.assertEqual(ids_of(await self.retrieve(UUID_B, UUID_A)), [UUID_B, UUID_A])

    async def test_integers_and_uuids_in_one_request(self) -> None:
        await self.create()
        await self.put(
            Point(UUID_B, [1, 0, 0, 0], {"n": 1}),
            Point(2, [2, 0, 0, 0], {"n": 2}),
            Point(UUID_A, [3, 0, 0, 0], {"n": 3}),
            Point(1, [4, 0, 0, 0], {"n": 4}),
        )
        page = await self.scroll()
        self.assertEqual(ids_of(page.records), [1, 2, UUID_A, UUID_B])
        for point_id, n in ((UUID_B, 1), (2, 2), (UUID_A, 3), (1, 4)):
            record = await self.only(point_id)
            self.assert_payload(record, {"n": n})
            self.assert_vectors(record, {"": [n, 0, 0, 0]})

    async def test_an_upsert_replaces_the_whole_point(self) -> None:
        await self.create(NAMED)
        await self.put(Point(1, {"image": [1, 2, 3], "text": [4, 5]}, {"a": 1, "b": 2}))
        await self.put(Point(1, {"text": [6, 7]}, {"c": 3}))
        record = await self.only(1)
        self.assert_vectors(record, {"text": [6, 7]})
        self.assert_payload(record, {"c": 3})
        await self.put(Point(1, {}))
        record = await self.only(1)
        self.assert_vectors(record, {})
        self.assert_payload(record, {})
        self.assertEqual(await self.count(), 1)

    async def test_the_last_of_an_id_wins(self) -> None:
        await self.create(NAMED)
        await self.put(
            Point(1, {"image": [1, 1, 1], "text": [1, 1]}, {"first": True}),
            Point(2, {"image": [2, 2, 2]}),
            Point(1, {"image": [9, 9, 9]}, {"last": True}),
        )
        record = await self.only(1)
        self.assert_vectors(record, {"image": [9, 9, 9]})
        self.assert_payload(record, {"last": True})
        self.assertEqual(await self.count(), 2)
        hits = await self.query(form=None)
        self.assertEqual(ids_of(hits), [1, 2])

    async def test_points_may_miss_any_vector(self) -> None:
        await self.create(NAMED)
        rows: dict[int, dict[str, list[float]]] = {
            1: {"image": [1, 2, 3], "text": [1, 2]},
            2: {"text": [3, 4]},
            3: {},
            4: {"image": [4, 5, 6]},
        }
        await self.put(*(Point(point_id, vectors) for point_id, vectors in rows.items()))
        for point_id, vectors in rows.items():
            self.assert_vectors(await self.only(point_id), vectors)
        self.assertEqual(await self.count(), 4)

    async def test_unnamed_and_named_vectors_together(self) -> None:
        vectors = {"": VectorParams(Distance.DOT, 2), "b": VectorParams(Distance.DOT, 3)}
        await self.create(CreateCollection(vectors))
        await self.put(Point(1, {"": [1, 2], "b": [1, 2, 3]}), Point(2, [3, 4]))
        self.assert_vectors(await self.only(1), {"": [1, 2], "b": [1, 2, 3]})
        self.assert_vectors(await self.only(2), {"": [3, 4]})

    async def test_cosine_vectors_are_normalised(self) -> None:
        await self.create(unnamed(2, Distance.COSINE))
        await self.put(Point(1, [3, 4]), Point(2, [0, 0]), Point(3, [-5, 0]))
        record = await self.only(1)
        assert record.vectors is not None
        np.testing.assert_allclose(dense(record.vectors[""]), [0.6, 0.8], rtol=1e-6)
        self.assert_vectors(await self.only(2), {"": [0, 0]})
        self.assert_vectors(await self.only(3), {"": [-1, 0]})

    async def test_vectors_of_other_metrics_are_kept_as_they_are(self) -> None:
        for distance in (Distance.DOT, Distance.EUCLID, Distance.MANHATTAN):
            name = distance.value
            await self.create(unnamed(2, distance), name)
            await self.operations.update(name, upsert(Point(1, [3, 4])), wait=True)
            (record,) = await self.retrieve(1, name=name)
            self.assert_vectors(record, {"": [3, 4]})

    async def test_a_large_upsert(self) -> None:
        await self.create(unnamed(16))
        data = np.random.default_rng(1).normal(size=(3000, 16)).astype(np.float32)
        await self.put(
            *(Point(n, row.tolist(), {"n": n, "even": n % 2 == 0}) for n, row in enumerate(data))
        )
        self.assertEqual(await self.count(), 3000)
        self.assertEqual(await self.count(must(equals("even", True))), 1500)
        record = await self.only(2999)
        self.assert_vectors(record, {"": data[2999].tolist()})
        self.assert_payload(record, {"n": 2999, "even": False})

    async def test_many_writers_at_once(self) -> None:
        await self.create()
        results = await gatherResults(
            [
                self.operations.update(NAME, upsert(Point(n, [n, 0, 0, 1], {"n": n})), wait=True)
                for n in range(60)
            ]
        )
        self.assertEqual(sorted(r.operation_id or 0 for r in results), list(range(60)))
        self.assertEqual(await self.count(), 60)
        for record in await self.retrieve(*range(60)):
            self.assert_payload(record, {"n": record.id})

    async def test_a_wrong_update_among_many_fails_alone(self) -> None:
        await self.create()
        updates = [upsert(Point(n, [1, 2, 3, 4] if n != 5 else [1, 2, 3])) for n in range(12)]
        outcomes = await DeferredList(
            [self.operations.update(NAME, update, wait=True) for update in updates],
            consumeErrors=True,
        )
        failed = [number for number, (succeeded, _) in enumerate(outcomes) if not succeeded]
        self.assertEqual(failed, [5])
        page = await self.scroll(limit=20)
        self.assertEqual(ids_of(page.records), [n for n in range(12) if n != 5])


class RefusedUpsertsContract(ContractCase):
    """A refused upsert changes nothing."""

    async def prepare(self) -> None:
        """Start with one point."""
        if self._testMethodName.startswith("test_named"):
            await self.create(NAMED)
            await self.put(Point(1, {"image": [1, 2, 3]}, {"old": True}))
        else:
            await self.create()
            await self.put(Point(1, [1, 2, 3, 4], {"old": True}))

    async def refuse(self, message: str, *points: Point) -> None:
        """Assert that the upsert, waiting or not, is refused with this text and writes nothing."""
        for wait in (True, False):
            call = self.operations.update(NAME, upsert(*points), wait=wait)
            await self.refused(BadInput, call, message)
        self.assertEqual(await self.count(), 1)
        self.assert_payload(await self.only(1), {"old": True})

    async def test_a_wrong_dimension(self) -> None:
        message = "Wrong input: Vector dimension error: expected dim: 4, got 3"
        await self.refuse(message, Point(2, [1, 2, 3]))
        message = "Wrong input: Vector dimension error: expected dim: 4, got 5"
        await self.refuse(message, Point(1, [1, 2, 3, 4, 5]))

    async def test_a_wrong_dimension_in_the_last_point(self) -> None:
        message = "Wrong input: Vector dimension error: expected dim: 4, got 3"
        points = [Point(number, [1, 2, 3, 4], {"new": True}) for number in range(1, 50)]
        await self.refuse(message, *points, Point(50, [1, 2, 3]))

    async def test_an_unknown_vector_name(self) -> None:
        await self.refuse(
            "Wrong input: Not existing vector name error: other", Point(2, {"other": [1, 2, 3, 4]})
        )

    async def test_an_unknown_vector_name_beside_a_known_one(self) -> None:
        await self.refuse(
            "Wrong input: Not existing vector name error: other",
            Point(2, {"": [1, 2, 3, 4]}),
            Point(3, {"": [1, 2, 3, 4], "other": [1]}),
        )

    async def test_named_collection_given_an_unnamed_vector(self) -> None:
        await self.refuse("Wrong input: Not existing vector name error: ", Point(2, [1, 2, 3]))

    async def test_named_vector_of_a_wrong_dimension(self) -> None:
        await self.refuse(
            "Wrong input: Vector dimension error: expected dim: 2, got 3 for vector 'text'",
            Point(2, {"image": [1, 2, 3], "text": [1, 2]}),
            Point(3, {"image": [1, 2, 3], "text": [1, 2, 3]}),
        )

    async def test_numbers_that_are_not_finite(self) -> None:
        message = "Wrong input: Vector contains NaN or infinite values"
        for number in (float("nan"), float("inf"), float("-inf")):
            await self.refuse(message, Point(2, [1, 2, 3, 4]), Point(3, [1, number, 3, 4]))

    async def test_a_refused_upsert_takes_no_operation_id(self) -> None:
        call = self.operations.update(NAME, upsert(Point(2, [1])), wait=True)
        await self.refused(BadInput, call)
        self.assertEqual((await self.put(Point(2, [1, 2, 3, 4]))).operation_id, 1)


class DeletionsContract(ContractCase):
    """Points are deleted by their ids or by a filter."""

    async def prepare(self) -> None:
        """Start with ten points."""
        await self.create()
        await self.put(
            *(Point(n, [n, 1, 1, 1], {"color": "red" if n < 4 else "blue"}) for n in range(9)),
            Point(UUID_A, [1, 1, 1, 1], {"color": "red"}),
        )

    async def ids(self) -> list[int | str]:
        """The ids of all points."""
        return ids_of((await self.scroll(limit=100)).records)

    async def test_by_ids(self) -> None:
        result = await self.update(delete(2, UUID_A, 5))
        self.assertEqual(result, UpdateResult(1, UpdateStatus.COMPLETED))
        self.assertEqual(await self.ids(), [0, 1, 3, 4, 6, 7, 8])
        self.assertEqual(await self.retrieve(2, 5, UUID_A), [])

    async def test_missing_ids_are_ignored(self) -> None:
        result = await self.update(delete(100, 3, 3, UUID_B))
        self.assertEqual(result, UpdateResult(1, UpdateStatus.COMPLETED))
        self.assertEqual(await self.count(), 9)

    async def test_no_ids(self) -> None:
        await self.refused(BadRequest, self.update(delete()), "Bad request: Empty update request")
        await self.refused(BadRequest, self.update(upsert()), "Bad request: Empty update request")
        self.assertEqual(await self.count(), 10)

    async def test_by_filter(self) -> None:
        result = await self.update(delete_where(must(equals("color", "red"))))
        self.assertEqual(result, UpdateResult(1, UpdateStatus.COMPLETED))
        self.assertEqual(await self.ids(), [4, 5, 6, 7, 8])

    async def test_by_filter_on_ids(self) -> None:
        await self.update(delete_where(must_not(has_id(1, UUID_A))))
        self.assertEqual(await self.ids(), [1, UUID_A])

    async def test_a_filter_that_nothing_passes(self) -> None:
        await self.update(delete_where(must(equals("color", "green"))))
        self.assertEqual(await self.count(), 10)

    async def test_the_empty_filter_matches_all(self) -> None:
        await self.update(delete_where(Filter()))
        self.assertEqual(await self.count(), 0)
        self.assertEqual(await self.ids(), [])

    async def test_a_deleted_point_is_found_by_nothing(self) -> None:
        await self.update(delete(8))
        self.assertNotIn(8, await self.ids())
        self.assertNotIn(8, ids_of(await self.query(form=None, limit=100)))
        self.assertEqual(await self.count(must(has_id(8))), 0)

    async def test_a_deleted_id_can_be_written_again(self) -> None:
        await self.update(delete(8))
        await self.put(Point(8, [0, 0, 0, 1], {"new": True}))
        record = await self.only(8)
        self.assert_payload(record, {"new": True})
        self.assert_vectors(record, {"": [0, 0, 0, 1]})

    async def test_updates_take_effect_in_the_order_they_were_sent(self) -> None:
        await gatherResults(
            [
                self.operations.update(NAME, delete(1)),
                self.operations.update(NAME, upsert(Point(1, [1, 1, 1, 1], {"round": 1}))),
                self.operations.update(NAME, delete_where(must(equals("round", 1)))),
                self.operations.update(NAME, upsert(Point(1, [1, 1, 1, 1], {"round": 2}))),
            ]
        )
        self.assert_payload(await self.only(1), {"round": 2})
