"""Connections over which no sound HTTP comes, or too much of it at a time."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import Connection, Reply, inline, parse_replies
from vexfs_twisted import logs
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rest.transport.channel import MAX_HEAD_BYTES, PROGRESS_BYTES, REQUESTS_A_TURN
from vexfs_twisted.rest.transport.notices import INTERVAL_S

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"


class ChannelCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.site = make_site(RecordedOperations(self), RestSettings(), self.clock, inline)

    def connect(self) -> Connection:
        return Connection(self.site)

    def refused(self, data: bytes) -> Reply:
        """The answer to what is refused with the connection."""
        connection = self.connect()
        connection.send(data)
        (reply,) = parse_replies(connection.take(), "GET")
        self.assertFalse(connection.transport.connected)
        self.assertEqual(reply.headers["connection"], "close")
        self.assertTrue(reply.error)
        return reply


class Strictness(ChannelCase):
    def head(self, *lines: str, version: str = "HTTP/1.1") -> bytes:
        return "\r\n".join([f"POST /collections/a/points/count {version}", *lines, "", ""]).encode()

    def test_what_may_be_read_in_two_ways(self) -> None:
        host, chunked = "Host: h", "Transfer-Encoding: chunked"
        for lines in (
            (host, chunked, chunked),
            (host, "Transfer-Encoding: identity", chunked),
            (host, chunked, "Transfer-Encoding: identity"),
            (host, "Transfer-Encoding: chunked, chunked"),
            (host, "Transfer-Encoding: gzip, chunked"),
            (host, "Transfer-Encoding: identity"),
            (host, "Content-Length: 2", chunked),
            (host, chunked, "Content-Length: 2"),
            (host, "Content-Length: 2", "Content-Length: 2"),
            (host, "Content-Length: 2", "Content-Length: 3"),
            (host, "Content-Length: 2, 2"),
            (host, "Content-Length: +2"),
            (host, "Content-Length: " + "9" * 5000),
            (host, "X-Folded: a", " b"),
            (host, "Content-Length: 2", "\t3"),
            (host, "Transfer-Encoding:", " chunked"),
            (host, "Content-Length : 2"),
            (host, "no colon"),
            (host, "X: a\0b"),
            (),
            ("Hosts: h",),
            (host, host),
            (host, "host: other"),
        ):
            reply = self.refused(self.head(*lines) + b"2\r\n{}\r\n0\r\n\r\n")
            self.assertEqual(reply.status, 400, lines)

    def test_old_clients(self) -> None:
        for lines in (("Transfer-Encoding: chunked",), ("Host: h", "Host: h")):
            reply = self.refused(self.head(*lines, version="HTTP/1.0") + b"0\r\n\r\n")
            self.assertEqual(reply.status, 400, lines)
        connection = self.connect()
        connection.send(self.head("Content-Length: 2", version="HTTP/1.0") + b"{}")
        (reply,) = parse_replies(connection.take(), "POST")
        self.assertEqual(reply.status, 404)

    def test_what_is_sound_passes(self) -> None:
        for lines, body in (
            (("Content-Length: 2",), b"{}"),
            (("Transfer-Encoding: Chunked",), b"2\r\n{}\r\n0\r\n\r\n"),
            (("content-length: 2", "X-Empty:"), b"{}"),
        ):
            connection = self.connect()
            connection.send(b"\r\n" + self.head("Host: h", *lines) + body + HEALTH)
            first, second = parse_replies(connection.take(), "POST", "GET")
            self.assertEqual((first.status, second.status), (404, 200), lines)

    def test_a_request_after_a_refused_one_is_not_answered(self) -> None:
        reply = self.refused(self.head("Host: h", "Host: h", "Content-Length: 2") + b"{}" + HEALTH)
        self.assertEqual(reply.status, 400)

    def test_no_http_at_all(self) -> None:
        for data in (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /\r\n\r\n",
            b"GET  / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/3\r\n\r\n",
            b"nonsense\r\n\r\n",
            b"\x80\x80\r\n\r\n",
        ):
            self.assertEqual(self.refused(data).status, 400, data)

    def test_a_request_line_that_is_too_long(self) -> None:
        def line(length: int) -> bytes:
            return b"GET /".ljust(length - 9, b"x") + b" HTTP/1.1"

        rest = b"\r\nHost: h\r\n\r\n"
        for data in (line(MAX_HEAD_BYTES + 1) + rest, b"x" * (MAX_HEAD_BYTES + 2)):
            self.assertEqual(self.refused(data).status, 414)
        connection = self.connect()
        connection.send(line(MAX_HEAD_BYTES) + rest)
        (reply,) = parse_replies(connection.take(), "GET")
        self.assertEqual(reply.status, 404)

    def test_headers_that_are_too_large(self) -> None:
        start = b"GET /healthz HTTP/1.1\r\nHost: h\r\n"
        many = b"".join(b"X-%d: 1\r\n" % number for number in range(600))
        for data in (
            start + b"X: " + b"y" * MAX_HEAD_BYTES,
            start + b"X: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
            start + (b"X: " + b"y" * 1000 + b"\r\n") * 17 + b"\r\n",
            start + many + b"\r\n",
        ):
            self.assertEqual(self.refused(data).status, 431)
        connection = self.connect()
        connection.send(start + (b"X: " + b"y" * 1000 + b"\r\n") * 16 + b"\r\n")
        (reply,) = parse_replies(connection.take(), "GET")
        self.assertEqual(reply.status, 200)


class Handshakes(ChannelCase):
    def setUp(self) -> None:
        super().setUp()
        self.text = io.StringIO()
        observer = logs.stream_observer(self.text, "text", "info")
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def lines(self) -> list[str]:
        return [line for line in self.text.getvalue().splitlines() if "TLS" in line]

    def test_tls_is_refused_and_told_once_a_minute(self) -> None:
        hello = b"\x16\x03\x01\x02\x00" + bytes(512)
        for _ in range(50):
            reply = self.refused(hello)
            self.assertEqual(reply.status, 400)
            self.assertIn("TLS is not on here", reply.error)
        self.assertEqual(len(self.lines()), 1)
        self.assertIn("TLS is not on here", self.lines()[0])
        self.clock.advance(INTERVAL_S)
        self.refused(hello[:1])
        self.assertEqual(len(self.lines()), 2)
        self.assertIn("left_out=49", self.lines()[1])

    def test_the_same_byte_later_is_no_handshake(self) -> None:
        connection = self.connect()
        connection.send(HEALTH)
        connection.send(b"\x16\x03\x01\r\n\r\n")
        replies = parse_replies(connection.take(), "GET", "GET")
        self.assertEqual([reply.status for reply in replies], [200, 400])
        self.assertEqual(self.lines(), [])


class Pipelines(ChannelCase):
    def take(self, connection: Connection) -> int:
        return connection.take().count(b"healthz check passed")

    def test_so_many_are_answered_in_a_turn(self) -> None:
        connection = self.connect()
        turns: list[Callable[[], None]] = []
        protocol: Any = connection.protocol
        protocol.callLater = lambda _, turn: turns.append(turn)
        protocol.setTimeout(None)
        protocol.timeOut = None
        connection.send(HEALTH * (3 * REQUESTS_A_TURN + 1))
        for _ in range(3):
            self.assertEqual(self.take(connection), REQUESTS_A_TURN)
            self.assertEqual(connection.transport.producerState, "paused")
            turns.pop()()
        self.assertEqual(self.take(connection), 1)
        self.assertEqual(connection.transport.producerState, "producing")

    def test_what_comes_meanwhile_is_kept_in_order(self) -> None:
        connection = self.connect()
        data = b"".join(
            b"GET /healthz HTTP/1.1\r\nHost: h\r\nX-Request-Id: %d\r\n\r\n" % number
            for number in range(100)
        )
        for start in range(0, len(data), 700):
            connection.send(data[start : start + 700])
        for _ in range(100):
            self.clock.advance(0)
        replies = parse_replies(connection.take(), *["GET"] * 100)
        self.assertEqual(
            [reply.headers["x-request-id"] for reply in replies], [str(n) for n in range(100)]
        )

    def test_requests_with_bodies(self) -> None:
        connection = self.connect()
        head = b"POST /collections/a/points/count HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"
        connection.send((head + b"{}") * 50)
        for _ in range(10):
            self.clock.advance(0)
        replies = parse_replies(connection.take(), *["POST"] * 50)
        self.assertEqual({reply.status for reply in replies}, {404})

    def test_a_client_that_leaves_between_two_turns(self) -> None:
        connection = self.connect()
        connection.send(HEALTH * (2 * REQUESTS_A_TURN))
        self.take(connection)
        connection.transport.loseConnection()
        self.clock.advance(0)
        self.assertEqual(self.take(connection), 0)
        idle: list[Any] = [call for call in self.clock.getDelayedCalls() if call.active()]
        self.assertEqual(idle, [])


class SlowClients(ChannelCase):
    """Clients that send a byte now and then."""

    def drip(self, data: bytes, seconds: float = 50.0) -> float:
        """Send bytes one at a time; the seconds after which the server closes the connection."""
        connection = self.connect()
        connection.protocol.callLater = self.clock.callLater  # type: ignore[attr-defined]
        connection.protocol.setTimeout(60)  # type: ignore[attr-defined]
        begun = self.clock.seconds()
        for place in range(len(data)):
            connection.send(data[place : place + 1])
            self.clock.advance(seconds)
            if not connection.transport.connected:
                return self.clock.seconds() - begun
        raise AssertionError("the connection is still open")

    def test_heads(self) -> None:
        self.assertLess(self.drip(b"GET /healthz HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 100), 120)
        self.assertLess(self.drip(b"\r\n" * 100), 120)
        self.assertLess(self.drip(b"x" * 100), 120)

    def test_bodies(self) -> None:
        head = b"POST /collections/a/points/count HTTP/1.1\r\nHost: h\r\n"
        for framing in (b"Content-Length: 1000", b"Transfer-Encoding: chunked"):
            connection = self.connect()
            connection.protocol.callLater = self.clock.callLater  # type: ignore[attr-defined]
            connection.protocol.setTimeout(60)  # type: ignore[attr-defined]
            connection.send(head + framing + b"\r\n\r\n")
            for _ in range(3):
                connection.send(b"0")
                self.clock.advance(50)
            self.assertFalse(connection.transport.connected)

    def test_a_body_that_makes_progress(self) -> None:
        connection = self.connect()
        connection.protocol.callLater = self.clock.callLater  # type: ignore[attr-defined]
        connection.protocol.setTimeout(60)  # type: ignore[attr-defined]
        body = b" " * (10 * PROGRESS_BYTES) + b"{}"
        head = b"POST /collections/a/points/count HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n"
        connection.send(head % len(body))
        for start in range(0, len(body), PROGRESS_BYTES):
            self.clock.advance(50)
            connection.send(body[start : start + PROGRESS_BYTES])
        (reply,) = parse_replies(connection.take(), "POST")
        self.assertEqual(reply.status, 404)
        # Idle connections are given as long again.
        self.clock.advance(50)
        connection.send(HEALTH)
        self.assertTrue(connection.take())
