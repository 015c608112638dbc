"""Reads are stopped when their clients leave, or lose patience, on both wires."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from unittest.mock import patch

import grpc
import orjson
from twisted.internet.defer import Deferred, gatherResults

from tests.contract.gated import GatedCase
from tests.contract.providers import reactor
from tests.contract.raw_http import connect, request
from tests.long_reads import LongReads
from tests.suites.values import Point, nearest, upsert
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.query.cursor_sources import CURSOR_SOURCES
from vexfs_twisted.engine.read_bounds import Outgrown
from vexfs_twisted.engine.reads import ON_SNAPSHOT, READS
from vexfs_twisted.model.errors import TimedOut
from vexfs_twisted.model.queries import (
    Count,
    Facet,
    Query,
    QueryBatch,
    Retrieve,
    ScoredPoint,
    Scroll,
)
from vexfs_twisted.model.read_context import Cancelled
from vexfs_twisted.operations.service import Operations
from vexfs_twisted.rpc.generated import flat_pb2, points_pb2

COUNT = points_pb2.CountPoints(collection_name="c")
COUNT_REQUEST = request("POST", "/collections/c/points/count", b"{}")

MANY = 20


class LongCase(GatedCase):
    """Both wires over an engine whose counts, facets and pages take until they are stopped."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.reads = LongReads()
        long: dict[type, Any] = dict.fromkeys((Facet, Scroll), lambda *_: self.reads.known())
        # A count that is let to its end has an answer.
        long[Count] = lambda *_: len(self.reads.known())
        for table in (READS, ON_SNAPSHOT, CURSOR_SOURCES):
            patched = patch.dict(table, {kind: long[kind] for kind in long if kind in table})
            patched.start()
            self.addCleanup(patched.stop)
        self.addCleanup(self.reads.may_end.set)

    async def until_stopped(self, *kinds: type[BaseException]) -> None:
        """Wait until the reads have ended by these, and no thread is at work."""
        await self.until(lambda: len(self.reads.ends) >= len(kinds) and not self.reads.running)
        self.assertEqual(self.reads.ends, [("long-reader", kind) for kind in kinds])


class LeavingTests(LongCase):
    """Clients who leave."""

    async def test_a_connection_that_is_closed(self) -> None:
        connection = await connect(reactor, self.http_port)
        connection.send(COUNT_REQUEST)
        await self.until(lambda: self.reads.running == 1)
        connection.disconnect()
        await self.until_stopped(Cancelled)

    async def test_connections_whose_reads_wait_for_a_thread(self) -> None:
        connections = [await connect(reactor, self.http_port) for _ in range(MANY)]
        for connection in connections:
            connection.send(COUNT_REQUEST)
        await self.until(lambda: self.reads.running == 2)
        for connection in connections[::-1]:
            connection.disconnect()
        await gatherResults([connection.closed for connection in connections])
        await self.until_stopped(Cancelled, Cancelled)

    async def test_a_call_that_is_cancelled(self) -> None:
        method: Any = self.rpc.channel.unary_unary("/qdrant.Points/Count")
        call = method.future(COUNT.SerializeToString())
        await self.until(lambda: self.reads.running == 1)
        call.cancel()
        await self.until_stopped(Cancelled)

    async def test_a_stream_that_is_cancelled_while_it_opens(self) -> None:
        method: Any = self.rpc.channel.unary_stream("/qdrant.Qdrant/StreamScroll")
        stream = method(flat_pb2.ScrollRequest(collection_name="c").SerializeToString())
        await self.until(lambda: self.reads.running == 1)
        stream.cancel()
        await self.until_stopped(Cancelled)

    async def test_others_are_answered_while_many_wait(self) -> None:
        connections = [await connect(reactor, self.http_port) for _ in range(MANY)]
        for connection in connections:
            connection.send(COUNT_REQUEST)
        calls = [self.rpc.call("Points/Count", COUNT) for _ in range(MANY)]
        for call in calls:
            call.addErrback(lambda _: None)
        await self.until(lambda: self.reads.running == 2)
        point = await self.http.request("GET", "/collections/c/points/1")
        self.assertEqual(point.json["result"]["id"], 1)
        body = {"query": [1, 2, 3, 4]}
        found = await self.http.send_json("POST", "/collections/c/points/query", body)
        self.assertEqual([hit["id"] for hit in found.json["result"]["points"]], [1])
        get = points_pb2.GetPoints(collection_name="c")
        get.ids.add().num = 1
        got = await self.rpc.call("Points/Get", get)
        self.assertEqual(got.result[0].id.num, 1)
        search = points_pb2.SearchPoints(collection_name="c", vector=[1, 2, 3, 4], limit=1)
        self.assertEqual(len((await self.rpc.call("Points/Search", search)).result), 1)
        self.assertEqual((await self.http.request("GET", "/collections/c")).status, 200)
        self.assertEqual(self.reads.running, 2)
        for connection in connections:
            connection.disconnect()
        self.reads.may_end.set()

    async def test_a_write_is_not_stopped(self) -> None:
        connections = [await connect(reactor, self.http_port) for _ in range(MANY)]
        for connection in connections:
            connection.send(COUNT_REQUEST)
        await self.until(lambda: self.reads.running == 2)
        writer = await connect(reactor, self.http_port)
        point = orjson.dumps({"points": [{"id": 2, "vector": [1, 2, 3, 4]}]})
        writer.send(request("PUT", "/collections/c/points?wait=true", point))
        (reply,) = await writer.replies(1)
        self.assertEqual(reply.status, 200)
        for connection in (*connections, writer):
            connection.disconnect()


class PatienceTests(LongCase):
    """Clients who wait for so long and no longer."""

    async def stopped(self, kinds: set[Any], call: Callable[[int], Awaitable[object]]) -> None:
        """A call whose time is up, in seconds, has its read stopped in one of these ways.

        One whose read has not begun by then is made again with more time.
        """
        before = len(self.reads.ends)
        seconds = 1
        while len(self.reads.ends) == before:
            await call(seconds)
            await self.until(lambda: not self.reads.running)
            seconds *= 2
        self.assertLessEqual({kind for _, kind in self.reads.ends[before:]}, kinds)

    async def test_a_time_limit_over_rest(self) -> None:
        for path, body in (("points/count", {}), ("points/scroll", {}), ("facet", {"key": "a"})):
            where = f"/collections/c/{path}"

            async def call(seconds: int, where: str = where, body: Any = body) -> None:
                response = await self.http.send_json("POST", f"{where}?timeout={seconds}", body)
                self.assertEqual(response.status, 408)
                text = f"Timeout error: the operation did not finish within {seconds} seconds"
                self.assertEqual(response.error, text)

            await self.stopped({Cancelled, TimedOut}, call)

    async def exceeded(self, call: Deferred[Any]) -> None:
        """The call fails for its time."""
        error: Any = await self.assertFailure(call, grpc.RpcError)
        self.assertIs(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    async def test_a_time_limit_over_grpc(self) -> None:
        async def call(seconds: int) -> None:
            message = points_pb2.CountPoints(collection_name="c", timeout=seconds)
            await self.exceeded(self.rpc.call("Points/Count", message))

        await self.stopped({Cancelled, TimedOut}, call)

    async def test_a_deadline_of_grpc(self) -> None:
        async def call(seconds: int) -> None:
            await self.exceeded(self.rpc.call("Points/Count", COUNT, timeout=seconds / 2))

        await self.stopped({Cancelled}, call)

    def operations_within(self, seconds: float) -> Operations:
        """Operations whose reads may take so long where no limit is asked for."""
        return Operations(self.gate, reactor, read_seconds=seconds)  # type: ignore[arg-type]

    async def test_the_time_of_reads_without_a_limit(self) -> None:
        async def count(seconds: int) -> None:
            operations = self.operations_within(seconds / 5)
            await self.assertFailure(operations.read("c", Count()), TimedOut)

        async def scroll(seconds: int) -> None:
            operations = self.operations_within(seconds / 5)
            await self.assertFailure(operations.read("c", Scroll()), TimedOut)

        for call in (count, scroll):
            await self.stopped({Cancelled, TimedOut}, call)
        operations = self.operations_within(30)
        self.assertEqual(len(await operations.read("c", Retrieve([1], Query().selection))), 1)

    async def test_the_time_of_a_step_of_a_stream_without_a_limit(self) -> None:
        async def call(seconds: int) -> None:
            operations = self.operations_within(seconds / 5)
            await self.assertFailure(operations.stream("c", Scroll()), TimedOut)

        await self.stopped({TimedOut}, call)


class TogetherTests(GatedCase):
    """Queries of several clients that are put together."""

    async def test_one_that_is_cancelled_stops_no_other(self) -> None:
        await self.operations.update("c", upsert(Point(2, [4, 3, 2, 1])), wait=True)
        query = Query(nearest([1, 2, 3, 4]), limit=2)
        for _ in range(50):
            reads = [self.operations.read("c", query) for _ in range(6)]
            for read in reads[::2]:
                read.addErrback(lambda _: None)
                read.cancel()
            for found in await gatherResults(reads[1::2]):
                self.assertEqual([hit.id for hit in found], [1, 2])

    async def test_a_long_one_is_begun_again_and_the_others_are_answered(self) -> None:
        begun: list[bool] = []
        own = Collection.query_each

        def each(collection: Collection, queries: Any, bounds: Any) -> Any:
            begun.append(bounds._is_short)
            found = own(collection, queries, bounds)
            return [
                Outgrown() if bounds._is_short and q.limit == 7 else answer
                for q, answer in zip(queries, found, strict=True)
            ]

        self.patch(Collection, "query_each", each)

        def ask(queries: Sequence[Query]) -> Deferred[list[Sequence[ScoredPoint]]]:
            return self.operations.read("c", QueryBatch(queries))

        long, short = Query(nearest([1, 2, 3, 4]), limit=7), Query(nearest([1, 2, 3, 4]), limit=3)
        answers = await gatherResults([ask([short]), ask([short, long]), ask([short])])
        self.assertEqual([[len(hits) for hits in answer] for answer in answers], [[1], [1, 1], [1]])
        self.assertEqual(begun.count(False), 1)
