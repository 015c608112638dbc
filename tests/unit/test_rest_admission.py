"""Requests whose bodies are still to come: let in, refused, or made to wait by their heads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import Connection, Reply, inline, parse_replies, request_bytes
from vexfs_twisted.middleware import CallInfo, MiddlewareChain
from vexfs_twisted.model.errors import DomainError, RateLimited, Unauthenticated
from vexfs_twisted.rest.bodies import budget, json_decoder
from vexfs_twisted.rest.dependencies import Dependencies
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rest.transport import request

COUNT = "/collections/a/points/count"
SMALL = 1000


class Door:
    """Refuses where it is told to, and counts who comes."""

    def __init__(self) -> None:
        self.refusal: DomainError | None = None
        self.begun: list[str] = []
        self.ended: list[str] = []

    def before(self, call: CallInfo) -> None:
        self.begun.append(call.kind.method)
        if self.refusal is not None:
            raise self.refusal

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        self.ended.append(outcome)


class AdmissionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(request, "SMALL_BYTES", SMALL)
        self.patch(json_decoder, "SMALL_BYTES", SMALL)
        self.clock = Clock()
        self.door = Door()
        self.operations = RecordedOperations(self)
        self.run: Any = inline
        self.make()
        create = json.dumps({"vectors": {"size": 2, "distance": "Dot"}}).encode()
        self.ask(self.connect(), request_bytes("PUT", "/collections/a", create))
        self.door.begun.clear()
        self.door.ended.clear()
        self.operations.calls.clear()

    def make(self, **settings: Any) -> None:
        def run(function: Callable[..., Any], *args: Any) -> Any:
            return self.run(function, *args)

        dependencies = Dependencies(MiddlewareChain([self.door]))
        given = RestSettings(max_body_bytes=100 * SMALL, **settings)
        self.site = make_site(self.operations, given, self.clock, run, dependencies)

    def connect(self) -> Connection:
        return Connection(self.site)

    def ask(self, connection: Connection, data: bytes, method: str = "POST") -> Reply:
        connection.send(data)
        (reply,) = parse_replies(connection.take(), method)
        return reply

    def head(self, method: str, path: str, *headers: str) -> bytes:
        return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: h", *headers, "", ""]).encode()


class Heads(AdmissionCase):
    def test_whoever_may_not_call_is_told_at_once(self) -> None:
        for refusal, status in (
            (Unauthenticated("who are you"), 401),
            (RateLimited("too often", 1), 429),
        ):
            self.door.refusal = refusal
            for method, path in (
                ("PUT", "/collections/a/points"),
                ("POST", COUNT),
                ("DELETE", "/collections/a"),
                ("GET", "/collections"),
                ("POST", "/nowhere"),
                ("PATCH", COUNT),
            ):
                for size in (f"Content-Length: {50 * SMALL}", "Transfer-Encoding: chunked"):
                    connection = self.connect()
                    reply = self.ask(connection, self.head(method, path, size), method)
                    self.assertEqual(reply.status, status, path)
                    self.assertEqual(reply.headers["connection"], "close")
        self.assertEqual(self.operations.calls, [])
        self.assertEqual(len(self.door.begun), 24)

    def test_a_client_that_waits_for_leave_is_not_given_it(self) -> None:
        self.door.refusal = Unauthenticated("who are you")
        expecting = ("Content-Length: 5000", "Expect: 100-continue")
        reply = self.ask(self.connect(), self.head("POST", COUNT, *expecting))
        self.assertEqual(reply.status, 401)
        self.door.refusal = None
        connection = self.connect()
        connection.send(self.head("POST", COUNT, *expecting))
        self.assertEqual(connection.take(), b"HTTP/1.1 100 Continue\r\n\r\n")

    def test_what_is_not_there(self) -> None:
        for method, path, status in (
            ("POST", "/nowhere", 404),
            ("PATCH", COUNT, 405),
            ("POST", "/collections/%ff", 400),
        ):
            reply = self.ask(self.connect(), self.head(method, path, "Content-Length: 90000"))
            self.assertEqual((reply.status, reply.headers["connection"]), (status, "close"))
            if status == 405:
                self.assertIn("POST", reply.headers["allow"])

    def test_with_a_small_body_the_connection_goes_on(self) -> None:
        connection = self.connect()
        for method, path, status in (
            ("POST", "/nowhere", 404),
            ("PATCH", COUNT, 405),
            ("POST", COUNT, 200),
        ):
            data = request_bytes(method, path, b"{}".ljust(SMALL))
            self.assertEqual(self.ask(connection, data).status, status)
        self.door.refusal = Unauthenticated("who are you")
        self.assertEqual(self.ask(connection, request_bytes("POST", COUNT, b"{}")).status, 401)
        self.assertTrue(connection.transport.connected)

    def test_what_is_sent_after_a_refusal_is_dropped(self) -> None:
        self.door.refusal = Unauthenticated("who are you")
        connection = self.connect()
        self.ask(connection, self.head("POST", COUNT, f"Content-Length: {90 * SMALL}"))
        for _ in range(90):
            connection.send(b"x" * SMALL)
        self.assertEqual(connection.take(), b"")
        self.assertFalse(connection.transport.connected)

    def test_an_endpoint_without_a_body_drops_it(self) -> None:
        connection = self.connect()
        for method, path in (("GET", "/collections"), ("DELETE", "/collections/zz")):
            data = request_bytes(method, path, b"[" * 50 * SMALL)
            self.assertEqual(self.ask(connection, data, method).status, 200)
        preflight = request_bytes("OPTIONS", COUNT, b"[" * 50 * SMALL)
        self.assertEqual(self.ask(connection, preflight, "OPTIONS").status, 200)

    def test_a_call_passes_once(self) -> None:
        connection = self.connect()
        for size in (2, SMALL, 2 * SMALL, 50 * SMALL):
            self.ask(connection, request_bytes("POST", COUNT, b"{}".ljust(size)))
        method = "POST /collections/{collection_name}/points/count"
        self.assertEqual((self.door.begun, self.door.ended), ([method] * 4, ["ok"] * 4))

    def test_a_client_that_leaves_in_the_middle(self) -> None:
        for size in (SMALL - 1, 50 * SMALL):
            connection = self.connect()
            connection.send(self.head("POST", COUNT, f"Content-Length: {size}") + b"{}")
            connection.transport.loseConnection()
        self.assertEqual(self.door.ended, ["cancelled"] * 2)


class Room(AdmissionCase):
    """Bodies that come together."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(budget, "ROOM_BYTES", SMALL)

    def begin(self, sent: int, size: int = 80 * SMALL) -> Connection:
        """A request of whose body so much has come."""
        connection = self.connect()
        connection.send(self.head("POST", COUNT, f"Content-Length: {size}"))
        connection.send(b"{}".ljust(sent))
        return connection

    def finish(self, connection: Connection, left: int) -> int:
        return self.ask(connection, b" " * left).status

    def state(self, connection: Connection) -> str:
        return connection.transport.producerState

    def test_past_the_budget_the_first_goes_on_alone(self) -> None:
        self.make(bodies_bytes=100 * SMALL, max_waiting_bodies=8)
        first, second, third = (self.begin(40 * SMALL) for _ in range(3))
        states = [self.state(one) for one in (first, second, third)]
        self.assertEqual(states, ["producing", "producing", "paused"])
        self.assertEqual(self.finish(first, 40 * SMALL), 200)
        self.assertEqual(self.state(third), "producing")
        third.send(b" " * 40 * SMALL)
        self.assertEqual(third.take(), b"")
        self.assertEqual(self.finish(second, 40 * SMALL), 200)
        (reply,) = parse_replies(third.take(), "POST")
        self.assertEqual(reply.status, 200)
        # All is given back.
        again = [self.begin(40 * SMALL) for _ in range(2)]
        self.assertEqual({self.state(one) for one in again}, {"producing"})

    def test_what_is_refused_or_left_is_given_back(self) -> None:
        self.make(bodies_bytes=100 * SMALL, max_waiting_bodies=8)
        for _ in range(20):
            self.begin(40 * SMALL).transport.loseConnection()
            self.ask(self.connect(), request_bytes("POST", COUNT, b"[" * 50 * SMALL))
        self.assertEqual(self.state(self.begin(70 * SMALL)), "producing")
        self.assertEqual(self.state(self.begin(20 * SMALL)), "producing")

    def test_no_more_than_so_many_wait(self) -> None:
        self.make(bodies_bytes=50 * SMALL, max_waiting_bodies=1)
        self.begin(60 * SMALL)
        self.assertEqual(self.state(self.begin(2 * SMALL)), "paused")
        connection = self.connect()
        connection.send(self.head("POST", COUNT, f"Content-Length: {80 * SMALL}"))
        reply = self.ask(connection, b"{}".ljust(2 * SMALL))
        self.assertEqual((reply.status, reply.headers["retry-after"]), (503, "1"))
        self.assertEqual(reply.headers["connection"], "close")
        self.assertEqual(self.door.ended[-1], "overloaded")

    def test_small_bodies_need_no_room(self) -> None:
        self.make(bodies_bytes=50 * SMALL, max_waiting_bodies=0)
        self.begin(60 * SMALL)
        for _ in range(10):
            data = request_bytes("POST", COUNT, b"{}".ljust(SMALL))
            self.assertEqual(self.ask(self.connect(), data).status, 200)

    def test_a_slow_one_that_others_wait_for_is_told(self) -> None:
        self.make(bodies_bytes=50 * SMALL, max_waiting_bodies=1)
        slow, waiting = self.begin(60 * SMALL), self.begin(2 * SMALL)
        self.clock.advance(budget.CHECK_S)
        self.clock.advance(budget.CHECK_S)
        (reply,) = parse_replies(slow.take(), "POST")
        self.assertEqual((reply.status, reply.headers["connection"]), (408, "close"))
        self.assertEqual(self.state(waiting), "producing")
        self.assertEqual(self.finish(waiting, 78 * SMALL), 200)

    def test_a_body_counts_until_its_answer(self) -> None:
        self.make(bodies_bytes=100 * SMALL, max_waiting_bodies=8)
        held: list[Callable[[], object]] = []

        def later(function: Callable[..., Any], *args: Any) -> Deferred[Any]:
            waiting: Deferred[Any] = Deferred()
            held.append(lambda: inline(function, *args).chainDeferred(waiting))
            return waiting

        self.run = later
        connection = self.connect()
        connection.send(request_bytes("POST", COUNT, b"{}".ljust(90 * SMALL)))
        first, second = self.begin(5 * SMALL), self.begin(6 * SMALL)
        self.assertEqual((self.state(first), self.state(second)), ("producing", "paused"))
        while held:
            held.pop(0)()
        (reply,) = parse_replies(connection.take(), "POST")
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.state(second), "producing")
