"""What gRPC shows and IOperations cannot say: raw messages, methods, deadlines, and limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from tests.contract.filter_messages import point_id
from tests.contract.gated import GatedCase
from tests.contract.providers import RpcCase, reactor
from tests.contract.rpc_client import RpcClient, RpcOperations
from tests.contract.update_messages import update_call
from tests.deep_filters import deep_count
from tests.suites.values import Point, equals, must_not, should, unnamed, upsert
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Query, Retrieve, Scroll, Selection
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.rpc.generated import collections_pb2, points_pb2, qdrant_common_pb2, qdrant_pb2

COUNT = points_pb2.CountPoints(collection_name="c", exact=True)
SERVICES = {
    "qdrant.Collections",
    "qdrant.Points",
    "qdrant.Qdrant",
    "qdrant.Snapshots",
    "grpc.health.v1.Health",
}
GZIP = {"compression": grpc.Compression.Gzip}


def upsert_message(name: str, points: Upsert, parts: dict[str, Any]) -> Any:
    return update_call(name, points, parts)[1]


AIM = np.array([1, 2, 3, 4], dtype=np.float32)


class WireCase(RpcCase):
    """A server with the collection `c`, which holds one point."""

    rpc: RpcClient

    async def setUp(self) -> None:  # type: ignore[override]
        self.rpc = await self.start_rpc()
        self.operations = RpcOperations(self.rpc)
        await self.operations.create_collection("c", unnamed())
        points = upsert(Point(1, [0.15, 0.31, 0.76, 0.74], {"city": "Berlin"}))
        await self.operations.update("c", points, wait=True)

    async def refused(
        self, code: grpc.StatusCode, call: Deferred[Any], details: str | None = None
    ) -> str:
        """The details of a call that fails with `code`; the server's only point is as it was."""
        try:
            answer = await call
        except grpc.RpcError as error:
            failed: Any = error
            self.assertIs(failed.code(), code, failed.details())
            if details is not None:
                self.assertEqual(failed.details(), details)
            self.assertEqual(await self.operations.read("c", Count()), 1)
            return failed.details()
        raise self.failureException(f"{code} was expected, but this came: {answer!r}")


class BadCallTests(WireCase):
    """Calls that name nothing, say nothing, or do not parse."""

    async def test_unknown_methods_and_services(self) -> None:
        for path in ("/qdrant.Points/Nothing", "/qdrant.Nothing/Get", "/nothing"):
            await self.refused(grpc.StatusCode.UNIMPLEMENTED, self.rpc.call_raw(path, b""))

    async def test_methods_that_only_a_cluster_has(self) -> None:
        message = collections_pb2.CreateShardKeyRequest(collection_name="c")
        await self.refused(
            grpc.StatusCode.UNIMPLEMENTED,
            self.rpc.call("Collections/CreateShardKey", message),
            "Qdrant is running in standalone mode",
        )

    async def test_truncated_messages(self) -> None:
        points = upsert(*(Point(number, [1, 2, 3, 4], {"a": "b"}) for number in range(2, 6)))
        whole = upsert_message("c", points, {"wait": True}).SerializeToString()
        cuts = [*range(1, 40), *range(40, len(whole), 7)]
        for cut in cuts:
            call = self.rpc.call_raw("/qdrant.Points/Upsert", whole[:cut])
            try:
                points_pb2.PointsOperationResponse.FromString(await call)
            except grpc.RpcError as error:
                failed: Any = error
                self.assertIn(
                    failed.code(),
                    (
                        grpc.StatusCode.INTERNAL,
                        grpc.StatusCode.NOT_FOUND,
                        grpc.StatusCode.INVALID_ARGUMENT,
                    ),
                )
                self.assertNotIn("incident", failed.details())
        ids = (await self.operations.read("c", Retrieve(range(1, 6), Selection())))[1:]
        # A cut between two points leaves a shorter message that is whole.
        self.assertEqual([record.id for record in ids], list(range(2, 2 + len(ids))))
        self.assertLess(len(ids), 4)

    async def test_garbage(self) -> None:
        for data in (b"\xff" * 50, b"\x0a\xff\xff\xff\xff\x7f", b"\x08"):
            text = await self.refused(
                grpc.StatusCode.INTERNAL, self.rpc.call_raw("/qdrant.Points/Query", data)
            )
            self.assertIn("decode", text)

    async def test_filters_deeper_than_protobuf_parses(self) -> None:
        for depth in (51, 64, 5_000):
            call = self.rpc.call_raw("/qdrant.Points/Count", deep_count(depth))
            text = await self.refused(grpc.StatusCode.INTERNAL, call)
            self.assertIn("failed to decode Protobuf message", text)

    async def test_points_that_say_too_little(self) -> None:
        good = points_pb2.PointStruct(id=point_id(2))
        good.vectors.vector.dense.data.extend([1, 2, 3, 4])
        nameless = points_pb2.PointStruct()
        nameless.CopyFrom(good)
        nameless.ClearField("id")
        wrong = points_pb2.PointStruct()
        wrong.CopyFrom(good)
        for text in ("abc", "1", ""):
            wrong.id.uuid = text
            for bad in (nameless, wrong):
                message = points_pb2.UpsertPoints(collection_name="c", points=[good, bad])
                call = self.rpc.call("Points/Upsert", message)
                await self.refused(grpc.StatusCode.INVALID_ARGUMENT, call)

    async def test_deletions_that_select_nothing(self) -> None:
        message = points_pb2.DeletePoints(collection_name="c", wait=True)
        call = self.rpc.call("Points/Delete", message)
        await self.refused(grpc.StatusCode.INVALID_ARGUMENT, call)

    async def test_conditions_that_say_nothing(self) -> None:
        empty = qdrant_common_pb2.Condition()
        fieldless = qdrant_common_pb2.Condition(field=qdrant_common_pb2.FieldCondition(key="a"))
        for condition in (empty, fieldless):
            message = points_pb2.CountPoints(collection_name="c")
            message.filter.must.append(condition)
            call = self.rpc.call("Points/Count", message)
            await self.refused(grpc.StatusCode.INVALID_ARGUMENT, call)

    async def test_values_out_of_range(self) -> None:
        message = points_pb2.QueryPoints(collection_name="c", limit=0)
        text = "Validation error in body: [limit: value 0 invalid, must be 1 or larger]"
        call = self.rpc.call("Points/Query", message)
        await self.refused(grpc.StatusCode.INVALID_ARGUMENT, call, text)
        scroll = points_pb2.ScrollPoints(collection_name="c", limit=0)
        call = self.rpc.call("Points/Scroll", scroll)
        await self.refused(grpc.StatusCode.INVALID_ARGUMENT, call, text)
        count = points_pb2.CountPoints(collection_name="c", timeout=0)
        call = self.rpc.call("Points/Count", count)
        text = "Validation error in body: [timeout: value 0 invalid, must be 1 or larger]"
        await self.refused(grpc.StatusCode.INVALID_ARGUMENT, call, text)

    async def test_updates_may_have_a_timeout_of_0(self) -> None:
        points = upsert(Point(1, [1, 2, 3, 4]))
        message = upsert_message("c", points, {"wait": True, "timeout": 0})
        answer = await self.rpc.call("Points/Upsert", message)
        self.assertEqual(answer.result.status, points_pb2.UpdateStatus.Completed)
        index = points_pb2.CreateFieldIndexCollection(
            collection_name="c", field_name="n", field_type=0, wait=True, timeout=0
        )
        answer = await self.rpc.call("Points/CreateFieldIndex", index)
        self.assertEqual(answer.result.status, points_pb2.UpdateStatus.WaitTimeout)
        create = collections_pb2.CreateCollection(collection_name="d", timeout=0)
        call = self.rpc.call("Collections/Create", create)
        text = "Validation error in body: [timeout: value 0 invalid, must be 1 or larger]"
        await self.refused(grpc.StatusCode.INVALID_ARGUMENT, call, text)

    async def test_vectors_without_a_distance(self) -> None:
        message = collections_pb2.CreateCollection(collection_name="d")
        message.vectors_config.params.size = 4
        call = self.rpc.call("Collections/Create", message)
        await self.refused(grpc.StatusCode.INVALID_ARGUMENT, call)
        self.assertIs(await self.operations.collection_exists("d"), False)


class CallTests(WireCase):
    """What clients rely on beside the operations."""

    async def test_health_check(self) -> None:
        reply = await self.rpc.call("Qdrant/HealthCheck", qdrant_pb2.HealthCheckRequest())
        self.assertEqual(reply.title, "qdrant - vector search engine")
        self.assertEqual(reply.version, "1.19.0")
        self.assertRegex(reply.commit, r"^[0-9a-f]{40}$")

    async def test_health_service(self) -> None:
        answer = await self.rpc.call_raw("/grpc.health.v1.Health/Check", b"")
        status = health_pb2.HealthCheckResponse.FromString(answer).status
        self.assertEqual(status, health_pb2.HealthCheckResponse.SERVING)

    async def test_reflection(self) -> None:
        for version in ("v1", "v1alpha"):
            path = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
            method: Any = self.rpc.channel.stream_stream(path)
            request = reflection_pb2.ServerReflectionRequest(list_services="")
            stream = method(iter([request.SerializeToString()]), timeout=20)
            answer = reflection_pb2.ServerReflectionResponse.FromString(
                await deferToThread(next, stream)
            )
            names = {service.name for service in answer.list_services_response.service}
            self.assertEqual(names, SERVICES)

    async def test_defaults(self) -> None:
        points = upsert(*(Point(number, [0, 0, 0, 1], {"n": number}) for number in range(2, 30)))
        await self.operations.update("c", points, wait=True)
        scroll = await self.rpc.call("Points/Scroll", points_pb2.ScrollPoints(collection_name="c"))
        self.assertEqual(len(scroll.result), 10)
        self.assertTrue(scroll.result[0].payload)
        self.assertFalse(scroll.result[0].HasField("vectors"))
        query = await self.rpc.call("Points/Query", points_pb2.QueryPoints(collection_name="c"))
        self.assertEqual(len(query.result), 10)
        self.assertFalse(query.result[0].payload)
        self.assertFalse(query.result[0].HasField("vectors"))
        get = points_pb2.GetPoints(collection_name="c", ids=[point_id(1)])
        (record,) = (await self.rpc.call("Points/Get", get)).result
        self.assertFalse(record.payload)
        for field in ("shard_key", "order_value"):
            self.assertFalse(record.HasField(field))

    async def test_vectors_in_the_older_form(self) -> None:
        message = points_pb2.UpsertPoints(collection_name="c", wait=True)
        point = message.points.add(id=point_id(2))
        point.vectors.vector.data.extend([1, 2, 3, 4])
        await self.rpc.call("Points/Upsert", message)
        (record,) = await self.operations.read("c", Retrieve([2], Selection(vectors=True)))
        self.assertEqual(record.vectors[""].tolist(), [1, 2, 3, 4])

    async def test_the_older_search(self) -> None:
        message = points_pb2.SearchPoints(collection_name="c", vector=[1, 0, 0, 0], limit=3)
        hits = (await self.rpc.call("Points/Search", message)).result
        self.assertEqual([hit.id.num for hit in hits], [1])
        batch = points_pb2.SearchBatchPoints(collection_name="c", search_points=[message, message])
        answers = (await self.rpc.call("Points/SearchBatch", batch)).result
        self.assertEqual([answer.result[0] for answer in answers], [hits[0], hits[0]])

    async def test_compressed_calls(self) -> None:
        points = upsert(*(Point(number, [1, 2, 3, 4], {"a": "b" * 99}) for number in range(2, 500)))
        message = upsert_message("c", points, {"wait": True})
        await self.rpc.call("Points/Upsert", message, **GZIP)
        scroll = points_pb2.ScrollPoints(collection_name="c", limit=1000)
        page = await self.rpc.call("Points/Scroll", scroll, **GZIP)
        self.assertEqual(len(page.result), 499)

    async def test_messages_larger_than_the_usual_limit(self) -> None:
        text = "x" * 200_000
        points = upsert(*(Point(number, [1, 2, 3, 4], {"text": text}) for number in range(2, 42)))
        message = upsert_message("c", points, {"wait": True})
        self.assertGreater(message.ByteSize(), 7_000_000)
        await self.rpc.call("Points/Upsert", message)
        page = await self.rpc.call(
            "Points/Scroll", points_pb2.ScrollPoints(collection_name="c", limit=100)
        )
        self.assertEqual(len(page.result), 41)
        self.assertEqual(page.result[40].payload["text"].string_value, text)

    async def test_many_calls_on_many_channels(self) -> None:
        clients = [RpcClient(reactor, self.rpc.port) for _ in range(10)]
        for client in clients:
            self.addCleanup(client.close)
        await gatherResults(list(self.writes(clients)))
        self.assertEqual(await self.operations.read("c", Count()), 200)

    def writes(self, clients: list[RpcClient]) -> Iterator[Deferred[Any]]:
        """One upsert a point, spread over the clients."""
        for number in range(1, 201):
            message = upsert_message("c", upsert(Point(number, [1, 2, 3, 4])), {"wait": True})
            yield clients[number % len(clients)].call("Points/Upsert", message)

    async def test_a_collection_of_either_kind_of_vectors(self) -> None:
        """A lone unnamed vector is echoed as itself, named ones as a map."""
        request = collections_pb2.GetCollectionInfoRequest(collection_name="c")
        info = (await self.rpc.call("Collections/Get", request)).result
        self.assertEqual(info.config.params.vectors_config.params.size, 4)
        self.assertFalse(info.config.HasField("quantization_config"))
        self.assertFalse(info.config.HasField("strict_mode_config"))
        self.assertTrue(info.optimizer_status.ok)
        named = collections_pb2.CreateCollection(collection_name="d")
        named.vectors_config.params_map.map["a"].size = 3
        named.vectors_config.params_map.map["a"].distance = collections_pb2.Distance.Euclid
        await self.rpc.call("Collections/Create", named)
        params = (await self.operations.read("d", CollectionInfoRequest())).config.params
        self.assertEqual(params.vectors["a"].distance, Distance.EUCLID)

    async def test_deep_and_wide_filters(self) -> None:
        data = await self.rpc.call_raw("/qdrant.Points/Count", deep_count(48))
        self.assertEqual(points_pb2.CountResponse.FromString(data).result.count, 1)
        cities = [f"city {number}" for number in range(10_000)]
        for city, expected in (("Berlin", 1), ("Bonn", 0)):
            wide = should(*(equals("city", name) for name in (*cities, city)))
            self.assertEqual(await self.operations.read("c", Count(wide)), expected)
            inverse = must_not(*wide.should)
            self.assertEqual(await self.operations.read("c", Count(inverse)), 1 - expected)
            # Messages of this size are decoded in another thread than small ones.
            for query in (Query(filter=wide), Query(VectorExample(AIM), filter=wide)):
                found = await self.operations.read("c", query)
                self.assertEqual(len(found), expected)
            page = await self.operations.read("c", Scroll(filter=wide))
            self.assertEqual(len(page.records), expected)

    async def test_integers_that_no_message_holds(self) -> None:
        """REST writes them; here they are read as doubles, and no facet tells them."""
        point = upsert(Point(1, [1, 2, 3, 4], {"n": [2**64 - 1, 2**63, 5]}))
        await self.behind.update("c", point, wait=True)
        schema = FieldSchema(FieldType.INTEGER)
        await self.behind.update("c", CreateFieldIndex(PayloadPath.parse("n"), schema), wait=True)
        message = points_pb2.FacetCounts(collection_name="c", key="n")
        hits = (await self.rpc.call("Points/Facet", message)).hits
        self.assertEqual([(hit.value.integer_value, hit.count) for hit in hits], [(5, 1)])
        pages = [points_pb2.ScrollPoints(collection_name="c") for _ in range(2)]
        pages[1].order_by.key = "n"
        for page in pages:
            (found,) = (await self.rpc.call("Points/Scroll", page)).result
            large, larger, small = found.payload["n"].list_value.values
            self.assertEqual((large.double_value, larger.double_value), (2.0**64, 2.0**63))
            self.assertEqual(small.integer_value, 5)


class DeadlineTests(GatedCase):
    """Calls that take longer than their client waits, or the request allows."""

    async def exceeded(self, call: Deferred[Any]) -> None:
        """The call fails for its time."""
        error: Any = await self.assertFailure(call, grpc.RpcError)
        self.assertIs(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    async def test_a_read_past_its_deadline_is_dropped(self) -> None:
        self.gate.is_open = False
        await self.expired("Points/Count", COUNT)
        await self.until(lambda: self.gate.dropped == 1)

    async def test_a_creation_past_its_deadline_is_finished(self) -> None:
        self.gate.is_open = False
        message = collections_pb2.CreateCollection(collection_name="d")
        await self.expired("Collections/Create", message)
        self.assertEqual((len(self.gate.waiting), self.gate.dropped), (1, 0))
        self.gate.open()
        await self.until(lambda: "d" in self.gate.collection_names())

    async def test_a_write_past_its_deadline_is_finished(self) -> None:
        self.gate.is_open = False
        message = upsert_message("c", upsert(Point(2, [1, 2, 3, 4])), {"wait": True})
        await self.expired("Points/Upsert", message)
        self.assertEqual(len(self.gate.waiting), 1)
        self.gate.open()
        await self.until_count(2)

    async def test_a_read_that_takes_longer_than_the_request_allows(self) -> None:
        self.gate.is_open = False
        message = points_pb2.CountPoints(collection_name="c", timeout=1)
        await self.exceeded(self.rpc.call("Points/Count", message))
        self.assertEqual(self.gate.dropped, 1)

    async def test_a_write_that_takes_longer_than_the_request_allows(self) -> None:
        self.gate.is_open = False
        parts = {"wait": True, "timeout": 1}
        message = upsert_message("c", upsert(Point(2, [1, 2, 3, 4])), parts)
        result = (await self.rpc.call("Points/Upsert", message)).result
        self.assertEqual(result.status, points_pb2.UpdateStatus.WaitTimeout)
        self.gate.open()
        await self.until_count(2)
