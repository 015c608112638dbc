"""Endpoints of REST: sockets that are passed on, and several as one."""

from __future__ import annotations

import os
import socket

from twisted.internet import reactor
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase, TestCase

from vexfs_twisted.listening import (
    EndpointError,
    SeveralEndpoints,
    adopted_endpoint,
    parsed_endpoint,
    single_ports,
)
from vexfs_twisted.service_manager import inherited_sockets


class Inherited(SynchronousTestCase):
    def test_only_what_was_passed_to_this_process(self) -> None:
        own = str(os.getpid())
        for environment, expected in (
            ({}, []),
            ({"LISTEN_PID": own}, []),
            ({"LISTEN_PID": own, "LISTEN_FDS": "2"}, [3, 4]),
            ({"LISTEN_PID": own, "LISTEN_FDS": "-1"}, []),
            ({"LISTEN_PID": own, "LISTEN_FDS": "two"}, []),
            ({"LISTEN_PID": "1", "LISTEN_FDS": "2"}, []),
        ):
            self.assertEqual(list(inherited_sockets(environment)), expected, environment)

    def test_what_does_not_listen_is_refused(self) -> None:
        with socket.socket() as idle, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            for descriptor in (idle.fileno(), datagrams.fileno()):
                self.assertRaises(EndpointError, adopted_endpoint, reactor, descriptor)
            closed = os.dup(idle.fileno())
        os.close(closed)
        self.assertRaises(EndpointError, adopted_endpoint, reactor, closed)


class Several(TestCase):
    async def test_all_of_them_listen_or_none(self) -> None:
        factory = Factory.forProtocol(Protocol)
        free = parsed_endpoint(reactor, "tcp:0:interface=127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as inherited:
            adopted = adopted_endpoint(reactor, os.dup(inherited.fileno()))
            port = await SeveralEndpoints([free, adopted]).listen(factory)
            addresses = [one.getHost().port for one in single_ports(port)]  # type: ignore[attr-defined]
            self.assertEqual(addresses[1], inherited.getsockname()[1])
            for number in addresses:
                socket.create_connection(("127.0.0.1", number), 30).close()
            taken = parsed_endpoint(reactor, f"tcp:{addresses[0]}:interface=127.0.0.1")
            with self.assertRaises(CannotListenError):
                await SeveralEndpoints([free, taken]).listen(factory)
            await port.stopListening()  # type: ignore[misc]
        self.assertRaises(
            ConnectionRefusedError, socket.create_connection, ("127.0.0.1", addresses[0]), 30
        )
