"""Restores of snapshots, which bring data as updates do."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces import ISnapshots, ReceivedFile
from ..model.snapshots import SnapshotSource
from .quotas import Quotas


@implementer(ISnapshots)
class QuotaSnapshots:
    """ISnapshots by another provider, which restore nothing while a quota is exceeded."""

    def __init__(self, snapshots: ISnapshots, quotas: Quotas) -> None:
        self.list = snapshots.list
        self.create = snapshots.create
        self.delete = snapshots.delete
        self.open = snapshots.open
        self.read = snapshots.read
        self.stream = snapshots.stream
        # What it restores was received before.
        self.restore_file = snapshots.restore_file
        self._snapshots = snapshots
        self._quotas = quotas

    def receive(self) -> ReceivedFile:
        """See ISnapshots. Raises StorageFull."""
        self._quotas.admit_growth()
        return self._snapshots.receive()

    def restore(self, name: str, source: SnapshotSource) -> Deferred[None]:
        """See ISnapshots. Raises StorageFull."""
        self._quotas.admit_growth()
        return self._snapshots.restore(name, source)
