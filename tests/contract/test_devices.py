"""The contract of IVectorDevice on the device in memory, and over ioctls on the userspace one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.device_support import shared_device
from tests.suites.device import MemoryDevice
from tests.suites.device_contract import DeviceContract
from vexfs_twisted.device.kernel import open_device
from vexfs_twisted.device.probe import probe
from vexfs_twisted.interfaces import IVectorDevice
from vexfs_twisted.model.device import DeviceKind


class MemoryDeviceTests(DeviceContract, SynchronousTestCase):
    def make_device(self) -> IVectorDevice:
        return MemoryDevice()


class UserspaceDeviceTests(DeviceContract, SynchronousTestCase):
    """The client, system calls, and the userspace device behind them."""

    def make_device(self) -> IVectorDevice:
        device = open_device(str(shared_device().mount))
        for name in device.list_files():
            device.delete(name)
        return device

    def test_it_is_sound(self) -> None:
        report = probe(self.device)
        self.assertEqual(report.findings, ())
        self.assertIs(self.device.kind, DeviceKind.DIRECTORY)
        self.assertEqual(self.device.list_files(), [])
