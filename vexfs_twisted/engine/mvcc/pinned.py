"""PinnedSnapshots that are kept open between reads, for as long as their readers like.

An open transaction keeps the map of the tables from growing and its pages from being used again.
Whoever needs them all gone waits a while for their readers to finish, and then takes them away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock

from ..storage.tables import Transaction
from .state import Snapshot


class SnapshotLost(Exception):
    """The snapshot was taken away so that the tables could grow."""


class PinnedSnapshot:
    """One moment of a collection, read by any threads in turn until it is ended."""

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
        """The snapshot, for the time of the block. Raises what it was ended with."""
        with self._lock:
            if self._snapshot is None:
                raise self._reason
            yield self._snapshot

    def end(self, reason: type[Exception] | None = None) -> None:
        """Give the snapshot up, after the read that is under way; twice is harmless.

        Later reads raise `reason`.
        """
        with self._lock:
            if self._transaction is None:
                return
            self._reason = reason or self._reason
            self._transaction.abort()
            # It has its place in the table of readers until nothing refers to it.
            self._transaction = self._snapshot = None
        self._ended(self)


class PinnedSnapshots:
    """The held moments of one collection. Any thread may call."""

    def __init__(self) -> None:
        self._condition = Condition()
        self._held: set[PinnedSnapshot] = set()

    def pin(self, snapshot: Snapshot, transaction: Transaction) -> PinnedSnapshot:
        """Keep a moment until it is ended."""
        pinned = PinnedSnapshot(snapshot, transaction, self._discard)
        with self._condition:
            self._held.add(pinned)
        return pinned

    @property
    def is_empty(self) -> bool:
        """Whether no moment is held."""
        return not self._held

    def wait(self, seconds: float) -> None:
        """Wait until no moment is held, or for so long."""
        with self._condition:
            self._condition.wait_for(lambda: not self._held, seconds)

    def end_all(self, reason: type[Exception]) -> None:
        """End every moment that is held. None may be begun meanwhile."""
        with self._condition:
            held = list(self._held)
        for pinned in held:
            pinned.end(reason)

    def _discard(self, pinned: PinnedSnapshot) -> None:
        with self._condition:
            self._held.discard(pinned)
            if not self._held:
                self._condition.notify_all()
