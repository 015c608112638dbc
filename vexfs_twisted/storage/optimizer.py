"""OptimizerQueue: schedules the background optimizer of collections, one step at a time."""

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
    """The optimizer interface of a collection."""

    name: str

    def optimizer_due_in(self) -> float | None:
        """Seconds until a step is due, in the present state; None for never. Does not block."""

    def optimizer_step(self) -> None:
        """Run one step that is due. Blocks until it is done."""

    def stop_optimizer(self) -> None:
        """Make a running step end soon, and let none begin. Does not block."""


class RunsCalls(Protocol):
    """The part of the interface of WorkerPool that is used here."""

    def start(self) -> None:
        """Start the threads."""

    def stop(self) -> Deferred[None]:
        """Refuse new calls; fires when those accepted have ended."""

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        """Call the function in a thread.

        Cancelling skips a call that has not begun, and discards the result of one that has.
        """


def _ignore(collection: Optimizable) -> None:
    """The default of `after_step`: no-op."""


class OptimizerQueue:
    """Runs the optimizer of collections in a pool of its own, apart from reads and commits.

    The size of the pool bounds how many collections are optimized concurrently. A collection has at
    most one call queued or running, and a call runs one step, so that all collections have a turn.
    `after_step` is called with the collection of a step that has ended or failed. All methods are
    called in the reactor thread.
    """

    def __init__(
        self,
        pool: RunsCalls,
        clock: IReactorTime,
        after_step: Callable[[Optimizable], object] = _ignore,
    ) -> None:
        self._after_step = after_step
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
        """Run the next step of a collection now if it is due, otherwise when it becomes due.

        No effect while a step of the collection is queued or running, nor before `start` or after
        `stop`.
        """
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
        """Begin no more steps and stop the running ones early; fires when they have ended."""
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
        self._after_step(collection)
        self.attend(collection)

    def _failed(self, failure: Failure, collection: Optimizable) -> None:
        """Log a failed step, and try again when a later one is due or `attend` is called.

        A collection that was deleted meanwhile fails with a DomainError, which is not logged.
        """
        del self._jobs[collection]
        error = failure.value
        if isinstance(error, StorageFull):
            log.warning(
                "the optimizer waits for free space on the device", collection=collection.name
            )
        elif error is not None and not isinstance(explained(error), CancelledError | DomainError):
            log.error("the optimizer failed", collection=collection.name, exc_info=error)
        self._after_step(collection)
        if collection.optimizer_due_in():
            self.attend(collection)


def _take_step(collection: Optimizable) -> None:
    try:
        collection.optimizer_step()
    finally:
        # The memory of the step is free now, and building graphs takes much.
        trim()
