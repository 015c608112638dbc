"""What a service manager hears, on a real socket and by a clock."""

from __future__ import annotations

import os
import socket
import time

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.service_manager import ServiceManager, notify_manager, watchdog_interval_s


class ManagerCase(SynchronousTestCase):
    def receiver(self, name: str) -> socket.socket:
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(receiver.close)
        receiver.bind(name)
        receiver.settimeout(5)
        return receiver


class Notifications(ManagerCase):
    def test_a_state_reaches_the_socket(self) -> None:
        path = self.mktemp()
        receiver = self.receiver(path)
        notify_manager("READY=1", {"NOTIFY_SOCKET": path})
        self.assertEqual(receiver.recv(100), b"READY=1")

    def test_a_state_reaches_an_abstract_socket(self) -> None:
        name = f"vexfs-test-{id(self)}"
        receiver = self.receiver(f"\0{name}")
        notify_manager("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"})
        self.assertEqual(receiver.recv(100), b"STOPPING=1")

    def test_no_manager_and_a_deaf_one(self) -> None:
        notify_manager("READY=1", {})
        notify_manager("READY=1", {"NOTIFY_SOCKET": self.mktemp()})


class Watchdogs(ManagerCase):
    def setUp(self) -> None:
        self.clock = Clock()
        path = self.mktemp()
        self.received = self.receiver(path)
        self.received.setblocking(False)
        self.environment = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000000"}

    def heard(self) -> list[bytes]:
        found = []
        try:
            while True:
                found.append(self.received.recv(200))
        except BlockingIOError:
            return found

    def test_signs_of_life_from_when_the_server_is_ready(self) -> None:
        manager = ServiceManager(self.clock, self.environment)
        self.clock.advance(100)
        self.assertEqual(self.heard(), [])
        manager.ready()
        self.assertEqual(self.heard(), [b"READY=1", b"WATCHDOG=1"])
        self.clock.pump([9, 1, 9, 1])
        self.assertEqual(self.heard(), [b"WATCHDOG=1"] * 2)
        manager.stopping()
        self.clock.advance(10)
        self.assertEqual(self.heard(), [b"STOPPING=1", b"WATCHDOG=1"])

    def test_a_reload_says_when_it_began(self) -> None:
        manager = ServiceManager(self.clock, self.environment)
        manager.ready()
        before = time.monotonic_ns() // 1000
        manager.reloading()
        manager.ready()
        _, _, reloading, ready = self.heard()
        first, _, second = reloading.decode().partition("\n")
        self.assertEqual((first, ready), ("RELOADING=1", b"READY=1"))
        name, _, microseconds = second.partition("=")
        self.assertEqual(name, "MONOTONIC_USEC")
        self.assertTrue(before <= int(microseconds) <= time.monotonic_ns() // 1000)

    def test_intervals(self) -> None:
        for environment, expected in (
            ({}, None),
            ({"WATCHDOG_USEC": "0"}, None),
            ({"WATCHDOG_USEC": "soon"}, None),
            ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": ""}, 5.0),
            ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": str(os.getpid())}, 5.0),
            ({"WATCHDOG_USEC": "5000000", "WATCHDOG_PID": "1"}, None),
        ):
            self.assertEqual(watchdog_interval_s(environment), expected, environment)
