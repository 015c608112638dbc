"""Services in order: real services on a Clock, and real ports."""

from __future__ import annotations

import socket
from typing import Any

from twisted.application.internet import TimerService
from twisted.application.service import Service
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from vexfs_twisted.lifecycle import (
    ConcurrentService,
    EndpointService,
    SequentialService,
    StartAbandoned,
)


class Slow(Service):
    """A service that takes a second of the clock to start and two to stop, and says so."""

    start_error: Exception | None = None
    stop_error: Exception | None = None

    def __init__(self, name: str, clock: Clock, story: list[str]) -> None:
        self.name = name
        self.clock = clock
        self.story = story

    def startService(self) -> Deferred[None]:
        super().startService()
        self.story.append(f"{self.name} starts")
        return deferLater(self.clock, 1, self._end, "started", self.start_error)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self.story.append(f"{self.name} stops")
        return deferLater(self.clock, 2, self._end, "stopped", self.stop_error)

    def _end(self, word: str, error: Exception | None) -> None:
        if error is not None:
            raise error
        self.story.append(f"{self.name} {word}")


class Sequence(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.story: list[str] = []
        self.first, self.second, self.third = (
            Slow(name, self.clock, self.story) for name in ("a", "b", "c")
        )
        self.service: Any = SequentialService([self.first, self.second, self.third])

    def started(self) -> None:
        start = self.service.startService()
        self.clock.pump([1, 1, 1])
        self.successResultOf(start)
        self.story.clear()

    def test_children_start_one_after_the_other(self) -> None:
        start = self.service.startService()
        self.assertEqual(self.story, ["a starts"])
        self.clock.advance(1)
        self.assertEqual(self.story, ["a starts", "a started", "b starts"])
        self.clock.pump([1])
        self.assertNoResult(start)
        self.clock.advance(1)
        self.assertIsNone(self.successResultOf(start))
        self.assertEqual(self.story[-2:], ["c starts", "c started"])
        self.assertTrue(self.service.running)

    def test_children_stop_in_reverse_one_after_the_other(self) -> None:
        self.started()
        stop = self.service.stopService()
        self.assertEqual(self.story, ["c stops"])
        self.clock.advance(2)
        self.assertEqual(self.story, ["c stops", "c stopped", "b stops"])
        self.clock.pump([2, 2])
        self.assertIsNone(self.successResultOf(stop))
        self.assertEqual(self.story[-2:], ["a stops", "a stopped"])
        self.assertFalse(self.service.running)

    def test_a_child_that_fails_to_start_stops_those_before_it(self) -> None:
        self.third.start_error = OSError("no room")
        start = self.service.startService()
        self.clock.pump([1, 1, 1])
        self.assertNoResult(start)
        self.assertEqual(self.story[-1], "b stops")
        self.clock.pump([2, 2])
        self.assertEqual(str(self.failureResultOf(start, OSError).value), "no room")
        self.assertEqual(self.story[-4:], ["b stops", "b stopped", "a stops", "a stopped"])
        self.assertFalse(self.service.running)
        self.assertIsNone(self.successResultOf(self.service.stopService()))

    def test_an_error_raised_at_once_fails_the_start(self) -> None:
        class Broken(Service):
            def startService(self) -> None:
                raise RuntimeError("at once")

        service = SequentialService([self.first, Broken()])
        start = service.startService()
        self.clock.pump([1, 2])
        self.failureResultOf(start, RuntimeError)
        self.assertEqual(self.story[-1], "a stopped")

    def test_a_stop_during_the_start_waits_and_starts_no_more(self) -> None:
        start = self.service.startService()
        self.clock.advance(1)
        stop = self.service.stopService()
        self.assertEqual(self.story[-1], "b starts")
        self.clock.advance(1)
        self.failureResultOf(start, StartAbandoned)
        self.assertEqual(self.story[-2:], ["b started", "b stops"])
        self.clock.pump([2, 2])
        self.assertIsNone(self.successResultOf(stop))
        self.assertNotIn("c starts", self.story)
        self.assertEqual(self.story[-1], "a stopped")

    def test_a_child_that_fails_to_stop_does_not_keep_the_others_running(self) -> None:
        self.started()
        self.second.stop_error = OSError("stuck")
        stop = self.service.stopService()
        self.clock.pump([2, 2, 2])
        self.assertEqual(str(self.failureResultOf(stop, OSError).value), "stuck")
        self.assertEqual(self.story[-1], "a stopped")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_starts_again_after_a_stop(self) -> None:
        self.started()
        stop = self.service.stopService()
        self.clock.pump([2, 2, 2])
        self.successResultOf(stop)
        self.story.clear()
        self.started()
        self.assertTrue(self.third.running)

    def test_a_stop_that_was_never_started(self) -> None:
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.story, [])

    def test_services_of_twisted_are_children_like_any_other(self) -> None:
        timer = TimerService(1, self.story.append, "tick")
        timer.clock = self.clock
        service = SequentialService([timer])
        self.successResultOf(service.startService())
        self.clock.advance(1)
        self.successResultOf(service.stopService())
        self.clock.advance(5)
        self.assertEqual(self.story, ["tick", "tick"])


class Concurrent(Sequence):
    """In order to the start, and all at the same time to the stop."""

    def setUp(self) -> None:
        super().setUp()
        self.service = ConcurrentService([self.first, self.second, self.third])

    def test_children_stop_in_reverse_one_after_the_other(self) -> None:
        self.started()
        stop = self.service.stopService()
        self.assertEqual(self.story, ["a stops", "b stops", "c stops"])
        self.clock.advance(2)
        self.assertIsNone(self.successResultOf(stop))
        self.assertFalse(self.service.running)

    def test_a_child_that_fails_to_stop_does_not_keep_the_others_running(self) -> None:
        self.started()
        self.second.stop_error = OSError("stuck")
        stop = self.service.stopService()
        self.clock.advance(2)
        self.assertEqual(str(self.failureResultOf(stop, OSError).value), "stuck")
        self.assertEqual(self.story[-2:], ["a stopped", "c stopped"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class Ports(TestCase):
    """EndpointService on the real reactor's TCP."""

    def service(self, port: int = 0) -> EndpointService:
        from twisted.internet import reactor

        endpoint = TCP4ServerEndpoint(IReactorTCP(reactor), port, interface="127.0.0.1")
        return EndpointService(endpoint, Factory.forProtocol(Protocol))

    async def test_tells_the_port_it_listens_on(self) -> None:
        service = self.service()
        self.assertRaises(RuntimeError, service.addresses)
        await service.startService()
        (address,) = service.addresses()
        assert isinstance(address, IPv4Address)
        with socket.create_connection(("127.0.0.1", address.port), timeout=5):
            pass
        await service.stopService()
        self.assertRaises(
            ConnectionRefusedError, socket.create_connection, ("127.0.0.1", address.port), 5
        )

    async def test_a_busy_port_fails_the_start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            service = self.service(taken.getsockname()[1])
            with self.assertRaisesRegex(CannotListenError, "Address already in use"):
                await service.startService()
            await service.stopService()
