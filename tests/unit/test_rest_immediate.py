"""Writes that are sent at once, over a connection whose socket takes what it is told to."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.rest.transport.immediate import MAX_IMMEDIATE_BYTES, write_now


class Socket:
    """Takes up to `room` bytes; `is_broken` raises the error of a reset connection."""

    room = 10
    is_broken = False

    def __init__(self) -> None:
        self.sent = b""

    def setblocking(self, _: bool) -> None:
        """It never blocks."""

    def fileno(self) -> int:
        return 3

    def send(self, data: bytes) -> int:
        if self.is_broken:
            raise ConnectionResetError(104, "reset")
        taken = bytes(data[: self.room])
        self.sent += taken
        self.room -= len(taken)
        return len(taken)


class Writes(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.socket: Any = Socket()
        self.connection = Connection(self.socket, Protocol(), self.reactor)  # type: ignore[arg-type]
        self.connection.connected = 1

    def is_waiting(self) -> bool:
        """Whether the reactor is to write the rest."""
        return self.connection in self.reactor.getWriters()

    def test_what_the_socket_takes_needs_no_reactor(self) -> None:
        write_now(self.connection, b"head", b"body")
        self.assertEqual(self.socket.sent, b"headbody")
        self.assertFalse(self.is_waiting())

    def test_the_rest_follows_in_order(self) -> None:
        write_now(self.connection, b"head", b"long body")
        self.assertEqual(self.socket.sent, b"headlong b")
        self.assertTrue(self.is_waiting())
        self.socket.room = 100
        # What waits comes first, though there is room.
        write_now(self.connection, b"next", b"")
        self.assertEqual(self.socket.sent, b"headlong b")
        self.connection.doWrite()
        self.assertEqual(self.socket.sent, b"headlong bodynext")
        self.assertFalse(self.is_waiting())

    def test_large_ones_are_left_to_the_reactor(self) -> None:
        body = b"x" * MAX_IMMEDIATE_BYTES
        self.socket.room = len(body) + 1
        write_now(self.connection, b"h", body)
        self.assertEqual(self.socket.sent, b"")
        self.connection.doWrite()
        self.assertEqual(self.socket.sent, b"h" + body)

    def test_errors_are_left_to_the_reactor(self) -> None:
        self.socket.is_broken = True
        write_now(self.connection, b"head", b"body")
        self.assertTrue(self.is_waiting())
        self.assertIsInstance(self.connection.doWrite(), ConnectionLost)

    def test_nothing_is_sent_over_a_lost_connection(self) -> None:
        self.connection.connected = 0
        write_now(self.connection, b"head", b"body")
        self.assertEqual(self.socket.sent, b"")

    def test_other_transports(self) -> None:
        transport = StringTransport()
        write_now(transport, b"head", b"body")
        self.assertEqual(transport.value(), b"headbody")
