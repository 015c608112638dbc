"""Counts the snapshots that are taken and restored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, BinaryIO

from twisted.internet.defer import Deferred
from zope.interface import implementer

from ..interfaces import ISnapshots, ReceivedFile
from ..model.server_report import SnapshotStatus
from ..model.snapshots import SnapshotDescription, SnapshotOwner, SnapshotSource


@implementer(ISnapshots)
class CountedSnapshots:
    """ISnapshots by another provider, whose calls are counted. In the reactor thread."""

    def __init__(self, snapshots: ISnapshots) -> None:
        self.list = snapshots.list
        self.delete = snapshots.delete
        self.open = snapshots.open
        self.receive = snapshots.receive
        self.read = snapshots.read
        self._snapshots = snapshots
        self._running: Counter[str] = Counter()
        self._restoring: Counter[str] = Counter()
        self._taken: Counter[str] = Counter()

    @property
    def status(self) -> SnapshotStatus:
        """What is under way and what was done, by the names that clients have used."""
        return SnapshotStatus(dict(+self._running), dict(+self._restoring), dict(self._taken))

    def create(self, owner: SnapshotOwner) -> Deferred[SnapshotDescription]:
        """See ISnapshots."""
        created = self._counted(
            self._running, owner.collection or "", self._snapshots.create, owner
        )
        return created.addCallback(self._has_taken, owner)

    def stream(self, owner: SnapshotOwner) -> Deferred[BinaryIO]:
        """See ISnapshots."""
        taken = self._counted(self._running, owner.collection or "", self._snapshots.stream, owner)
        return taken.addCallback(self._has_taken, owner)

    def restore(self, name: str, source: SnapshotSource) -> Deferred[None]:
        """See ISnapshots."""
        return self._counted(self._restoring, name, self._snapshots.restore, name, source)

    def restore_file(self, name: str, file: ReceivedFile, checksum: str | None) -> Deferred[None]:
        """See ISnapshots."""
        restore = self._snapshots.restore_file
        return self._counted(self._restoring, name, restore, name, file, checksum)

    def _has_taken(self, result: Any, owner: SnapshotOwner) -> Any:
        self._taken[owner.collection or ""] += 1
        return result

    def _counted(
        self,
        counter: Counter[str],
        name: str,
        begin: Callable[..., Deferred[Any]],
        *args: Any,
    ) -> Deferred[Any]:
        deferred = begin(*args)
        counter[name] += 1

        def over(result: Any) -> Any:
            counter[name] -= 1
            return result

        return deferred.addBoth(over)
