"""What the daemon holds for clients who do not read: bounded, and given back when they go away.

Its garbage collector is off, so that what is in a cycle stays for ever.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from select import select
from threading import Event, Thread
from typing import Any

import grpc
import orjson
from twisted.trial.unittest import SynchronousTestCase

from tests.support import DaemonProcess
from vexfs_twisted.proto import qdrant_pb2 as flat
from vexfs_twisted.rpc.generated import points_pb2 as pb
from vexfs_twisted.rpc.generated import qdrant_common_pb2 as common

MEBIBYTE = 1024 * 1024
POINTS = 10
POINT_BYTES = 2 * MEBIBYTE
CLIENTS = 30
SECONDS = 60.0

LEFT = 12 * MEBIBYTE
"""How much more than before may be held when all are gone; all answers would be 600 MiB.

It is 1 MiB. What one read had claimed when it was stopped would be 16 MiB.
"""

MOST = 400 * MEBIBYTE
"""How much more than before may be held meanwhile.

The budget is 50 MiB. As much again was given back in this turn of the reactor, and is freed in the
next. Two threads for short reads and two for long ones may each still read for somebody who left:
22 MiB as they were claimed and 16 MiB of table values and their copies. So it is 250 MiB at most,
where all answers would be 600 MiB.
"""

_WITHOUT_COLLECTOR = """
import gc
gc.disable()
from vexfs_twisted.main import main
main()
"""


class Daemon(DaemonProcess):
    """A daemon without a garbage collector."""

    def command_line(self) -> list[str]:
        return [sys.executable, "-c", _WITHOUT_COLLECTOR, *super().command_line()[1:]]


def anonymous_memory(pid: int) -> int:
    """The bytes of a process that are backed by no file."""
    with open(f"/proc/{pid}/status") as status:
        (line,) = [line for line in status if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


def http(method: str, path: str, body: Any) -> bytes:
    """A request of the collection `c`."""
    text = orjson.dumps(body)
    line = f"{method} /collections/c{path} HTTP/1.1\r\nHost: h\r\n"
    return f"{line}Content-Length: {len(text)}\r\n\r\n".encode() + text


SCROLL = http("POST", "/points/scroll", {"limit": POINTS})
REST_READS = {
    "scroll": SCROLL,
    "retrieve": http("POST", "/points", {"ids": list(range(POINTS)), "with_payload": True}),
    "query": http(
        "POST", "/points/query", {"query": [1, 2, 3, 4], "limit": POINTS, "with_payload": True}
    ),
    "search batch": http(
        "POST",
        "/points/search/batch",
        {"searches": [{"vector": [1, 2, 3, 4], "limit": POINTS, "with_payload": True}]},
    ),
}
_PAYLOAD = pb.WithPayloadSelector(enable=True)
RPC_READS = {
    "Scroll": pb.ScrollPoints(collection_name="c", limit=POINTS, with_payload=_PAYLOAD),
    "Get": pb.GetPoints(
        collection_name="c",
        ids=[common.PointId(num=number) for number in range(POINTS)],
        with_payload=_PAYLOAD,
    ),
    "Query": pb.QueryPoints(
        collection_name="c",
        query=pb.Query(nearest=pb.VectorInput(dense=pb.DenseVector(data=[1, 2, 3, 4]))),
        limit=POINTS,
        with_payload=_PAYLOAD,
    ),
}


class Leavers(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = Daemon(None)
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.ask(http("PUT", "", {"vectors": {"size": 4, "distance": "Dot"}}))
        for number in range(POINTS):
            point = {"id": number, "vector": [1, 2, 3, 4], "payload": {"k": "x" * POINT_BYTES}}
            self.ask(http("PUT", "/points?wait=true", {"points": [point]}))
        self.ask(SCROLL)
        self.before = anonymous_memory(self.daemon.pid)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.daemon.http_port), SECONDS)
        self.addCleanup(connection.close)
        return connection

    def ask(self, request: bytes) -> Any:
        """The result of a request whose answer is read."""
        with self.connect() as connection:
            connection.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
            answer = bytearray()
            while received := connection.recv(MEBIBYTE):
                answer += received
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:500])
        return len(answer)

    def channel(self) -> grpc.Channel:
        """A connection of its own."""
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        channel = grpc.insecure_channel(self.daemon.grpc_address, options=options)
        self.addCleanup(channel.close)
        return channel

    def grown(self) -> int:
        return anonymous_memory(self.daemon.pid) - self.before

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """While and after this is left, no more is held than may be."""
        most = [0]
        is_over = Event()

        def watch() -> None:
            while not is_over.wait(0.01):
                most[0] = max(most[0], self.grown())

        watcher = Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            is_over.set()
            watcher.join()
        self.wait_until(lambda: self.grown() < LEFT)
        self.assertLess(most[0], MOST)

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"{self.grown() >> 20} MiB are held")
            time.sleep(0.02)

    def rest_clients(self, request: bytes) -> list[socket.socket]:
        """Connections with a request that is on its way or waits, and that nobody reads."""
        clients = [self.connect() for _ in range(CLIENTS)]
        for client in clients:
            client.sendall(request)
        # One is answered for certain, whichever it is; its beginning is read.
        answered, _, _ = select(clients, [], [], SECONDS)
        self.assertTrue(answered)
        self.assertIn(b"200 OK", answered[0].recv(1024))
        return clients

    def rpc_streams(self, method: str, request: bytes) -> list[Any]:
        """Calls of which no message is read: as streams, so that no more comes than a window."""
        calls: list[Any] = [self.channel().unary_stream(method) for _ in range(CLIENTS)]
        return [call(request, wait_for_ready=True) for call in calls]

    def test_rest_clients_that_close(self) -> None:
        for name, request in REST_READS.items():
            with self.subTest(name), self.bounded():
                for client in self.rest_clients(request):
                    client.close()
        self.assertGreater(self.ask(SCROLL), POINTS * POINT_BYTES)

    def test_rest_clients_that_reset(self) -> None:
        with self.bounded():
            for client in self.rest_clients(SCROLL):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()

    def test_rest_clients_that_leave_while_they_are_read_for(self) -> None:
        with self.bounded():
            for _ in range(CLIENTS):
                client = self.connect()
                client.sendall(SCROLL)
                client.close()
            self.ask(SCROLL)

    def test_rest_clients_whose_time_is_over(self) -> None:
        """Those who wait for memory are told while one who has his, and no limit, keeps it."""
        limited = SCROLL.replace(b"/scroll ", b"/scroll?timeout=1 ")
        with self.bounded():
            first = self.connect()
            first.sendall(SCROLL)
            self.assertIn(b"200 OK", first.recv(1024))
            clients = [self.connect() for _ in range(CLIENTS)]
            for client in clients:
                client.sendall(limited)
            told = [client for client in clients if client.recv(12) == b"HTTP/1.1 408"]
            self.assertGreater(len(told), CLIENTS // 2)
            for client in (first, *clients):
                client.close()

    def test_rest_clients_that_read_after_all(self) -> None:
        """Whoever waits for memory is answered, whole, once there is some."""
        sizes: list[int] = []

        def read_all() -> None:
            sizes.append(self.ask(SCROLL))

        with self.bounded():
            readers = [Thread(target=read_all) for _ in range(CLIENTS)]
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()
        self.assertEqual(len(sizes), CLIENTS)
        # They differ by the digits of the time.
        self.assertLess(max(sizes) - min(sizes), 100)

    def check_rpc(self, leave: Callable[[Sequence[Any]], None]) -> None:
        for name, request in RPC_READS.items():
            with self.subTest(name), self.bounded():
                calls = self.rpc_streams(f"/qdrant.Points/{name}", request.SerializeToString())
                self.wait_until(lambda: self.grown() > POINTS * POINT_BYTES)
                leave(calls)
        with self.bounded():
            method: Any = self.channel().unary_unary("/qdrant.Points/Scroll")
            answer = method(RPC_READS["Scroll"].SerializeToString(), timeout=SECONDS)
            self.assertGreater(len(answer), POINTS * POINT_BYTES)
            del answer

    def test_rpc_clients_that_cancel(self) -> None:
        def leave(calls: Sequence[Any]) -> None:
            for call in calls:
                call.cancel()

        self.check_rpc(leave)

    def test_rpc_clients_whose_time_is_over(self) -> None:
        request = RPC_READS["Scroll"].SerializeToString()
        with self.bounded():
            methods: list[Any] = [
                self.channel().unary_stream("/qdrant.Points/Scroll") for _ in range(CLIENTS)
            ]
            streams = [method(request, timeout=2.0, wait_for_ready=True) for method in methods]
            for stream in streams:
                self.assertIs(stream.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_rpc_streams(self) -> None:
        scroll = flat.ScrollRequest(collection_name="c", with_payload=_PAYLOAD)
        request = scroll.SerializeToString()
        with self.bounded():
            calls = self.rpc_streams("/qdrant.Qdrant/StreamScroll", request)
            next(calls[0])
            for call in calls:
                call.cancel()

    def test_refused_upserts(self) -> None:
        """What only an error holds does not stay either."""
        point = {"id": 1, "vector": [0.5] * 8, "payload": {"k": "x" * POINT_BYTES}}
        refused = http("PUT", "/points", {"points": [point]})
        message = pb.UpsertPoints(collection_name="c")
        added = message.points.add(id=common.PointId(num=1))
        added.vectors.vector.dense.data.extend([0.5] * 8)
        added.payload["k"].string_value = "x" * POINT_BYTES
        upsert: Any = self.channel().unary_unary("/qdrant.Points/Upsert")
        with self.bounded():
            for _ in range(CLIENTS):
                with self.connect() as client:
                    client.sendall(refused)
                    self.assertIn(b" 400 ", client.recv(64))
                error: Any = upsert.future(message.SerializeToString()).exception()
                self.assertIs(error.code(), grpc.StatusCode.INVALID_ARGUMENT)


class Pipelines(SynchronousTestCase):
    """Requests that are sent ahead: the next is taken when the answer before it is out."""

    REQUESTS = 300
    ANSWER_BYTES = 2 * MEBIBYTE

    def setUp(self) -> None:
        self.daemon = Daemon(None)
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        with self.connect() as connection:
            text = "x" * (self.ANSWER_BYTES // POINTS)
            points = [
                {"id": number, "vector": [1], "payload": {"k": text}} for number in range(POINTS)
            ]
            connection.sendall(http("PUT", "", {"vectors": {"size": 1, "distance": "Dot"}}))
            self.assertIn(b" 200 ", connection.recv(4096))
            connection.sendall(http("PUT", "/points?wait=true", {"points": points}))
            self.assertIn(b" 200 ", connection.recv(4096))
        self.before = anonymous_memory(self.daemon.pid)

    def connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.daemon.http_port), SECONDS)
        self.addCleanup(connection.close)
        return connection

    def test_answers_that_nobody_reads(self) -> None:
        connections = [self.connect() for _ in range(5)]
        for connection in connections:
            connection.sendall(SCROLL * self.REQUESTS)
        most = 0
        # Enough time for most of them, if they were taken.
        for _ in range(40):
            time.sleep(0.05)
            most = max(most, anonymous_memory(self.daemon.pid) - self.before)
        # All would be 3 GB.
        self.assertLess(most, 100 * MEBIBYTE)
        received = bytearray()
        bodies = 0
        while bodies < self.REQUESTS:
            received += connections[0].recv(MEBIBYTE)
            bodies += received.count(b'"next_page_offset":null')
            del received[: max(0, len(received) - len(b'"next_page_offset":null') + 1)]
        self.assertEqual(bodies, self.REQUESTS)

    def test_what_is_sent_ahead_is_not_read(self) -> None:
        """Else a client could have as much of it held as it likes."""
        connection = self.connect()
        connection.sendall(SCROLL * 5)
        connection.settimeout(2.0)
        sent = 0
        junk = http("POST", "/points/count", {"junk": "x" * MEBIBYTE})
        try:
            while sent < 200 * MEBIBYTE:
                sent += connection.send(junk)
        except TimeoutError:
            pass
        self.assertLess(sent, 100 * MEBIBYTE)
        self.assertLess(anonymous_memory(self.daemon.pid) - self.before, 60 * MEBIBYTE)
