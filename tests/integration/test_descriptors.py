"""More collections than a process may have open, and a process that has no descriptor left."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress as ignoring
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any

import grpc
from qdrant_client import QdrantClient
from qdrant_client.grpc import ListCollectionsRequest
from qdrant_client.grpc.collections_service_pb2_grpc import CollectionsStub
from qdrant_client.models import Distance, PointStruct, VectorParams
from twisted.trial.unittest import SynchronousTestCase

from tests.support import DaemonProcess

LIMIT = 200
MANY = 150
"""Collections: at five descriptors each, as it was once, several times as many as may be had."""


class LimitedDaemon(DaemonProcess):
    """A daemon that may have so many files open."""

    limit = LIMIT
    soft = LIMIT

    def command_line(self) -> list[str]:
        """The command under a shell's ulimit."""
        script = f'ulimit -Sn {self.soft} && ulimit -Hn {self.limit} && exec "$@"'
        return ["/bin/sh", "-c", script, "sh", *super().command_line()]

    def descriptors(self) -> int:
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident(self) -> int:
        """The bytes that it has in memory for itself."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("RssAnon:")]
        return int(line.split()[1]) << 10

    def held(self) -> list[str]:
        """The removed files of collections that it holds."""
        lines = Path(f"/proc/{self.pid}/maps").read_text().splitlines()
        found = [line.split(maxsplit=5)[-1] for line in lines]
        for number in os.listdir(f"/proc/{self.pid}/fd"):
            # One that has been closed since it was listed is not held.
            with ignoring(FileNotFoundError):
                found.append(os.readlink(f"/proc/{self.pid}/fd/{number}"))
        return [name for name in found if "/collections/" in name and name.endswith("(deleted)")]


class DaemonCase(SynchronousTestCase):
    """A daemon with few descriptors."""

    def daemon(self, soft: int = LIMIT, limit: int = LIMIT) -> LimitedDaemon:
        daemon = LimitedDaemon()
        daemon.soft, daemon.limit = soft, limit
        self.addCleanup(daemon.close)
        return daemon.start()

    def client(self, daemon: LimitedDaemon, *, grpc: bool) -> QdrantClient:
        client = QdrantClient(
            url=daemon.rest_url, grpc_port=daemon.grpc_port, prefer_grpc=grpc, timeout=60
        )
        self.addCleanup(client.close)
        return client

    def assert_no_fault(self, daemon: LimitedDaemon) -> None:
        """Nothing was logged as unexpected."""
        faults = [event for event in daemon.log_events() if event["level"] == "error"]
        # It tells by itself that it cannot accept.
        self.assertEqual([event for event in faults if event["logger"] != "grpc"], [])
        self.assertLessEqual(len(faults), 1)


class ManyCollections(DaemonCase):
    """Collections are created, written, read, searched after a restart, and deleted."""

    def test_over_rest(self) -> None:
        self.run_through(grpc=False)

    def test_over_grpc(self) -> None:
        self.run_through(grpc=True)

    def run_through(self, *, grpc: bool) -> None:
        daemon = self.daemon()
        client = self.client(daemon, grpc=grpc)
        names = [f"c{number}" for number in range(MANY)]
        before = daemon.resident()
        for number, name in enumerate(names):
            client.create_collection(name, VectorParams(size=4, distance=Distance.EUCLID))
            point = PointStruct(id=1, vector=[1.0, 2.0, 3.0, float(number)], payload={"n": number})
            client.upsert(name, [point], wait=True)
        self.assertLess((daemon.resident() - before) / MANY, 1 << 20)
        for number, name in enumerate(names):
            (record,) = client.retrieve(name, [1])
            self.assertEqual(record.payload, {"n": number})
        self.assertEqual(len(client.get_collections().collections), MANY)
        self.assertLess(daemon.descriptors(), LIMIT * 3 // 4)
        self.assertEqual(daemon.stop(), 0)
        daemon.start()
        client = self.client(daemon, grpc=grpc)
        self.assertLess(daemon.descriptors(), LIMIT * 3 // 4)
        for number, name in enumerate(names):
            (found,) = client.query_points(name, [1.0, 2.0, 3.0, 0.0]).points
            self.assertEqual((found.payload, found.score), ({"n": number}, number))
        self.assertEqual(client.get_collection(names[0]).points_count, 1)
        for name in names:
            self.assertTrue(client.delete_collection(name))
        self.assertEqual(daemon.held(), [])
        self.assertLess(daemon.descriptors(), 60)
        self.assert_no_fault(daemon)


class Limits(DaemonCase):
    """What becomes of the limit, and of calls beyond it."""

    def limits(self, daemon: LimitedDaemon) -> list[str]:
        """The soft and the hard limit."""
        lines = Path(f"/proc/{daemon.pid}/limits").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith("Max open files")]
        return line.split()[3:5]

    def test_the_soft_limit_is_raised_to_the_hard_one(self) -> None:
        self.assertEqual(self.limits(self.daemon(soft=150, limit=700)), ["700", "700"])

    def test_no_descriptor_is_left(self) -> None:
        daemon = self.daemon()
        rest = HTTPConnection("127.0.0.1", daemon.http_port, timeout=30)
        self.addCleanup(rest.close)
        channel = grpc.insecure_channel(daemon.grpc_address)
        self.addCleanup(channel.close)
        stub = CollectionsStub(channel)
        stub.List(ListCollectionsRequest(), timeout=30)
        status, _ = ask(rest, "PUT", "/collections/a", VECTORS)
        self.assertEqual(status, 200)
        self.exhaust(daemon)
        status, body = ask(rest, "DELETE", "/collections/a")
        self.assertEqual((status, body["result"]), (200, True))
        self.exhaust(daemon)
        answers = [ask(rest, "PUT", f"/collections/new{n}", VECTORS) for n in range(10)]
        for status, body in answers:
            self.assertEqual(status, 503, body)
            self.assertIn(f"ulimit -n: {LIMIT}", body["status"]["error"])
        for _ in range(10):
            error = self.assertRaises(grpc.RpcError, stub.Create, new_collection(), timeout=30)
            self.assertIs(error.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn("ulimit -n", error.details())
        told = [event for event in daemon.log_events() if event["logger"] == "vexfs.limits"]
        self.assertEqual(len(told), 1)
        status, body = ask(rest, "GET", "/collections")
        self.assertEqual(body["result"], {"collections": []})
        self.assert_no_fault(daemon)

    def test_more_connections_than_there_may_be(self) -> None:
        daemon = self.daemon()
        held = [HTTPConnection("127.0.0.1", daemon.http_port, timeout=30) for _ in range(LIMIT)]
        for connection in held:
            self.addCleanup(connection.close)
        statuses = [self.status_of(connection) for connection in held]
        self.assertEqual(set(statuses), {200, 503})
        self.assertEqual(statuses.index(503), LIMIT // 4)
        held[0].close()
        channel = grpc.insecure_channel(daemon.grpc_address)
        self.addCleanup(channel.close)
        CollectionsStub(channel).Create(new_collection(), timeout=30)
        status, _ = ask(held[1], "PUT", "/collections/a", VECTORS)
        self.assertEqual(status, 200)
        self.assert_no_fault(daemon)

    def status_of(self, connection: HTTPConnection) -> int:
        """The status of a call on a connection of its own, which stays open if it may."""
        connection.request("GET", "/healthz")
        response = connection.getresponse()
        response.read()
        return response.status

    def exhaust(self, daemon: LimitedDaemon) -> None:
        """Connect until it has no descriptor left: to gRPC, which takes any number."""
        deadline = monotonic() + 30
        while daemon.descriptors() < LIMIT:
            self.assertLess(monotonic(), deadline)
            connection = socket.create_connection(("127.0.0.1", daemon.grpc_port), timeout=30)
            self.addCleanup(connection.close)


VECTORS: dict[str, Any] = {"vectors": {"size": 4, "distance": "Dot"}}


def new_collection() -> Any:
    """A collection of one vector, for gRPC."""
    from qdrant_client import grpc as messages

    params = messages.VectorParams(size=4, distance=messages.Distance.Dot)
    config = messages.VectorsConfig(params=params)
    return messages.CreateCollection(collection_name="new", vectors_config=config)


def ask(connection: HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and body of an answer."""
    headers = {"content-type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())
