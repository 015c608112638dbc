"""The contract of IVectorDevice on the device in memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.interfaces import IVectorDevice
from vexfs_twisted.testing.device import MemoryDevice
from vexfs_twisted.testing.device_contract import DeviceContract


class MemoryDeviceTests(DeviceContract, SynchronousTestCase):
    def make_device(self) -> IVectorDevice:
        return MemoryDevice()
