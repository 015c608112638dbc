"""OptimizerQueue: what is done for collections in the background, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from ..allocator import trim
from ..limit_log import explained
from ..logs import get_logger
from ..model.errors import DomainError, StorageFull

log = get_logger("vexfs.storage")


class Optimizable(Protocol):
    """The part of a collection that keeps itself in order."""

    name: str

    def optimizer_due_in(self) -> float | None:
        """In how many seconds something will be due as things are; None for never. At once."""

    def optimizer_step(self) -> None:
        """Do one thing that is due. Blocks for as long as it takes."""

    def stop_optimizer(self) -> None:
        """Have what is under way end soon, and nothing begin. Returns at once."""


class RunsCalls(Protocol):
    """The part of a WorkerPool that is needed here."""

    def start(self) -> None:
        """Start the threads."""

    def stop(self) -> Deferred[None]:
        """Take no more calls; fires when those that were taken have ended."""

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        """Call the function in a thread. Cancelling skips a call not begun, else its answer."""


class OptimizerQueue:
    """Runs the optimizer of collections in a pool of its own, out of the way of reads and commits.

    The pool says how many collections are seen to at a time; of one, never more than one call is
    waiting or under way, and it does one thing, so that the others have their turn. All methods are
    called in the reactor thread.
    """

    def __init__(self, pool: RunsCalls, clock: IReactorTime) -> None:
        self._pool = pool
        self._clock = clock
        self._jobs: dict[Optimizable, Deferred[None]] = {}
        self._timers: dict[Optimizable, IDelayedCall] = {}
        self._is_running = False

    def start(self) -> None:
        """Start the threads."""
        self._is_running = True
        self._pool.start()

    def attend(self, collection: Optimizable) -> None:
        """Have done for the collection what is due, if it is not being done, or once it is due."""
        if not self._is_running or collection in self._jobs:
            return
        self._forget(collection)
        seconds = collection.optimizer_due_in()
        if seconds is None:
            return
        if seconds > 0:
            self._timers[collection] = self._clock.callLater(seconds, self.attend, collection)
            return
        self._jobs[collection] = job = self._pool.run(partial(_take_step, collection))
        job.addCallbacks(
            self._ended, self._failed, callbackArgs=(collection,), errbackArgs=(collection,)
        )

    def stop(self) -> Deferred[None]:
        """Begin nothing more, and end soon what is under way; fires when it has ended."""
        self._is_running = False
        for collection in list(self._timers):
            self._forget(collection)
        for collection, job in list(self._jobs.items()):
            collection.stop_optimizer()
            job.cancel()
        return self._pool.stop()

    def _forget(self, collection: Optimizable) -> None:
        timer = self._timers.pop(collection, None)
        if timer is not None and timer.active():
            timer.cancel()

    def _ended(self, _: None, collection: Optimizable) -> None:
        del self._jobs[collection]
        self.attend(collection)

    def _failed(self, failure: Failure, collection: Optimizable) -> None:
        """Leave it until it is due later, or the collection is attended to again.

        A collection that was deleted meanwhile fails with a DomainError, which is no news.
        """
        del self._jobs[collection]
        error = failure.value
        if isinstance(error, StorageFull):
            log.warning(
                "the optimizer waits for free space on the device", collection=collection.name
            )
        elif error is not None and not isinstance(explained(error), CancelledError | DomainError):
            log.error("the optimizer failed", collection=collection.name, exc_info=error)
        if collection.optimizer_due_in():
            self.attend(collection)


def _take_step(collection: Optimizable) -> None:
    try:
        collection.optimizer_step()
    finally:
        # Of what it took nothing is used any more, and graphs take much.
        trim()
