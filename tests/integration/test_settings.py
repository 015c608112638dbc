"""Settings by environment, each shown by what the daemon then does."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import grpc
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import UnexpectedResponse
from qdrant_client.models import Distance, PointStruct, VectorParams
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.support import DaemonProcess
from vexfs_twisted.composition import build
from vexfs_twisted.config_loader import load_config
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub

KEY = "a s3cret key"
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
_SETTINGS_ACK = b"\0\0\0\x04\x01\0\0\0\0"
_SETTINGS, _PING = 4, 6


class Settings(SynchronousTestCase):
    def start(self, environment: dict[str, str], *options: str) -> DaemonProcess:
        daemon = DaemonProcess(None, *options, environment=environment)
        self.addCleanup(daemon.close)
        return daemon.start()

    def official(self, daemon: DaemonProcess, **options: Any) -> QdrantClient:
        client = QdrantClient(daemon.rest_url, grpc_port=daemon.grpc_port, **options)
        self.addCleanup(client.close)
        return client

    def stub(self, daemon: DaemonProcess) -> QdrantStub:
        channel = grpc.insecure_channel(daemon.grpc_address)
        self.addCleanup(channel.close)
        return QdrantStub(channel)


class Keys(Settings):
    def check(self, daemon: DaemonProcess) -> None:
        """Only who has the key gets in, over either wire."""
        for prefer_grpc in (False, True):
            client = self.official(daemon, api_key=KEY, https=False, prefer_grpc=prefer_grpc)
            name = f"kept-{prefer_grpc}"
            client.create_collection(name, VectorParams(size=2, distance=Distance.DOT))
            client.upsert(name, [PointStruct(id=1, vector=[1.0, 0.0], payload={"a": 1})])
            (point,) = client.query_points(name, [2.0, 0.0], with_payload=True).points
            self.assertEqual((point.score, point.payload), (2.0, {"a": 1}))
            for key in (None, "wrong"):
                other = self.official(daemon, api_key=key, https=False, prefer_grpc=prefer_grpc)
                if prefer_grpc:
                    with self.assertRaises(grpc.RpcError) as failed:
                        other.get_collections()
                    error: Any = failed.exception
                    self.assertIs(error.code(), grpc.StatusCode.UNAUTHENTICATED)
                else:
                    with self.assertRaises(UnexpectedResponse) as refused:
                        other.get_collections()
                    self.assertEqual(refused.exception.status_code, 401)

    def test_the_key_of_the_older_adapter_wins(self) -> None:
        environment = {"API_API_KEY": KEY, "QDRANT__SERVICE__API_KEY": "another"}
        daemon = self.start(environment, "--log-level=debug", "--log-calls=info")
        self.check(daemon)
        with urlopen(f"{daemon.rest_url}/healthz", timeout=10) as answer:
            self.assertEqual(answer.status, 200)
        self.assertEqual(daemon.stop(), 0)
        for secret in (KEY, "s3cret", "another"):
            self.assertNotIn(secret, daemon.log_text())
        answered = [e for e in daemon.log_events() if e["event"] == "answered"]
        methods = {(event["wire"], event["method"]) for event in answered}
        self.assertIn(("grpc", "qdrant.Points/Upsert"), methods)
        self.assertIn(("rest", "PUT /collections/{collection_name}/points"), methods)
        for event in answered:
            expected = "info" if event["outcome"] == "ok" else "warning"
            self.assertEqual(event["level"], expected, event)
            self.assertEqual(event["peer"], "127.0.0.1")

    def test_the_key_of_qdrant_from_the_environment_and_a_file(self) -> None:
        config = Path(self.mktemp()).absolute()
        config.write_text(f'service: {{api_key: "{KEY}"}}')
        self.check(self.start({}, f"--config-path={config}"))
        config.write_text("service: {api_key: another}")
        environment = {"QDRANT__SERVICE__API_KEY": KEY}
        self.check(self.start(environment, f"--config-path={config}"))


class OlderNames(Settings):
    def test_level_of_the_log(self) -> None:
        config = Path(self.mktemp()).absolute()
        config.write_text("log_level: error")
        environment = {"LOGGING_LEVEL": "DEBUG", "QDRANT__LOG_LEVEL": "error"}
        for options, is_debug in (((), True), (("--log-level=info",), False)):
            daemon = self.start(environment, f"--config-path={config}", *options)
            urlopen(f"{daemon.rest_url}/collections", timeout=10).close()
            daemon.stop()
            levels = {event["level"] for event in daemon.log_events()}
            self.assertIn("info", levels)
            self.assertEqual("debug" in levels, is_debug, daemon.log_text())

    def test_port_of_grpc(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {"API_GRPC_PORT": str(port), "QDRANT__SERVICE__GRPC_PORT": "1"}
        daemon = PortlessDaemon(environment=environment)
        self.addCleanup(daemon.close)
        daemon.start()
        self.assertEqual(daemon.grpc_port, port)
        self.stub(daemon).ListCollections(pb.ListCollectionsRequest())

    def test_size_of_a_message(self) -> None:
        environment = {"API_GRPC_MAX_MESSAGE_SIZE": "100000"}
        stub = self.stub(self.start(environment))
        for size, code in (
            (90_000, grpc.StatusCode.NOT_FOUND),
            (110_000, grpc.StatusCode.RESOURCE_EXHAUSTED),
        ):
            with self.assertRaises(grpc.RpcError) as failed:
                stub.DeletePoints(self.large(size), timeout=20)
            error: Any = failed.exception
            self.assertIs(error.code(), code)

    @staticmethod
    def large(size: int) -> pb.DeletePointsRequest:
        request = pb.DeletePointsRequest(collection_name="x")
        point = request.points.points.ids.add()
        point.num = 1
        condition = request.points.filter.must.add()
        condition.field.key = "k" * size
        condition.field.match.keyword = "v"
        return request

    def test_keepalive(self) -> None:
        """The server pings a client that is silent for so long; by default it would later."""
        daemon = self.start({"API_GRPC_KEEPALIVE_TIME": "1500"})
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", daemon.grpc_port), timeout=25) as connection:
            connection.sendall(_PREFACE)
            for kind, flags in frames(connection):
                if kind == _SETTINGS and not flags:
                    connection.sendall(_SETTINGS_ACK)
                if kind == _PING:
                    break
            else:
                self.fail("the server has hung up without a ping")
        self.assertGreater(time.monotonic() - began, 1.4)


class KeepaliveTimeout(TestCase):
    timeout = 30

    async def test_a_host_that_is_gone(self) -> None:
        """The kernel ends a connection whose other end takes no data for so long."""
        config = load_config(
            {"http-port": "0"},
            {
                "API_GRPC_PORT": "0",
                "API_GRPC_KEEPALIVE_TIMEOUT": "700",
                "QDRANT__STORAGE__STORAGE_PATH": self.mktemp(),
            },
        )
        parts = build(config, reactor)
        await parts.service.startService()
        self.addCleanup(parts.service.stopService)
        assert parts.rpc is not None
        port = parts.rpc.port
        with socket.create_connection(("127.0.0.1", port), timeout=15) as connection:
            connection.sendall(_PREFACE)
            await deferToThread(connection.recv, 1)
            self.assertIn(700, user_timeouts(port))


class Limits(Settings):
    def test_calls_a_second(self) -> None:
        # However slow the machine is: two of the calls will come within a second.
        daemon = self.start({"QDRANT__SERVICE__RATE_LIMIT": "1"})
        with self.assertRaises(HTTPError) as refused:
            for _ in range(50):
                urlopen(Request(f"{daemon.rest_url}/collections"), timeout=10).close()
        self.assertEqual(refused.exception.code, 429)
        self.assertGreaterEqual(int(refused.exception.headers["Retry-After"]), 1)
        self.assertIn("Rate limiting exceeded", json.load(refused.exception)["status"]["error"])


class PortlessDaemon(DaemonProcess):
    """A daemon that is not told its gRPC port on the command line."""

    def command_line(self) -> list[str]:
        return [part for part in super().command_line() if not part.startswith("--grpc-port")]


def frames(connection: socket.socket) -> Iterator[tuple[int, int]]:
    """Kind and flags of the HTTP/2 frames that come until the connection ends."""
    data = b""
    while chunk := _received(connection):
        data += chunk
        while len(data) >= 9:
            length = int.from_bytes(data[:3])
            if len(data) < 9 + length:
                break
            kind, flags = struct.unpack_from("BB", data, 3)
            yield kind, flags
            data = data[9 + length :]


def user_timeouts(port: int) -> set[int]:
    """The TCP_USER_TIMEOUT of every socket of this process that is bound to `port`."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            with socket.socket(fileno=os.dup(int(name))) as one:
                if one.type == socket.SOCK_STREAM and one.getsockname()[1] == port:
                    found.add(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
        except (OSError, IndexError):
            continue
    return found


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)
    except ConnectionError:
        return b""
