"""TLS on both ports of a daemon: who is let in, what changes while it runs, and what goes wrong."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import grpc

from tests.integration.test_daemon import Daemons
from tests.support import DaemonProcess
from tests.tls_support import Authority, ask, run_official_client
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub

POINTS = [{"id": i, "vector": [float(i)] * 64, "payload": {"text": "x" * 500}} for i in range(5000)]


class TlsDaemons(Daemons):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.authority = Authority(self.folder)

    def tls_daemon(self, *options: str, **environment: str) -> DaemonProcess:
        return self.daemon(*self.authority.options, *options, environment=environment)

    def health(self, channel: grpc.Channel) -> str:
        with channel:
            return QdrantStub(channel).HealthCheck(pb.HealthCheckRequest(), timeout=30).version

    def version(self, connection: http.client.HTTPConnection) -> str:
        connection.request("GET", "/")
        return json.loads(connection.getresponse().read())["version"]

    def check_both(self, daemon: DaemonProcess, authority: Authority, **more: Any) -> None:
        """A client is let in over both wires."""
        self.assertEqual(
            self.version(authority.connect(daemon.http_port, **more)),
            self.health(authority.channel(daemon.grpc_port, **more)),
        )

    def check_neither(self, daemon: DaemonProcess, authority: Authority, **more: Any) -> None:
        """No connection is made, over either wire."""
        connection = authority.connect(daemon.http_port, **more)
        # With TLS 1.3 a client learns that its certificate is refused after its handshake.
        errors = (ssl.SSLError, ConnectionError, http.client.HTTPException)
        self.assertRaises(errors, self.version, connection)
        channel = authority.channel(daemon.grpc_port, **more)
        error = self.assertRaises(grpc.RpcError, self.health, channel)
        self.assertIs(error.code(), grpc.StatusCode.UNAVAILABLE)


class Clients(TlsDaemons):
    def test_the_official_client_over_both_wires(self) -> None:
        daemon = self.tls_daemon().start()
        (listening,) = [e for e in daemon.log_events() if e["event"] == "listening"]
        self.assertTrue(listening["rest"].startswith("https://"), listening)
        self.assertEqual(run_official_client(daemon, self.authority), "")
        self.assertEqual(daemon.stop(), 0)
        self.assertNotIn('"level":"error"', daemon.log_text())

    def test_under_twistd_and_by_the_other_transport_of_grpc(self) -> None:
        daemon = self.daemon(
            *self.authority.options,
            command="twistd",
            environment={"VEXFS_GRPC_TRANSPORT": "aio"},
        ).start()
        self.check_both(daemon, self.authority)

    def test_a_client_that_trusts_another_authority_refuses(self) -> None:
        daemon = self.tls_daemon().start()
        self.check_neither(daemon, Authority(self.folder / "other"))
        self.check_both(daemon, self.authority)

    def test_clients_need_a_certificate_where_that_is_asked_for(self) -> None:
        config = self.folder / "config.yaml"
        config.write_text(
            "service: {enable_tls: true, verify_https_client_certificate: true}\n"
            f"tls: {{cert: {self.authority.chain}, key: {self.authority.key},"
            f" ca_cert: {self.authority.authority}}}\n"
        )
        daemon = self.daemon(f"--config-path={config}").start()
        known = self.authority.client(self.folder)
        self.check_both(daemon, self.authority, client=known)
        self.assertEqual(run_official_client(daemon, self.authority, known), "")
        self.check_neither(daemon, self.authority)
        other = Authority(self.folder / "other")
        stranger = other.client(self.folder / "other")
        self.check_neither(daemon, self.authority, client=stranger)
        self.check_both(daemon, self.authority, client=known)

    def test_large_bodies_and_answers(self) -> None:
        daemon = self.tls_daemon().start()
        connection = self.authority.connect(daemon.http_port)
        vectors = {"vectors": {"size": 64, "distance": "Dot"}}
        ask(connection, "PUT", "/collections/a", vectors)
        ask(connection, "PUT", "/collections/a/points?wait=true", {"points": POINTS})
        page = {"limit": 5000, "with_vector": True, "with_payload": True}
        found = ask(connection, "POST", "/collections/a/points/scroll", page)["points"]
        self.assertEqual([p["payload"] for p in found], [p["payload"] for p in POINTS])
        self.assertEqual([p["vector"] for p in found], [p["vector"] for p in POINTS])

    def test_several_processes(self) -> None:
        daemon = self.tls_daemon("--processes=2").start()
        for _ in range(8):
            connection = self.authority.connect(daemon.http_port)
            ask(connection, "PUT", "/collections/a", {"vectors": {"size": 1, "distance": "Dot"}})
            ask(connection, "DELETE", "/collections/a")
            self.check_both(daemon, self.authority)
        self.assertEqual(daemon.stop(), 0)

    def test_plain_clients_are_sent_away(self) -> None:
        daemon = self.tls_daemon().start()
        plain = http.client.HTTPConnection("127.0.0.1", daemon.http_port, timeout=30)
        plain.request("GET", "/")
        answer = plain.getresponse()
        self.assertEqual(answer.status, 400)
        self.assertIn("takes HTTPS", json.loads(answer.read())["status"]["error"])
        self.assertEqual(plain.sock, None)
        channel = grpc.insecure_channel(daemon.grpc_address)
        error = self.assertRaises(grpc.RpcError, self.health, channel)
        self.assertIs(error.code(), grpc.StatusCode.UNAVAILABLE)
        with socket.create_connection(("127.0.0.1", daemon.http_port), 30) as garbled:
            garbled.sendall(b"\x16\x03\x01\x00\x05hello")
            self.assertNotEqual(b"".join(iter(partial(garbled.recv, 4096), b""))[:1], b"H")
        self.check_both(daemon, self.authority)

    def test_old_versions_of_tls_are_refused(self) -> None:
        daemon = self.tls_daemon().start()
        context = self.authority.context()
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        with (
            socket.create_connection(("127.0.0.1", daemon.http_port), 30) as connection,
            self.assertRaises(ssl.SSLError),
        ):
            context.wrap_socket(connection, server_hostname="localhost")

    def test_idle_connections_do_not_delay_the_end(self) -> None:
        """They would, if the server waited for them to close their side of TLS."""
        daemon = self.tls_daemon().start()
        connections = [self.authority.connect(daemon.http_port) for _ in range(3)]
        for connection in connections:
            self.version(connection)
        self.assertEqual(daemon.stop(), 0)
        events = [event["event"] for event in daemon.log_events()]
        self.assertNotIn("Forcibly timing out client", " ".join(events))


class Certificates(TlsDaemons):
    def test_new_ones_are_presented_to_new_connections(self) -> None:
        daemon = self.tls_daemon(QDRANT__TLS__CERT_TTL="1").start()
        kept = self.authority.connect(daemon.http_port)
        self.version(kept)
        held = self.authority.channel(daemon.grpc_port)
        QdrantStub(held).HealthCheck(pb.HealthCheckRequest(), timeout=30)
        other = Authority(self.folder / "other")
        for new, place in ((other.key, self.authority.key), (other.chain, self.authority.chain)):
            shutil.copy(new, place)
        self.wait_until(partial(self.is_let_in, daemon, other), "the certificate is not read again")
        self.check_both(daemon, other)
        self.version(kept)
        QdrantStub(held).HealthCheck(pb.HealthCheckRequest(), timeout=30)
        held.close()
        self.check_neither(daemon, self.authority)

    def is_let_in(self, daemon: DaemonProcess, authority: Authority) -> bool:
        try:
            self.version(authority.connect(daemon.http_port))
        except ssl.SSLError:
            return False
        return True

    def test_those_that_cannot_be_used_fail_the_start(self) -> None:
        key = self.authority.key.read_bytes()
        self.authority.issue()
        missing = str(self.folder / "missing.pem")
        daemon = self.tls_daemon(f"--tls-cert={missing}")
        self.assertEqual(
            self.failed_start(daemon), f"cannot read {missing}: No such file or directory"
        )
        self.authority.key.write_bytes(key)
        reason = self.failed_start(self.tls_daemon())
        self.assertEqual(reason, f"{self.authority.key} is not the key of {self.authority.chain}")
