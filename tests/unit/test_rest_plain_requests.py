"""Requests that are read as a whole, which must be answered as those that are read line by line."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import Connection, inline
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rest.transport.plain_requests import MAX_PLAIN_HEAD, PlainReader

METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "get", "G T", ""])
TARGETS = st.sampled_from(
    [
        "/collections/c/points/1",
        "/collections/c/points/1?timeout=0",
        "/collections/c/points/1?consistency=%61ll",
        "/collections/c/points/%31",
        "/collections/c/points/x",
        "/collections//c/points/1/",
        "/collections/no/points/1",
        "/collections/c/points",
        "/collections/c/points/count",
        "/collections/c/points/count?timeout=5#x",
        "/collections/c/points/nothing",
        "/collections/c",
        "/",
        "*",
        "collections/c/points/1",
        "/collections/c /points/1",
        "/collections/\xe4/points/1",
    ]
)
VERSIONS = st.sampled_from(["HTTP/1.1"] * 6 + ["HTTP/1.0", "HTTP/2.0", "http/1.1", ""])
LINES = st.sampled_from(
    [
        "Host: h",
        "host:h",
        "Accept: */*",
        "Connection: keep-alive",
        "Connection: close",
        "connection: Upgrade, x",
        "Transfer-Encoding: chunked",
        "Content-Encoding: gzip",
        "Content-Encoding: x",
        "Expect: 100-continue",
        "Content-Length: 2",
        "content-length:\t2 ",
        "Content-Length: 02",
        "Content-Length: 0",
        "Content-Length: 3",
        "Content-Length: +2",
        "X-Content-Length: 7",
        "X-Request-Id: mine",
        "x-request-id: \xe4",
        "X_Under: 1",
        "X: a\x00b",
        "X: a\rb",
        " folded",
        "no colon",
        ": empty",
        "Content-Type: application/json",
    ]
)
BODIES = st.sampled_from(["", "{}", "2\r\n{}\r\n0\r\n\r\n", "{", '{"ids":[1]}', "\r\n"])
HOST = "Host: h"


def _told(answer: bytes) -> list[bytes]:
    """An answer without what differs from call to call."""
    lines = answer.replace(b'"time":', b"\r\ntime:").split(b"\r\n")
    varying = (b"Date:", b"time:", b"X-Request-Id: ", b"Content-Length:")
    return sorted(line for line in lines if not line.startswith(varying) or b"mine" in line)


class PlainRequests(SynchronousTestCase):
    def setUp(self) -> None:
        self.operations = RecordedOperations(self)
        self.clock = Clock()
        self.site = make_site(self.operations, RestSettings(), self.clock, inline)
        self.restore()

    def restore(self) -> None:
        """Make the collection and its point anew, and forget the calls."""
        self.ask("DELETE", "/collections/c", b"")
        self.ask("PUT", "/collections/c", b'{"vectors":{"size":2,"distance":"Dot"}}')
        self.ask("PUT", "/collections/c/points", b'{"points":[{"id":1,"vector":[1,2]}]}')
        self.operations.calls.clear()

    def ask(self, method: str, target: str, body: bytes) -> None:
        head = f"{method} {target} HTTP/1.1\r\n{HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.assertIn(b"200 OK", self.answers(head.encode() + body))

    def answers(self, *pieces: bytes) -> bytes:
        connection = self.connect()
        for piece in pieces:
            connection.send(piece)
        return connection.take()

    def connect(self) -> Connection:
        return Connection(self.site, self.operations.pump)

    @given(
        METHODS,
        TARGETS,
        VERSIONS,
        st.lists(LINES, max_size=5),
        st.booleans(),
        BODIES,
        st.integers(1, 40),
    )
    def test_are_answered_as_those_in_pieces(
        self,
        method: str,
        target: str,
        version: str,
        lines: list[str],
        has_host: bool,
        body: str,
        cut: int,
    ) -> None:
        lines = [HOST, *lines] if has_host else lines
        data = "\r\n".join([f"{method} {target} {version}", *lines, "", body]).encode("latin-1")
        # A request may change what the next one finds.
        self.restore()
        whole = self.answers(data)
        calls = list(self.operations.calls)
        self.restore()
        pieces = self.answers(data[:cut], data[cut:])
        self.assertEqual(_told(whole), _told(pieces), data)
        self.assertEqual(repr(calls), repr(self.operations.calls), data)

    def test_the_next_request_has_headers_of_its_own(self) -> None:
        reader = PlainReader()
        first = self.read(reader, "Host: h", "X: 1", "Content-Length: 2", body="{}")
        second = self.read(reader, "Host: h", "X: 1", "Content-Length: 3", body="{ }")
        other = self.read(reader, "Host: h", "X: 2")
        self.assertIs(first.headers, second.headers)
        self.assertEqual((first.body, second.body, other.body), (b"{}", b"{ }", b""))
        self.assertEqual(other.headers.getRawHeaders(b"x"), [b"2"])

    def test_common_requests_are_plain(self) -> None:
        lines = ("Host: h", "Accept: */*", "Connection: Keep-Alive", "api-key: \xe4")
        plain = self.read(PlainReader(), *lines)
        self.assertEqual((plain.method, plain.target), (b"GET", b"/c?a=%20#b"))
        self.assertEqual(plain.path, b"/c")

    def test_larger_ones_are_not(self) -> None:
        long = "X: " + "x" * MAX_PLAIN_HEAD
        self.assertIsNone(self.read(PlainReader(), HOST, long))
        self.assertIsNone(
            self.read(PlainReader(), HOST, "Content-Length: 5", body="12345", limit=4)
        )

    def read(self, reader: PlainReader, *lines: str, body: str = "", limit: int = 99) -> Any:
        head = "\r\n".join(["GET /c?a=%20#b HTTP/1.1", *lines, "", body])
        return reader.read(head.encode("latin-1"), limit)

    def test_requests_after_one_another_share_a_connection(self) -> None:
        connection = self.connect()
        request = b"GET /collections/c/points/1 HTTP/1.1\r\nHost: h\r\n\r\n"
        for piece in (request, request * 3, request[:30], request[30:] + request, request):
            connection.send(piece)
        self.assertEqual(connection.take().count(b"200 OK"), 7)
        self.assertTrue(connection.transport.connected)

    def test_an_idle_connection_is_closed_some_time_after_its_last_response(self) -> None:
        connection = self.connect()
        for _ in range(3):
            self.clock.advance(40)
            connection.send(b"GET /collections/c/points/1 HTTP/1.1\r\nHost: h\r\n\r\n")
        self.clock.advance(59)
        self.assertTrue(connection.transport.connected)
        self.clock.advance(1)
        self.assertFalse(connection.transport.connected)

    def test_a_request_in_progress_keeps_its_connection(self) -> None:
        reading: Deferred[list[Any]] = Deferred()
        self.operations.read = lambda *_: reading  # type: ignore[method-assign,assignment]
        connection = self.connect()
        connection.send(b"GET /collections/c/points/1 HTTP/1.1\r\nHost: h\r\n\r\n")
        self.clock.advance(200)
        self.assertEqual(connection.take(), b"")
        reading.callback([])
        self.assertIn(b"404 Not Found", connection.take())
        self.clock.advance(59)
        self.assertTrue(connection.transport.connected)
        self.clock.advance(1)
        self.assertFalse(connection.transport.connected)
