"""Both wires over a collection whose optimizer is behind, and whose writes wait for it."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

import grpc
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
)
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater

from tests import TRANSPORT
from tests.contract.gated import GatedCase, _run_in_thread
from tests.contract.providers import reactor
from tests.contract.rest_client import HttpClient
from tests.contract.rpc_client import RpcClient
from tests.suites.values import Point, unnamed, upsert
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.optimizer.building import Building
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import HnswConfigDiff, OptimizersConfigDiff
from vexfs_twisted.model.errors import NotFound, TimedOut, TooMany
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.updates import DeletePoints, UpdateResult, UpdateStatus
from vexfs_twisted.rest.dependencies import Dependencies
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rest.transport.server import RestService
from vexfs_twisted.rpc.generated import points_pb2
from vexfs_twisted.rpc.server import RpcService
from vexfs_twisted.rpc.settings import RpcSettings
from vexfs_twisted.streaming.budget import ByteBudget
from vexfs_twisted.streaming.reservations import AnswerReservations

THRESHOLD = 64
POINTS = "/collections/b/points"


def points(first: int, count: int = 1) -> Any:
    return upsert(*(Point(first + n, [1.0, 2.0, 3.0, float(first + n)]) for n in range(count)))


def rest_points(number: int) -> Any:
    return {"points": [{"id": number, "vector": [1.0, 2.0, 3.0, number]}]}


def rpc_points(number: int, **fields: Any) -> points_pb2.UpsertPoints:
    message = points_pb2.UpsertPoints(collection_name="b", wait=True, **fields)
    point = message.points.add()
    point.id.num = number
    point.vectors.vector.data.extend([1.0, 2.0, 3.0, number])
    return message


class BackpressureCase(GatedCase):
    """The collection `b` has more rows than its threshold; the optimizer goes on by `release`."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.may_optimize = Event()
        step = Collection.optimizer_step

        def delayed(collection: Collection) -> None:
            if collection.name == "b":
                self.may_optimize.wait(60)
            step(collection)

        self.patch(Collection, "optimizer_step", delayed)
        # Before the storage is stopped.
        await super().setUp()
        self.addCleanup(self.may_optimize.set)
        config = OptimizersConfigDiff(indexing_threshold=1, prevent_unoptimized=True)
        await self.create("b", config)
        await self.write(points(0, THRESHOLD + 1))

    async def create(self, name: str, config: OptimizersConfigDiff, **parts: Any) -> None:
        request = CreateCollection(unnamed().vectors, optimizers_config=config, **parts)
        await self.operations.create_collection(name, request)

    def write(self, update: Any, **how: Any) -> Deferred[UpdateResult]:
        written: Deferred[UpdateResult] = self.operations.update("b", update, **how)
        return written

    async def count(self) -> int:
        found: int = await self.operations.read("b", Count())
        return found

    async def held(self, count: int) -> None:
        """Wait until so many updates wait for their turn."""
        turns = self.gate._storage._queues["b"].turns
        await self.until(lambda: turns.length == count)

    async def _start_rest(self) -> None:
        reservations = AnswerReservations(ByteBudget(1 << 20), reactor)
        needed = Dependencies(reservations=reservations, call_in_reactor=reactor.callFromThread)
        site = make_site(self.operations, RestSettings(), reactor, _run_in_thread, needed)
        service = RestService(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"), site, reactor)
        await service.startService()
        self.addCleanup(service.stopService)
        self.http_port = service.addresses()[0].port  # type: ignore[attr-defined]
        self.http = HttpClient(reactor, self.http_port)
        self.addCleanup(self.http.close)

    async def _start_rpc(self) -> None:
        service = RpcService(
            self.operations,
            RpcSettings(port=0, transport=TRANSPORT),
            reactor.callFromThread,
            reservations=AnswerReservations(ByteBudget(1 << 20), reactor),
        )
        await service.startService()
        self.addCleanup(service.stopService)
        self.rpc = RpcClient(reactor, service.port)
        self.addCleanup(self.rpc.close)


class Waits(BackpressureCase):
    async def test_a_write_is_done_once_the_optimizer_has_caught_up(self) -> None:
        rest = Deferred.fromCoroutine(
            self.http.send_json("PUT", f"{POINTS}?wait=true", rest_points(1000))
        )
        await self.held(1)
        rpc = self.rpc.call("Points/Upsert", rpc_points(1001))
        await self.held(2)
        deleted = self.write(DeletePoints([1000]), wait=True)
        await self.held(3)
        self.assertEqual(await self.count(), THRESHOLD + 1)
        info = await self.http.request("GET", "/collections/b")
        self.assertEqual(info.json["result"]["update_queue"]["length"], 3)
        self.may_optimize.set()
        self.assertEqual((await rest).json["result"]["status"], "completed")
        self.assertEqual((await rpc).result.status, points_pb2.Completed)
        self.assertIs((await deleted).status, UpdateStatus.COMPLETED)
        self.assertEqual(await self.count(), THRESHOLD + 2)

    async def test_other_collections_and_deletes_go_on(self) -> None:
        await self.operations.update("c", points(5, 200), wait=True)
        await self.write(DeletePoints([0]))
        self.assertEqual(await self.count(), THRESHOLD)

    async def test_time_limits(self) -> None:
        for wait in ("true", "false"):
            answer = await self.http.send_json(
                "PUT", f"{POINTS}?wait={wait}&timeout=1", rest_points(1000)
            )
            self.assertEqual(answer.status, 408, answer.body)
        call = self.rpc.call("Points/Upsert", rpc_points(1000, timeout=1))
        error: Any = await self.assertFailure(call, grpc.RpcError)
        self.assertIs(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        await self.assertFailure(
            self.operations.update_batch("b", [points(1000)], timeout=0.1), TimedOut
        )
        self.may_optimize.set()
        await self.write(points(0))
        self.assertEqual(await self.count(), THRESHOLD + 1)

    async def test_clients_that_leave(self) -> None:
        body = json.dumps(rest_points(1000)).encode()
        head = f"PUT {POINTS} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
        connection = await self.connect()
        connection.write(head.encode() + body)
        await self.held(1)
        connection.abortConnection()
        await self.held(0)
        method: Any = self.rpc.channel.unary_unary("/qdrant.Points/Upsert")
        message = rpc_points(1000).SerializeToString()
        call = method.future(message)
        await self.held(1)
        call.cancel()
        await self.held(0)
        call = method.future(message, timeout=0.5)
        await self.until(call.done)
        await self.held(0)
        self.may_optimize.set()
        await self.write(points(0))
        self.assertEqual(await self.count(), THRESHOLD + 1)

    async def connect(self) -> Any:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.http_port)
        protocol = await connectProtocol(endpoint, Protocol())
        return protocol.transport

    async def test_too_many(self) -> None:
        self.patch(self.gate._storage._behind, "_most", 1)
        waiting = self.write(points(1000))
        answer = await self.http.send_json("PUT", POINTS, rest_points(1001))
        self.assertEqual(answer.status, 429)
        self.assertEqual(answer.headers.getRawHeaders("retry-after"), ["1"])
        call = self.rpc.call("Points/Upsert", rpc_points(1001))
        error: Any = await self.assertFailure(call, grpc.RpcError)
        self.assertIs(error.code(), grpc.StatusCode.RESOURCE_EXHAUSTED)
        await self.assertFailure(self.operations.update_batch("b", [points(1001)]), TooMany)
        self.may_optimize.set()
        await waiting
        self.assertEqual(await self.count(), THRESHOLD + 2)


class Ends(BackpressureCase):
    """What ends the wait beside the optimizer."""

    async def test_the_setting_is_switched_off(self) -> None:
        waiting = self.write(points(1000))
        await self.held(1)
        off = OptimizersConfigDiff(prevent_unoptimized=False)
        await self.operations.update_collection("b", UpdateCollection(optimizers_config=off))
        await waiting
        await self.write(points(2000, 500))

    async def test_graphs_are_switched_off(self) -> None:
        waiting = self.write(points(1000))
        off = UpdateCollection(hnsw_config=HnswConfigDiff(m=0))
        await self.operations.update_collection("b", off)
        await waiting

    async def test_the_optimizer_is_paused(self) -> None:
        waiting = self.write(points(1000))
        off = OptimizersConfigDiff(max_optimization_threads=0)
        await self.operations.update_collection("b", UpdateCollection(optimizers_config=off))
        await waiting

    async def test_the_server_stops(self) -> None:
        waiting = self.write(points(1000), wait=True)
        await self.held(1)
        self.gate._storage.end_turns()
        self.assertIs((await waiting).status, UpdateStatus.COMPLETED)
        await self.write(points(2000, 500))

    async def test_the_collection_is_deleted(self) -> None:
        waiting = self.write(points(1000))
        await self.held(1)
        await self.operations.delete_collection("b")
        await self.assertFailure(waiting, NotFound)

    async def test_the_optimizer_fails(self) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError("no graph")

        self.patch(Building, "save", fail)
        waiting = self.write(points(1000))
        await self.held(1)
        self.may_optimize.set()
        await waiting
        await self.write(points(2000, 500))
        self.flushLoggedErrors(RuntimeError)


class Streams(BackpressureCase):
    async def test_a_stream_waits(self) -> None:
        stream = await self.operations.stream_upsert()
        await stream.put("b", points(1000, 100))
        finished = stream.finish()
        await self.held(1)
        self.may_optimize.set()
        self.assertEqual(await finished, 100)

    async def test_a_stream_that_is_closed_writes_nothing(self) -> None:
        stream = await self.operations.stream_upsert(acknowledge=True)
        await stream.put("b", points(1000, 10))
        await self.held(1)
        stream.close()
        await self.held(0)
        await deferLater(reactor, 0)
        self.assertEqual(stream.points_written, 0)
        self.may_optimize.set()
        await self.write(points(0))
        self.assertEqual(await self.count(), THRESHOLD + 1)

    async def test_a_stream_whose_time_is_over(self) -> None:
        stream = await self.operations.stream_upsert(timeout=0.2)
        await stream.put("b", points(1000, 10))
        await self.assertFailure(stream.finish(), TimedOut)
        await self.held(0)
        self.assertEqual(stream.points_written, 0)
