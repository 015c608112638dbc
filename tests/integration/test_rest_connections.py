"""The REST wire on real sockets and threads: bodies that are refused while they are sent."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any

import numpy as np
from twisted.internet import reactor as default_reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import Reply, parse_replies, request_bytes
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.threadpool import WorkerPool

reactor: Any = default_reactor

LIMIT = 4 * 1024 * 1024
SECONDS = 30.0


def exchange(port: int, data: bytes, *methods: str) -> list[Reply]:
    """Send everything, then read until the server closes; a blocking client, for a thread."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return parse_replies(received, *methods)


def send_until_refused(port: int, head: bytes, piece: bytes, most: int) -> tuple[int, Reply]:
    """Send `piece` over and over until an answer is there; how often it was, and the answer."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.sendall(head)
        sent = 0
        while sent < most:
            connection.settimeout(0.001)
            with contextlib.suppress(TimeoutError):
                received = connection.recv(65536)
                break
            connection.settimeout(SECONDS)
            connection.sendall(piece)
            sent += 1
    (reply,) = parse_replies(received, "PUT")
    return sent, reply


class RealConnections(TestCase):
    def setUp(self) -> None:
        self.operations = RecordedOperations(self)
        settings = RestSettings(max_body_bytes=LIMIT)
        codecs = WorkerPool("codecs", 1, reactor.callFromThread)
        codecs.start()
        self.addCleanup(codecs.stop)
        site = make_site(self.operations, settings, reactor, codecs.run)
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port: int = port.getHost().port

    def in_thread(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return deferToThread(function, self.port, *args)

    async def test_a_large_upsert_and_a_large_scroll(self) -> None:
        vectors = np.random.default_rng(1).random((2000, 64), dtype=np.float32)
        points = [{"id": i, "vector": row.tolist()} for i, row in enumerate(vectors)]
        body = json.dumps({"points": points}).encode()
        page = {"limit": 2000, "with_vector": True, "with_payload": False}
        create = json.dumps({"vectors": {"size": 64, "distance": "Dot"}}).encode()
        replies = await self.in_thread(
            exchange,
            request_bytes("PUT", "/collections/a", create)
            + request_bytes("PUT", "/collections/a/points", body)
            + request_bytes(
                "POST",
                "/collections/a/points/scroll",
                json.dumps(page).encode(),
                {"Connection": "close"},
            ),
            *("PUT", "PUT", "POST"),
        )
        self.assertEqual([reply.status for reply in replies], [200, 200, 200])
        got = [point["vector"] for point in replies[2].result["points"]]
        np.testing.assert_array_equal(np.array(got, dtype=np.float32), vectors)

    async def test_a_client_that_sends_all_of_a_refused_body_reads_why(self) -> None:
        request = request_bytes("PUT", "/collections/a/points", b" " * (LIMIT * 4))
        (reply,) = await self.in_thread(exchange, request, "PUT")
        self.assertEqual(reply.status, 413)
        self.assertIn("is larger than allowed", reply.error)

    async def test_the_answer_comes_while_the_body_is_still_sent(self) -> None:
        head = b"PUT /collections/a/points HTTP/1.1\r\nHost: h\r\n"
        piece = b" " * 65536
        most = 100 * LIMIT // len(piece)
        for headers, frame in (
            (b"Content-Length: %d\r\n\r\n" % (100 * LIMIT), piece),
            (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + piece + b"\r\n"),
        ):
            sent, reply = await self.in_thread(send_until_refused, head + headers, frame, most)
            self.assertEqual(reply.status, 413)
            self.assertLess(sent, most / 2)
