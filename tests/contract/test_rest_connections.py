"""Connections: pipelined, many at once, broken off; and calls that take too long."""

from __future__ import annotations

import orjson
from twisted.internet.defer import Deferred, gatherResults

from tests.contract.gated import GatedCase
from tests.contract.providers import check_response, reactor
from tests.contract.raw_http import connect, request
from tests.contract.rest_wire import POINT, UNNAMED, WireCase


class ConnectionsTests(WireCase):
    """Many connections, and many requests on one."""

    async def test_pipelined_requests_are_answered_in_order(self) -> None:
        connection = await connect(reactor, self.http.port)
        points = [orjson.dumps({"points": [POINT | {"id": number}]}) for number in range(2, 20)]
        requests = []
        for number, body in enumerate(points, start=2):
            requests.append(request("PUT", "/collections/c/points", body))
            requests.append(request("GET", f"/collections/c/points/{number}"))
        connection.send(b"".join(requests))
        replies = await connection.replies(len(requests))
        self.assertEqual({reply.status for reply in replies}, {200})
        ids = [reply.json["result"]["id"] for reply in replies[1::2]]
        self.assertEqual(ids, list(range(2, 20)))
        connection.disconnect()

    async def test_a_connection_outlives_refused_requests(self) -> None:
        connection = await connect(reactor, self.http.port)
        for body, status in ((b"{", 400), (b'{"limit":0}', 422), (b"{}", 200)) * 3:
            connection.send(request("POST", "/collections/c/points/scroll", body))
            (reply,) = await connection.replies(1)
            self.assertEqual(reply.status, status)
        connection.send(request("GET", "/nothing") + request("GET", "/collections/x"))
        replies = await connection.replies(2)
        self.assertEqual([reply.status for reply in replies], [404, 404])
        connection.disconnect()

    async def test_many_connections_at_once(self) -> None:
        connecting = [Deferred.fromCoroutine(connect(reactor, self.http.port)) for _ in range(150)]
        connections = await gatherResults(connecting)
        for number, connection in enumerate(connections):
            body = orjson.dumps({"points": [POINT | {"id": number + 1}]})
            connection.send(request("PUT", "/collections/c/points?wait=true", body))
        replies = await gatherResults([connection.replies(1) for connection in connections])
        self.assertEqual({reply.status for (reply,) in replies}, {200})
        for connection in connections:
            connection.disconnect()
        self.assertEqual(await self.ok("POST", "/collections/c/points/count", {}), {"count": 150})

    async def test_a_body_that_never_ends_writes_nothing(self) -> None:
        connection = await connect(reactor, self.http.port)
        whole = request(
            "PUT", "/collections/c/points", orjson.dumps({"points": [POINT | {"id": 2}]})
        )
        connection.send(whole[:-10])
        await self.ok("GET", "/collections/c")
        connection.disconnect()
        await connection.closed
        self.assertEqual(await self.ok("POST", "/collections/c/points/count", {}), {"count": 1})


class DisconnectTests(GatedCase):
    """Clients that go away, and calls that take too long."""

    async def test_a_write_is_finished_when_its_client_is_gone(self) -> None:
        self.gate.is_open = False
        connection = await connect(reactor, self.http_port)
        body = orjson.dumps({"points": [POINT | {"id": 2}]})
        connection.send(request("PUT", "/collections/c/points?wait=true", body))
        await self.until(lambda: len(self.gate.waiting) == 1)
        connection.disconnect()
        await connection.closed
        # By the time of the next answer the server knows that the connection is gone.
        await self.http.request("GET", "/")
        self.gate.open()
        await self.until_count(2)

    async def test_a_creation_is_finished_when_its_client_is_gone(self) -> None:
        self.gate.is_open = False
        connection = await connect(reactor, self.http_port)
        connection.send(request("PUT", "/collections/d", orjson.dumps(UNNAMED)))
        await self.until(lambda: len(self.gate.waiting) == 1)
        connection.disconnect()
        await connection.closed
        await self.http.request("GET", "/")
        self.assertEqual(self.gate.dropped, 0)
        self.gate.open()
        await self.until(lambda: "d" in self.gate.collection_names())

    async def test_a_read_is_dropped_when_its_client_is_gone(self) -> None:
        self.gate.is_open = False
        connection = await connect(reactor, self.http_port)
        connection.send(request("POST", "/collections/c/points/count", b"{}"))
        await self.until(lambda: len(self.gate.waiting) == 1)
        connection.disconnect()
        await self.until(lambda: self.gate.dropped == 1)

    async def test_a_read_that_takes_too_long(self) -> None:
        self.gate.is_open = False
        response = await self.http.send_json("POST", "/collections/c/points/count?timeout=1", {})
        self.assertEqual(response.status, 408)
        self.assertTrue(response.error.startswith("Timeout error: "), response.error)
        self.assertEqual(self.gate.dropped, 1)

    async def test_a_write_that_takes_too_long_is_finished_later(self) -> None:
        self.gate.is_open = False
        body = {"points": [POINT | {"id": 2}]}
        path = "/collections/c/points?wait=true&timeout=1"
        response = await self.http.send_json("PUT", path, body)
        self.assertEqual(response.status, 200)
        self.assertEqual(response.json["result"]["status"], "wait_timeout")
        check_response("PUT", "/collections/c/points", 200, "application/json", response.body)
        self.gate.open()
        await self.until_count(2)

    async def test_requests_behind_a_slow_one_on_other_connections_are_answered(self) -> None:
        self.gate.is_open = False
        asking = self.http.send_json("POST", "/collections/c/points/count", {})
        slow = Deferred.fromCoroutine(asking)
        await self.until(lambda: len(self.gate.waiting) == 1)
        response = await self.http.request("GET", "/collections/c/points/1")
        self.assertEqual(response.status, 200)
        self.gate.open()
        self.assertEqual((await slow).json["result"], {"count": 1})
