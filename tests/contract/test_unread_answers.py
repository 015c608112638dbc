"""Answers over REST that their clients do not read, while others wait for the memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.contract.providers import reactor
from tests.contract.test_middleware import WholeServer
from vexfs_twisted.streaming import reservations

MEBIBYTE = 1 << 20
POINTS = 8
SCROLL = orjson.dumps({"limit": POINTS})


class Unread(Protocol):
    """A client that asks, and does not read until it is told to."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self.received = 0
        self.lost: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.pauseProducing()
        transport.write(self._request)

    def read(self) -> None:
        """Read what comes from now on."""
        transport: Any = self.transport
        transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class UnreadAnswers(WholeServer):
    """Each answer is larger than all memory for answers, so there is one at a time."""

    settings: Mapping[str, Any] = {"stream_memory_mb": 8}

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        for number in range(POINTS):
            point = {"id": number, "vector": [1, 2, 3, 4], "payload": {"k": "x" * MEBIBYTE}}
            body = orjson.dumps({"points": [point]})
            answer = await self.http.request("PUT", "/collections/c/points?wait=true", body)
            self.assertEqual(answer.status, 200)

    async def scroll(self) -> Unread:
        head = "POST /collections/c/points/scroll HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
        request = f"{head}Content-Length: {len(SCROLL)}\r\n\r\n".encode() + SCROLL
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.http_port)
        client: Unread = await connectProtocol(endpoint, Unread(request))
        self.addCleanup(self.end, client)
        return client

    def end(self, client: Unread) -> Deferred[None]:
        transport: Any = client.transport
        transport.abortConnection()
        return client.lost

    async def test_they_are_ended_when_others_wait(self) -> None:
        self.patch(reservations, "PATIENCE_S", 0.0)
        self.patch(reservations, "SLOWEST", 1 << 60)
        unread = [await self.scroll() for _ in range(3)]
        # Without patience a reader is ended, too, where some of them claim memory behind it. Each
        # of them claims it a few times at most.
        for _ in range(2 * len(unread) + 1):
            reader = await self.scroll()
            reader.read()
            await reader.lost
            if reader.received > POINTS * MEBIBYTE:
                break
        self.assertGreater(reader.received, POINTS * MEBIBYTE)
        for client in unread:
            client.read()
        await DeferredList([client.lost for client in unread])
        self.assertLess(min(client.received for client in unread), POINTS * MEBIBYTE)

    async def test_they_are_left_where_nobody_waits(self) -> None:
        self.patch(reservations, "PATIENCE_S", 0.0)
        self.patch(reservations, "SLOWEST", 1 << 60)
        client = await self.scroll()
        # Small answers need no room.
        for _ in range(20):
            answer = await self.get("/collections/c")
            self.assertEqual(answer.status, 200)
            await deferLater(reactor, 0.01)
        client.read()
        await client.lost
        self.assertGreater(client.received, POINTS * MEBIBYTE)

    async def test_all_are_answered_when_each_reads(self) -> None:
        clients = [await self.scroll() for _ in range(10)]
        for client in clients:
            client.read()
        await DeferredList([client.lost for client in clients])
        for client in clients:
            self.assertGreater(client.received, POINTS * MEBIBYTE)
