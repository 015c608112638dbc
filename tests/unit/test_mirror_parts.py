"""The mirror in parts: timed calls, the service, and who may use its endpoints."""

from __future__ import annotations

from threading import Event
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.mirror_support import MirrorCase
from tests.suites.device import Fault, MemoryDevice
from vexfs_twisted.model.device import DeviceGone, DeviceUnsound
from vexfs_twisted.rest.endpoints import vexfs
from vexfs_twisted.storage.mirror.calls import DeviceCallQueue, DeviceHangs
from vexfs_twisted.storage.mirror.service import MirrorService

reactor: Any = _reactor


class TimedCalls(SynchronousTestCase):
    def setUp(self) -> None:
        self.calls = DeviceCallQueue(2)
        self.addCleanup(self.calls.close)

    def test_results_and_errors_are_the_callers(self) -> None:
        self.assertEqual(self.calls.run("add", 5.0, lambda a, b: a + b, 1, 2), 3)
        with self.assertRaises(ZeroDivisionError):
            self.calls.run("add", 5.0, lambda: 1 // 0)
        figures = self.calls.figures()["add"]
        self.assertEqual((figures.count, figures.errors), (2, 1))
        self.assertLessEqual(figures.p50, figures.slowest)

    def test_a_call_that_hangs_is_given_up_and_another_thread_goes_on(self) -> None:
        released = Event()
        self.addCleanup(released.set)
        with self.assertRaises(DeviceHangs):
            self.calls.run("wait", 0.05, released.wait)
        self.assertEqual(self.calls.run("add", 5.0, lambda: 7), 7)
        self.assertEqual(self.calls.figures()["wait"].errors, 1)

    def test_when_all_threads_hang_calls_still_end(self) -> None:
        released = Event()
        self.addCleanup(released.set)
        for _ in range(4):
            with self.assertRaises(DeviceHangs):
                self.calls.run("wait", 0.05, released.wait)

    def test_nothing_is_called_once_it_is_closed(self) -> None:
        self.calls.close()
        with self.assertRaises(DeviceGone):
            self.calls.run("add", 5.0, lambda: 7)


class Starts(MirrorCase, TestCase):
    """The service that attaches the device of the settings."""

    def service(self, is_required: bool) -> MirrorService:
        return MirrorService(self.mirror, reactor.callFromThread, "/device", is_required)

    async def test_a_sound_device_is_attached_until_the_stop(self) -> None:
        service = self.service(is_required=True)
        await service.startService()
        self.assertTrue(service.status().attached)
        await service.stopService()
        self.assertFalse(service.status().attached)

    async def test_an_unsound_one_is_reported_and_not_used(self) -> None:
        self.device.inject(Fault.CONSTANT_SCORES)
        service = self.service(is_required=False)
        await service.startService()
        status = service.status()
        self.assertEqual((status.attached, bool(status.findings)), (False, True))
        await service.stopService()

    async def test_an_unsound_one_that_is_required_fails_the_start(self) -> None:
        self.device.inject(Fault.EIO)
        try:
            await self.service(is_required=True).startService()
        except DeviceUnsound as error:
            self.assertIn("failed", str(error))
        else:
            self.fail("it has started")

    async def test_it_is_changed_while_it_runs(self) -> None:
        service = MirrorService(self.mirror, reactor.callFromThread, directories=("/device",))
        await service.startService()
        self.assertIsNone(service.status().path)
        first = await service.use("/device")
        self.assertTrue(first.attached)
        self.device = MemoryDevice()
        second = await service.use("/device")
        self.assertTrue(second.attached)
        third = await service.use(None)
        self.assertFalse(third.attached)
        await service.stopService()


class Endpoints(SynchronousTestCase):
    def test_a_key_is_asked_for_where_there_is_one(self) -> None:
        routes = {(route.method, route.path): route for route in vexfs.routes}
        self.assertEqual(set(routes), {("GET", "/vexfs/stats"), ("POST", "/vexfs/device")})
        self.assertFalse(any(route.kind.is_open for route in routes.values()))
