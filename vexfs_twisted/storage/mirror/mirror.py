"""The device of a catalog: probed, attached, replicated to, and detached when it fails."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
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
from ...model.status import DeviceStatus
from .accelerator import Trust
from .calls import DeviceCallQueue
from .health_check import HealthCheck, finding_of
from .replicator import HasDirectory, Replicator
from .settings import MirrorSettings

log = get_logger("vexfs.device")

_THREADS = 6

_SINGLE_FILES = (DeviceKind.FILE, DeviceKind.CHARACTER_DEVICE)

OpenDevice = Callable[[str], IVectorDevice]


class HasCollections(Protocol):
    """The part of the interface of Catalog that is used here."""

    def names(self) -> list[str]:
        """The names of all collections."""

    def find(self, name: str) -> Collection | None:
        """A collection; None if there is none of that name, or it cannot be read."""

    def directories(self) -> list[str]:
        """The names of the directories of all collections, quarantined ones included."""

    @property
    def accelerators(self) -> Accelerators:
        """The registry from which searches of its collections take their accelerators."""


class Mirror:
    """Attaches at most one device to a catalog and mirrors the vectors of its collections.

    `attach` and `detach` block, on the device within the timeouts of the settings and on each
    other. The other methods do not block. Thread-safe.
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
        """Use the device at `path` in place of any other, if it is sound; returns the status.

        It is probed while the device in use remains attached. If the new one is not sound the old
        one is kept: then the returned status is that of the new one, with its findings, and
        `status` still returns that of the old one.
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
                    # This deletes its files, so that `_leftovers` does not find them.
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
        """Detach the device, if there is one; returns its last status."""
        with self._changing:
            if self._attached is None and self._last.findings:
                self._last = DeviceStatus()
            self._let_go()
            return self.status()

    def attend(self, collection: Collection) -> None:
        """Replicate what was written to a collection. Call after each commit."""
        if (attached := self._attached) is not None:
            attached.replicator.attend(collection)

    def forget(self, deleted: HasDirectory) -> None:
        """Remove the files of a deleted collection, quarantined or not, from the device."""
        if (attached := self._attached) is not None:
            attached.replicator.forget(deleted)

    def status(self) -> DeviceStatus:
        """The status of the device, or of the last one if none is attached."""
        attached = self._attached
        return self._last if attached is None else attached.status(self._collections())

    def _holds_alone(self, path: str) -> bool:
        """Whether `path` is the single vector file that is attached."""
        attached = self._attached
        if attached is None or attached.has_ended or attached.kind not in _SINGLE_FILES:
            return False
        # Compares resolved paths, without a call of the device.
        return os.path.realpath(path) == os.path.realpath(attached.path)

    def _refused(self, path: str, kind: str | None, *findings: Finding) -> DeviceStatus:
        refused = DeviceStatus(path, kind, findings)
        if self._attached is None or self._attached.has_ended:
            self._attached = None
            self._last = refused
        return refused

    def _begin(self, attached: _Attachment, leftovers: tuple[str, ...]) -> None:
        # Before the collections are listed, so that `forget` works for one deleted meanwhile.
        self._attached = attached
        attached.replicator.start(leftovers)
        for collection in self._collections():
            attached.replicator.attend(collection)
        log.info("device attached", path=attached.path, kind=attached.kind.value)

    def _leftovers(self, calls: DeviceCallQueue, device: IVectorDevice) -> tuple[str, ...]:
        """The device files of this catalog's collections that an earlier run has left behind."""
        ours = set(self._catalog.directories())
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
            # It may have been deleted meanwhile, or be quarantined.
            collection = self._catalog.find(name)
            if collection is not None:
                found.append(collection)
        return found


class _Attachment:
    """One attached device. Used until it is given up or released."""

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
        """Whether the device was given up or released, and is not called any more."""
        return self._ended is not None

    def give_up(self, error: Exception) -> None:
        """Stop using the device because of `error`, and log it. Idempotent, thread-safe."""
        if self._end(finding_of(error)):
            self._calls.close()
            reason = self._ended
            assert reason is not None
            log.warning("device detached", path=self.path, reason=f"{reason.code}: {reason.text}")

    def release(self) -> None:
        """Detach the device on request, and wait until its files are removed, within a timeout."""
        if self._end(Finding(DeviceStatus.RELEASED, "it was detached on request")):
            log.info("device detached", path=self.path, reason="on request")
            self.replicator.join(self._settings.call_seconds)
            self._calls.close()

    def status(self, collections: Iterable[Collection]) -> DeviceStatus:
        """The status of the device, with the rows of these collections still to be sent."""
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
        """Mark the device as ended and stop the replicator; False if it had ended before."""
        with self._ending:
            if self._ended is not None:
                return False
            self._ended = reason
        self.replicator.stop()
        return True
