"""Hostile traffic to a running daemon: it changes nothing, and others are served meanwhile."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.daemon import Sender, resident_bytes
from tests.fuzz.decoders import request_types
from tests.support import shared_daemon

NAME = "kept"
WAIT_S = 60.0
_MOMENT_S = 0.3
_MOST_GROWTH = 96 << 20
"""Bytes by which the daemon may grow: what it allots to connections, and to bodies for a time."""

_COUNT = f"/collections/{NAME}/points/count"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class HostileTrafficCase(SynchronousTestCase):
    """One daemon for all tests, with one collection of a few points."""

    def setUp(self) -> None:
        self.daemon = shared_daemon("hostile traffic")
        self.sender = Sender(self.daemon, "")
        self.addCleanup(self.sender.close)
        self.make_points()
        self.before = resident_bytes(self.daemon.pid)
        self.addCleanup(self.assert_unchanged)

    def make_points(self) -> None:
        """Make the collection, unless an earlier test has."""
        vectors = {"vectors": {"size": 2, "distance": "Dot"}}
        self.sender.send("PUT", f"/collections/{NAME}", json.dumps(vectors).encode())
        points = [{"id": number, "vector": [1, number]} for number in range(5)]
        path = f"/collections/{NAME}/points?wait=true"
        self.sender.send("PUT", path, json.dumps({"points": points}).encode())

    def assert_served(self) -> None:
        """Assert that another client gets its answers over both wires, and that nothing is new."""
        status, body = self.sender.send("POST", _COUNT, b"{}")
        self.assertEqual((status, json.loads(body)["result"]["count"]), (200, 5))
        method = "/qdrant.Points/Count"
        request = request_types()[method](collection_name=NAME).SerializeToString()
        with grpc.insecure_channel(self.daemon.grpc_address) as channel:
            self.assertTrue(channel.unary_unary(method)(request, timeout=WAIT_S))

    def assert_unchanged(self) -> None:
        self.assert_served()
        self.assertLess(resident_bytes(self.daemon.pid) - self.before, _MOST_GROWTH)

    @contextmanager
    def connected(self, port: int | None = None) -> Iterator[socket.socket]:
        address = ("127.0.0.1", self.daemon.http_port if port is None else port)
        with socket.create_connection(address, WAIT_S) as connection:
            yield connection

    def answer(self, data: bytes, seconds: float = WAIT_S) -> bytes:
        """What the server says to some bytes until it closes the connection, or for so long."""
        with self.connected() as connection:
            connection.settimeout(seconds)
            # It may refuse them before all have come.
            with contextlib.suppress(OSError):
                connection.sendall(data)
            found = b""
            with contextlib.suppress(OSError):
                while piece := connection.recv(65536):
                    found += piece
            return found


class HttpTests(HostileTrafficCase):
    """The REST port."""

    def refused(self, status: int, data: bytes) -> None:
        answer = self.answer(data)
        self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), (data[:80], answer[:80]))
        self.assertEqual(answer.count(b"HTTP/1.1"), 1)

    def test_floods_of_headers(self) -> None:
        begin = b"GET /collections HTTP/1.1\r\nHost: h\r\n"
        self.refused(431, begin + b"".join(b"X-%d: 1\r\n" % n for n in range(100_000)) + b"\r\n")
        self.refused(431, begin + b"X: " + b"x" * (8 << 20) + b"\r\n\r\n")
        self.refused(414, b"GET /" + b"x" * (8 << 20))

    def test_requests_within_requests(self) -> None:
        """Shapes that two parsers may take apart at different places."""
        hidden = f"DELETE /collections/{NAME} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
        head = f"POST {_COUNT} HTTP/1.1\r\nHost: h\r\n".encode()
        length = b"Content-Length: %d\r\n" % len(hidden)
        chunked = b"Transfer-Encoding: chunked\r\n"
        for headers in (
            length + chunked,
            chunked + length,
            length + b"Content-Length: 0\r\n",
            b"Content-Length: 0\r\n" + length,
            b"Content-Length: 0, 0\r\n",
            b"Content-Length: +0\r\n",
            b"Content-Length: 0x0\r\n",
            b"Transfer-Encoding: \x0bchunked\r\n",
            b"Transfer-Encoding: chunked, identity\r\n",
            b"Transfer-Encoding: xchunked\r\n",
            b"Transfer-Encoding : chunked\r\n",
            b"X: y\r\n Transfer-Encoding: chunked\r\n",
            b"X: y\r\n\tContent-Length: 0\r\n",
            b"X: y\x00\r\n",
        ):
            answer = self.answer(head + headers + b"\r\n" + b"0\r\n\r\n" + hidden)
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (headers, answer[:80]))
            self.assertEqual(answer.count(b"HTTP/1.1 "), 1, (headers, answer))

    def test_lines_and_chunks_that_are_none(self) -> None:
        hidden = f"DELETE /collections/{NAME} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
        head = f"POST {_COUNT} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        for body in (
            b"2\n{}\n0\n\n",
            b"2 ;a=\r\n{}\r\n0\r\n\r\n",
            b"2;a=" + b"x" * (1 << 20) + b"\r\n{}\r\n0\r\n\r\n",
            b"0x2\r\n{}\r\n0\r\n\r\n",
            b"+2\r\n{}\r\n0\r\n\r\n",
            b"-2\r\n{}\r\n0\r\n\r\n",
            b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
            b"2\r\n{}xx0\r\n\r\n",
        ):
            # Whatever comes of the first request, the second is no request.
            self.answer(head + body + hidden[:-2], _MOMENT_S)
        for bare in (head.replace(b"\r\n", b"\n"), head.replace(b"\r\n", b"\r")):
            self.answer(bare + b"0\r\n\r\n" + hidden[:-2], _MOMENT_S)

    def test_bodies_that_unpack_to_much(self) -> None:
        packed = gzip.compress(b"[" + b" " * (512 << 20), 9)
        for encoding, data in (("gzip", packed), ("gzip", gzip.compress(packed))):
            head = f"POST {_COUNT} HTTP/1.1\r\nHost: h\r\nContent-Encoding: {encoding}\r\n"
            head += f"Connection: close\r\nContent-Length: {len(data)}\r\n\r\n"
            answer = self.answer(head.encode() + data)
            self.assertIn(answer[9:12], (b"413", b"400"), answer[:80])

    def test_connections_that_say_nothing(self) -> None:
        with ExitStack() as stack:
            for _ in range(1000):
                connection = stack.enter_context(self.connected())
                connection.sendall(b"P")
            # Those of one address are bounded; they leave room for others from it.
            self.assert_served()

    def test_bodies_that_never_come(self) -> None:
        head = f"POST {_COUNT} HTTP/1.1\r\nHost: h\r\nContent-Length: 33000000\r\n\r\n".encode()
        with ExitStack() as stack:
            for _ in range(300):
                stack.enter_context(self.connected()).sendall(head + b"{")
            self.assert_served()


class GrpcTests(HostileTrafficCase):
    """The gRPC port, and what is meant for one port at the other."""

    def garbage(self) -> Iterator[bytes]:
        yield b"\x00" * 4096
        yield b"\xff" * 100_000
        yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500
        yield _PREFACE + b"\xff" * 65536
        yield _PREFACE + frame(4, 0, 0, b"") + frame(0, 0, 1, b"x" * 16000)
        yield _PREFACE + frame(4, 0, 0, b"\x00\x04\xff\xff\xff\xff")
        yield _PREFACE + frame(1, 4, 1, b"\xff" * 5000)
        yield _PREFACE + frame(8, 0, 0, b"\x00\x00\x00\x00") * 1000
        yield _PREFACE + frame(6, 0, 0, b"12345678") * 20_000
        yield _PREFACE + frame(4, 0, 0, b"\x00\x03\x00\x00\x00\x01") * 20_000
        yield b"GET /collections HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        yield b"PUT /" + b"\x80\x81" * 1000 + b" HTTP/1.1\r\n\r\n"

    def test_garbage_at_both_ports(self) -> None:
        for data in self.garbage():
            for port in (self.daemon.grpc_port, self.daemon.http_port):
                with self.connected(port) as connection:
                    try:
                        connection.sendall(data)
                        connection.settimeout(0.2)
                        connection.recv(65536)
                    except (OSError, TimeoutError):
                        pass  # However it is refused.
        self.assert_served()

    def test_streams_that_are_reset_at_once(self) -> None:
        """The calls are begun and given up as fast as a connection takes them."""
        # An indexed :method POST, :scheme http, and a literal :path of an unknown method.
        path = b"/qdrant.Points/Count"
        head = b"\x83\x86" + b"\x04" + bytes([len(path)]) + path + b"\x01\x01h"
        head += b"\x0f\x10\x10application/grpc"
        pieces = [_PREFACE, frame(4, 0, 0, b"")]
        for number in range(20_000):
            stream = 2 * number + 1
            pieces.append(frame(1, 4, stream, head) + frame(3, 0, stream, b"\x00\x00\x00\x08"))
        data = b"".join(pieces)
        for _ in range(3):
            with self.connected(self.daemon.grpc_port) as connection:
                connection.settimeout(WAIT_S)
                # The server may close it meanwhile.
                with contextlib.suppress(OSError):
                    connection.sendall(data)
                self.assert_served()

    def test_connections_that_say_nothing(self) -> None:
        with ExitStack() as stack:
            for _ in range(1000):
                connection = stack.enter_context(self.connected(self.daemon.grpc_port))
                connection.sendall(_PREFACE[:1])
            self.assert_served()
            time.sleep(0.2)
            self.assert_served()

    def test_messages_that_unpack_to_much(self) -> None:
        packed = gzip.compress(b"\x00" * (600 << 20), 9)
        message = b"\x01" + struct.pack(">I", len(packed)) + packed
        with grpc.insecure_channel(self.daemon.grpc_address) as channel:
            # The channel would frame it once more: what unpacks is then only garbage.
            call: Any = channel.unary_unary("/qdrant.Points/Count")
            with self.assertRaises(grpc.RpcError) as caught:
                call(message, timeout=WAIT_S)
        self.assertIs(caught.exception.code(), grpc.StatusCode.INTERNAL)
