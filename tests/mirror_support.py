"""What tests of the mirror share: a device to attach, and waiting until it has everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs

from tests.engine_support import EngineTestCase
from tests.suites.device import MemoryDevice
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.interfaces import IVectorDevice
from vexfs_twisted.storage.mirror.mirror import Mirror
from vexfs_twisted.storage.mirror.settings import MirrorSettings

SETTINGS = MirrorSettings(
    search_seconds=10.0, call_seconds=10.0, slow_seconds=10.0, check_every=1, rebuilt_from=8
)
"""A check of every search, and time enough for a machine that has much to do."""

IMPATIENT = attrs.evolve(SETTINGS, search_seconds=0.5, call_seconds=0.5)
"""For devices that hang."""

_PATIENCE = 60.0


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something that other threads do; AssertionError when it does not come about."""
    deadline = time.monotonic() + _PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise AssertionError(f"not after {_PATIENCE:g} s: {what}")
        time.sleep(0.002)


def wait_until_settled(mirror: Mirror) -> None:
    """Wait until the device has all vectors, or is detached."""

    def is_settled() -> bool:
        status = mirror.status()
        return not status.attached or not status.waiting

    wait_until(is_settled, "the mirror has caught up")


def attach_sound(mirror: Mirror) -> None:
    """Attach a sound device; AssertionError where it is found unsound.

    Bounds may be short for devices that hang. What a busy machine did not do within them is done
    again.
    """
    for _ in range(20):
        status = mirror.attach("/device")
        if status.attached:
            return
        if [finding.code for finding in status.findings] != ["hangs"]:
            break
    raise AssertionError(status.findings)


class MirrorCase(EngineTestCase):
    """A catalog with a mirror; `device` is what attaching finds, whatever the path."""

    settings = SETTINGS

    def setUp(self) -> None:
        super().setUp()
        self.device = MemoryDevice()
        self.mirror = self.make_mirror()

    def make_mirror(self, **settings: Any) -> Mirror:
        """A mirror of the catalog, which lets go of its device after the test."""
        bounds = attrs.evolve(self.settings, **settings)
        mirror = Mirror(self.catalog, self.open_device, bounds)
        self.addCleanup(mirror.detach)
        return mirror

    def open_device(self, path: str) -> IVectorDevice:
        """Stands for the opening of a device."""
        return self.device

    def attach(self) -> None:
        """Attach the device, which must be sound, and wait until it has all vectors."""
        attach_sound(self.mirror)
        self.settle()

    def settle(self, *written: Collection) -> None:
        """Tell the mirror of what was written, and wait until it has all vectors."""
        for collection in written:
            self.mirror.attend(collection)
        wait_until_settled(self.mirror)

    def searches(self) -> int:
        """How many searches the device has been asked for, of the mirror and the probe."""
        return self.device.calls["search"]
