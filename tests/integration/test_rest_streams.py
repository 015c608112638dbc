"""Bodies and answers of many megabytes over REST, and what the daemon holds of them."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.client import HTTPConnection
from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.support import DaemonProcess

MEBIBYTE = 1024 * 1024
SIZE = 64
BODY_BYTES = 64 * MEBIBYTE
PIECE = 8 * 1024
SECONDS = 60.0


def point(number: int, vector: list[float]) -> bytes:
    """A point as a client writes it: about 1.4 kB."""
    payload = {"number": number, "text": f"point {number}"}
    return json.dumps({"id": number, "vector": vector, "payload": payload}).encode()


@cache
def many_points() -> tuple[bytes, int]:
    """A body of `BODY_BYTES`, and how many points it holds."""
    rows = [row.tolist() for row in np.random.default_rng(7).random((1000, SIZE))]
    pieces = [b'{"points":[']
    size = count = 0
    while size < BODY_BYTES:
        text = (b"," if count else b"") + point(count, rows[count % 1000])
        pieces.append(text)
        size, count = size + len(text), count + 1
    return b"".join([*pieces, b"]}"]), count


def anonymous_memory(pid: int) -> int:
    """The bytes of a process that are backed by no file."""
    with open(f"/proc/{pid}/status") as status:
        (line,) = [line for line in status if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


class LargeTransfers(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = DaemonProcess(None, "--max-request-size-mb=100")
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.ask("PUT", "", {"vectors": {"size": SIZE, "distance": "Dot"}})

    def ask(self, method: str, path: str, body: Any) -> Any:
        connection = HTTPConnection("127.0.0.1", self.daemon.http_port, timeout=SECONDS)
        connection.request(method, f"/collections/a{path}", json.dumps(body))
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        self.assertEqual(response.status, 200, answer)
        return answer["result"]

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.daemon.http_port), SECONDS)
        self.addCleanup(connection.close)
        return connection

    @contextmanager
    def growth(self) -> Iterator[list[int]]:
        """By how many bytes the memory of the daemon has grown at most, once this is left."""
        before = anonymous_memory(self.daemon.pid)
        grown = [0]
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(0.01):
                grown[0] = max(grown[0], anonymous_memory(self.daemon.pid) - before)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield grown
        finally:
            is_over.set()
            watcher.join()

    def fill(self) -> int:
        """Upsert one body of `BODY_BYTES`, in small chunks; how many points it held."""
        body, count = many_points()
        connection = self.connect()
        connection.sendall(
            b"PUT /collections/a/points?wait=true HTTP/1.1\r\nHost: h\r\n"
            b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for start in range(0, len(body), PIECE):
            piece = body[start : start + PIECE]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
        answer = b""
        while received := connection.recv(65536):
            answer += received
        self.assertIn(b'"status":"completed"', answer)
        return count

    def test_a_large_body_in_small_chunks(self) -> None:
        with self.growth() as grown:
            count = self.fill()
        # Decoded as a whole, a body takes four times as much as it is long.
        self.assertLess(grown[0], 100 * MEBIBYTE)
        self.assertEqual(self.ask("POST", "/points/count", {}), {"count": count})
        last = self.ask("POST", "/points", {"ids": [count - 1], "with_vector": True})
        row = np.random.default_rng(7).random((1000, SIZE))[(count - 1) % 1000]
        np.testing.assert_array_equal(np.float32(last[0]["vector"]), np.float32(row))

    def test_readers_who_stop_and_go_away(self) -> None:
        count = self.fill()
        with self.growth() as grown:
            readers = [self.scrolling(count) for _ in range(10)]
            for reader in readers:
                self.assertIn(b"200 OK", reader.recv(1024))
            time.sleep(2.0)
            self.assertEqual(self.open_streams(), 10)
        # Each would be 40 MB of text.
        self.assertLess(grown[0], 60 * MEBIBYTE)
        page = self.ask("POST", "/points/scroll", {"limit": count, "with_vector": True})
        self.assertEqual([found["id"] for found in page["points"]], list(range(count)))
        self.assertIsNone(page["next_page_offset"])
        for reader in readers:
            reader.close()
        deadline = time.monotonic() + SECONDS
        while self.open_streams() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(self.open_streams(), 0)

    def test_a_stop_breaks_off_what_nobody_reads(self) -> None:
        count = self.fill()
        reader = self.scrolling(count)
        self.assertIn(b"200 OK", reader.recv(1024))
        uploading = self.connect()
        uploading.sendall(
            b"PUT /collections/a/points HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n"
        )
        uploading.sendall(b'{"points":[' + b" " * (5 * MEBIBYTE))
        self.assertEqual(self.daemon.stop(), 0)
        tail = b""
        try:
            while received := reader.recv(MEBIBYTE):
                tail = (tail + received)[-64:]
        except ConnectionError:
            pass
        self.assertFalse(tail.endswith(b"0\r\n\r\n"))

    def scrolling(self, count: int) -> socket.socket:
        """A connection over which all points were asked for."""
        body = json.dumps({"limit": count, "with_vector": True}).encode()
        head = b"POST /collections/a/points/scroll HTTP/1.1\r\nHost: h\r\n"
        connection = self.connect()
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return connection

    def open_streams(self) -> int:
        connection = HTTPConnection("127.0.0.1", self.daemon.http_port, timeout=SECONDS)
        connection.request("GET", "/grpc/status")
        status = json.loads(connection.getresponse().read())["result"]
        connection.close()
        found: int = status["streams"]["open"]
        return found
