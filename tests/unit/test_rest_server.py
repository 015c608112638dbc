"""How the REST service stops: on twisted's reactor and transports in memory."""

from __future__ import annotations

import io
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import inline, parse_replies, request_bytes
from vexfs_twisted import logs
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rest.transport.server import IDLE_GRACE_S, STALL_S, RestService

GRACE_S = 20.0


class Held(Resource):
    """Answers each request when the test says so."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    def render(self, request: Request) -> int:
        self.requests.append(request)
        return NOT_DONE_YET

    def answer(self) -> None:
        request = self.requests.pop()
        request.write(b"done")
        request.finish()


class HeldSite(Site):
    """A site without routes of its own, all of whose requests are held."""

    plain_bytes = 0

    def find(self, method: bytes, path: bytes) -> None:
        """None: no route."""


class Connection(StringTransport):
    """A transport that tells its protocol when it is closed, as a socket does."""

    protocol: Any
    client = "192.0.2.1"

    def loseConnection(self) -> None:
        self._close(ConnectionDone())

    def abortConnection(self) -> None:
        self._close(ConnectionAborted())

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", self.client, 1234)

    def _close(self, reason: Exception) -> None:
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(reason))


class Stopping(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.held = Held()
        site = HeldSite(self.held, reactor=self.reactor)
        endpoint = TCP4ServerEndpoint(self.reactor, 6333)
        settings = RestSettings(stop_grace=GRACE_S)
        self.service = RestService(endpoint, site, self.reactor, settings)
        self.successResultOf(self.service.startService())

    def connect(self) -> Connection:
        factory = self.reactor.tcpServers[0][1]
        connection = Connection()
        connection.protocol = factory.buildProtocol(None)
        connection.protocol.makeConnection(connection)
        return connection

    def ask(self, connection: Connection) -> None:
        connection.protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    def stop(self) -> Deferred[None]:
        return self.service.stopService()

    def test_nothing_open(self) -> None:
        self.assertIsNone(self.successResultOf(self.stop()))

    def test_idle_connections_are_closed_soon(self) -> None:
        fresh, used = self.connect(), self.connect()
        self.ask(used)
        self.held.answer()
        stopping = self.stop()
        self.assertTrue(fresh.connected and used.connected)
        self.reactor.advance(IDLE_GRACE_S)
        self.assertFalse(fresh.connected or used.connected)
        self.assertIsNone(self.successResultOf(stopping))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_request_that_comes_meanwhile_is_the_last_of_its_connection(self) -> None:
        connection = self.connect()
        stopping = self.stop()
        self.ask(connection)
        self.reactor.advance(IDLE_GRACE_S)
        self.assertTrue(connection.connected)
        self.held.answer()
        self.assertFalse(connection.connected)
        self.assertIsNone(self.successResultOf(stopping))

    def test_a_request_under_way_is_answered_first(self) -> None:
        connection = self.connect()
        self.ask(connection)
        stopping = self.stop()
        self.assertTrue(connection.connected)
        self.assertNoResult(stopping)
        self.held.answer()
        self.assertIn(b"done", connection.value())
        self.assertFalse(connection.connected)
        self.assertIsNone(self.successResultOf(stopping))

    def test_a_request_that_is_still_arriving_is_answered_too(self) -> None:
        connection = self.connect()
        connection.protocol.dataReceived(b"GET / HTT")
        connection.protocol.dataReceived(b"P/1.1\r\nHost: x\r\n")
        stopping = self.stop()
        connection.protocol.dataReceived(b"\r\n")
        self.held.answer()
        self.assertIn(b"done", connection.value())
        self.assertIsNone(self.successResultOf(stopping))

    def test_what_takes_longer_than_the_grace_is_broken_off(self) -> None:
        connection = self.connect()
        self.ask(connection)
        stopping = self.stop()
        self.reactor.advance(GRACE_S - 1)
        self.assertNoResult(stopping)
        self.reactor.advance(1)
        self.assertFalse(connection.connected)
        self.assertIsNone(self.successResultOf(stopping))

    def upload(self) -> Connection:
        """A connection with a request of which a part of the body has arrived."""
        connection = self.connect()
        connection.protocol.dataReceived(
            b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nsome"
        )
        return connection

    def test_an_upload_that_stands_still_does_not_hold_up_the_stop(self) -> None:
        stuck = self.upload()
        beginning = self.connect()
        beginning.protocol.dataReceived(b"GET / HTTP/1.1\r\nHo")
        stopping = self.stop()
        self.reactor.advance(STALL_S)
        self.assertFalse(stuck.connected or beginning.connected)
        self.assertIsNone(self.successResultOf(stopping))
        self.assertEqual(self.held.requests, [])

    def test_an_upload_that_goes_on_is_answered(self) -> None:
        connection = self.upload()
        stopping = self.stop()
        for part in (b"x" * 46, b"x" * 49):
            connection.protocol.dataReceived(part)
            self.reactor.advance(STALL_S)
            self.assertTrue(connection.connected)
        connection.protocol.dataReceived(b"x")
        self.reactor.advance(2 * STALL_S)
        self.held.answer()
        self.assertIn(b"done", connection.value())
        self.assertIsNone(self.successResultOf(stopping))

    def test_without_a_stop_connections_stay_open_after_an_answer(self) -> None:
        connection = self.connect()
        for _ in range(2):
            self.ask(connection)
            self.held.answer()
        self.assertTrue(connection.connected)
        self.assertEqual(connection.value().count(b"done"), 2)


class Caps(SynchronousTestCase):
    """Connections beyond what may be open, altogether or of one client."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        settings = RestSettings(max_connections=4, max_client_connections=3)
        site = make_site(RecordedOperations(self), settings, self.reactor, inline)
        endpoint = TCP4ServerEndpoint(self.reactor, 6333)
        self.service = RestService(endpoint, site, self.reactor, settings)
        self.successResultOf(self.service.startService())
        self.text = io.StringIO()
        observer = logs.stream_observer(self.text, "text", "info")
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def connect(self, client: str) -> Connection:
        connection = Connection()
        connection.client = client
        connection.protocol = self.reactor.tcpServers[0][1].buildProtocol(None)
        connection.protocol.makeConnection(connection)
        return connection

    def refused(self, client: str) -> str:
        connection = self.connect(client)
        (reply,) = parse_replies(connection.value(), "GET")
        self.assertEqual(reply.status, 503)
        self.assertFalse(connection.connected)
        return reply.error

    def test_of_one_client(self) -> None:
        open_ones = [self.connect("192.0.2.1") for _ in range(3)]
        self.assertIn("one client may have 3 connections", self.refused("192.0.2.1"))
        self.assertTrue(self.connect("192.0.2.2").connected)
        open_ones[0].loseConnection()
        self.assertTrue(self.connect("192.0.2.1").connected)

    def test_altogether(self) -> None:
        open_ones = [self.connect(f"192.0.2.{number}") for number in range(4)]
        self.assertIn("4 connections are open", self.refused("192.0.2.9"))
        open_ones[3].abortConnection()
        self.assertTrue(self.connect("192.0.2.9").connected)

    def test_clients_that_open_a_connection_for_each_call(self) -> None:
        for _ in range(100):
            connection = self.connect("127.0.0.1")
            connection.protocol.dataReceived(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
            self.assertIn(b"healthz check passed", connection.value())
            connection.loseConnection()
        self.assertEqual(self.text.getvalue(), "")

    def test_the_log_is_told_once_a_minute(self) -> None:
        for _ in range(3):
            self.connect("192.0.2.1")
        for _ in range(20):
            self.refused("192.0.2.1")
        (line,) = self.text.getvalue().splitlines()
        self.assertIn("connection refused: one client may have 3 connections open", line)
        self.assertIn("peer=192.0.2.1", line)

    def test_a_stopping_server_tells_clients_that_it_closes_their_connections(self) -> None:
        kept = [self.connect("192.0.2.1") for _ in range(2)]
        for connection in kept:
            connection.protocol.dataReceived(request_bytes("GET", "/healthz"))
            (reply,) = parse_replies(connection.value(), "GET")
            self.assertNotIn("connection", reply.headers)
            connection.clear()
        stopping = self.service.stopService()
        for connection, path in zip(kept, ("/healthz", "/collections/none"), strict=True):
            connection.protocol.dataReceived(request_bytes("GET", path))
            (reply,) = parse_replies(connection.value(), "GET")
            self.assertEqual(reply.headers["connection"], "close")
            self.assertFalse(connection.connected)
        self.successResultOf(stopping)

    def test_a_stop_waits_for_none_that_was_refused(self) -> None:
        for _ in range(5):
            self.connect("192.0.2.1")
        stopping = self.service.stopService()
        self.reactor.advance(IDLE_GRACE_S)
        self.successResultOf(stopping)
