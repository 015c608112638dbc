"""What a place for snapshots does: the folder of snapshots, and others outside the engine."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import BinaryIO, Protocol

from ...model.snapshots import SnapshotDescription, SnapshotOwner
from .archive import Piece, Section


class SnapshotStore(Protocol):
    """A place for snapshots. Thread-safe; methods block.

    Methods raise NotFound for a snapshot that is not there, other DomainErrors and OSError.
    """

    def sweep(self) -> None:
        """Remove what processes left incomplete that have ended."""

    def list(self, owner: SnapshotOwner) -> builtins.list[SnapshotDescription]:
        """The snapshots of an owner, the oldest first."""

    def open(self, owner: SnapshotOwner, name: str) -> tuple[BinaryIO, SnapshotDescription]:
        """Open a snapshot to be read."""

    def location_of(self, owner: SnapshotOwner, name: str) -> str:
        """Where an operator finds a snapshot: a path, or a URL."""

    def write(
        self,
        owner: SnapshotOwner,
        label: str,
        size: int,
        pieces: Iterable[Piece],
        sections: Iterable[Section],
    ) -> SnapshotDescription:
        """Write a new snapshot durably, under a name that begins with `label`, and describe it.

        `pieces` are its bytes, about `size` of them, each valid until the next. `sections` are
        those of the archive, each of which is taken before its pieces are, if any is. What fails
        leaves nothing; what `pieces` raises is raised.
        """

    def delete(self, owner: SnapshotOwner, name: str) -> None:
        """Delete a snapshot durably."""
