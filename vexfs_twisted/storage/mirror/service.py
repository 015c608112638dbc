"""The service that attaches a device at start and on request."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from twisted.internet.defer import Deferred

from ...device.kernel import SoleFileDevice, open_device
from ...interfaces import IVectorDevice
from ...lifecycle import AsyncService
from ...logs import get_logger
from ...model.device import DeviceUnsound
from ...model.errors import Forbidden
from ...model.status import DeviceStatus
from ...threadpool import CallInReactor, WorkerPool
from .mirror import Mirror

log = get_logger("vexfs.device")


def open_vector_device(path: str) -> IVectorDevice:
    """Open the device at `path`. Raises DeviceError, also if a single file is no vector file.

    A single vector file is emptied when it is used, so the check keeps other files from being
    emptied by mistake. Blocks.
    """
    device = open_device(path)
    if isinstance(device, SoleFileDevice):
        device.held()
    return device


class MirrorService(AsyncService):
    """Attaches and detaches devices in a thread. All methods are called in the reactor thread.

    `path` is the device attached at start, None for none. With `is_required` the start fails with
    DeviceUnsound if it is not sound. While the server runs, devices at `path` and below
    `directories` may be attached.
    """

    name = "device"

    def __init__(
        self,
        mirror: Mirror,
        call_in_reactor: CallInReactor,
        path: str | None = None,
        is_required: bool = False,
        directories: Sequence[str] = (),
    ) -> None:
        self._mirror = mirror
        self._pool = WorkerPool("attach", 1, call_in_reactor)
        self._path = path
        self._is_required = is_required
        self._allowed = (*directories, path) if path is not None else tuple(directories)

    def use(self, path: str | None) -> Deferred[DeviceStatus]:
        """Attach the device at `path` in place of any other; None detaches. Fires with the status.

        Fails with Forbidden for a path that is not below one of the directories, whether or not
        there is a device.
        """
        if path is None:
            return self._pool.run(self._mirror.detach)
        return self._pool.run(self._attach_allowed, path)

    def status(self) -> DeviceStatus:
        """The status of the device. Does not block."""
        return self._mirror.status()

    async def _start(self) -> None:
        """Attach the device of the settings and wait for the result."""
        self._pool.start()
        if self._path is None:
            return
        try:
            attach = self._mirror.attach if self._is_required else self._attach
            status = await self._pool.run(attach, self._path)
            if self._is_required and not status.attached:
                text = f"the device {self._path} is required and unsound: {_reasons(status)}"
                raise DeviceUnsound(text)
        except BaseException:
            await self._pool.stop()
            raise

    def _attach_allowed(self, path: str) -> DeviceStatus:
        """Check and attach a path. In the thread, for resolving it may hang in the file system."""
        # The resolved path is attached, because a symbolic link may be changed meanwhile.
        resolved = None if "\0" in path else Path(os.path.realpath(path))
        roots = map(os.path.realpath, self._allowed)
        if resolved is None or not any(resolved.is_relative_to(root) for root in roots):
            raise Forbidden(
                "only devices below the directories of vexfs.device_directories may be attached"
            )
        return self._attach(str(resolved))

    def _attach(self, path: str) -> DeviceStatus:
        status = self._mirror.attach(path)
        if not status.attached:
            log.warning("the device is not used", path=path, reason=_reasons(status))
        return status

    async def _stop(self) -> None:
        """Detach the device; returns when that is done or has timed out."""
        detached = self.use(None)
        await self._pool.stop()
        await detached


def _reasons(status: DeviceStatus) -> str:
    return "; ".join(f"{finding.code}: {finding.text}" for finding in status.findings)
