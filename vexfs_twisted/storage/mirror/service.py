"""The device of a server: attached when it starts, and whenever it is asked for."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from ...device.kernel import SoleFileDevice, open_device
from ...interfaces import IVectorDevice
from ...model.device import DeviceUnsound
from ...model.status import DeviceStatus
from ..pool import CallInReactor, WorkerPool
from .mirror import Mirror


def open_vector_device(path: str) -> IVectorDevice:
    """The device at `path`. Raises DeviceError, also where a single file is no vector file.

    A single vector file is emptied when it is used, so any other file must be told from one first.
    """
    device = open_device(path)
    if isinstance(device, SoleFileDevice):
        device.held()
    return device


class MirrorService(Service):
    """Attaches and detaches in a thread. All methods are called in the reactor thread.

    `path` is the device to start with, None for none. With `is_required` the start fails with
    DeviceUnsound where it is not sound.
    """

    name = "device"

    def __init__(
        self,
        mirror: Mirror,
        call_in_reactor: CallInReactor,
        path: str | None = None,
        is_required: bool = False,
    ) -> None:
        self._mirror = mirror
        self._pool = WorkerPool("attach", 1, call_in_reactor)
        self._path = path
        self._is_required = is_required

    def startService(self) -> Deferred[None]:
        """Attach the device that the settings name, and wait for what comes of it."""
        super().startService()
        return Deferred.fromCoroutine(self._start())

    def stopService(self) -> Deferred[None]:
        """Let go of the device; fires when that is done, or has taken too long."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def use(self, path: str | None) -> Deferred[DeviceStatus]:
        """Attach the device at `path` in place of any other; None detaches. What came of it."""
        if path is None:
            return self._pool.run(self._mirror.detach)
        return self._pool.run(self._mirror.attach, path)

    def status(self) -> DeviceStatus:
        """What is to be told of the device, at once."""
        return self._mirror.status()

    async def _start(self) -> None:
        self._pool.start()
        if self._path is None:
            return
        try:
            status = await self.use(self._path)
            if self._is_required and not status.attached:
                reasons = "; ".join(f"{found.code}: {found.text}" for found in status.findings)
                raise DeviceUnsound(f"the device {self._path} is required and unsound: {reasons}")
        except BaseException:
            await self._pool.stop()
            raise

    async def _stop(self) -> None:
        detached = self.use(None)
        await self._pool.stop()
        await detached
