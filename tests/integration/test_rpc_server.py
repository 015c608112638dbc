"""The gRPC server on a real socket, over operations that answer as each test tells them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, cast

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.protocols import portforward
from twisted.trial.unittest import TestCase

from tests import TRANSPORT
from tests.deep_filters import deep_count
from tests.suites.values import dense_rows
from vexfs_twisted.interfaces import IServerOperations
from vexfs_twisted.model.errors import unknown_collection
from vexfs_twisted.model.queries import Count, Record, Retrieve
from vexfs_twisted.model.reads import ReadRequest
from vexfs_twisted.model.updates import UpdateResult, UpdateStatus, Upsert
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common
from vexfs_twisted.rpc.generated import qdrant_pb2
from vexfs_twisted.rpc.generated.json_with_int_pb2 import Value
from vexfs_twisted.rpc.server import RpcService
from vexfs_twisted.rpc.settings import RpcSettings

PATIENCE = 50.0
MEGABYTE = 1_000_000

COUNT = pb.CountPoints(collection_name="c").SerializeToString()
WITHOUT_VECTORS = pb.Vectors(vectors=pb.NamedVectors())
UPSERT = pb.UpsertPoints(
    collection_name="c",
    points=[pb.PointStruct(id=common.PointId(num=1), vectors=WITHOUT_VECTORS)],
).SerializeToString()
# In every message that names a collection its name is the first field.
NAME = COUNT


class ScriptedOperations:
    """Answers counts and updates; a test may put other answers in their place."""

    def __init__(self) -> None:
        self.upserts: list[Upsert] = []
        self.counts_begun = 0
        self.answer_count: Callable[[], Deferred[int]] = lambda: succeed(7)
        self.answer_update: Callable[[], Deferred[UpdateResult]] = lambda: succeed(
            UpdateResult(3, UpdateStatus.COMPLETED)
        )

    def read(
        self, name: str, request: ReadRequest[Any], timeout: float | None = None
    ) -> Deferred[Any]:
        if isinstance(request, Retrieve):
            return succeed([Record(1, b'{"k":"%s"}' % (b"x" * MEGABYTE), None)])
        assert isinstance(request, Count)
        self.counts_begun += 1
        return self.answer_count()

    def update(
        self, name: str, update: Upsert, wait: bool = False, timeout: float | None = None
    ) -> Deferred[UpdateResult]:
        self.upserts.append(update)
        return self.answer_update()

    def collection_exists(self, name: str) -> Deferred[bool]:
        return succeed(name == "c")


class ServerTestCase(TestCase):
    timeout = 60
    transport = TRANSPORT

    async def serve(self, **settings: Any) -> RpcService:
        self.operations = ScriptedOperations()
        service = RpcService(
            cast(IServerOperations, self.operations),
            RpcSettings(port=0, transport=self.transport, **settings),
            cast(Any, reactor).callFromThread,
        )
        await service.startService()
        self.addCleanup(self.stop, service)
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{service.port}", options=options)
        self.addCleanup(self.channel.close)
        return service

    def stop(self, service: RpcService) -> Deferred[None]:
        return service.stopService() if service.running else succeed(None)

    def begin(self, method: str, data: bytes, **options: Any) -> Any:
        """Begin a call; the future is grpc's."""
        method_call: Any = self.channel.unary_unary(method)
        return method_call.future(data, **{"timeout": PATIENCE, "wait_for_ready": True} | options)

    async def call(self, method: str, data: bytes, **options: Any) -> bytes:
        result: bytes = await deferToThread(self.begin(method, data, **options).result)
        return result

    async def refusal(self, method: str, data: bytes, **options: Any) -> grpc.Call:
        try:
            await self.call(method, data, **options)
        except grpc.RpcError as error:
            return cast(grpc.Call, error)
        raise AssertionError(f"{method} succeeded")

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(int(PATIENCE / 0.01)):
            if condition():
                return
            await deferLater(cast(Any, reactor), 0.01)
        raise AssertionError("waited in vain")


class CallTests(ServerTestCase):
    async def test_answer(self) -> None:
        await self.serve()
        response = pb.CountResponse.FromString(await self.call("/qdrant.Points/Count", COUNT))
        self.assertEqual(response.result.count, 7)
        self.assertGreater(response.time, 0)

    async def test_many_at_once(self) -> None:
        await self.serve()
        calls = [self.begin("/qdrant.Points/Count", COUNT) for _ in range(200)]
        answers = await gatherResults([deferToThread(call.result) for call in calls])
        counts = {pb.CountResponse.FromString(answer).result.count for answer in answers}
        self.assertEqual(counts, {7})

    async def test_health_check_tells_the_version(self) -> None:
        await self.serve()
        reply = qdrant_pb2.HealthCheckReply.FromString(
            await self.call("/qdrant.Qdrant/HealthCheck", b"")
        )
        self.assertEqual(reply.title, "qdrant - vector search engine")
        self.assertEqual(reply.version, "1.19.0")
        self.assertRegex(reply.commit, "^[0-9a-f]{40}$")

    async def test_large_request_and_others_beside_it(self) -> None:
        """40 MB, ten times what grpc takes unless told otherwise."""
        await self.serve()
        point = pb.PointStruct(
            id=common.PointId(num=1),
            payload={"k": Value(string_value="x" * 40_000_000)},
            vectors=WITHOUT_VECTORS,
        )
        request = pb.UpsertPoints(collection_name="c", points=[point])
        large = self.begin("/qdrant.Points/Upsert", request.SerializeToString())
        await self.call("/qdrant.Points/Count", COUNT)
        answer = await deferToThread(large.result)
        self.assertEqual(pb.PointsOperationResponse.FromString(answer).result.operation_id, 3)
        self.assertGreater(len(self.operations.upserts[0].payloads[0]), 40_000_000)

    async def test_bound_on_messages(self) -> None:
        await self.serve(max_message_size=1000)
        refusal = await self.refusal("/qdrant.Points/Count", b"x" * 2000)
        self.assertEqual(refusal.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        await self.call("/qdrant.Points/Count", COUNT)

    async def test_compressed_requests(self) -> None:
        await self.serve()
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            answer = await self.call("/qdrant.Points/Count", COUNT, compression=compression)
            self.assertEqual(pb.CountResponse.FromString(answer).result.count, 7)

    async def test_ipv6(self) -> None:
        service = await self.serve(host="::1")
        with grpc.insecure_channel(f"[::1]:{service.port}") as channel:
            self.channel = channel
            await self.call("/qdrant.Points/Count", COUNT)


class CountingClient(portforward.ProxyClient):
    """The side of a relay that hears the server."""

    def dataReceived(self, data: bytes) -> None:
        factory: Any = self.factory
        factory.server.factory.received += len(data)
        super().dataReceived(data)


class CountingClientFactory(portforward.ProxyClientFactory):
    protocol = CountingClient


class CountingServer(portforward.ProxyServer):
    clientProtocolFactory = CountingClientFactory


class CountingRelay(portforward.ProxyFactory):
    """Relays connections to a port, and counts the bytes that come back from it."""

    protocol = CountingServer
    received = 0


class CompressionTests(ServerTestCase):
    async def bytes_for_an_answer(self, *, gzip: bool, takes_gzip: bool) -> int:
        """How many bytes the server sends to answer with a payload of 1 MB."""
        service = await self.serve(gzip=gzip)
        relay = CountingRelay("127.0.0.1", service.port)
        port = cast(Any, reactor).listenTCP(0, relay, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        # A bit per encoding: 1 is none, 7 adds deflate and gzip.
        taken = ("grpc.compression_enabled_algorithms_bitset", 7 if takes_gzip else 1)
        options = [("grpc.max_receive_message_length", -1), taken]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port.getHost().port}", options=options)
        request = pb.GetPoints(collection_name="c", ids=[common.PointId(num=1)])
        answer = await self.call("/qdrant.Points/Get", request.SerializeToString())
        (point,) = pb.GetResponse.FromString(answer).result
        self.assertEqual(point.payload["k"].string_value, "x" * MEGABYTE)
        self.channel.close()
        return relay.received

    async def test_answers_are_compressed_where_set_and_taken(self) -> None:
        self.assertLess(await self.bytes_for_an_answer(gzip=True, takes_gzip=True), 100_000)
        for gzip, takes_gzip in ((True, False), (False, True)):
            size = await self.bytes_for_an_answer(gzip=gzip, takes_gzip=takes_gzip)
            self.assertGreater(size, MEGABYTE)


class RefusalTests(ServerTestCase):
    async def check(
        self, method: str, data: bytes, code: grpc.StatusCode, details: str
    ) -> grpc.Call:
        refusal = await self.refusal(method, data)
        self.assertEqual((refusal.code(), refusal.details()), (code, details))
        # Whatever was wrong, the connection goes on.
        await self.call("/qdrant.Points/Count", COUNT)
        return refusal

    async def test_domain_error(self) -> None:
        await self.serve()

        def missing() -> Deferred[UpdateResult]:
            raise unknown_collection("c")

        self.operations.answer_update = missing
        await self.check(
            "/qdrant.Points/Upsert",
            UPSERT,
            grpc.StatusCode.NOT_FOUND,
            "Not found: Collection `c` doesn't exist!",
        )

    async def test_values_out_of_range(self) -> None:
        await self.serve()
        await self.check(
            "/qdrant.Points/Query",
            pb.QueryPoints(collection_name="c", limit=0).SerializeToString(),
            grpc.StatusCode.INVALID_ARGUMENT,
            "Validation error in body: [limit: value 0 invalid, must be 1 or larger]",
        )

    async def test_truncated_message(self) -> None:
        await self.serve()
        refusal = await self.refusal("/qdrant.Points/Upsert", UPSERT[:-1])
        self.assertEqual(refusal.code(), grpc.StatusCode.INTERNAL)
        self.assertIn("failed to decode Protobuf message", refusal.details())

    async def test_filter_nested_past_what_protobuf_parses(self) -> None:
        await self.serve()
        refusal = await self.refusal("/qdrant.Points/Count", deep_count(60))
        self.assertEqual(refusal.code(), grpc.StatusCode.INTERNAL)
        self.assertIn("failed to decode Protobuf message", refusal.details())
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.operations.upserts, [])
        await self.call("/qdrant.Points/Upsert", UPSERT)

    async def test_unexpected_error(self) -> None:
        await self.serve()

        def fault() -> Deferred[UpdateResult]:
            raise ZeroDivisionError("secret")

        self.operations.answer_update = fault
        refusal = await self.refusal("/qdrant.Points/Upsert", UPSERT)
        self.assertEqual(refusal.code(), grpc.StatusCode.INTERNAL)
        self.assertRegex(
            refusal.details(),
            "^Service internal error: unexpected error, incident [0-9a-f]+$",
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_methods_of_a_cluster(self) -> None:
        await self.serve()
        for method in ("UpdateCollectionClusterSetup", "CreateShardKey", "DeleteShardKey"):
            await self.check(
                f"/qdrant.Collections/{method}",
                NAME,
                grpc.StatusCode.UNIMPLEMENTED,
                "Qdrant is running in standalone mode",
            )

    async def test_methods_that_are_not_there(self) -> None:
        await self.serve()
        for method in ("/qdrant.Points/Nothing", "/qdrant.Nothing/Get", "/nothing"):
            refusal = await self.refusal(method, b"")
            self.assertEqual(refusal.code(), grpc.StatusCode.UNIMPLEMENTED)
        refusal = await self.refusal("/qdrant.Qdrant/Recommend", NAME)
        self.assertEqual(refusal.code(), grpc.StatusCode.UNIMPLEMENTED)
        self.assertIn("qdrant.Qdrant.Recommend", refusal.details())


class CancellationTests(ServerTestCase):
    async def expired(self, method: str, data: bytes, begun: Callable[[], int]) -> None:
        """Have a call expire that has begun; one that has not by then is made with more time."""
        seconds = 0.1
        while not begun():
            seconds *= 2
            refusal = await self.refusal(method, data, timeout=seconds)
            self.assertEqual(refusal.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    async def test_cancelled_read_is_dropped(self) -> None:
        await self.serve()
        dropped: list[object] = []
        self.operations.answer_count = lambda: Deferred(dropped.append)
        call = self.begin("/qdrant.Points/Count", COUNT)
        await self.until(lambda: self.operations.counts_begun == 1)
        call.cancel()
        await self.until(lambda: bool(dropped))

    async def test_expired_read_is_dropped(self) -> None:
        await self.serve()
        dropped: list[object] = []
        self.operations.answer_count = lambda: Deferred(dropped.append)
        await self.expired("/qdrant.Points/Count", COUNT, lambda: self.operations.counts_begun)
        await self.until(lambda: bool(dropped))

    async def test_cancelled_write_is_finished(self) -> None:
        await self.serve()
        dropped: list[object] = []
        pending: Deferred[UpdateResult] = Deferred(dropped.append)
        self.operations.answer_update = lambda: pending
        await self.expired("/qdrant.Points/Upsert", UPSERT, lambda: len(self.operations.upserts))
        await self.call("/qdrant.Points/Count", COUNT)
        self.assertEqual(dropped, [])
        pending.callback(UpdateResult(0, UpdateStatus.COMPLETED))


class LifecycleTests(ServerTestCase):
    async def failed_start(self, service: RpcService) -> str:
        try:
            await service.startService()
        except CannotListenError as error:
            return str(error)
        raise AssertionError("it started")

    async def test_busy_port_fails_the_start(self) -> None:
        first = await self.serve()
        second = RpcService(
            cast(IServerOperations, self.operations),
            RpcSettings(port=first.port, transport=self.transport),
            cast(Any, reactor).callFromThread,
        )
        reason = await self.failed_start(second)
        self.assertIn(f"127.0.0.1:{first.port}", reason)
        self.assertIn("in use", reason)
        await self.call("/qdrant.Points/Count", COUNT)

    async def test_address_of_another_machine_fails_the_start(self) -> None:
        service = RpcService(
            cast(IServerOperations, ScriptedOperations()),
            RpcSettings(host="192.0.2.1", port=0, transport=self.transport),
            cast(Any, reactor).callFromThread,
        )
        self.assertIn("192.0.2.1", await self.failed_start(service))

    async def test_stop_answers_what_is_under_way(self) -> None:
        service = await self.serve()
        pending: Deferred[int] = Deferred()
        self.operations.answer_count = lambda: pending
        call = self.begin("/qdrant.Points/Count", COUNT)
        await self.until(lambda: self.operations.counts_begun == 1)
        stopped = service.stopService()
        await deferLater(cast(Any, reactor), 0.1)
        self.assertNoResult(stopped)
        pending.callback(9)
        answer = await deferToThread(call.result)
        self.assertEqual(pb.CountResponse.FromString(answer).result.count, 9)
        await stopped
        refusal = await self.refusal("/qdrant.Points/Count", COUNT, wait_for_ready=False)
        self.assertEqual(refusal.code(), grpc.StatusCode.UNAVAILABLE)

    async def test_stop_waits_no_longer_than_its_grace(self) -> None:
        service = await self.serve(stop_grace=0.2)
        dropped: list[object] = []
        self.operations.answer_count = lambda: Deferred(dropped.append)
        call = self.begin("/qdrant.Points/Count", COUNT)
        await self.until(lambda: self.operations.counts_begun == 1)
        await service.stopService()
        self.assertEqual(len(dropped), 1)
        await deferToThread(call.exception)

    async def test_a_watch_of_health_does_not_hold_up_the_stop(self) -> None:
        service = await self.serve(stop_grace=PATIENCE)
        method: Any = self.channel.unary_stream("/grpc.health.v1.Health/Watch")
        watch = method(b"", wait_for_ready=True)
        states = [await deferToThread(next, watch)]
        await service.stopService()
        states += await deferToThread(list_until_error, watch)
        told = [health_pb2.HealthCheckResponse.FromString(state).status for state in states]
        serving, not_serving = 1, 2
        self.assertEqual(told, [serving, not_serving])

    async def test_start_again(self) -> None:
        service = await self.serve()
        await self.call("/qdrant.Points/Count", COUNT)
        await service.stopService()
        self.assertRaises(RuntimeError, getattr, service, "port")
        await service.startService()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{service.port}")
        self.addCleanup(self.channel.close)
        await self.call("/qdrant.Points/Count", COUNT)


def list_until_error(stream: Any) -> list[bytes]:
    received = []
    try:
        for item in stream:
            received.append(item)
    except grpc.RpcError:
        pass
    return received


class DiscoveryTests(ServerTestCase):
    async def test_health(self) -> None:
        await self.serve()
        answer = await self.call("/grpc.health.v1.Health/Check", b"")
        self.assertEqual(
            health_pb2.HealthCheckResponse.FromString(answer).status,
            health_pb2.HealthCheckResponse.SERVING,
        )

    async def reflect(
        self, version: str, **request: Any
    ) -> reflection_pb2.ServerReflectionResponse:
        name = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
        method: Any = self.channel.stream_stream(name)
        asked = reflection_pb2.ServerReflectionRequest(**request).SerializeToString()
        (answer,) = await deferToThread(list, method(iter([asked]), wait_for_ready=True))
        return reflection_pb2.ServerReflectionResponse.FromString(answer)

    async def test_reflection_lists_the_public_services(self) -> None:
        await self.serve()
        for version in ("v1", "v1alpha"):
            answer = await self.reflect(version, list_services="")
            self.assertEqual(
                {service.name for service in answer.list_services_response.service},
                {
                    "qdrant.Collections",
                    "qdrant.Points",
                    "qdrant.Snapshots",
                    "qdrant.Qdrant",
                    "grpc.health.v1.Health",
                },
            )

    async def test_reflection_describes_them(self) -> None:
        await self.serve()
        for symbol, file in (
            ("qdrant.Points", b"points_service.proto"),
            ("qdrant.Points.Upsert", b"points_service.proto"),
            ("qdrant.Value", b"json_with_int.proto"),
            ("grpc.health.v1.Health", b"health.proto"),
        ):
            answer = await self.reflect("v1", file_containing_symbol=symbol)
            files = answer.file_descriptor_response.file_descriptor_proto
            self.assertTrue(any(file in data for data in files), symbol)
        unknown = await self.reflect("v1", file_containing_symbol="qdrant.Nothing")
        self.assertEqual(unknown.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])


class OfficialClientTests(ServerTestCase):
    if importlib.util.find_spec("qdrant_client") is None:
        skip = "qdrant-client is not installed"

    async def test_client_speaks_to_the_server(self) -> None:
        service = await self.serve()
        await deferToThread(self.use_client, service.port)
        (upsert,) = self.operations.upserts
        self.assertEqual(list(upsert.ids), [1, "f47ac10b-58cc-4372-a567-0e02b2c3d479"])
        self.assertEqual(dense_rows(upsert.vectors[""]).tolist(), [[1.0, 2.0], [3.0, 4.0]])
        self.assertEqual(upsert.payloads[0], b'{"k":1}')

    def use_client(self, port: int) -> None:
        from qdrant_client import QdrantClient, models

        client = QdrantClient(
            grpc_port=port, prefer_grpc=True, check_compatibility=False, timeout=int(PATIENCE)
        )
        try:
            self.assertTrue(client.collection_exists("c"))
            self.assertFalse(client.collection_exists("d"))
            points = [
                models.PointStruct(id=1, vector=[1.0, 2.0], payload={"k": 1}),
                models.PointStruct(id="F47AC10B-58CC-4372-A567-0E02B2C3D479", vector=[3.0, 4.0]),
            ]
            result = client.upsert("c", points)
            self.assertEqual(result.operation_id, 3)
            self.assertEqual(client.count("c").count, 7)
        finally:
            client.close()
