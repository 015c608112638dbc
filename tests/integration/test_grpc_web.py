"""gRPC-Web on the REST port of a running server."""

from __future__ import annotations

import atexit
import json
import socket
from base64 import b64encode
from functools import cache
from urllib.request import Request, urlopen

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.grpc_web_support import WebAnswer, call, framed
from tests.support import DaemonProcess, shared_daemon
from vexfs_twisted.proto import qdrant_pb2 as pb

POINTS = 3000
SIZE = 64
VECTORS = pb.WithVectorsSelector(enable=True)
KEY = "a-key-of-the-server"


def made(daemon: DaemonProcess, name: str) -> None:
    """A collection with points, by gRPC-Web."""
    params = pb.VectorParams(size=SIZE, distance=pb.Dot)
    create = pb.CreateCollection(
        collection_name=name, vectors_config=pb.VectorsConfig(params=params)
    )
    answer = call(daemon, "/qdrant.Collections/Create", create)
    assert answer.status == 0, answer
    vectors = np.random.default_rng(1).random((POINTS, SIZE)).astype(np.float32)
    points = [
        pb.PointStruct(
            id=pb.PointId(num=number),
            vectors=pb.Vectors(vector=pb.Vector(data=vectors[number].tolist())),
        )
        for number in range(POINTS)
    ]
    # Large enough to be parsed in a thread.
    upsert = pb.UpsertPoints(collection_name=name, points=points, wait=True)
    answer = call(daemon, "/qdrant.Points/Upsert", upsert)
    assert answer.status == 0, answer


@cache
def collection_in(daemon: DaemonProcess) -> str:
    """The collection of a shared daemon, which is made once."""
    made(daemon, "web")
    return "web"


@cache
def several_processes() -> DaemonProcess:
    """A shared daemon of two processes."""
    daemon = DaemonProcess(None, "--processes=2")
    atexit.register(daemon.close)
    return daemon.start()


def named(headers: dict[str, str]) -> dict[str, str]:
    """Headers whose names were written as those of arguments."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


class Calls(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = self.find_daemon()
        self.name = collection_in(self.daemon)

    def find_daemon(self) -> DaemonProcess:
        return shared_daemon("grpc-web")

    def count_points(self, **headers: str) -> WebAnswer:
        request = pb.CountPoints(collection_name=self.name)
        return call(self.daemon, "/qdrant.Points/Count", request, named(headers))

    def test_a_unary_call(self) -> None:
        for as_text in (False, True):
            request = pb.CountPoints(collection_name=self.name)
            answer = call(self.daemon, "/qdrant.Points/Count", request, as_text=as_text)
            self.assertEqual((answer.http_status, answer.status), (200, 0))
            kind = f"application/grpc-web{'-text' if as_text else ''}+proto"
            self.assertEqual(answer.headers["content-type"], kind)
            (message,) = answer.messages
            self.assertEqual(pb.CountResponse.FromString(message).result.count, POINTS)
            self.assertEqual(answer.headers["access-control-allow-origin"], "*")
            self.assertIn("grpc-status", answer.headers["access-control-expose-headers"])

    def test_the_form_of_the_response_follows_accept(self) -> None:
        answer = self.count_points(Accept="application/grpc-web-text")
        self.assertEqual(answer.headers["content-type"], "application/grpc-web-text+proto")
        self.assertEqual(answer.status, 0)

    def test_large_answers(self) -> None:
        request = pb.ScrollPoints(collection_name=self.name, limit=POINTS, with_vectors=VECTORS)
        for as_text in (False, True):
            answer = call(self.daemon, "/qdrant.Points/Scroll", request, as_text=as_text)
            found = pb.ScrollResponse.FromString(answer.messages[0]).result
            self.assertEqual([point.id.num for point in found], list(range(POINTS)))

    def test_a_stream(self) -> None:
        for as_text in (False, True):
            answer = call(
                self.daemon,
                "/qdrant.Qdrant/StreamScroll",
                self.scroll(),
                as_text=as_text,
            )
            self.assertEqual(answer.status, 0, answer.trailers)
            self.assertGreater(len(answer.messages), 10)
            ids = [
                point.id.num
                for message in answer.messages
                for point in pb.ScrollResponse.FromString(message).result
            ]
            self.assertEqual(ids, list(range(POINTS)))
            self.assertIn("x-request-id", answer.trailers)

    def scroll(self) -> bytes:
        """A request of all points as a stream."""
        return framed(
            pb.ScrollRequest(collection_name=self.name, with_vectors=VECTORS).SerializeToString()
        )

    def test_errors(self) -> None:
        cases = (
            ("/qdrant.Points/Count", pb.CountPoints(collection_name="not-there"), 5),
            ("/qdrant.Points/Nothing", pb.CountPoints(), 12),
            ("/nothing", pb.CountPoints(), 12),
            ("/qdrant.Points/Count", b"", 3),
            ("/qdrant.Points/Count", b"\0\0\0", 3),
            ("/qdrant.Points/Count", framed(b"\xff\xff"), 13),
        )
        for method, request, status in cases:
            answer = call(self.daemon, method, request)
            self.assertEqual((answer.http_status, answer.status), (200, status), answer)
            self.assertEqual(answer.headers["grpc-status"], str(status))
            self.assertTrue(answer.headers["grpc-message"])
            self.assertEqual(answer.messages, [])
        answer = call(self.daemon, "/qdrant.Points/Count", cases[0][1], {"grpc-timeout": "soon"})
        self.assertEqual(answer.status, 3)

    def test_ids_of_calls(self) -> None:
        answer = self.count_points(X_Request_Id="of-mine")
        self.assertEqual(answer.trailers["x-request-id"], "of-mine")
        self.assertEqual(answer.headers["x-request-id"], "of-mine")

    def test_deadlines(self) -> None:
        answer = self.count_points(grpc_timeout="60S")
        self.assertEqual(answer.status, 0)
        with self.opened(grpc_timeout="200m") as wire:
            found = b""
            while not found.endswith(b"\r\n") or b"grpc-status: 4" not in found:
                data = wire.recv(1 << 16)
                self.assertTrue(data, found)
                found += data

    def opened(self, length: int = 100, **headers: str) -> socket.socket:
        """A connection with a call whose body does not come."""
        wire = socket.create_connection(("127.0.0.1", self.daemon.http_port), timeout=60)
        lines = [f"{name}: {value}\r\n" for name, value in named(headers).items()]
        wire.sendall(
            "POST /qdrant.Points/Count HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/grpc-web\r\nContent-Length: {length}\r\n"
            f"{''.join(lines)}\r\n".encode()
        )
        return wire

    def test_a_client_that_does_not_read_stops_the_stream(self) -> None:
        """And its leaving ends it."""
        body = self.scroll()
        wire = socket.create_connection(("127.0.0.1", self.daemon.http_port), timeout=60)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = (
            "POST /qdrant.Qdrant/StreamScroll HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/grpc-web\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with wire:
            wire.sendall(head.encode() + body)
            self.assertTrue(wire.recv(10))
            self.assertEqual(self.count_points().status, 0)
        self.assertEqual(self.count_points().status, 0)

    def test_others_on_the_port(self) -> None:
        with urlopen(f"{self.daemon.rest_url}/collections/{self.name}", timeout=60) as answer:
            self.assertEqual(json.load(answer)["result"]["points_count"], POINTS)
        request = Request(
            f"{self.daemon.rest_url}/qdrant.Points/Count",
            method="OPTIONS",
            headers={
                "Origin": "http://x",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type,x-grpc-web",
            },
        )
        with urlopen(request, timeout=60) as answer:
            self.assertEqual(
                answer.headers["Access-Control-Allow-Headers"], "content-type,x-grpc-web"
            )


class CallsOfSeveralProcesses(Calls):
    def find_daemon(self) -> DaemonProcess:
        return several_processes()


class Protected(SynchronousTestCase):
    def test_keys_and_limits(self) -> None:
        environment = {"QDRANT__SERVICE__API_KEY": KEY}
        daemon = DaemonProcess(None, "--max-request-size-mb=1", environment=environment)
        self.addCleanup(daemon.close)
        daemon.start()
        request = pb.ListCollectionsRequest()
        path = "/qdrant.Collections/List"
        self.assertEqual(call(daemon, path, request).status, 16)
        self.assertEqual(call(daemon, path, request, {"api-key": "wrong"}).status, 16)
        self.assertEqual(call(daemon, path, request, {"api-key": KEY}).status, 0)
        self.assertEqual(call(daemon, path, request, {"authorization": f"Bearer {KEY}"}).status, 0)
        large = framed(bytes(2 << 20))
        answer = call(daemon, path, large, {"api-key": KEY})
        self.assertEqual(answer.status, 8)
        # Refused by its headers.
        wire = socket.create_connection(("127.0.0.1", daemon.http_port), timeout=60)
        with wire:
            wire.sendall(
                b"POST /qdrant.Collections/List HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
                b"Content-Type: application/grpc-web-text\r\n\r\n"
            )
            head = wire.recv(1 << 16)
            self.assertIn(b"Grpc-Status: 16", head)
            self.assertIn(b64encode(b"\x80")[:1], head)
