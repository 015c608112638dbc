"""Updates over gRPC: each kind in a request of its own, and in batches held against REST."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.suites.values import dense_rows
from vexfs_twisted.model.errors import BadInput, MalformedMessage, ValidationError
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    UpdateMode,
    UpdateResult,
    UpdateStatus,
)
from vexfs_twisted.rest.codecs.updates import read_update_batch
from vexfs_twisted.rpc.codecs.updates import (
    OPERATIONS,
    read_batch,
    read_clear_payload,
    read_delete,
    read_delete_payload,
    read_delete_vectors,
    read_overwrite_payload,
    read_set_payload,
    read_update_vectors,
    read_upsert,
    write_update_result,
    write_update_results,
)
from vexfs_twisted.rpc.codecs.upserts import parse_upsert
from vexfs_twisted.rpc.generated import collections_pb2
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common
from vexfs_twisted.rpc.generated.json_with_int_pb2 import Value

try:
    from qdrant_client.conversions.conversion import RestToGrpc
    from qdrant_client.http import models
except ImportError:
    HAS_CLIENT = False
else:
    HAS_CLIENT = True

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
SOME = {"must": [{"key": "a", "match": {"value": 1}}, {"has_id": [1, UUID]}]}
# No object has two members: a map in a message has no order.
OPERATIONS_IN_JSON: list[dict[str, Any]] = [
    {"upsert": {"points": [{"id": 0, "vector": [1.0, 2.0], "payload": {"a": [1, 2.5, None]}}]}},
    {
        "upsert": {
            "points": [
                {"id": UUID, "vector": {"x": [1.0], "y": [2.0, 3.0]}},
                {"id": 2, "vector": {"x": [5.0]}, "payload": {"a": ["", False, 0]}},
            ],
            "update_filter": SOME,
            "update_mode": "insert_only",
        }
    },
    {"upsert": {"batch": {"ids": [1, 2], "vectors": [[1.0], [2.0]]}, "update_mode": "update_only"}},
    {"delete": {"points": [1, UUID]}},
    {"delete": {"filter": SOME}},
    {"set_payload": {"payload": {"a": None}, "points": [1]}},
    {"set_payload": {"payload": {"a": {"b": 0.0}}, "filter": SOME, "key": "p.q[].r"}},
    {"overwrite_payload": {"payload": {}, "points": []}},
    {"overwrite_payload": {"payload": {"a": True}, "filter": {}}},
    {"delete_payload": {"keys": ["a", "b[].c"], "points": [1]}},
    {"delete_payload": {"keys": [], "filter": SOME}},
    {"clear_payload": {"points": [1]}},
    {"clear_payload": {"filter": SOME}},
    {
        "update_vectors": {
            "points": [{"id": 1, "vector": [1.0]}, {"id": 2, "vector": {"x": [2.0, 3.0]}}],
            "update_filter": SOME,
        }
    },
    {"delete_vectors": {"vector": ["", "x", ""], "points": [1]}},
    {"delete_vectors": {"vector": ["x"], "filter": SOME}},
]


def number(value: int) -> common.PointId:
    return common.PointId(num=value)


def dense(*values: float) -> pb.Vector:
    return pb.Vector(dense=pb.DenseVector(data=values))


def by_ids(*ids: int) -> pb.PointsSelector:
    return pb.PointsSelector(points=pb.PointsIdsList(ids=map(number, ids)))


def unknown_mode() -> pb.UpsertPoints:
    request = pb.UpsertPoints()
    request.update_mode = 7
    return request


class UpsertTests(SynchronousTestCase):
    def test_points_become_columns(self) -> None:
        upsert = read_upsert(
            pb.UpsertPoints(
                points=[
                    pb.PointStruct(
                        id=number(0),
                        vectors=pb.Vectors(vector=dense(1, 2)),
                        payload={"a": Value(integer_value=1)},
                    ),
                    pb.PointStruct(
                        id=common.PointId(uuid=UUID.upper()),
                        vectors=pb.Vectors(vectors=pb.NamedVectors()),
                    ),
                    pb.PointStruct(
                        id=number(2**64 - 1), vectors=pb.Vectors(vector=pb.Vector(data=[3, 4]))
                    ),
                ]
            )
        )
        self.assertEqual(list(upsert.ids), [0, UUID, 2**64 - 1])
        self.assertEqual(list(upsert.payloads), [b'{"a":1}', b"{}", b"{}"])
        (column,) = upsert.vectors.values()
        self.assertEqual(dense_rows(column).tolist(), [[1, 2], [3, 4]])
        assert column.positions is not None
        self.assertEqual(column.positions.tolist(), [0, 2])

    def test_every_point_says_something_of_vectors(self) -> None:
        sound = pb.PointStruct(id=number(1), vectors=pb.Vectors(vector=dense(1, 2)))
        for wrong in (pb.PointStruct(id=number(2)), pb.PointStruct(vectors=pb.Vectors())):
            for points in ([wrong], [sound, wrong], [wrong, sound]):
                wrong.id.num = 2
                request = pb.UpsertPoints(points=points)
                error = self.assertRaises(MalformedMessage, read_upsert, request)
                self.assertEqual(error.message, "Expected some vectors")

    def test_every_point_having_a_vector_needs_no_positions(self) -> None:
        points = [
            pb.PointStruct(id=number(n), vectors=pb.Vectors(vector=dense(n, n))) for n in range(3)
        ]
        (column,) = read_upsert(pb.UpsertPoints(points=points)).vectors.values()
        self.assertIsNone(column.positions)
        self.assertEqual(dense_rows(column).tolist(), [[0, 0], [1, 1], [2, 2]])

    def test_uneven_rows_tell_their_lengths(self) -> None:
        points = [
            pb.PointStruct(id=number(1), vectors=pb.Vectors(vector=dense(1, 2))),
            pb.PointStruct(id=number(2), vectors=pb.Vectors(vector=dense(1, 2, 3))),
        ]
        (column,) = read_upsert(pb.UpsertPoints(points=points)).vectors.values()
        self.assertEqual(column.dimensions, (2, 3))

    def test_rows_with_fields_of_a_later_release_are_still_read(self) -> None:
        unknown = b"\xf8\x3f\x01"
        vector = pb.Vector.FromString(dense(1, 2).SerializeToString() + unknown)
        self.assertIn(unknown, vector.SerializeToString())
        points = [pb.PointStruct(id=number(1), vectors=pb.Vectors(vector=vector))]
        (column,) = read_upsert(pb.UpsertPoints(points=points)).vectors.values()
        self.assertEqual(dense_rows(column).tolist(), [[1, 2]])

    def test_refusals(self) -> None:
        for request, error in (
            (pb.UpsertPoints(points=[pb.PointStruct()]), MalformedMessage),
            (
                pb.UpsertPoints(update_filter=common.Filter(must=[common.Condition()])),
                MalformedMessage,
            ),
            (unknown_mode(), MalformedMessage),
            (pb.UpsertPoints(shard_key_selector=shard_key("x")), BadInput),
        ):
            self.assertRaises(error, read_upsert, request)

    def test_conditional(self) -> None:
        empty = read_upsert(pb.UpsertPoints())
        self.assertIsNone(empty.update_filter)
        self.assertIs(empty.mode, UpdateMode.UPSERT)
        for number_, mode in enumerate(UpdateMode):
            request = pb.UpsertPoints.FromString(
                pb.UpsertPoints(
                    update_filter=common.Filter(), update_mode=number_
                ).SerializeToString()
            )
            conditional = read_upsert(request)
            self.assertEqual(conditional.update_filter, Filter())
            self.assertIs(conditional.mode, mode)

    def test_vectors_without_numbers(self) -> None:
        nothing = pb.Vector(dense=pb.DenseVector())
        for empty, path in (
            (pb.Vectors(vector=nothing), "vectors"),
            (pb.Vectors(vector=pb.Vector()), "vectors"),
            (pb.Vectors(vectors=pb.NamedVectors(vectors={"x": pb.Vector()})), "vectors.?"),
            (pb.Vectors(vectors=pb.NamedVectors(vectors={"x": nothing})), "vectors.?"),
        ):
            text = f"[points[1].{path}.vector: dense vector must not be empty]"
            sound = pb.Vectors(vector=dense(1, 2))
            ids = (number(1), number(2))
            pairs = tuple(zip(ids, (sound, empty), strict=True))
            points = [pb.PointStruct(id=own, vectors=vectors) for own, vectors in pairs]
            message = pb.UpsertPoints(points=points)
            for form in (message, parse_upsert(message.SerializeToString()).message):
                error = self.assertRaises(ValidationError, read_upsert, form)
                self.assertEqual(error.message, text)
            changed = [pb.PointVectors(id=own, vectors=vectors) for own, vectors in pairs]
            update = pb.UpdatePointVectors(points=changed)
            error = self.assertRaises(ValidationError, read_update_vectors, update)
            self.assertEqual(error.message, text)

    def test_empty_shard_key_selector_is_none(self) -> None:
        request = pb.UpsertPoints(shard_key_selector=pb.ShardKeySelector())
        self.assertEqual(list(read_upsert(request).ids), [])


def shard_key(name: str) -> pb.ShardKeySelector:
    return pb.ShardKeySelector(shard_keys=[collections_pb2.ShardKey(keyword=name)])


class DeleteTests(SynchronousTestCase):
    def test_by_ids(self) -> None:
        ids = pb.PointsIdsList(ids=[number(3), common.PointId(uuid=UUID)])
        request = pb.DeletePoints(points=pb.PointsSelector(points=ids))
        self.assertEqual(read_delete(request), DeletePoints(ids=[3, UUID]))

    def test_by_filter(self) -> None:
        request = pb.DeletePoints(points=pb.PointsSelector(filter=common.Filter()))
        self.assertEqual(read_delete(request), DeletePoints(filter=Filter()))

    def test_by_nothing(self) -> None:
        self.assertRaises(MalformedMessage, read_delete, pb.DeletePoints())


class SingleTests(SynchronousTestCase):
    """Requests of one update each."""

    def test_vectors(self) -> None:
        request = pb.UpdatePointVectors(
            points=[
                pb.PointVectors(id=number(1), vectors=pb.Vectors(vector=dense(1, 2))),
                pb.PointVectors(
                    id=number(2),
                    vectors=pb.Vectors(vectors=pb.NamedVectors(vectors={"x": dense(3)})),
                ),
            ],
            update_filter=common.Filter(),
        )
        update = read_update_vectors(request)
        self.assertEqual((list(update.ids), update.update_filter), ([1, 2], Filter()))
        self.assertEqual(dense_rows(update.vectors[""]).tolist(), [[1, 2]])
        self.assertEqual(dense_rows(update.vectors["x"]).tolist(), [[3]])

    def test_points_without_new_vectors(self) -> None:
        full = pb.PointVectors(id=number(1), vectors=pb.Vectors(vector=dense(1)))
        named = pb.Vectors(vectors=pb.NamedVectors())
        for empty in (pb.PointVectors(id=number(2)), pb.PointVectors(vectors=named)):
            request = pb.UpdatePointVectors(points=[full, empty])
            error = self.assertRaises(ValidationError, read_update_vectors, request)
            self.assertEqual(
                error.message, "[points[1].vectors: must specify vectors to update for point]"
            )
        self.assertRaises(ValidationError, read_update_vectors, pb.UpdatePointVectors())

    def test_removal_of_vectors(self) -> None:
        names = pb.VectorsSelector(names=["x", "", "x"])
        request = pb.DeletePointVectors(points_selector=by_ids(1), vectors=names)
        self.assertEqual(read_delete_vectors(request), DeleteVectors(("x", ""), ids=[1]))
        nameless = pb.DeletePointVectors(points_selector=by_ids(1))
        self.assertRaises(ValidationError, read_delete_vectors, nameless)

    def test_payloads(self) -> None:
        payload = {"a": Value(integer_value=1)}
        request = pb.SetPayloadPoints(payload=payload, points_selector=by_ids(1), key="a.b")
        key = PayloadPath.parse("a.b")
        self.assertEqual(read_set_payload(request), SetPayload(b'{"a":1}', ids=[1], key=key))
        self.assertEqual(read_overwrite_payload(request), OverwritePayload(b'{"a":1}', ids=[1]))
        everything = pb.PointsSelector(filter=common.Filter())
        removal = pb.DeletePayloadPoints(keys=["a.b"], points_selector=everything)
        self.assertEqual(read_delete_payload(removal), DeletePayload((key,), filter=Filter()))
        clearing = pb.ClearPayloadPoints(points=everything)
        self.assertEqual(read_clear_payload(clearing), ClearPayload(filter=Filter()))

    def test_an_empty_key_is_no_path(self) -> None:
        request = pb.SetPayloadPoints(points_selector=by_ids(1), key="")
        self.assertRaises(MalformedMessage, read_set_payload, request)

    def test_updates_of_no_points(self) -> None:
        names = pb.VectorsSelector(names=["x"])
        for read, request in (
            (read_set_payload, pb.SetPayloadPoints()),
            (read_overwrite_payload, pb.SetPayloadPoints(points_selector=pb.PointsSelector())),
            (read_delete_payload, pb.DeletePayloadPoints(keys=["a"])),
            (read_clear_payload, pb.ClearPayloadPoints()),
            (read_delete_vectors, pb.DeletePointVectors(vectors=names)),
        ):
            self.assertRaises(MalformedMessage, read, request)


class BatchTests(SynchronousTestCase):
    def test_both_wires_read_the_same(self) -> None:
        if not HAS_CLIENT:
            raise SkipTest("needs qdrant-client")
        kinds = set()
        for spelled in OPERATIONS_IN_JSON:
            kind = next(iter(spelled))
            operation = models.UpdateOperations.model_validate({"operations": [spelled]})
            sent = RestToGrpc.convert_update_operation(operation.operations[0])
            received = pb.PointsUpdateOperation.FromString(sent.SerializeToString())
            kinds.add(received.WhichOneof("operation"))
            batch = pb.UpdateBatchPoints(operations=[received])
            expected = read_update_batch({"operations": [spelled]})
            self.assertEqual(read_batch(batch), expected, kind)
        deprecated = {"delete_deprecated", "clear_payload_deprecated"}
        self.assertEqual(kinds | deprecated, set(OPERATIONS))

    def test_older_operations(self) -> None:
        older = [
            pb.PointsUpdateOperation(delete_deprecated=by_ids(1)),
            pb.PointsUpdateOperation(clear_payload_deprecated=by_ids(2)),
        ]
        self.assertEqual(
            read_batch(pb.UpdateBatchPoints(operations=older)),
            [DeletePoints(ids=[1]), ClearPayload(ids=[2])],
        )

    def test_every_operation_of_the_schema_is_read(self) -> None:
        fields = pb.PointsUpdateOperation.DESCRIPTOR.oneofs_by_name["operation"].fields
        self.assertEqual(set(OPERATIONS), {field.name for field in fields})

    def test_errors_say_where(self) -> None:
        unset = pb.UpdateBatchPoints(operations=[pb.PointsUpdateOperation()])
        self.assertRaises(MalformedMessage, read_batch, unset)
        empty = common.Condition(field=common.FieldCondition(key="a"))
        selector = pb.PointsSelector(filter=common.Filter(must=[empty]))
        deletion = pb.PointsUpdateOperation.DeletePoints(points=selector)
        fine = pb.PointsUpdateOperation(clear_payload_deprecated=by_ids(1))
        operations = [fine, pb.PointsUpdateOperation(delete_points=deletion)]
        error = self.assertRaises(
            ValidationError, read_batch, pb.UpdateBatchPoints(operations=operations)
        )
        self.assertEqual(
            error.message,
            "[operations[1].delete_points.filter.must[0].__all__: Validation error: "
            "At least one field condition must be specified [{}]]",
        )

    def test_shard_keys_of_one_operation(self) -> None:
        deletion = pb.PointsUpdateOperation.DeletePoints(
            points=by_ids(1), shard_key_selector=shard_key("x")
        )
        operations = [pb.PointsUpdateOperation(delete_points=deletion)]
        self.assertRaises(BadInput, read_batch, pb.UpdateBatchPoints(operations=operations))


class ResultTests(SynchronousTestCase):
    def test_update_results(self) -> None:
        for status, number_ in (
            (UpdateStatus.ACKNOWLEDGED, 1),
            (UpdateStatus.COMPLETED, 2),
            (UpdateStatus.WAIT_TIMEOUT, 4),
        ):
            result = write_update_result(UpdateResult(0, status)).result
            self.assertEqual((result.operation_id, result.status), (0, number_))
            self.assertTrue(result.HasField("operation_id"))
            response = write_update_result(UpdateResult(0, status))
            self.assertTrue(response.HasField("usage"))
            self.assertEqual(response.usage.ByteSize(), 0)
        unknown = write_update_result(UpdateResult(None, UpdateStatus.WAIT_TIMEOUT))
        self.assertFalse(unknown.result.HasField("operation_id"))

    def test_results_of_a_batch(self) -> None:
        results = [UpdateResult(n, UpdateStatus.COMPLETED) for n in (4, 5)]
        response = write_update_results(results)
        self.assertEqual([result.operation_id for result in response.result], [4, 5])
        self.assertEqual({result.status for result in response.result}, {2})
        self.assertTrue(response.HasField("usage"))
