"""Pinned snapshots: kept open between reads until their readers release them.

An open transaction keeps the LMDB map from growing and its pages from being reused. A writer that
needs all of them closed waits for a while for their readers, and then ends them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from ..storage.tables import Transaction
from .state import Snapshot

PATIENCE_S = 5.0
"""Seconds that whoever must grow the tables waits for pinned snapshots to be released."""


class SnapshotLost(Exception):
    """The pinned snapshot was ended so that the tables could grow."""


class PinnedSnapshot:
    """A snapshot with its own transaction. Any thread may read it, one at a time, until `end`."""

    def __init__(
        self, snapshot: Snapshot, transaction: Transaction, ended: Callable[[PinnedSnapshot], None]
    ) -> None:
        self._snapshot: Snapshot | None = snapshot
        self._transaction: Transaction | None = transaction
        self._ended = ended
        self._lock = Lock()
        self._reason: type[Exception] = SnapshotLost

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """The snapshot, locked for the block. Raises the reason given to `end` after that."""
        with self._lock:
            if self._snapshot is None:
                raise self._reason
            yield self._snapshot

    def end(self, reason: type[Exception] | None = None) -> None:
        """Release the snapshot after the read in progress; idempotent.

        Later reads raise `reason`, or SnapshotLost if none is given.
        """
        with self._lock:
            if self._transaction is None:
                return
            self._reason = reason or self._reason
            self._transaction.abort()
            # The transaction keeps its slot in the reader table until nothing refers to it.
            self._transaction = self._snapshot = None
        self._ended(self)


class PinnedSnapshots:
    """The pinned snapshots of one collection. Thread-safe."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._held: set[PinnedSnapshot] = set()

    def pin(self, snapshot: Snapshot, transaction: Transaction) -> PinnedSnapshot:
        """Pin a snapshot until it is ended."""
        pinned = PinnedSnapshot(snapshot, transaction, self._discard)
        with self._condition:
            self._held.add(pinned)
        return pinned

    @property
    def is_empty(self) -> bool:
        """Whether no snapshot is pinned."""
        return not self._held

    def wait(self, seconds: float) -> None:
        """Wait until no snapshot is pinned, at most `seconds`."""
        with self._condition:
            self._condition.wait_for(lambda: not self._held, seconds)

    def end_all(self, reason: type[Exception]) -> None:
        """End every pinned snapshot with `reason`. None may be pinned meanwhile."""
        with self._condition:
            held = list(self._held)
        for pinned in held:
            pinned.end(reason)

    def _discard(self, pinned: PinnedSnapshot) -> None:
        with self._condition:
            self._held.discard(pinned)
            if not self._held:
                self._condition.notify_all()
