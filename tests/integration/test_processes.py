"""Several processes serve one folder: what one has acknowledged, the others read."""

from __future__ import annotations

import atexit
import http.client
import json
import os
import select
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import grpc
from qdrant_client import QdrantClient
from qdrant_client.models import (
    Distance,
    FieldCondition,
    Filter,
    MatchValue,
    PayloadSchemaType,
    PointStruct,
    VectorParams,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.contract.access_table import token
from tests.integration.test_streams import NAME, SIZE, requests, scroll_request
from tests.support import DaemonProcess
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub

PROCESSES = 3
TRIES = 200
"""The kernel chooses a process for each connection: so many until all have been chosen."""

MEGABYTE = 1 << 20

QUIET_S = 2.0
"""Seconds without room in the socket after which nothing more is taken."""


class Connection:
    """A connection to one of the processes, which the ids of its calls tell."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=60)
        _, headers, _ = self.ask("GET", "/healthz")
        self.process = headers["X-Request-Id"].partition("-")[0]

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, Any, bytes]:
        """Status, headers and body of an answer. A body that is no bytes is sent as JSON."""
        if body is not None and not isinstance(body, bytes | Iterator):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        self.http.request(method, path, body, headers, encode_chunked=isinstance(body, Iterator))
        answer = self.http.getresponse()
        return answer.status, answer.headers, answer.read()

    def result(self, method: str, path: str, body: Any = None) -> Any:
        """The result of a request that succeeds."""
        status, _, answer = self.ask(method, path, body)
        assert status == 200, (status, answer)
        return json.loads(answer)["result"]


@cache
def shared_processes() -> DaemonProcess:
    """A daemon for tests that leave it running and clean up: it ends with the test process."""
    daemon = DaemonProcess(None, f"--processes={PROCESSES}")
    atexit.register(daemon.close)
    return daemon.start()


class ProcessesCase(SynchronousTestCase):
    """A daemon of several processes, which other tests use as well, and connections to each."""

    def setUp(self) -> None:
        self.daemon = self.start_daemon()
        self.connections = self.connected()
        self.addCleanup(self.clean_up)

    def start_daemon(self) -> DaemonProcess:
        return shared_processes()

    def clean_up(self) -> None:
        """Leave the daemon without collections."""
        connection = Connection(self.daemon)
        for own in connection.result("GET", "/collections")["collections"]:
            connection.result("DELETE", f"/collections/{own['name']}")
        connection.http.close()

    def connected(self) -> list[Connection]:
        """A connection to each process."""
        found: dict[str, Connection] = {}
        for _ in range(TRIES):
            connection = Connection(self.daemon)
            self.addCleanup(connection.http.close)
            if found.setdefault(connection.process, connection) is not connection:
                connection.http.close()
            if len(found) == PROCESSES:
                return list(found.values())
        raise AssertionError(f"{len(found)} processes answer, not {PROCESSES}")

    def create(self, size: int = 2) -> None:
        """Create the collection `c`."""
        vectors = {"vectors": {"size": size, "distance": "Dot"}}
        self.assertTrue(self.connections[0].result("PUT", "/collections/c", vectors))

    def pids(self) -> list[int]:
        """The readers that were started, in this order."""
        events = self.daemon.log_events()
        return [own["pid"] for own in events if own["event"] == "a process serves reads"]

    def wait_until(self, holds: Any, complaint: str) -> None:
        deadline = time.monotonic() + 60
        while not holds():
            self.assertLess(time.monotonic(), deadline, complaint)
            time.sleep(0.02)


class RestTests(ProcessesCase):
    def test_what_one_has_acknowledged_the_others_read(self) -> None:
        self.create()
        for number in range(24):
            writer = self.connections[number % PROCESSES]
            points = [{"id": number, "vector": [number, 1], "payload": {"n": number}}]
            writer.result("PUT", "/collections/c/points?wait=true", {"points": points})
            for reader in self.connections:
                self.assertEqual(
                    reader.result("GET", f"/collections/c/points/{number}")["payload"],
                    {"n": number},
                )
                nearest = {"query": [1, 0], "limit": 1}
                found = reader.result("POST", "/collections/c/points/query", nearest)
                self.assertEqual([point["id"] for point in found["points"]], [number])
                counted = reader.result("POST", "/collections/c/points/count", {})
                self.assertEqual(counted["count"], number + 1)

    def test_collections_and_aliases_are_known_at_once(self) -> None:
        for round_ in range(4):
            writer = self.connections[round_ % PROCESSES]
            for connection in self.connections:
                self.assertEqual(connection.result("GET", "/collections"), {"collections": []})
            vectors = {"vectors": {"size": 2, "distance": "Dot"}}
            writer.result("PUT", "/collections/c", vectors)
            alias = {"create_alias": {"collection_name": "c", "alias_name": "a"}}
            writer.result("POST", "/collections/aliases", {"actions": [alias]})
            for connection in self.connections:
                counted = connection.result("POST", "/collections/a/points/count", {})
                self.assertEqual(counted, {"count": 0})
            writer.result("DELETE", "/collections/c")
            for connection in self.connections:
                status, _, _ = connection.ask("POST", "/collections/c/points/count", {})
                self.assertEqual(status, 404)

    def test_bodies_are_passed_on_as_they_come(self) -> None:
        """In one piece and in many; what is too large is refused before all of it has come."""
        self.create(size=512)
        for number, connection in enumerate(self.connections):
            count = 1500
            points = [
                {"id": number * count + i, "vector": [float(i % 7)] * 512} for i in range(count)
            ]
            body = json.dumps({"points": points}).encode()
            self.assertGreater(len(body), 3 * MEGABYTE)
            pieces = (body[start : start + 70_000] for start in range(0, len(body), 70_000))
            for sent in (body, pieces):
                status, _, answer = connection.ask("PUT", "/collections/c/points?wait=true", sent)
                self.assertEqual(status, 200, answer)
            for other in self.connections:
                counted = other.result("POST", "/collections/c/points/count", {})
                self.assertEqual(counted["count"], (number + 1) * count)
        for _ in range(3 * PROCESSES):
            with socket.create_connection(("127.0.0.1", self.daemon.http_port)) as raw:
                head = "PUT /collections/c/points HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000"
                raw.sendall(f"{head}\r\n\r\n".encode() + b"[" * 100_000)
                raw.settimeout(60)
                self.assertTrue(raw.recv(100).startswith(b"HTTP/1.1 413 "))

    def test_whoever_leaves_ends_what_is_passed_on(self) -> None:
        """A client that leaves in the middle of a body, and the next ones."""
        self.create()
        for _ in range(3 * PROCESSES):
            with socket.create_connection(("127.0.0.1", self.daemon.http_port)) as raw:
                head = "PUT /collections/c/points HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000"
                raw.sendall(f"{head}\r\n\r\n".encode() + b'{"points":[' + b" " * 100_000)
        for connection in self.connections:
            points = [{"id": 1, "vector": [1, 1]}]
            connection.result("PUT", "/collections/c/points?wait=true", {"points": points})

    def test_figures_are_of_all_processes(self) -> None:
        self.create()
        for connection in self.connections:
            for _ in range(5):
                connection.result("POST", "/collections/c/facet", {"key": "k"})
        wanted = 5 * PROCESSES
        self.wait_until(lambda: self.counted_facets() == wanted, "calls are not counted")

    def test_the_level_of_the_log_is_that_of_all(self) -> None:
        self.assertTrue(self.log_from("debug"))
        self.addCleanup(self.log_from, "info")
        for number in range(1, PROCESSES + 1):
            self.wait_until(lambda own=number: own in self.logging(), "a process logs no calls")

    def log_from(self, level: str) -> Any:
        connection = Connection(self.daemon)
        self.addCleanup(connection.http.close)
        return connection.result("POST", "/logger", {"log_level": level})

    def logging(self) -> set[int]:
        """The processes that have logged a call; calls are asked for by this."""
        for connection in self.connections:
            connection.result("GET", "/collections")
        calls = [own for own in self.daemon.log_events() if own["event"] == "answered"]
        return {own.get("process", 1) for own in calls}

    def counted_facets(self) -> int:
        """The facets that all processes have answered, as far as they have told."""
        stats = json.loads(self.connections[0].ask("GET", "/vexfs/stats")[2])["result"]
        found = stats["operations"].get("POST /collections/{collection_name}/facet")
        return 0 if found is None else int(found["count"])


class OwnProcessesCase(ProcessesCase):
    """With a daemon for each test."""

    environment: ClassVar[dict[str, str]] = {}

    def start_daemon(self) -> DaemonProcess:
        self.temporary = Path(tempfile.mkdtemp(prefix="v-"))
        self.addCleanup(shutil.rmtree, self.temporary)
        environment = {"TMPDIR": str(self.temporary), **self.environment}
        daemon = DaemonProcess(None, f"--processes={PROCESSES}", environment=environment)
        self.addCleanup(daemon.close)
        return daemon.start()

    def clean_up(self) -> None:
        """Nothing is left of the daemon."""

    def sockets(self) -> list[Path]:
        """The directories of Unix sockets that are there."""
        return list(self.temporary.glob("vexfs-*"))


class KeyTests(OwnProcessesCase):
    environment: ClassVar[dict[str, str]] = {"QDRANT__SERVICE__API_KEY": "k"}

    def test_a_key_is_asked_for_by_each(self) -> None:
        for connection in self.connections:
            for path in ("/collections", "/collections/c", "/grpc/status"):
                self.assertEqual(connection.ask("GET", path)[0], 401)
            status, _, answer = connection.ask("GET", "/grpc/status", None, **{"api-key": "k"})
            self.assertEqual(status, 200, answer)


TOKEN_KEY = "a-key-of-32-bytes-that-signs-tokens"


class TokenTests(OwnProcessesCase):
    """Keys and tokens mean the same to the process that writes and to those that read."""

    environment: ClassVar[dict[str, str]] = {
        "QDRANT__SERVICE__API_KEY": TOKEN_KEY,
        "QDRANT__SERVICE__READ_ONLY_API_KEY": "reader",
        "QDRANT__SERVICE__JWT_RBAC": "true",
    }

    def create_with(self, key: str) -> None:
        vectors = {"vectors": {"size": 2, "distance": "Dot"}}
        for name in ("c", "other"):
            status, _, answer = self.connections[0].ask(
                "PUT", f"/collections/{name}", vectors, **{"api-key": key}
            )
            self.assertEqual(status, 200, answer)

    def test_each_caller_over_rest(self) -> None:
        self.create_with(TOKEN_KEY)
        read: list[Any] = [("POST", "/collections/c/points/count", {})]
        write: list[Any] = [("PUT", "/collections/c/points?wait=true", ONE)]
        other: list[Any] = [("POST", "/collections/other/points/count", {})]
        manage: list[Any] = [("PUT", "/quotas", {})]
        everything = read + write + other + manage
        for name, key, allowed in self.callers(read, write, other, everything):
            for connection in self.connections:
                for method, path, body in everything:
                    status, _, answer = connection.ask(method, path, body, **{"api-key": key})
                    where = name, connection.process, method, path, answer
                    if (method, path, body) in allowed:
                        self.assertEqual(status, 200, where)
                    else:
                        self.assertIn(status, (401, 403), where)

    def callers(
        self, read: list[Any], write: list[Any], other: list[Any], everything: list[Any]
    ) -> Iterator[tuple[str, str, list[Any]]]:
        """Callers by a name, with a key or a token, and what they may do."""
        yield "key", TOKEN_KEY, everything
        yield "wrong key", "wrong", []
        yield "read-only key", "reader", read + other
        for name, claims, allowed in (
            ("all", {"access": "m"}, everything),
            ("reads all", {"access": "r"}, read + other),
            ("reads", of("r"), read),
            ("writes", of("rw"), read + write),
            ("another", {"access": [{"collection": "other", "access": "r"}]}, other),
            ("expired", {"access": "m", "exp": 1}, []),
        ):
            yield name, token(claims, TOKEN_KEY), allowed
        yield "not signed by the key", token({"access": "m"}, "reader"), []

    def test_a_token_over_grpc(self) -> None:
        self.create_with(TOKEN_KEY)
        for claims, code in (
            (of("r"), None),
            ({"access": [{"collection": "other", "access": "r"}]}, "PERMISSION_DENIED"),
            ({"access": "m", "exp": 1}, "PERMISSION_DENIED"),
        ):
            metadata = [("api-key", token(claims, TOKEN_KEY))]
            for _ in range(2 * PROCESSES):
                options = [("grpc.use_local_subchannel_pool", 1)]
                with grpc.insecure_channel(self.daemon.grpc_address, options) as channel:
                    for _ in range(20):
                        self.count_over(channel, metadata, code)

    def count_over(self, channel: grpc.Channel, metadata: Any, code: str | None) -> None:
        """Count points, which fails with `code` if that is not None."""
        count = QdrantStub(channel).CountPoints
        request = pb.CountPointsRequest(collection_name="c", exact=True)
        if code is None:
            self.assertEqual(count(request, metadata=metadata).result.count, 0)
            return
        with self.assertRaises(grpc.RpcError) as refused:
            count(request, metadata=metadata)
        self.assertEqual(refused.exception.code().name, code)


def of(mode: str) -> dict[str, Any]:
    """The claims of a token for the collection `c`."""
    return {"access": [{"collection": "c", "access": mode}]}


class SlowTests(OwnProcessesCase):
    """The process that writes takes nothing for a while."""

    def test_bodies_wait_for_it_with_their_clients(self) -> None:
        self.create(size=512)
        connection = next(own for own in self.connections if self.is_reader(own))
        points = [{"id": i, "vector": [float(i % 7)] * 512} for i in range(9000)]
        body = json.dumps({"points": points}).encode()
        self.assertGreater(len(body), 20 * MEGABYTE)
        raw = connection.http.sock
        head = "PUT /collections/c/points?wait=true HTTP/1.1\r\nHost: x\r\n"
        raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        os.kill(self.daemon.pid, signal.SIGSTOP)
        sent, left = 0, memoryview(body)
        try:
            raw.setblocking(False)
            while left and select.select([], [raw], [], QUIET_S)[1]:
                count = raw.send(left[: 1 << 16])
                sent, left = sent + count, left[count:]
        finally:
            os.kill(self.daemon.pid, signal.SIGCONT)
        self.assertLess(sent, 16 * MEGABYTE, "what the reader took, and the system")
        raw.settimeout(120)
        raw.sendall(left)
        self.assertTrue(raw.recv(1000).startswith(b"HTTP/1.1 200 "))

    def is_reader(self, connection: Connection) -> bool:
        """Whether a connection is to a process that passes requests on."""
        _, headers, _ = connection.ask("GET", "/grpc/status")
        return not headers["X-Request-Id"].startswith(f"{connection.process}-")


class EndTests(OwnProcessesCase):
    def test_a_reader_that_is_killed_is_started_again(self) -> None:
        self.create()
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        # Connections to the others, and to the one that writes, are answered all the time.
        writer = next(own for own in self.connections if self.is_answered(own))
        writer.result("PUT", "/collections/c/points?wait=true", ONE)
        self.wait_until(lambda: len(self.pids()) >= 2 * (PROCESSES - 1), "they are not started")
        for connection in self.connected():
            counted = connection.result("POST", "/collections/c/points/count", {})
            self.assertEqual(counted, {"count": 1})

    def is_answered(self, connection: Connection) -> bool:
        try:
            return connection.ask("GET", "/healthz")[0] == 200
        except (http.client.HTTPException, OSError):
            return False

    def test_readers_end_with_the_one_that_writes(self) -> None:
        pids = self.pids()
        self.assertEqual(len(pids), PROCESSES - 1)
        self.daemon.kill()
        self.wait_until(lambda: not any(map(is_running, pids)), "readers go on")
        self.assertEqual(self.sockets(), [])
        self.daemon.start()
        self.connections = self.connected()
        self.create()

    def test_a_stop_ends_all(self) -> None:
        pids = self.pids()
        (sockets,) = self.sockets()
        self.assertEqual(sockets.stat().st_mode & 0o777, 0o700)
        self.assertEqual(self.daemon.stop(), 0, self.daemon.log_text())
        self.assertFalse(any(map(is_running, pids)))
        self.assertNotIn("is killed", self.daemon.log_text())
        self.assertEqual(self.sockets(), [])

    def test_a_port_that_another_server_has_is_not_shared(self) -> None:
        for option in ("--http-port", "--grpc-port"):
            taken = self.daemon.http_port if option == "--http-port" else self.daemon.grpc_port
            other = DaemonProcess(None, "--processes=2", f"{option}={taken}")
            self.addCleanup(other.close)
            error = self.assertRaises(AssertionError, other.start)
            self.assertIn("cannot start", str(error))


ONE = {"points": [{"id": 1, "vector": [1, 1]}]}


def is_running(pid: int) -> bool:
    """Whether a process runs, and has not ended without being waited for."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


class GrpcTests(ProcessesCase):
    def setUp(self) -> None:
        super().setUp()
        vectors = {"vectors": {"size": SIZE, "distance": "Dot"}}
        self.connections[0].result("PUT", f"/collections/{NAME}", vectors)
        self.channels = self.chosen()

    def channel(self) -> grpc.Channel:
        """A channel with a connection of its own."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = grpc.insecure_channel(self.daemon.grpc_address, options)
        self.addCleanup(channel.close)
        return channel

    def chosen(self) -> list[grpc.Channel]:
        """A channel to each process."""
        found: dict[str, grpc.Channel] = {}
        for _ in range(TRIES):
            channel = self.channel()
            call: Any = channel.unary_unary("/qdrant.Points/Count")
            # Field 1: a collection that is not there. Failures tell their ids.
            error = self.assertRaises(grpc.RpcError, call, b"\n\x04none")
            metadata: Any = dict(error.trailing_metadata())
            if found.setdefault(metadata["x-request-id"].partition("-")[0], channel) is not channel:
                channel.close()
            if len(found) == PROCESSES:
                return list(found.values())
        raise AssertionError(f"{len(found)} processes answer, not {PROCESSES}")

    def test_clients_read_what_others_have_written(self) -> None:
        """The official client: of several of them, each over a connection of its own."""
        clients = [
            QdrantClient(
                self.daemon.rest_url,
                grpc_port=self.daemon.grpc_port,
                prefer_grpc=True,
                grpc_options={"grpc.use_local_subchannel_pool": 1},
            )
            for _ in range(2 * PROCESSES)
        ]
        for client in clients:
            self.addCleanup(client.close)
        for number, client in enumerate(clients):
            name = f"kept-{number}"
            client.create_collection(name, VectorParams(size=2, distance=Distance.DOT))
            client.create_payload_index(name, "k", PayloadSchemaType.KEYWORD)
            points = [PointStruct(id=i, vector=[1.0, i], payload={"k": f"v{i}"}) for i in range(9)]
            client.upsert(name, points)
            client.delete(name, [3])
            for other in clients:
                own = Filter(must=[FieldCondition(key="k", match=MatchValue(value="v8"))])
                self.assertEqual(other.count(name, own).count, 1)
                self.assertEqual(len(other.scroll(name, limit=20)[0]), 8)
                self.assertEqual(other.get_collection(name).points_count, 8)

    def test_streams_go_both_ways_over_each(self) -> None:
        for number, channel in enumerate(self.channels):
            QdrantStub(channel).StreamUpsertPoints(requests(number * 1000, 1000))
            for other in self.channels:
                pages = QdrantStub(other).StreamScroll(scroll_request())
                found = [point.id.num for page in pages for point in page.result]
                self.assertEqual(found, list(range((number + 1) * 1000)))

    def test_a_stream_that_is_cancelled_ends_where_it_is_read(self) -> None:
        for channel in self.channels:
            stream = QdrantStub(channel).StreamUpsert(self.waiting(), timeout=60)
            self.wait_until(partial(self.has_streams, 1), "no stream is open")
            stream.cancel()
            self.wait_until(partial(self.has_streams, 0), "the stream goes on")

    def test_a_stream_whose_time_is_over_ends_where_it_is_read(self) -> None:
        for channel in self.channels:
            stream = QdrantStub(channel).StreamUpsert(self.waiting(), timeout=0.5)
            error = self.assertRaises(grpc.RpcError, list, stream)
            self.assertIs(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
            self.wait_until(partial(self.has_streams, 0), "the stream goes on")

    def waiting(self) -> Iterator[pb.UpsertPointsRequest]:
        """A message, and then none until the test is over."""
        yield from requests(0, 50)
        over = Event()
        self.addCleanup(over.set)
        over.wait()

    def has_streams(self, count: int) -> bool:
        status = json.loads(self.connections[0].ask("GET", "/grpc/status")[2])["result"]
        opened = [own["open_streams"] for own in status["calls"].values()]
        return sum(opened) == count
