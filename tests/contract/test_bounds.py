"""Queues of reads, of commits and of calls that are full: what is refused over both wires."""

from __future__ import annotations

from threading import Event
from typing import Any
from unittest.mock import patch

import grpc
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.task import deferLater

from tests import TRANSPORT
from tests.contract.gated import GatedCase
from tests.contract.providers import reactor
from tests.contract.rpc_client import RpcClient
from tests.long_reads import LongReads
from tests.suites.values import Point, upsert
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.reads import ON_SNAPSHOT, READS
from vexfs_twisted.model.queries import Count, Facet
from vexfs_twisted.rpc.generated import points_pb2
from vexfs_twisted.rpc.server import RpcService
from vexfs_twisted.rpc.settings import RpcSettings
from vexfs_twisted.storage import read_pools

FACET = points_pb2.FacetCounts(collection_name="c", key="k")
COUNT = points_pb2.CountPoints(collection_name="c")


def rpc_points(number: int) -> points_pb2.UpsertPoints:
    message = points_pb2.UpsertPoints(collection_name="c", wait=True)
    point = message.points.add()
    point.id.num = number
    point.vectors.vector.data.extend([1, 2, 3, 4])
    return message


class BoundsCase(GatedCase):
    async def refused(
        self, status: int, code: grpc.StatusCode, rest: tuple[str, str, Any], method: str, rpc: Any
    ) -> None:
        """A request is refused over both wires, and may be sent again in a second."""
        answer = await self.http.send_json(*rest)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers.getRawHeaders("retry-after"), ["1"])
        error: Any = await self.assertFailure(self.rpc.call(method, rpc), grpc.RpcError)
        self.assertIs(error.code(), code)
        self.assertEqual(dict(error.trailing_metadata())["retry-after"], "1")


class Reads(BoundsCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.patch(read_pools, "_MAX_WAITING", 1)
        await super().setUp()
        self.reads = LongReads()
        for table in (READS, ON_SNAPSHOT):
            if Facet in table:
                patched = patch.dict(table, {Facet: lambda *_: self.reads.known() and []})
                patched.start()
                self.addCleanup(patched.stop)
        self.addCleanup(self.reads.may_end.set)

    async def test_no_more_than_so_many_wait(self) -> None:
        pool = self.gate._storage._readers.long
        facet = ("POST", "/collections/c/facet", {"key": "k"})
        begun = []
        for number in range(pool.size + 1):
            begun.append(Deferred.fromCoroutine(self.http.send_json(*facet)))
            await self.running(min(number + 1, pool.size))
        await self.until(lambda: pool.waiting == 1)
        unavailable = grpc.StatusCode.UNAVAILABLE
        await self.refused(503, unavailable, facet, "Points/Facet", FACET)
        self.assertEqual(await self.operations.read("c", Count()), 1)
        self.reads.may_end.set()
        for answer in begun:
            self.assertEqual((await answer).status, 200)

    async def running(self, count: int) -> None:
        """Wait until so many reads are at work."""
        await self.until(lambda: self.reads.running == count)


class Commits(BoundsCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.may_commit = Event()
        self.addCleanup(self.may_commit.set)
        apply = Collection.apply_each

        def delayed(collection: Collection, batches: Any) -> Any:
            self.may_commit.wait(60)
            return apply(collection, batches)

        self.patch(Collection, "apply_each", delayed)
        self.queued = self.gate._storage._queued
        # The last commit is told of before its writer is free.
        await deferLater(reactor, 0)

    async def check(self) -> None:
        """One is being committed, another waits, and no more may."""
        begun = [
            self.operations.update("c", upsert(Point(number, [1, 2, 3, 4])), wait=True)
            for number in (10, 11)
        ]
        self.assertEqual(self.queued.count, 1)
        body = {"points": [{"id": 12, "vector": [1, 2, 3, 4]}]}
        exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
        rest = ("PUT", "/collections/c/points", body)
        await self.refused(429, exhausted, rest, "Points/Upsert", rpc_points(12))
        self.may_commit.set()
        await gatherResults(begun)
        self.assertEqual((self.queued.count, self.queued.bytes), (0, 0))
        self.assertEqual(await self.operations.read("c", Count()), 3)

    async def test_no_more_than_so_many_wait(self) -> None:
        self.patch(self.queued, "_most", 1)
        await self.check()

    async def test_no_more_than_so_many_bytes(self) -> None:
        self.patch(self.queued, "_most_bytes", 200)
        await self.check()

    async def test_streams_count_their_memory_themselves(self) -> None:
        self.patch(self.queued, "_most", 0)
        stream = await self.operations.stream_upsert()
        await stream.put("c", upsert(Point(10, [1, 2, 3, 4])))
        self.may_commit.set()
        self.assertEqual(await stream.finish(), 1)


class CallsOfAConnection(GatedCase):
    async def _start_rpc(self) -> None:
        settings = RpcSettings(port=0, transport=TRANSPORT, max_calls=2)
        service = RpcService(self.operations, settings, reactor.callFromThread)
        await service.startService()
        self.addCleanup(service.stopService)
        self.rpc = RpcClient(reactor, service.port)
        self.addCleanup(self.rpc.close)

    async def test_the_next_waits(self) -> None:
        """Until one before it is answered; the library may also refuse it, to be sent again."""
        await self.rpc.call("Points/Count", COUNT)
        self.gate.is_open = False
        begun = self.gate.begun
        calls = [self.rpc.call("Points/Count", COUNT) for _ in range(5)]
        await self.until(lambda: self.gate.begun == begun + 2)
        await deferLater(reactor, 0.1)
        self.assertEqual(self.gate.begun, begun + 2)
        self.gate.open()
        outcomes = await DeferredList(calls, consumeErrors=True)
        answers = [answer.result.count for is_answer, answer in outcomes if is_answer]
        self.assertEqual(set(answers), {1})
        self.assertGreaterEqual(len(answers), 2)
        refused = {failure.value.code() for is_answer, failure in outcomes if not is_answer}
        self.assertLessEqual(refused, {grpc.StatusCode.UNAVAILABLE})
