"""Operations over a store with a device attached, which has every vector before it is searched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.trial.unittest import TestCase
from zope.interface import directlyProvides

from tests.mirror_support import SETTINGS, attach_sound, wait_until_settled
from tests.suites.device import Fault, MemoryDevice
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.interfaces import IOperations, IStreamOperations
from vexfs_twisted.model.queries import PointsRequest, Query, QueryBatch
from vexfs_twisted.model.reads import ReadRequest
from vexfs_twisted.operations.service import Operations
from vexfs_twisted.storage.mirror.mirror import Mirror
from vexfs_twisted.storage.service import StorageService

reactor: Any = _reactor


class _Settled:
    """Operations whose searches wait until the device has all that was written before them."""

    def __init__(self, operations: Operations, mirror: Mirror, catalog: Catalog) -> None:
        directlyProvides(self, IStreamOperations)
        self._operations = operations
        self._mirror = mirror
        self._catalog = catalog

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operations, name)

    def read(self, name: str, request: ReadRequest[Any], timeout: float | None = None) -> Any:
        if isinstance(request, Query | QueryBatch):
            self._settle()
        return self._operations.read(name, request, timeout)

    def stream(
        self, name: str, request: PointsRequest[Any, Any], timeout: float | None = None
    ) -> Any:
        if isinstance(request, Query):
            self._settle()
        return self._operations.stream(name, request, timeout)

    def _settle(self) -> None:
        # The mirror has threads of its own, so the reactor may wait for it; it is told of what was
        # written only after those who wrote have been answered, which may be now.
        for collection in self._catalog.names():
            self._mirror.attend(self._catalog.get(collection))
        wait_until_settled(self._mirror)


class MirroredCase(TestCase):
    """The operations themselves with a sound device, which goes wrong by `faults` once attached.

    After each test the device is attached still, or detached for one of the `reasons`.
    """

    timeout = 60
    not_for_this_provider: Mapping[str, str] = {}
    faults: tuple[Fault, ...] = ()
    reasons: frozenset[str] = frozenset()
    settings = SETTINGS

    async def make_operations(self) -> IOperations:
        catalog = Catalog(Path(self.mktemp()))
        device = MemoryDevice()
        mirror = Mirror(catalog, lambda _: device, self.settings)
        storage = StorageService(catalog, reactor.callFromThread, reactor, mirror)
        await storage.startService()
        self.addCleanup(storage.stopService)
        self.addCleanup(mirror.detach)
        attach_sound(mirror)
        device.inject(*self.faults)
        self.addCleanup(self._check, mirror)
        self.addCleanup(device.heal)
        operations: Any = _Settled(Operations(storage, reactor), mirror, catalog)
        return operations

    def _check(self, mirror: Mirror) -> None:
        detached = mirror.status().detached
        if detached is not None:
            self.assertIn(detached.code, self.reasons, detached.text)
