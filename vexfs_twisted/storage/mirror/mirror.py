"""The device that is attached to a catalog: proven, fed, asked, and given up when it fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Lock
from time import time
from typing import Protocol

import attrs

from ...device.probe import probe
from ...engine.acceleration import Accelerators
from ...engine.collection import Collection
from ...interfaces import IVectorDevice
from ...logs import get_logger
from ...model.device import DeviceKind, Finding
from ...model.errors import NotFound
from ...model.status import DeviceStatus
from .accelerator import Trust
from .calls import DeviceCallQueue
from .health_check import HealthCheck, finding_of
from .replicator import Replicator
from .settings import MirrorSettings

log = get_logger("vexfs.device")

_THREADS = 6

_SINGLE_FILES = (DeviceKind.FILE, DeviceKind.CHARACTER_DEVICE)

OpenDevice = Callable[[str], IVectorDevice]


class HasCollections(Protocol):
    """The part of a catalog that is needed here."""

    def names(self) -> list[str]:
        """The names of all collections."""

    def get(self, name: str) -> Collection:
        """A collection. Raises NotFound."""

    @property
    def accelerators(self) -> Accelerators:
        """Those that searches of its collections ask."""


class Mirror:
    """At most one device, and the vectors that it holds for the collections of a catalog.

    `attach` and `detach` wait for the device, within the bounds of the settings, and for each
    other. All other methods return at once. Any thread may call any of them.
    """

    def __init__(
        self,
        catalog: HasCollections,
        open_device: OpenDevice,
        settings: MirrorSettings | None = None,
    ) -> None:
        self._catalog = catalog
        self._open_device = open_device
        self._settings = settings or MirrorSettings()
        self._changing = Lock()
        self._attached: _Attachment | None = None
        self._last = DeviceStatus()

    def attach(self, path: str) -> DeviceStatus:
        """Use the device at `path` in place of any other, if it is sound. What came of it.

        It is probed while the device that is in use goes on, and that one is kept where the new one
        is not sound: then the status that is returned is of the new one, with its findings, and
        `status` still tells of the other.
        """
        with self._changing:
            if self._holds_alone(path):
                finding = Finding("in_use", "it is in use, and a probe would empty it")
                return self._refused(path, None, finding)
            calls = DeviceCallQueue(_THREADS)
            try:
                device = calls.run("open", self._settings.call_seconds, self._open_device, path)
            except Exception as error:
                calls.close()
                return self._refused(path, None, finding_of(error))
            try:
                findings = calls.run("probe", self._settings.probe_seconds, probe, device).findings
                if not findings:
                    # Its files go with it, so that they are not taken for those of an earlier run.
                    self._let_go()
                leftovers = () if findings else self._leftovers(calls, device)
            except Exception as error:
                findings, leftovers = (finding_of(error),), ()
            if findings:
                device.close()
                calls.close()
                return self._refused(path, device.kind.value, *findings)
            accelerators = self._catalog.accelerators
            attached = _Attachment(path, device, calls, self._settings, accelerators)
            self._begin(attached, leftovers)
            return self.status()

    def detach(self) -> DeviceStatus:
        """Use no device from now on. What became of the one there was."""
        with self._changing:
            if self._attached is None and self._last.findings:
                self._last = DeviceStatus()
            self._let_go()
            return self.status()

    def attend(self, collection: Collection) -> None:
        """Something may have been written to the collection."""
        if (attached := self._attached) is not None:
            attached.replicator.attend(collection)

    def forget(self, collection: Collection) -> None:
        """The collection is deleted."""
        if (attached := self._attached) is not None:
            attached.replicator.forget(collection)

    def status(self) -> DeviceStatus:
        """What is to be told of the device."""
        attached = self._attached
        return self._last if attached is None else attached.status(self._collections())

    def _holds_alone(self, path: str) -> bool:
        """Whether `path` is the single vector file that is in use."""
        attached = self._attached
        if attached is None or attached.has_ended or attached.kind not in _SINGLE_FILES:
            return False
        # Nothing is asked of the device: paths are compared, where each of them leads to.
        return os.path.realpath(path) == os.path.realpath(attached.path)

    def _refused(self, path: str, kind: str | None, *findings: Finding) -> DeviceStatus:
        refused = DeviceStatus(path, kind, findings)
        if self._attached is None or self._attached.has_ended:
            self._attached = None
            self._last = refused
        return refused

    def _begin(self, attached: _Attachment, leftovers: tuple[str, ...]) -> None:
        # Before the collections are listed: one that is deleted meanwhile is told of in time.
        self._attached = attached
        attached.replicator.start(leftovers)
        for collection in self._collections():
            attached.replicator.attend(collection)
        log.info("device attached", path=attached.path, kind=attached.kind.value)

    def _leftovers(self, calls: DeviceCallQueue, device: IVectorDevice) -> tuple[str, ...]:
        """The files of our collections that a run before this one has not removed."""
        ours = {collection.directory for collection in self._collections()}
        found = calls.run("list", self._settings.call_seconds, device.list_files)
        return tuple(name for name in found if name.split("-")[0] in ours)

    def _let_go(self) -> None:
        attached = self._attached
        if attached is not None:
            attached.release()
            self._last = attrs.evolve(attached.status([]), attached=False, files=0, vectors=0)
            self._attached = None

    def _collections(self) -> list[Collection]:
        found = []
        for name in self._catalog.names():
            # It may have been deleted since.
            with suppress(NotFound):
                found.append(self._catalog.get(name))
        return found


class _Attachment:
    """One device, from the time that it was found sound."""

    def __init__(
        self,
        path: str,
        device: IVectorDevice,
        calls: DeviceCallQueue,
        settings: MirrorSettings,
        accelerators: Accelerators,
    ) -> None:
        self.path = path
        self.kind = device.kind
        self._since = time()
        self._settings = settings
        self._ending = Lock()
        self._ended: Finding | None = None
        self._calls = calls
        trust = Trust(calls, HealthCheck(settings), settings, self.give_up)
        self.replicator = Replicator(device, trust, accelerators)

    @property
    def has_ended(self) -> bool:
        """Whether it is asked nothing more."""
        return self._ended is not None

    def give_up(self, error: Exception) -> None:
        """Ask the device nothing more, and tell why. From any thread, as often as may be."""
        if self._end(finding_of(error)):
            self._calls.close()
            reason = self._ended
            assert reason is not None
            log.warning("device detached", path=self.path, reason=f"{reason.code}: {reason.text}")

    def release(self) -> None:
        """Let go of the device on request, and wait until its files are removed."""
        if self._end(Finding(DeviceStatus.RELEASED, "it was detached on request")):
            log.info("device detached", path=self.path, reason="on request")
            self.replicator.join(self._settings.call_seconds)
            self._calls.close()

    def status(self, collections: Iterable[Collection]) -> DeviceStatus:
        """What is to be told of it, with what waits of these collections."""
        files = self.replicator.files()
        return DeviceStatus(
            path=self.path,
            kind=self.kind.value,
            attached=self._ended is None,
            since=self._since,
            detached=self._ended,
            calls=self._calls.figures(),
            files=len(files),
            vectors=sum(file.count for file in files),
            waiting=sum(map(self.replicator.waiting, collections)) if self._ended is None else 0,
            left_out=tuple(self.replicator.left_out()),
        )

    def _end(self, reason: Finding) -> bool:
        """Whether this is the end of it, and not after it."""
        with self._ending:
            if self._ended is not None:
                return False
            self._ended = reason
        self.replicator.stop()
        return True
