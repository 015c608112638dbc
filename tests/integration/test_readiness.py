"""A server that starts: its ports are open before its catalog, and that before its collections."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import tempfile
from pathlib import Path
from threading import Event
from typing import Any, cast
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from qdrant_client import QdrantClient
from qdrant_client.models import PointStruct
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.engine_support import floats, unnamed, upsert, write
from vexfs_twisted.composition import build
from vexfs_twisted.config import Config
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.errors import EngineStartError, UnusableDataFolder
from vexfs_twisted.lifecycle import StartAbandoned
from vexfs_twisted.model.collection import CreateAlias
from vexfs_twisted.rpc.generated import collections_pb2
from vexfs_twisted.storage.opener import CollectionOpener

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
LIST = "/qdrant.Collections/List"


def pause(seconds: float) -> Deferred[None]:
    """Fires after so many seconds."""
    return deferLater(cast("IReactorTime", reactor), seconds)


class StartTestCase(TestCase):
    """All components of a server, of which the start is observed."""

    def setUp(self) -> None:
        self.home = tempfile.mkdtemp(prefix="vexfs-readiness-")
        self.addCleanup(shutil.rmtree, self.home)
        self.parts = build(Config(storage_path=self.home, http_port=0, grpc_port=0), reactor)

    async def listening(self) -> Deferred[None]:
        """Begin the start, and wait until both ports are open; what fires when it has ended."""
        started: Deferred[None] = self.parts.service.startService()
        while True:
            try:
                self.parts.addresses()
            except RuntimeError:
                await pause(0.01)
            else:
                return started

    def ask(
        self, path: str, body: Any = None, method: str | None = None
    ) -> tuple[int, str, str | None]:
        """A call by REST: its status, the body, and when to try again. In a thread."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        address = self.parts.addresses()["rest"] + path
        try:
            with urlopen(Request(address, data, headers, method=method), timeout=60) as answer:
                return answer.status, answer.read().decode(), None
        except HTTPError as error:
            return error.code, error.read().decode(), error.headers["Retry-After"]


class ReadinessTests(StartTestCase):
    """The opening of the catalog waits to be let go on."""

    def setUp(self) -> None:
        super().setUp()
        self.opens = Event()
        self.addCleanup(self.opens.set)
        self.error: EngineStartError | None = None
        begin = Catalog.begin

        def waiting(catalog: Catalog) -> None:
            self.opens.wait(60)
            if self.error is not None:
                raise self.error
            begin(catalog)

        self.patch(Catalog, "begin", waiting)

    def call(self, channel: grpc.Channel) -> Any:
        """The status of a call over gRPC, None for success. In a thread."""
        method = channel.unary_unary(
            LIST,
            request_serializer=collections_pb2.ListCollectionsRequest.SerializeToString,
            response_deserializer=collections_pb2.ListCollectionsResponse.FromString,
        )
        try:
            method(collections_pb2.ListCollectionsRequest(), timeout=60)
        except grpc.RpcError as error:
            return error.code()
        return None

    async def test_health_is_told_and_all_else_refused_until_all_is_open(self) -> None:
        started = await self.listening()
        with grpc.insecure_channel(self.parts.addresses()["grpc"]) as channel:
            # These methods are newer than the type stubs.
            health: Any = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=60)
            self.assertEqual((await deferToThread(next, watch)).status, NOT_SERVING)
            for path, status, text in (
                ("/healthz", 200, "healthz check passed"),
                ("/livez", 200, "healthz check passed"),
                ("/readyz", 503, "some shards are not ready"),
            ):
                self.assertEqual(await deferToThread(self.ask, path), (status, text, None))
            status, body, again = await deferToThread(self.ask, "/collections")
            self.assertEqual((status, again), (503, "1"))
            error = json.loads(body)["status"]["error"]
            self.assertEqual(error, "Service unavailable: the server is starting")
            code = await deferToThread(self.call, channel)
            self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
            self.opens.set()
            await started
            self.assertEqual((await deferToThread(next, watch)).status, SERVING)
            ready = await deferToThread(self.ask, "/readyz")
            self.assertEqual(ready, (200, "all shards are ready", None))
            self.assertEqual((await deferToThread(self.ask, "/collections"))[0], 200)
            self.assertIsNone(await deferToThread(self.call, channel))
            watch.cancel()
        await self.parts.service.stopService()

    async def test_a_folder_that_cannot_be_opened_ends_the_start(self) -> None:
        started = await self.listening()
        self.error = UnusableDataFolder("x", "a reason")  # type: ignore[arg-type]
        self.opens.set()
        with self.assertRaises(UnusableDataFolder):
            await started
        self.assertRaises(RuntimeError, self.parts.addresses)

    async def test_a_stop_meanwhile(self) -> None:
        started = await self.listening()
        stopped = self.parts.service.stopService()
        self.opens.set()
        await stopped
        self.assertRaises(RuntimeError, self.parts.addresses)
        with self.assertRaises(StartAbandoned):
            await started


class OpeningTests(StartTestCase):
    """The collections `a`, `b` and `c`; the opening of `b` waits to be let go on, or fails."""

    def setUp(self) -> None:
        super().setUp()
        catalog = Catalog(self.home)
        catalog.open()
        for name in ("a", "b", "c"):
            write(catalog.create(name, unnamed()), upsert([1], floats([1, 2, 3, 4])))
        catalog.update_aliases([CreateAlias("b", "other")])
        catalog.close()
        self.opens = Event()
        self.addCleanup(self.opens.set)
        self.error: OSError | None = None
        self.tried: list[str] = []
        opened = Catalog.open_collection

        def waiting(catalog: Catalog, name: str) -> None:
            self.tried.append(name)
            if name == "b":
                self.opens.wait(60)
                if self.error is not None:
                    raise self.error
            opened(catalog, name)

        self.patch(Catalog, "open_collection", waiting)
        self.waits: list[Deferred[None]] = []
        wait = CollectionOpener.wait

        def noted(opener: CollectionOpener, name: str) -> Deferred[None]:
            self.waits.append(wait(opener, name))
            return self.waits[-1]

        self.patch(CollectionOpener, "wait", noted)

    async def waiting(self, count: int) -> None:
        """Return once so many calls have had to wait for their collection."""
        while len(self.waits) < count:
            await pause(0.01)

    async def serving(self) -> Deferred[None]:
        """Begin the start, and wait until calls are taken."""
        started = await self.listening()
        while (await deferToThread(self.ask, "/collections"))[0] == 503:
            await pause(0.01)
        return started

    async def end(self, started: Deferred[None]) -> None:
        """Let the start go on, and stop the server."""
        self.opens.set()
        await started
        self.assertEqual((await deferToThread(self.ask, "/readyz"))[0], 200)
        await self.parts.service.stopService()

    async def test_open_ones_are_served_while_others_are_opened(self) -> None:
        started = await self.serving()
        for name in ("a", "c"):
            status, body, _ = await deferToThread(
                self.ask, f"/collections/{name}/points/query", {"query": [1, 2, 3, 4]}
            )
            self.assertEqual((status, len(json.loads(body)["result"]["points"])), (200, 1))
        self.assertEqual((await deferToThread(self.ask, "/readyz"))[0], 503)
        listed = json.loads((await deferToThread(self.ask, "/collections"))[1])["result"]
        self.assertEqual({own["name"] for own in listed["collections"]}, {"a", "b", "c"})
        for path in ("/metrics", "/telemetry", "/vexfs/stats", "/collections/b/exists"):
            self.assertEqual((await deferToThread(self.ask, path))[0], 200, path)
        await self.end(started)

    async def test_calls_wait_until_their_collection_is_open(self) -> None:
        started = await self.serving()
        query = {"query": 1, "lookup_from": {"collection": "other"}}
        point = {"points": [{"id": 2, "vector": [1, 2, 3, 4]}]}
        asked: list[tuple[Any, ...]] = [
            ("/collections/b",),
            ("/collections/other/points/1",),
            ("/collections/b/points/query", {"query": [1, 2, 3, 4]}),
            ("/collections/a/points/query", query),
            ("/collections/b/points?wait=true", point, "PUT"),
            ("/collections/other/points/batch", {"operations": [{"upsert": point}]}),
            ("/collections/b", {"params": {}}, "PATCH"),
            ("/collections/b/snapshots", {}, "POST"),
        ]
        calls = [deferToThread(self.ask, *call) for call in asked]
        # All but the snapshot, which waits in its thread.
        await self.waiting(len(calls) - 1)
        self.assertFalse(any(call.called for call in calls))
        self.opens.set()
        answers = await gatherResults(calls)
        self.assertEqual([status for status, _, _ in answers], [200] * len(calls), answers)
        _, body, _ = await deferToThread(self.ask, "/collections/b/points/count", {})
        self.assertEqual(json.loads(body)["result"]["count"], 2)
        await self.end(started)

    async def test_calls_over_grpc_wait_within_their_timeout(self) -> None:
        started = await self.serving()
        _, port = self.parts.addresses()["grpc"].rsplit(":", 1)
        client = QdrantClient(
            "127.0.0.1", grpc_port=int(port), prefer_grpc=True, check_compatibility=False
        )
        self.addCleanup(client.close)
        with self.assertRaises(grpc.RpcError) as caught:
            await deferToThread(client.count, "b", timeout=1)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        calls: list[Deferred[Any]] = [
            deferToThread(client.count, "b"),
            deferToThread(client.upsert, "other", [PointStruct(id=2, vector=[1.0, 2.0, 3.0, 4.0])]),
        ]
        await self.waiting(1 + len(calls))
        self.assertFalse(any(call.called for call in calls))
        self.opens.set()
        await gatherResults(calls)
        self.assertEqual((await deferToThread(client.count, "b")).count, 2)
        await self.end(started)

    async def test_the_update_of_a_client_that_has_left_is_not_done(self) -> None:
        started = await self.serving()
        point = json.dumps({"points": [{"id": 2, "vector": [1, 2, 3, 4]}]})
        address = self.parts.addresses()["rest"].removeprefix("http://").rsplit(":", 1)
        with socket.create_connection((address[0], int(address[1]))) as connection:
            head = f"PUT /collections/b/points HTTP/1.1\r\nHost: x\r\nContent-Length: {len(point)}"
            connection.sendall(f"{head}\r\nContent-Type: application/json\r\n\r\n{point}".encode())
            await self.waiting(1)
        while not self.waits[0].called:
            await pause(0.01)
        self.opens.set()
        await started
        # What is written now is written after all that came before.
        later = {"points": [{"id": 3, "vector": [1, 2, 3, 4]}]}
        await deferToThread(self.ask, "/collections/b/points?wait=true", later, "PUT")
        _, body, _ = await deferToThread(self.ask, "/collections/b/points/count", {})
        self.assertEqual(json.loads(body)["result"]["count"], 2)
        await self.end(started)

    async def test_a_stop_meanwhile_opens_no_more(self) -> None:
        started = await self.serving()
        while "b" not in self.tried:
            await pause(0.01)
        stopped = self.parts.service.stopService()
        with self.assertRaises(StartAbandoned):
            await started
        self.opens.set()
        await stopped
        self.assertEqual(self.tried, ["a", "b"])

    async def test_one_that_cannot_be_opened(self) -> None:
        self.error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        self.opens.set()
        await (await self.listening())
        self.assertEqual((await deferToThread(self.ask, "/readyz"))[0], 200)
        status, body, _ = await deferToThread(self.ask, "/collections/b")
        self.assertEqual(status, 503)
        text = "collection `b` cannot be opened: [Errno 24] Too many open files"
        self.assertEqual(json.loads(body)["status"]["error"], f"Service unavailable: {text}")
        self.assertEqual((await deferToThread(self.ask, "/collections/a"))[0], 200)
        self.error = None
        status, body, _ = await deferToThread(self.ask, "/collections/b/points/count", {})
        self.assertEqual((status, json.loads(body)["result"]["count"]), (200, 1))
        await self.parts.service.stopService()

    async def test_one_that_cannot_be_opened_is_deleted(self) -> None:
        self.error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        self.opens.set()
        await (await self.listening())
        status, _, _ = await deferToThread(self.ask, "/collections/b", None, "DELETE")
        self.assertEqual(status, 200)
        self.assertEqual((await deferToThread(self.ask, "/collections/b"))[0], 404)
        self.assertEqual(len(os.listdir(Path(self.home, "collections"))), 2)
        await self.parts.service.stopService()
