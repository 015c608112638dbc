"""Updates of what points hold: payloads and vectors, by ids, by filters and on conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from tests.engine_support import (
    EVERYTHING,
    UUID_1,
    EngineTestCase,
    column,
    field,
    floats,
    payload_of,
    to_vector,
    upsert,
    write,
)
from tests.suites.values import dense
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.commands import CommandBatch
from vexfs_twisted.model.errors import BadInput, BadRequest, DomainError, NotFound
from vexfs_twisted.model.filters import Filter, HasId, MatchValue, Range
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, QueryBatch, Scroll
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    Update,
    UpdateMode,
    UpdateVectors,
    Upsert,
)
from vexfs_twisted.model.vectors import VectorColumn

HUGE = 2**64 - 1


def set_payload(members: object, **options: Any) -> SetPayload:
    """An update that merges members."""
    return SetPayload(orjson.dumps(members), **options)


def where(path: str, value: int) -> Filter:
    """The points whose field has that value."""
    return Filter(must=(field(path, MatchValue(value)),))


class UpdatesTestCase(EngineTestCase):
    """Points 1, 2, 3 and a UUID; all have `n` and the vector `a`, the odd ones `b` besides."""

    IDS: Sequence[PointId] = (1, 2, 3, UUID_1)

    def setUp(self) -> None:
        super().setUp()
        spaces = {
            "a": VectorParams(Distance.EUCLID, 2),
            "b": VectorParams(Distance.COSINE, 3),
        }
        self.collection = self.catalog.create("c", CreateCollection(vectors=spaces))
        vectors = {
            "a": column([1, 1], [2, 2], [3, 3], [4, 4]),
            "b": column([1, 2, 3], [7, 5, 3], positions=[0, 2]),
        }
        write(self.collection, upsert(self.IDS, vectors, [{"n": n} for n in (1, 2, 3, 4)]))

    def refused(self, kind: type[DomainError], *updates: Update) -> str:
        """The message of the error of one update alone."""
        (outcome,) = self.collection.apply(updates)
        assert isinstance(outcome, kind), outcome
        return outcome.message

    def payloads(self) -> dict[PointId, Any]:
        page = self.collection.read(Scroll(limit=HUGE, selection=EVERYTHING))
        return {record.id: payload_of(record) for record in page.records}

    def vectors(self) -> dict[PointId, dict[str, list[float]]]:
        page = self.collection.read(Scroll(limit=HUGE, selection=EVERYTHING))
        return {
            record.id: {
                name: list(map(float, dense(v))) for name, v in (record.vectors or {}).items()
            }
            for record in page.records
        }

    def versions(self) -> dict[PointId, int]:
        query = to_vector([0, 0], using="a", limit=100)
        (found,) = self.collection.read(QueryBatch([query]))
        return {point.id: point.version for point in found}

    def reopened(self) -> Collection:
        self.collection = self.reopen().get("c")
        return self.collection


class PayloadTests(UpdatesTestCase):
    """Changing payloads."""

    def test_points_are_chosen_by_ids(self) -> None:
        write(self.collection, set_payload({"m": 1}, ids=[1, UUID_1, 1]))
        expected = {1: {"n": 1, "m": 1}, 2: {"n": 2}, 3: {"n": 3}, UUID_1: {"n": 4, "m": 1}}
        self.assertEqual(self.payloads(), expected)
        self.reopened()
        self.assertEqual(self.payloads(), expected)

    def test_points_are_chosen_by_a_filter(self) -> None:
        greater = Filter(must=(field("n", Range(gt=2)),))
        write(self.collection, OverwritePayload(b'{"x":0}', filter=greater))
        self.assertEqual(self.payloads(), {1: {"n": 1}, 2: {"n": 2}, 3: {"x": 0}, UUID_1: {"x": 0}})
        write(self.collection, ClearPayload(filter=where("x", 0)), ClearPayload(ids=[]))
        self.assertEqual(self.payloads(), {1: {"n": 1}, 2: {"n": 2}, 3: {}, UUID_1: {}})
        write(self.collection, DeletePayload((PayloadPath.parse("n"),), filter=Filter()))
        self.assertEqual(set(map(str, self.payloads().values())), {"{}"})

    def test_a_filter_that_nothing_passes_is_no_error(self) -> None:
        (operation,) = write(self.collection, set_payload({"n": 9}, filter=where("n", 77)))
        self.assertEqual(operation, 1)
        self.assertEqual(self.payloads()[1], {"n": 1})

    def test_filters_see_the_new_payloads(self) -> None:
        write(self.collection, set_payload({"n": 9}, ids=[1, 2]))
        self.assertEqual(self.collection.read(Count(where("n", 9))), 2)
        self.assertEqual(self.collection.read(Count(where("n", 1))), 0)

    def test_a_missing_point_is_told_and_nothing_is_changed(self) -> None:
        before = self.payloads()
        updates = (
            set_payload({"m": 1}, ids=[1, 77, 78]),
            OverwritePayload(b"{}", ids=[77, 1]),
            DeletePayload((PayloadPath.parse("n"),), ids=[2, 77]),
            ClearPayload(ids=[77]),
        )
        for update in updates:
            message = self.refused(NotFound, update)
            self.assertEqual(message, "Not found: No point with id 77 found")
        self.assertEqual(self.payloads(), before)

    def test_neither_ids_nor_a_filter_is_refused(self) -> None:
        for update in (set_payload({}), ClearPayload(), DeletePoints(), DeleteVectors(("a",))):
            message = self.refused(BadRequest, update)
            self.assertEqual(message, "Bad request: No filter or points provided")

    def test_a_payload_that_would_be_too_deep_is_refused(self) -> None:
        path = PayloadPath.parse(".".join("k" * 300))
        self.refused(BadInput, set_payload({}, ids=[1], key=path))
        self.assertEqual(self.payloads()[1], {"n": 1})

    def test_vectors_and_their_files_are_left_alone(self) -> None:
        files = sorted(self.directory().glob("vectors-*"))
        before = [(file.stat().st_mtime_ns, file.read_bytes()) for file in files]
        vectors = self.vectors()
        state = self.collection._store.state
        write(self.collection, set_payload({"m": 1}, filter=Filter()))
        self.assertEqual([(f.stat().st_mtime_ns, f.read_bytes()) for f in files], before)
        self.assertEqual(self.vectors(), vectors)
        self.assertEqual(self.collection._store.state.next_row, state.next_row)

    def test_the_version_is_that_of_the_last_change(self) -> None:
        write(self.collection, set_payload({"m": 1}, ids=[2]), ClearPayload(ids=[3]))
        self.assertEqual(self.versions(), {1: 0, 2: 1, 3: 2, UUID_1: 0})

    def test_a_read_under_way_keeps_its_moment(self) -> None:
        with self.collection._store.read() as snapshot:
            before = snapshot.tables.values(snapshot.state.live.rows())
            write(self.collection, ClearPayload(filter=Filter()))
            self.assertEqual(snapshot.tables.values(snapshot.state.live.rows()), before)

    def test_many_points_take_several_batches(self) -> None:
        ids = range(10, 9010)
        write(self.collection, upsert(ids, None, [{"k": number % 3} for number in ids]))
        write(self.collection, set_payload({"seen": 1}, filter=where("k", 2)))
        self.assertEqual(self.collection.read(Count(where("seen", 1))), 3000)
        payloads = self.payloads()
        self.assertEqual(payloads[11], {"k": 2, "seen": 1})
        self.assertEqual(payloads[9009], {"k": 0})


class VectorTests(UpdatesTestCase):
    """Changing vectors."""

    def test_only_the_vectors_given_change(self) -> None:
        before = self.vectors()
        write(self.collection, UpdateVectors([1, UUID_1], {"a": column([8, 8], [9, 9])}))
        expected = {**before, 1: {**before[1], "a": [8, 8]}, UUID_1: {"a": [9, 9]}}
        self.assertEqual(self.vectors(), expected)
        self.assertEqual(self.payloads()[UUID_1], {"n": 4})
        self.reopened()
        self.assertEqual(self.vectors(), expected)
        self.assertEqual(self.versions(), {1: 1, 2: 0, 3: 0, UUID_1: 1})
        self.assertEqual(self.collection.read(CollectionInfoRequest()).points_count, 4)

    def test_a_vector_that_was_not_there_is_added(self) -> None:
        write(self.collection, UpdateVectors([2, 3], {"b": column([0, 3, 4], positions=[0])}))
        np.testing.assert_allclose(self.vectors()[2]["b"], [0, 0.6, 0.8], rtol=1e-6)
        self.assertEqual(self.vectors()[2]["a"], [2, 2])

    def test_vectors_that_are_kept_do_not_drift(self) -> None:
        before = self.vectors()
        for _ in range(5):
            write(self.collection, UpdateVectors([1, 3], {"a": column([0, 1], [0, 2])}))
        self.assertEqual(self.vectors()[1]["b"], before[1]["b"])
        self.assertEqual(self.vectors()[3]["b"], before[3]["b"])

    def test_an_id_may_come_twice(self) -> None:
        given = {
            "a": column([5, 5], [6, 6], positions=[0, 2]),
            "b": column([0, 0, 2], positions=[1]),
        }
        write(self.collection, UpdateVectors([2, 2, 2], given))
        self.assertEqual(self.vectors()[2], {"a": [6, 6], "b": [0, 0, 1]})

    def test_queries_find_the_new_place_only(self) -> None:
        write(self.collection, UpdateVectors([1], {"a": column([100, 100])}))
        (found,) = self.collection.read(QueryBatch([to_vector([1, 1], using="a", limit=9)]))
        self.assertEqual([point.id for point in found], [2, 3, UUID_1, 1])

    def test_a_condition_leaves_the_others_alone(self) -> None:
        given = {"a": column([7, 7], [8, 8], [9, 9])}
        update = UpdateVectors([3, 2, 1], given, Filter(must_not=(field("n", MatchValue(2)),)))
        write(self.collection, update)
        found = self.vectors()
        self.assertEqual([found[i]["a"] for i in (1, 2, 3)], [[9, 9], [2, 2], [7, 7]])
        self.assertEqual(self.versions(), {1: 1, 2: 0, 3: 1, UUID_1: 0})

    def test_a_condition_that_nothing_meets_changes_nothing(self) -> None:
        before = self.vectors()
        write(self.collection, UpdateVectors([1], {"a": column([7, 7])}, where("n", 77)))
        self.assertEqual(self.vectors(), before)

    def test_a_missing_point_is_told_and_nothing_is_changed(self) -> None:
        before = self.vectors()
        update = UpdateVectors([1, 77], {"a": column([7, 7], [8, 8])})
        self.assertEqual(self.refused(NotFound, update), "Not found: No point with id 77 found")
        self.assertEqual(
            self.refused(NotFound, DeleteVectors(("a",), ids=[1, 77])),
            "Not found: No point with id 77 found",
        )
        self.assertEqual(self.vectors(), before)

    def test_vectors_must_fit_the_collection(self) -> None:
        message = self.refused(BadInput, UpdateVectors([1], {"x": column([1, 2])}))
        self.assertEqual(message, "Wrong input: Not existing vector name error: x")
        message = self.refused(BadInput, UpdateVectors([1], {"a": column([1, 2, 3])}))
        text = "Wrong input: Vector dimension error: expected dim: 2, got 3 for vector 'a'"
        self.assertEqual(message, text)
        message = self.refused(BadInput, DeleteVectors(("x",), ids=[1]))
        self.assertEqual(message, "Wrong input: Not existing vector name error: x")

    def test_vectors_are_deleted_by_ids_and_by_a_filter(self) -> None:
        write(self.collection, DeleteVectors(("b",), ids=[1, 2]))
        self.assertEqual(list(self.vectors()[1]), ["a"])
        self.assertEqual(list(self.vectors()[3]), ["a", "b"])
        write(self.collection, DeleteVectors(("a", "b"), filter=where("n", 3)))
        self.assertEqual(self.vectors()[3], {})
        self.assertEqual(self.versions(), {1: 1, 2: 1, UUID_1: 0})
        self.reopened()
        self.assertEqual(self.vectors()[3], {})
        self.assertEqual(self.payloads()[3], {"n": 3})


class ConditionalUpsertTests(UpdatesTestCase):
    """Upserts that leave some points alone."""

    def write(self, *ids: PointId, **options: Any) -> dict[PointId, Any]:
        vectors = VectorColumn.of(floats(*[[7, 7]] * len(ids)))
        payloads = [orjson.dumps({"new": place}) for place in range(len(ids))]
        write(self.collection, Upsert(ids, {"a": vectors}, payloads, **options))
        found = self.payloads()
        for point_id, vectors_of in self.vectors().items():
            self.assertEqual("new" in found[point_id], vectors_of["a"] == [7, 7])
        return {i: payload["new"] for i, payload in found.items() if "new" in payload}

    def test_existing_points_must_pass_the_filter_and_new_ones_need_not(self) -> None:
        found = self.write(9, 1, 2, 3, update_filter=where("n", 2))
        self.assertEqual(found, {2: 2, 9: 0})
        self.assertEqual(self.versions(), {1: 0, 2: 1, 3: 0, UUID_1: 0, 9: 1})

    def test_only_new_points_are_inserted(self) -> None:
        self.assertEqual(self.write(1, 9, 2, 9, mode=UpdateMode.INSERT_ONLY), {9: 3})
        found = self.write(1, 9, 2, mode=UpdateMode.INSERT_ONLY, update_filter=where("n", 2))
        self.assertEqual(found, {9: 3})

    def test_only_existing_points_are_updated(self) -> None:
        self.assertEqual(self.write(9, 1, 10, mode=UpdateMode.UPDATE_ONLY), {1: 1})
        found = self.write(9, 2, 3, mode=UpdateMode.UPDATE_ONLY, update_filter=where("n", 3))
        self.assertEqual(found, {1: 1, 3: 2})

    def test_the_last_of_equal_ids_counts(self) -> None:
        self.assertEqual(self.write(9, 2, 9, 2, update_filter=where("n", 2)), {9: 2, 2: 3})

    def test_when_no_point_is_written_the_operation_counts(self) -> None:
        self.assertEqual(self.write(9, mode=UpdateMode.UPDATE_ONLY), {})
        self.assertEqual(self.write(9), {9: 0})
        self.assertEqual(self.versions()[9], 2)


class SequenceTests(UpdatesTestCase):
    """Several updates in one commit."""

    def test_each_sees_what_those_before_it_did(self) -> None:
        outcomes = self.collection.apply([
            set_payload({"n": 7}, ids=[1]),
            set_payload({"m": 7}, filter=where("n", 7)),
            upsert([8], {"a": column([0, 0])}, [{"m": 7}]),
            UpdateVectors([8], {"b": column([0, 0, 5])}),
            ClearPayload(filter=where("m", 7)),
            DeleteVectors(("a",), filter=Filter(must=(HasId(frozenset({8})),))),
        ])  # fmt: skip
        self.assertEqual(outcomes, [1, 2, 3, 4, 5, 6])
        self.assertEqual(
            self.payloads(), {1: {}, 2: {"n": 2}, 3: {"n": 3}, UUID_1: {"n": 4}, 8: {}}
        )
        self.assertEqual(self.vectors()[8], {"b": [0, 0, 1]})

    def test_one_that_is_refused_leaves_no_trace_and_takes_no_number(self) -> None:
        outcomes = self.collection.apply([
            ClearPayload(ids=[1]),
            ClearPayload(ids=[2, 77]),
            UpdateVectors([3, 77], {"a": column([0, 0], [0, 0])}),
            ClearPayload(ids=[3]),
        ])  # fmt: skip
        self.assertEqual([outcomes[0], outcomes[3]], [1, 2])
        self.assertIsInstance(outcomes[1], NotFound)
        self.assertIsInstance(outcomes[2], NotFound)
        self.assertEqual(self.payloads(), {1: {}, 2: {"n": 2}, 3: {}, UUID_1: {"n": 4}})
        self.assertEqual(self.vectors()[3]["a"], [3, 3])
        self.assertEqual(self.versions(), {1: 1, 2: 0, 3: 2, UUID_1: 0})

    def test_a_sequence_ends_with_its_first_error(self) -> None:
        malformed = upsert([9], {"a": column([1, 2, 3])})
        missing = ClearPayload(ids=[77])
        outcomes = self.collection.apply_each([
            CommandBatch([ClearPayload(ids=[1]), missing, ClearPayload(ids=[2])]),
            CommandBatch([]),
            CommandBatch([ClearPayload(ids=[3]), malformed, ClearPayload(ids=[2])]),
            CommandBatch([missing, malformed]),
            CommandBatch([malformed]),
            CommandBatch([ClearPayload(ids=[UUID_1])]),
        ])  # fmt: skip
        kinds = [[o if isinstance(o, int) else type(o) for o in sequence] for sequence in outcomes]
        self.assertEqual(kinds, [[1, NotFound], [], [2, BadInput], [NotFound], [BadInput], [3]])
        self.assertEqual(self.payloads(), {1: {}, 2: {"n": 2}, 3: {}, UUID_1: {}})

    def test_a_sequence_that_breaks_breaks_alone(self) -> None:
        broken = Upsert([1], {"a": column([9, 9])}, [None])  # type: ignore[list-item]
        outcomes = self.collection.apply_each([
            CommandBatch([ClearPayload(ids=[1]), broken, ClearPayload(ids=[2])]),
            CommandBatch([ClearPayload(ids=[3])]),
        ])  # fmt: skip
        self.assertEqual(outcomes[0][0], 1)
        self.assertIsInstance(outcomes[0][1], TypeError)
        self.assertEqual(len(outcomes[0]), 2)
        self.assertEqual(outcomes[1], [2])
        self.assertEqual(self.payloads(), {1: {}, 2: {"n": 2}, 3: {}, UUID_1: {"n": 4}})

    def test_no_sequences_are_no_commit(self) -> None:
        self.assertEqual(self.collection.apply_each([]), [])


class FieldIndexTests(UpdatesTestCase):
    """Declaring payload indexes."""

    def declared(self) -> dict[str, FieldSchema]:
        return dict(self.collection._store.state.fields)

    def test_declarations_are_kept_replaced_and_dropped(self) -> None:
        path, other = PayloadPath.parse("n"), PayloadPath.parse("a[].b")
        integer = FieldSchema(FieldType.INTEGER, {"type": "integer", "range": False}, range=False)
        keyword = FieldSchema(FieldType.KEYWORD)
        operations = write(
            self.collection, CreateFieldIndex(path, keyword), CreateFieldIndex(path, integer)
        )
        self.assertEqual(operations, [1, 2])
        write(self.collection, CreateFieldIndex(other, keyword))
        self.assertEqual(self.declared(), {"n": integer, "a[].b": keyword})
        self.reopened()
        self.assertEqual(self.declared(), {"n": integer, "a[].b": keyword})
        write(self.collection, DeleteFieldIndex(path), DeleteFieldIndex(path))
        self.reopened()
        self.assertEqual(self.declared(), {"a[].b": keyword})

    def test_an_index_that_can_do_nothing_is_refused(self) -> None:
        useless = FieldSchema(FieldType.INTEGER, lookup=False, range=False)
        self.refused(DomainError, CreateFieldIndex(PayloadPath.parse("n"), useless))
        self.assertEqual(self.declared(), {})
