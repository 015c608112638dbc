"""A server whose collections are being opened: its ports are open, and it says so."""

from __future__ import annotations

import json
import shutil
import tempfile
from threading import Event
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from vexfs_twisted.composition import build
from vexfs_twisted.config import Config
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.errors import EngineStartError, UnusableDataFolder
from vexfs_twisted.lifecycle import StartAbandoned
from vexfs_twisted.rpc.generated import collections_pb2

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
LIST = "/qdrant.Collections/List"


class ReadinessTests(TestCase):
    """All components of a server, with an opening of the catalog that waits to be let go on."""

    def setUp(self) -> None:
        home = tempfile.mkdtemp(prefix="vexfs-readiness-")
        self.addCleanup(shutil.rmtree, home)
        self.opens = Event()
        self.addCleanup(self.opens.set)
        self.error: EngineStartError | None = None
        opened = Catalog.open

        def waiting(catalog: Catalog) -> None:
            self.opens.wait(60)
            if self.error is not None:
                raise self.error
            opened(catalog)

        self.patch(Catalog, "open", waiting)
        self.parts = build(Config(storage_path=home, http_port=0, grpc_port=0), reactor)

    async def listening(self) -> Deferred[None]:
        """Begin the start, and wait until both ports are open; what fires when it has ended."""
        started: Deferred[None] = self.parts.service.startService()
        while True:
            try:
                self.parts.addresses()
            except RuntimeError:
                await deferToThread(self.opens.wait, 0.01)
            else:
                return started

    def ask(self, path: str) -> tuple[int, str, str | None]:
        """A call by REST: its status, the body, and when to try again. In a thread."""
        try:
            with urlopen(self.parts.addresses()["rest"] + path, timeout=60) as answer:
                return answer.status, answer.read().decode(), None
        except HTTPError as error:
            return error.code, error.read().decode(), error.headers["Retry-After"]

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
