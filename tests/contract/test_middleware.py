"""Keys, rates, ids, log lines and figures, over both wires of a whole server."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from threading import Event
from typing import Any

import grpc
import orjson
from grpc_reflection.v1alpha import reflection_pb2
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from tests.contract.providers import check_response, reactor
from tests.contract.raw_http import connect, request
from tests.contract.rest_client import HttpClient, Response
from tests.contract.rpc_client import RpcClient
from vexfs_twisted import configured, logs
from vexfs_twisted.composition import build
from vexfs_twisted.config import Config
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub
from vexfs_twisted.rpc.generated import collections_pb2, qdrant_pb2

KEY = "s3cret-key"
OTHER_KEY = "s3cret-other"
MISSING = "Must provide an API key or an Authorization bearer token"
WRONG = "Invalid API key or JWT"
DIFFER = "The API key and the Authorization bearer token differ"
Metadata = tuple[tuple[str, str], ...]
RIGHT: tuple[dict[str, str], ...] = (
    {"api-key": KEY},
    {"api-key": OTHER_KEY},
    {"authorization": f"Bearer {KEY}"},
    {"authorization": f"bearer {OTHER_KEY}"},
)
REFUSED: tuple[tuple[dict[str, str], str], ...] = (
    ({}, MISSING),
    ({"authorization": f"Basic {KEY}"}, MISSING),
    ({"api-key": "wrong"}, WRONG),
    ({"api-key": KEY.upper()}, WRONG),
    ({"authorization": "Bearer wrong"}, WRONG),
    ({"api-key": "wrong", "authorization": f"Bearer {KEY}"}, WRONG),
    ({"api-key": KEY, "authorization": f"Bearer {OTHER_KEY}"}, DIFFER),
    ({"api-key": KEY, "authorization": "Bearer wrong"}, DIFFER),
)
TWICE: tuple[Metadata, ...] = (
    (("api-key", KEY), ("api-key", KEY)),
    (("api-key", KEY), ("api-key", "wrong")),
    (("api-key", "wrong"), ("api-key", KEY)),
    (("authorization", f"Bearer {KEY}"), ("authorization", f"Bearer {KEY}")),
    (("authorization", "Bearer wrong"), ("authorization", f"Bearer {KEY}")),
)
LIST = collections_pb2.ListCollectionsRequest()


def messages(count: int = 1) -> Iterator[Any]:
    """Requests of one point each."""
    for number in range(count):
        upsert = pb.UpsertPointsRequest(collection_name="c")
        point = upsert.points.add()
        point.id.num = number
        point.vectors.vector.dense.data.extend([1, 2, 3, 4])
        yield upsert


STREAMS: Mapping[str, Callable[[], Any]] = {
    "StreamUpsertPoints": messages,
    "StreamUpsert": messages,
    "StreamScroll": lambda: pb.ScrollRequest(collection_name="c"),
    "StreamGetPoints": lambda: pb.GetPointsRequest(collection_name="c"),
    "StreamSearchPoints": lambda: pb.SearchPointsRequest(
        collection_name="c", vector=[1, 2, 3, 4], limit=10
    ),
}


class WholeServer(TestCase):
    """A server of both wires with these settings, and the collection `c`."""

    timeout = 60
    settings: Mapping[str, Any] = {}
    headers: Mapping[str, str] = {}

    async def setUp(self) -> None:  # type: ignore[override]
        ports: dict[str, Any] = {"http_port": 0, "grpc_port": 0} | dict(self.settings)
        parts = build(Config(storage_path=self.mktemp(), **ports), reactor)
        await parts.service.startService()
        self.addCleanup(parts.service.stopService)
        self.http_port: int = parts.rest.addresses()[0].port  # type: ignore[attr-defined]
        self.http = HttpClient(reactor, self.http_port)
        self.addCleanup(self.http.close)
        if parts.rpc is not None:
            self.rpc = RpcClient(reactor, parts.rpc.port)
            self.addCleanup(self.rpc.close)
            self.stub = QdrantStub(self.rpc.channel)
        body = b'{"vectors": {"size": 4, "distance": "Dot"}}'
        made = await self.http.request("PUT", "/collections/c", body, self.headers)
        self.assertEqual(made.status, 200, made.body)

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        return await self.http.request("GET", path, None, headers)

    def count(self) -> Deferred[Any]:
        """The number of points in `c`."""
        asked = pb.CountPointsRequest(collection_name="c", exact=True)
        metadata = tuple(self.headers.items())
        return deferToThread(lambda: self.stub.CountPoints(asked, metadata=metadata).result.count)

    async def stream(self, name: str, metadata: Metadata = ()) -> Any:
        """All answers of a stream, and the call."""

        def run() -> Any:
            given = STREAMS[name]()
            call = getattr(self.stub, name)
            if name == "StreamUpsertPoints":
                return call.with_call(given, metadata=metadata)
            answers = call(given, metadata=metadata)
            return list(answers), answers

        return await deferToThread(run)

    async def refused(self, call: Any) -> Any:
        """The error of a gRPC call that fails."""
        try:
            answer = await call
        except grpc.RpcError as error:
            return error
        raise self.failureException(f"this was answered: {answer!r}")


class Keys(WholeServer):
    settings: Mapping[str, Any] = {"api_key": KEY, "alt_api_key": OTHER_KEY}
    headers: Mapping[str, str] = {"api-key": KEY}

    async def test_rest_with_a_right_key(self) -> None:
        for headers in RIGHT:
            answer = await self.get("/collections", headers)
            self.assertEqual(answer.status, 200, headers)
            answer.check(check_response, "GET", "/collections")

    async def test_rest_without(self) -> None:
        for headers, text in REFUSED:
            for path in ("/collections", "/collections/c/points/1", "/grpc/status", "/nowhere"):
                answer = await self.get(path, headers)
                self.assertEqual((answer.status, answer.body), (401, text.encode()), headers)
                self.assertTrue(answer.content_type.startswith("text/plain"))
                self.assertEqual(answer.headers.getRawHeaders("WWW-Authenticate"), ["Bearer"])
        body = b'{"points": [{"id": 1, "vector": [1, 2, 3, 4]}]}'
        answer = await self.http.request("PUT", "/collections/c/points?wait=true", body)
        self.assertEqual(answer.status, 401)
        self.assertEqual(await self.count(), 0)

    async def test_what_is_open_over_rest(self) -> None:
        for path in ("/", "/healthz", "/livez", "/readyz", "//healthz/"):
            self.assertEqual((await self.get(path)).status, 200, path)
            self.assertEqual((await self.get(path, {"api-key": "wrong"})).status, 200, path)
        self.assertEqual((await self.http.request("OPTIONS", "/collections")).status, 200)

    async def test_no_spelling_of_an_open_path_leads_elsewhere(self) -> None:
        connection = await connect(reactor, self.http.port)
        for path in (
            "/healthz/../collections",
            "//healthz/../collections",
            "/healthz/..%2Fcollections",
            "/%2e%2e/collections",
            "/healthz%2F..%2Fcollections",
            "/healthz;/collections",
            "/collections?/healthz",
            "/collections#/healthz",
            "/./collections",
        ):
            connection.send(request("GET", path))
            (reply,) = await connection.replies(1)
            self.assertEqual(reply.status, 401, path)
        connection.disconnect()

    async def test_paths_and_methods_that_are_not_there_need_a_key_too(self) -> None:
        self.assertEqual((await self.get("/nowhere", self.headers)).status, 404)
        answer = await self.http.request("DELETE", "/collections", None, self.headers)
        self.assertEqual(answer.status, 405)
        self.assertEqual((await self.http.request("DELETE", "/collections")).status, 401)

    async def test_grpc_with_a_right_key(self) -> None:
        for headers in RIGHT:
            metadata = tuple(headers.items())
            answer = await self.rpc.call("Collections/List", LIST, metadata=metadata)
            self.assertEqual([found.name for found in answer.collections], ["c"])
            for name in STREAMS:
                await self.stream(name, metadata)

    async def test_grpc_without(self) -> None:
        for headers, text in REFUSED:
            metadata = tuple(headers.items())
            calls = [
                self.rpc.call("Collections/List", LIST, metadata=metadata),
                self.rpc.call_raw("/qdrant.Points/Upsert", b"garbage", metadata=metadata),
                self.rpc.call_raw("/qdrant.Nothing/Get", b"", metadata=metadata),
                *(self.stream(name, metadata) for name in STREAMS),
            ]
            for call in calls:
                error = await self.refused(call)
                self.assertIs(error.code(), grpc.StatusCode.UNAUTHENTICATED)
                self.assertEqual(error.details(), text)
        self.assertEqual(await self.count(), 0)

    async def test_a_call_is_refused_before_its_message_is_read(self) -> None:
        """A message may be of any size, and nobody without a key can make the server take it."""
        never = Event()
        self.addCleanup(never.set)

        def withheld() -> Iterator[bytes]:
            never.wait(30)
            yield b""

        for path in ("/qdrant.Points/Upsert", "/qdrant.Qdrant/StreamScroll"):
            method: Any = self.rpc.channel.stream_stream(path)
            call = method(withheld(), timeout=20)
            error = await self.refused(deferToThread(next, call))
            self.assertIs(error.code(), grpc.StatusCode.UNAUTHENTICATED)

    async def test_a_key_that_is_given_twice_is_none(self) -> None:
        connection = await connect(reactor, self.http.port)
        for headers in TWICE:
            lines = tuple(f"{name}: {value}" for name, value in headers)
            connection.send(request("GET", "/collections", headers=lines))
            (reply,) = await connection.replies(1)
            self.assertEqual((reply.status, reply.body), (401, WRONG.encode()), headers)
            error = await self.refused(self.rpc.call("Collections/List", LIST, metadata=headers))
            self.assertIs(error.code(), grpc.StatusCode.UNAUTHENTICATED)
            self.assertEqual(error.details(), WRONG)
        connection.disconnect()

    async def test_a_body_without_a_key_is_answered_by_its_head(self) -> None:
        for method, path in (
            ("PUT", "/collections/c/points"),
            ("POST", "/collections/c/points/count"),
            ("POST", "/nowhere"),
            ("DELETE", "/collections"),
        ):
            for size in ("Content-Length: 31000000", "Transfer-Encoding: chunked"):
                connection = await connect(reactor, self.http.port)
                connection.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{size}\r\n\r\n".encode())
                (reply,) = await connection.replies(1)
                self.assertEqual((reply.status, reply.body), (401, MISSING.encode()), path)
                self.assertEqual(reply.headers["connection"], "close")
                connection.disconnect()

    async def test_reflection_needs_a_key(self) -> None:
        method: Any = self.rpc.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        )
        asked = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()

        def ask(metadata: Metadata) -> Deferred[Any]:
            return deferToThread(lambda: next(method(iter([asked]), metadata=metadata, timeout=20)))

        error = await self.refused(ask(()))
        self.assertIs(error.code(), grpc.StatusCode.UNAUTHENTICATED)
        self.assertIn(b"qdrant.Points", await ask((("api-key", KEY),)))

    async def test_health_over_grpc_is_open(self) -> None:
        await self.rpc.call_raw("/grpc.health.v1.Health/Check", b"")
        await self.rpc.call("Qdrant/HealthCheck", qdrant_pb2.HealthCheckRequest())

    async def test_nothing_that_is_logged_shows_a_key_or_a_payload(self) -> None:
        text = io.StringIO()
        observer = logs.stream_observer(text, "text", "debug")
        self.patch(logs._Threshold, "rank", 0)
        self.addCleanup(logs.hide, ())
        logs.hide([KEY, OTHER_KEY])
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        for path in (f"/collections/{KEY}", f"/{OTHER_KEY}", f"/?api-key={KEY}", "/s3cret%2dkey"):
            await self.get(path)
            await self.get(path, RIGHT[0])
            call = self.rpc.call_raw(f"/qdrant.Nothing{path}", b"", metadata=(("api-key", KEY),))
            await self.refused(call)
        for headers in (*RIGHT, *(headers for headers, _ in REFUSED)):
            body = b'{"points": [{"id": 1, "vector": "s3cret", "payload": {"a": "s3cret"}}]}'
            await self.http.request("PUT", "/collections/c/points", body, headers)
            try:
                await self.stream("StreamUpsert", tuple(headers.items()))
            except grpc.RpcError:
                continue
        lines = text.getvalue()
        self.assertIn("stream ended", lines)
        self.assertIn("unauthenticated", lines)
        self.assertNotIn("s3cret", lines.lower())


class Open(WholeServer):
    async def test_a_server_without_a_key_takes_any(self) -> None:
        self.assertEqual((await self.get("/collections")).status, 200)
        self.assertEqual((await self.get("/collections", {"api-key": "any"})).status, 200)
        await self.rpc.call("Collections/List", LIST, metadata=(("api-key", "any"),))

    async def test_a_call_without_a_message(self) -> None:
        for path in ("/qdrant.Points/Get", "/qdrant.Qdrant/StreamScroll"):
            method: Any = self.rpc.channel.stream_stream(path)
            error = await self.refused(deferToThread(next, method(iter(()), timeout=20)))
            self.assertIs(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertEqual(error.details(), "Bad request: the call has no message")

    async def test_the_id_of_a_call_over_rest(self) -> None:
        ids = []
        for path in ("/collections", "/collections/none", "/nowhere", "/healthz"):
            (made,) = (await self.get(path)).headers.getRawHeaders("x-request-id", [])
            ids.append(made)
            (kept,) = (await self.get(path, {"X-Request-Id": "mine 1"})).headers.getRawHeaders(
                "x-request-id", []
            )
            self.assertEqual(kept, "mine 1")
        self.assertEqual(len(set(ids)), len(ids))

    async def test_the_id_of_a_call_over_grpc(self) -> None:
        given = (("x-request-id", "mine-1"),)
        exists = pb.GetCollectionInfoRequest(collection_name="c")
        missing = pb.GetCollectionInfoRequest(collection_name="none")
        _, call = await deferToThread(
            lambda: self.stub.GetCollectionInfo.with_call(exists, metadata=given)
        )
        self.assertIn(("x-request-id", "mine-1"), call.trailing_metadata())
        error = await self.refused(
            deferToThread(lambda: self.stub.GetCollectionInfo(missing, metadata=given))
        )
        self.assertIn(("x-request-id", "mine-1"), error.trailing_metadata())
        for name in STREAMS:
            _, call = await self.stream(name)
            (made,) = [v for k, v in call.trailing_metadata() if k == "x-request-id"]
            self.assertRegex(made, "^[0-9a-f-]+$")
            _, call = await self.stream(name, given)
            self.assertIn(("x-request-id", "mine-1"), call.trailing_metadata())


class RatedServer(WholeServer):
    """The clock of the rate limit stands still, so that no calls are granted while a test runs."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.patch(configured, "monotonic", lambda: 0.0)
        await super().setUp()


class Rates(RatedServer):
    settings: Mapping[str, Any] = {"rate_limit": 8}

    async def exhaust(self) -> Any:
        """Make calls until one is refused; its answer."""
        for _ in range(50):
            answer = await self.get("/collections")
            if answer.status == 429:
                return answer
        raise self.failureException("no call was refused")

    async def test_rest(self) -> None:
        answer = await self.exhaust()
        answer.check(check_response, "GET", "/collections")
        self.assertEqual(answer.error, "Rate limiting exceeded: a client may make 8 calls a second")
        (seconds,) = answer.headers.getRawHeaders("Retry-After", [])
        self.assertGreaterEqual(int(seconds), 1)

    async def test_grpc_calls_and_streams_of_the_same_client(self) -> None:
        for name in (None, *STREAMS):
            await self.exhaust()
            unary = self.rpc.call("Collections/List", LIST) if name is None else None
            error = await self.refused(unary or self.stream(str(name)))
            self.assertIs(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
            self.assertIn("Rate limiting exceeded: ", error.details())
            (seconds,) = [v for k, v in error.trailing_metadata() if k == "retry-after"]
            self.assertGreaterEqual(int(seconds), 1)


class GrpcStatus(WholeServer):
    settings: Mapping[str, Any] = {
        "stream_memory_mb": 7,
        "stream_batch_points": 10,
        "rate_limit": 0,
    }

    async def status(self) -> Any:
        answer = await self.get("/grpc/status")
        self.assertEqual(answer.status, 200)
        return answer.json["result"]

    async def test_calls_by_method(self) -> None:
        for _ in range(3):
            await self.rpc.call("Collections/List", LIST)
        asked = collections_pb2.GetCollectionInfoRequest(collection_name="none")
        await self.refused(self.rpc.call("Collections/Get", asked))
        await self.refused(self.rpc.call_raw("/qdrant.Points/Get", b"\xff"))
        status = await self.status()
        listed = status["calls"]["qdrant.Collections/List"]
        self.assertEqual((listed["count"], listed["errors"]), (3, 0))
        latency = listed["latency_ms"]
        self.assertLess(0, latency["p50"])
        self.assertLessEqual(latency["p50"], latency["p95"])
        self.assertLessEqual(latency["p95"], latency["p99"])
        for method in ("qdrant.Collections/Get", "qdrant.Points/Get"):
            found = status["calls"][method]
            self.assertEqual((found["count"], found["errors"]), (1, 1), method)
        self.assertEqual(status["address"], f"127.0.0.1:{self.rpc.port}")
        self.assertGreater(status["uptime_seconds"], 0)
        self.assertIsNone(status["rate_limit"])

    async def test_while_a_stream_runs(self) -> None:
        status = await self.status()
        self.assertEqual(
            status["streams"],
            {
                "open": 0,
                "limit": 100,
                "memory_bytes": 0,
                "memory_limit_bytes": 7 * 1024 * 1024,
                "batch_points": 10,
            },
        )
        body = orjson.dumps(
            {
                "points": [
                    {"id": n, "vector": [1, 2, 3, 4], "payload": {"t": "x" * 20_000}}
                    for n in range(1500)
                ]
            }
        )
        await self.http.request("PUT", "/collections/c/points?wait=true", body)
        answers = self.stub.StreamScroll(pb.ScrollRequest(collection_name="c"))
        first = await deferToThread(lambda: len(next(answers).result))
        status = await self.status()
        self.assertEqual(status["streams"]["open"], 1)
        self.assertGreater(status["streams"]["memory_bytes"], 0)
        self.assertEqual(status["calls"]["qdrant.Qdrant/StreamScroll"]["open_streams"], 1)
        rest = await deferToThread(lambda: sum(len(answer.result) for answer in answers))
        self.assertEqual(first + rest, 1500)
        status = await self.status()
        self.assertEqual((status["streams"]["open"], status["streams"]["memory_bytes"]), (0, 0))
        stream = status["calls"]["qdrant.Qdrant/StreamScroll"]
        self.assertEqual((stream["open_streams"], stream["count"], stream["errors"]), (0, 1, 0))


class NoGrpc(WholeServer):
    settings: Mapping[str, Any] = {"grpc_port": None}

    async def test_there_is_no_status(self) -> None:
        answer = await self.get("/grpc/status")
        self.assertEqual(answer.status, 404)
        self.assertIn("gRPC", answer.error)
