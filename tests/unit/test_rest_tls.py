"""TLS of REST in memory: clients that say nothing, that are too many, or that need none."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.address import UNIXAddress
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tests.recorded_operations import RecordedOperations
from tests.rest_harness import inline, parse_replies, request_bytes
from tests.tls_support import Authority
from tests.unit.test_rest_server import Connection as PlainConnection
from vexfs_twisted.certificates import CertificateFiles, CertificateStore
from vexfs_twisted.rest.settings import RestSettings
from vexfs_twisted.rest.site import make_site
from vexfs_twisted.rest.transport.server import RestService
from vexfs_twisted.rest.transport.tls import TlsEndpoint

IDLE_S = 60
ALERT = b"\x15"


class Connection(PlainConnection):
    """A transport with what the TLS layer passes on to the socket."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """No-op: nothing waits to be sent."""


class TlsConnections(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        authority = Authority(Path(self.mktemp()))
        store = CertificateStore(CertificateFiles(str(authority.chain), str(authority.key)))
        store.load()
        settings = RestSettings(max_client_connections=2)
        operations = RecordedOperations(self)
        site = make_site(operations, settings, self.reactor, inline)
        endpoint = TlsEndpoint(TCP4ServerEndpoint(self.reactor, 6333), store)
        self.service = RestService(endpoint, site, self.reactor, settings)
        self.successResultOf(self.service.startService())

    def connect(self, address: Any = None) -> Connection:
        factory = self.reactor.tcpServers[0][1]
        connection = Connection()
        connection.protocol = factory.buildProtocol(address)
        connection.protocol.makeConnection(connection)
        return connection

    def client(self, connection: Connection) -> SSL.Connection:
        """A client after its handshake."""
        client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        client.set_connect_state()
        while True:
            try:
                client.do_handshake()
            except SSL.WantReadError:
                self.exchange(client, connection)
            else:
                self.exchange(client, connection)
                return client

    def exchange(self, client: SSL.Connection, connection: Connection) -> None:
        """Take what each side has sent to the other."""
        with contextlib.suppress(SSL.WantReadError):
            connection.protocol.dataReceived(client.bio_read(1 << 20))
        if connection.value():
            client.bio_write(connection.value())
            connection.clear()

    def test_a_request_is_answered(self) -> None:
        connection = self.connect()
        client = self.client(connection)
        client.send(request_bytes("GET", "/healthz"))
        self.exchange(client, connection)
        (reply,) = parse_replies(client.recv(1 << 20), "GET")
        self.assertEqual(reply.body, b"healthz check passed")

    def test_clients_that_make_no_handshake_are_not_kept(self) -> None:
        silent, halfway = self.connect(), self.connect()
        client = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
        client.set_connect_state()
        self.assertRaises(SSL.WantReadError, client.do_handshake)
        halfway.protocol.dataReceived(client.bio_read(1 << 20))
        self.reactor.advance(IDLE_S - 1)
        self.assertTrue(silent.connected and halfway.connected)
        self.reactor.advance(1)
        self.assertFalse(silent.connected or halfway.connected)
        self.assertEqual(self.service.channels, set())

    def test_idle_clients_are_closed_and_not_waited_for(self) -> None:
        connection = self.connect()
        client = self.client(connection)
        self.reactor.advance(IDLE_S)
        self.assertFalse(connection.connected)
        client.bio_write(connection.value())
        self.assertRaises(SSL.ZeroReturnError, client.recv, 1)

    def test_too_many_clients_are_refused_without_a_handshake(self) -> None:
        kept = [self.connect(), self.connect()]
        refused = self.connect()
        self.assertFalse(refused.connected)
        self.assertEqual(refused.value()[:1], ALERT)
        self.assertTrue(all(connection.connected for connection in kept))
        self.assertEqual(len(self.service.channels), 2)

    def test_a_unix_socket_speaks_plain_http(self) -> None:
        connection = self.connect(UNIXAddress("/run/vexfs"))
        connection.protocol.dataReceived(request_bytes("GET", "/healthz"))
        (reply,) = parse_replies(connection.value(), "GET")
        self.assertEqual(reply.status, 200)
