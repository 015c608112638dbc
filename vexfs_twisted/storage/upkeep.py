"""Upkeep: what is done for collections in the background, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ..logs import get_logger
from ..model.errors import DomainError

log = get_logger("vexfs.storage")


class KeepsUp(Protocol):
    """The part of a collection that keeps itself in order."""

    name: str

    def is_upkeep_due(self) -> bool:
        """Whether there is something to do. Answers at once."""

    def upkeep(self) -> None:
        """Do it. Blocks for as long as it takes; changes no answer."""


class RunsCalls(Protocol):
    """The part of a WorkerPool that is needed here."""

    def start(self) -> None:
        """Start the threads."""

    def stop(self) -> Deferred[None]:
        """Take no more calls; fires when those that were taken have ended."""

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        """Call the function in a thread. Cancelling skips a call not begun, else its answer."""


class Upkeep:
    """Has the upkeep of collections done in a pool of its own, out of the way of reads and commits.

    The pool says how many collections are seen to at a time; of one, never more than one call is
    waiting or under way. All methods are called in the reactor thread.
    """

    def __init__(self, pool: RunsCalls) -> None:
        self._pool = pool
        self._jobs: dict[KeepsUp, Deferred[None]] = {}
        self._is_running = False

    def start(self) -> None:
        """Start the threads."""
        self._is_running = True
        self._pool.start()

    def attend(self, collection: KeepsUp) -> None:
        """Have done for the collection what is due, if it is not being done."""
        if not self._is_running or collection in self._jobs or not collection.is_upkeep_due():
            return
        self._jobs[collection] = job = self._pool.run(collection.upkeep)
        job.addCallbacks(
            self._ended, self._failed, callbackArgs=(collection,), errbackArgs=(collection,)
        )

    def stop(self) -> Deferred[None]:
        """Begin nothing more; fires when what is under way has ended."""
        self._is_running = False
        for job in list(self._jobs.values()):
            job.cancel()
        return self._pool.stop()

    def _ended(self, _: None, collection: KeepsUp) -> None:
        del self._jobs[collection]
        self.attend(collection)

    def _failed(self, failure: Failure, collection: KeepsUp) -> None:
        """Leave it until the collection is attended to again.

        A collection that was deleted meanwhile fails with a DomainError, which is no news.
        """
        del self._jobs[collection]
        if failure.check(CancelledError, DomainError) is None:
            log.error("upkeep failed", collection=collection.name, exc_info=failure.value)
