"""Group commit: one writer per collection that takes all updates that are waiting at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..model.updates import Update
from .pool import WorkerPool


class AppliesUpdates(Protocol):
    """The part of a collection that writes."""

    def apply(self, updates: Sequence[Update]) -> list[int | Exception]:
        """Carry out the updates in one commit: the operation id, or the error, of each."""


class CollectionWriter:
    """The queue of updates of one collection. All methods are called in the reactor thread.

    While one group is being committed the next one gathers, so the more writers wait for the disk,
    the more of them share its next flush.
    """

    def __init__(self, collection: AppliesUpdates, pool: WorkerPool) -> None:
        self.collection = collection
        self._pool = pool
        self._waiting: list[tuple[Update, Deferred[int]]] = []
        self._in_flight = 0
        self._idle: list[Deferred[None]] = []

    @property
    def queue_length(self) -> int:
        """How many updates are waiting or being committed."""
        return len(self._waiting) + self._in_flight

    def submit(self, update: Update) -> Deferred[int]:
        """Queue an update; fires with its operation id once it is on disk.

        Cancelling the Deferred only stops the waiting: the update is carried out.
        """
        deferred: Deferred[int] = Deferred()
        self._waiting.append((update, deferred))
        if not self._in_flight:
            self._commit_waiting()
        return deferred

    def drained(self) -> Deferred[None]:
        """Fires when nothing is waiting any more."""
        deferred: Deferred[None] = Deferred()
        self._idle.append(deferred)
        self._tell_idle()
        return deferred

    def _commit_waiting(self) -> None:
        group, self._waiting = self._waiting, []
        self._in_flight = len(group)
        waiters = [deferred for _, deferred in group]
        done = self._pool.run(self.collection.apply, [update for update, _ in group])
        done.addCallbacks(
            self._answer, self._answer_all, callbackArgs=(waiters,), errbackArgs=(waiters,)
        )
        done.addBoth(self._go_on)

    def _answer(self, outcomes: Sequence[int | Exception], waiters: list[Deferred[int]]) -> None:
        for deferred, outcome in zip(waiters, outcomes, strict=True):
            if isinstance(outcome, Exception):
                deferred.errback(Failure(outcome))
            else:
                deferred.callback(outcome)

    def _answer_all(self, failure: Failure, waiters: list[Deferred[int]]) -> None:
        for deferred in waiters:
            deferred.errback(failure)

    def _go_on(self, _: Any) -> None:
        self._in_flight = 0
        if self._waiting:
            self._commit_waiting()
        else:
            self._tell_idle()

    def _tell_idle(self) -> None:
        if self.queue_length == 0:
            idle, self._idle = self._idle, []
            for deferred in idle:
                deferred.callback(None)
