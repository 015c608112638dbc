"""Health, reflection and messages over gRPC: counted, bounded, and refused in words."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any

import grpc
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from tests import TRANSPORT
from tests.contract.providers import reactor
from tests.contract.rpc_client import RpcClient
from tests.contract.test_middleware import KEY, RatedServer, WholeServer
from tests.recorded_operations import RecordedOperations
from vexfs_twisted import logs
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.rpc.generated import collections_pb2, points_pb2
from vexfs_twisted.rpc.server import RpcService
from vexfs_twisted.rpc.settings import RpcSettings

MEBIBYTE = 1 << 20
HEALTH = "/grpc.health.v1.Health"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
LIST = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
SERVING = health_pb2.HealthCheckResponse.SERVING
NOTHING: tuple[bytes, ...] = ()


class GuardCase(TestCase):
    """A gRPC server with these settings, and whatever it logs."""

    timeout = 60
    settings: Mapping[str, Any] = {}
    transport = TRANSPORT

    async def setUp(self) -> None:  # type: ignore[override]
        self.log = io.StringIO()
        observer = logs.stream_observer(self.log, "text", "info")
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.operations = RecordedOperations(self)
        call_in_reactor = reactor.callFromThread
        settings = RpcSettings(port=0, transport=self.transport, **self.settings)
        self.service = RpcService(self.operations, settings, call_in_reactor)
        await self.service.startService()
        self.addCleanup(self.stop)
        self.rpc = RpcClient(reactor, self.service.port)
        self.addCleanup(self.rpc.close)

    async def stop(self) -> None:
        if self.service.running:
            await self.service.stopService()

    def stream(self, path: str, messages: Iterator[bytes], **options: Any) -> Any:
        method: Any = self.rpc.channel.stream_stream(path)
        return method(messages, **{"timeout": 30, "wait_for_ready": True} | options)

    def pending(self) -> Iterator[bytes]:
        """Messages of a client that sends none, and ends with the test."""
        over = threading.Event()
        self.addCleanup(over.set)

        def wait() -> Iterator[bytes]:
            over.wait()
            yield from NOTHING

        return wait()

    async def check_refused(
        self, code: grpc.StatusCode, call: Callable[[], Any], text: str = ""
    ) -> None:
        try:
            answer = await deferToThread(call)
        except grpc.RpcError as error:
            failed: Any = error
            self.assertIs(failed.code(), code, failed.details())
            self.assertIn(text, failed.details())
            self.assertNotIn("incident", failed.details())
            return
        raise self.failureException(f"{code} was expected, but this came: {answer!r}")

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(3000):
            if condition():
                return
            await deferLater(reactor, 0.01)
        raise self.failureException("waited in vain")

    def raw(self, path: str, data: bytes, **options: Any) -> Callable[[], Any]:
        method: Any = self.rpc.channel.unary_unary(path)
        return lambda: method(data, timeout=30, wait_for_ready=True, **options)


class HealthCase(GuardCase):
    async def check(self, name: str = "") -> int:
        request = health_pb2.HealthCheckRequest(service=name).SerializeToString()
        answer = await deferToThread(self.raw(f"{HEALTH}/Check", request))
        return health_pb2.HealthCheckResponse.FromString(answer).status


class Health(HealthCase):
    settings: Mapping[str, Any] = {"max_watches": 3}

    async def test_the_server_serves(self) -> None:
        self.assertEqual(await self.check(), SERVING)
        answer = await deferToThread(self.raw(f"{HEALTH}/List", b""))
        listed: Any = health_pb2.HealthListResponse.FromString(answer)  # type: ignore[attr-defined]
        self.assertEqual({k: v.status for k, v in listed.statuses.items()}, {"": SERVING})

    async def test_a_compressed_check(self) -> None:
        request = health_pb2.HealthCheckRequest(service="").SerializeToString()
        call = self.raw(f"{HEALTH}/Check", request, compression=grpc.Compression.Gzip)
        answer = await deferToThread(call)
        self.assertEqual(health_pb2.HealthCheckResponse.FromString(answer).status, SERVING)

    async def test_services_that_nobody_knows(self) -> None:
        request = health_pb2.HealthCheckRequest(service="other").SerializeToString()
        await self.check_refused(
            grpc.StatusCode.NOT_FOUND, self.raw(f"{HEALTH}/Check", request), "`other`"
        )
        watch = self.stream(f"{HEALTH}/Watch", iter([request]))
        state = health_pb2.HealthCheckResponse.FromString(await deferToThread(next, watch))
        self.assertEqual(state.status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)

    async def test_malformed_messages(self) -> None:
        for method in ("Check", "Watch", "List"):
            for data in (b"\xff", b"\x0a\xff\xff\xff\xff\x7f", b"\x0a\x02\xff\xff", b"\x1f\x8bno"):
                if (method, data) == ("List", b"\x0a\x02\xff\xff"):
                    # It has no field, so this is one that it does not know.
                    continue
                await self.check_refused(
                    grpc.StatusCode.INVALID_ARGUMENT, self.raw(f"{HEALTH}/{method}", data)
                )
        self.assertEqual(await self.check(), SERVING)
        self.assertNotIn("Traceback", self.log.getvalue())

    async def test_calls_without_a_message(self) -> None:
        for method in ("Check", "Watch", "List"):
            path = f"{HEALTH}/{method}"
            await self.check_refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                lambda path=path: next(self.stream(path, iter(NOTHING))),  # type: ignore[misc]
                "the call has no message",
            )
        self.assertEqual(await self.check(), SERVING)

    async def test_watches_are_bounded(self) -> None:
        path, request = f"{HEALTH}/Watch", b""
        watches = [self.stream(path, iter([request])) for _ in range(3)]
        for watch in watches:
            await deferToThread(next, watch)
        await self.check_refused(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            lambda: next(self.stream(path, iter([request]))),
            "3 watches of health are open, as many as may be",
        )
        self.assertEqual(await self.check(), SERVING)
        watches.pop().cancel()

        def is_let_in() -> bool:
            try:
                next(self.stream(path, iter([request])))
            except grpc.RpcError:
                return False
            return True

        for _ in range(3000):
            if await deferToThread(is_let_in):
                break
        else:
            raise self.failureException("the place was not free again")

    async def test_watches_end_with_the_server(self) -> None:
        watches = [self.stream(f"{HEALTH}/Watch", iter([b""]), timeout=None) for _ in range(3)]
        for watch in watches:
            await deferToThread(next, watch)
        await self.service.stopService()
        for watch in watches:
            told = await deferToThread(list, watch)
            states = [health_pb2.HealthCheckResponse.FromString(state).status for state in told]
            self.assertEqual(states, [health_pb2.HealthCheckResponse.NOT_SERVING])


class Silence(HealthCase):
    """Calls that send nothing are ended, and others are still answered, however long they take."""

    settings: Mapping[str, Any] = {"max_watches": 1, "max_reflections": 1, "probe_wait": 0.2}

    async def check_ended(self, path: str) -> None:
        await self.check_refused(
            grpc.StatusCode.DEADLINE_EXCEEDED,
            lambda: next(self.stream(path, self.pending())),
            "no message has come",
        )

    async def test_calls_of_health(self) -> None:
        for method in ("Check", "Watch", "List"):
            await self.check_ended(f"{HEALTH}/{method}")
        self.assertEqual(await self.answered(self.check), SERVING)

    async def test_streams_of_reflection(self) -> None:
        await self.check_ended(REFLECTION)
        stream = partial(self.stream, REFLECTION)
        data = await self.answered(lambda: deferToThread(lambda: next(stream(iter([LIST])))))
        answer = reflection_pb2.ServerReflectionResponse.FromString(data)
        self.assertEqual(answer.WhichOneof("message_response"), "list_services_response")

    async def answered(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """The answer to a call, which is made again where its message took too long as well."""
        while True:
            try:
                return await call()
            except grpc.RpcError as error:
                failed: Any = error
                self.assertIs(failed.code(), grpc.StatusCode.DEADLINE_EXCEEDED)


class Reflection(GuardCase):
    async def test_malformed_messages(self) -> None:
        for data in (b"\xff", b"\x0a\x02\xff\xff", b"\x1f\x8bno"):
            await self.check_refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                lambda data=data: next(self.stream(REFLECTION, iter([data]))),  # type: ignore[misc]
            )
        self.assertNotIn("Traceback", self.log.getvalue())

    async def test_several_questions(self) -> None:
        answers = await deferToThread(list, self.stream(REFLECTION, iter([LIST, b"", LIST])))
        told = [reflection_pb2.ServerReflectionResponse.FromString(answer) for answer in answers]
        kinds = [answer.WhichOneof("message_response") for answer in told]
        listed = "list_services_response"
        self.assertEqual(kinds, [listed, "error_response", listed])


class OpenReflections(GuardCase):
    settings: Mapping[str, Any] = {"max_reflections": 2}

    async def test_streams_are_bounded(self) -> None:
        def asking() -> Iterator[bytes]:
            yield LIST
            yield from self.pending()

        streams = [self.stream(REFLECTION, asking()) for _ in range(2)]
        for stream in streams:
            await deferToThread(next, stream)
        await self.check_refused(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            lambda: next(self.stream(REFLECTION, iter([LIST]))),
            "2 streams of reflection are open",
        )


class LateMessages(GuardCase):
    settings: Mapping[str, Any] = {"message_wait": 0.2}

    async def test_a_call_without_its_message(self) -> None:
        for path in ("/qdrant.Points/Get", "/qdrant.Points/Upsert", "/qdrant.Qdrant/StreamScroll"):
            await self.check_refused(
                grpc.StatusCode.DEADLINE_EXCEEDED,
                lambda path=path: next(self.stream(path, self.pending())),  # type: ignore[misc]
                "no message has come for 0.2 seconds",
            )


class Messages(GuardCase):
    settings: Mapping[str, Any] = {
        "max_message_size": 4 * MEBIBYTE,
        "max_unpacked_size": MEBIBYTE,
    }

    def count(self, size: int) -> bytes:
        """A request of about `size` bytes, which names no collection that there is."""
        message = points_pb2.CountPoints(collection_name="none")
        condition = message.filter.must.add().field
        condition.key, condition.match.keyword = "k", "x" * size
        return message.SerializeToString()

    async def test_messages_that_are_too_large(self) -> None:
        for size, code in ((3 * MEBIBYTE, "NOT_FOUND"), (5 * MEBIBYTE, "RESOURCE_EXHAUSTED")):
            call = self.raw("/qdrant.Points/Count", self.count(size))
            await self.check_refused(getattr(grpc.StatusCode, code), call)

    async def test_compressed_messages_may_unpack_to_less(self) -> None:
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            for size, code, text in (
                (MEBIBYTE // 2, "NOT_FOUND", "none"),
                (2 * MEBIBYTE, "RESOURCE_EXHAUSTED", "may unpack to 1048576 bytes at most"),
                (100 * MEBIBYTE, "RESOURCE_EXHAUSTED", "may unpack to 1048576 bytes at most"),
            ):
                data = self.count(size)
                call = self.raw("/qdrant.Points/Count", data, compression=compression)
                await self.check_refused(getattr(grpc.StatusCode, code), call, text)

    async def test_damaged_messages(self) -> None:
        """As bytes that look packed, which is what they are to the server."""
        packed = gzip.compress(self.count(1000))
        for data in (packed[:-3], packed + b"x", packed[:15] + b"\xff\xff\xff" + packed[18:]):
            await self.check_refused(
                grpc.StatusCode.INVALID_ARGUMENT,
                self.raw("/qdrant.Points/Count", data),
                "compressed message",
            )
        call = self.raw("/qdrant.Points/Count", b"\x78\x9c" + b"\xff" * 20)
        await self.check_refused(grpc.StatusCode.INTERNAL, call, "failed to decode Protobuf")


class GuardedHealth(WholeServer):
    """The same chain as for everything else, but for the key."""

    settings: Mapping[str, Any] = {"api_key": KEY, "log_calls": "info"}
    headers: Mapping[str, str] = {"api-key": KEY}

    async def test_it_is_open_counted_and_logged(self) -> None:
        text = io.StringIO()
        observer = logs.stream_observer(text, "text", "info")
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for _ in range(3):
            await self.rpc.call_raw(f"{HEALTH}/Check", b"")
        error = await self.refused(self.rpc.call_raw(f"{HEALTH}/Check", b"\xff"))
        self.assertIs(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        status = (await self.get("/grpc/status", self.headers)).json["result"]
        figures = status["calls"]["grpc.health.v1.Health/Check"]
        self.assertEqual((figures["count"], figures["errors"]), (4, 1))
        self.assertIn("grpc.health.v1.Health/Check", text.getvalue())

    async def test_a_watch_is_an_open_stream(self) -> None:
        method: Any = self.rpc.channel.unary_stream(f"{HEALTH}/Watch")
        watch = method(b"", timeout=30)
        await deferToThread(next, watch)
        status = (await self.get("/grpc/status", self.headers)).json["result"]
        self.assertEqual(status["calls"]["grpc.health.v1.Health/Watch"]["open_streams"], 1)
        watch.cancel()


class RatedHealth(RatedServer):
    settings: Mapping[str, Any] = {"rate_limit": 5}

    async def test_it_is_limited_like_all_calls(self) -> None:
        async def check() -> Any:
            return await self.rpc.call_raw(f"{HEALTH}/Check", b"")

        for _ in range(50):
            try:
                await check()
            except grpc.RpcError as error:
                failed: Any = error
                self.assertIs(failed.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
                break
        else:
            raise self.failureException("no check was refused")
        asked = collections_pb2.ListCollectionsRequest()
        listing: Deferred[Any] = self.rpc.call("Collections/List", asked)
        refusal = await self.refused(listing)
        self.assertIs(refusal.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)


class CompressedStream(WholeServer):
    async def test_messages_of_a_stream(self) -> None:
        def send(size: int) -> Any:
            message = pb.UpsertPointsRequest(collection_name="c")
            point = message.points.add()
            point.id.num = 1
            point.vectors.vector.dense.data.extend([1, 2, 3, 4])
            point.payload["k"].string_value = "x" * size
            return self.stub.StreamUpsertPoints(
                iter([message]), timeout=50, compression=grpc.Compression.Gzip
            )

        await deferToThread(send, MEBIBYTE)
        self.assertEqual(await self.count(), 1)
        error = await self.refused(deferToThread(send, 65 * MEBIBYTE))
        self.assertIs(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        self.assertIn("may unpack to 67108864 bytes at most", error.details())
