"""Worker threads whose results come back to the reactor in bursts.

Twisted's own pool wakes the reactor once per result and drops what is queued when it stops. Here
results that finish close together share one wake, and a stop lets everything queued finish.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from ..engine.read_bounds import STOPS
from ..model.errors import DomainError, Unavailable
from ..model.scored_points import AnswerTooLarge
from ..wakeup import WakeupQueue

T = TypeVar("T")

CallInReactor = Callable[..., object]
"""`reactor.callFromThread`: runs a function in the reactor thread."""


class _Job:
    """One call on its way through a worker."""

    __slots__ = ("call", "cancelled", "deferred", "on_cancel", "outcome")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        on_cancel: Callable[[], object] | None,
    ) -> None:
        self.call: tuple[Callable[..., Any], tuple[Any, ...]] | None = function, args
        self.on_cancel = on_cancel
        self.cancelled = False
        self.outcome: Any = None
        self.deferred: Deferred[Any] = Deferred(self._cancel)

    def _cancel(self, _: Deferred[Any]) -> None:
        self.cancelled = True
        # It may wait for long, and then what it was given would.
        self.call = None
        if self.on_cancel is not None:
            self.on_cancel()

    def run(self) -> None:
        """Call the function, in a worker thread. A job cancelled by now is skipped."""
        call = self.call
        if call is None:
            return
        function, args = call
        try:
            self.outcome = function(*args)
        except (DomainError, AnswerTooLarge, *STOPS) as error:
            # Where it was raised is of no interest, and all that was at hand there would be kept.
            self.outcome = Failure(error.with_traceback(None))
        except Exception:
            self.outcome = Failure()

    def answer(self) -> None:
        """Fire the Deferred, in the reactor thread."""
        # A Failure leads back to this job, by the frame in which it was made.
        outcome, self.outcome = self.outcome, None
        if not self.cancelled:
            self.deferred.callback(outcome)


class WorkerPool:
    """A fixed number of threads that run calls in the order they came.

    All methods are called in the reactor thread.
    """

    def __init__(self, name: str, size: int, call_in_reactor: CallInReactor) -> None:
        self._name = name
        self.size = size
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._done: WakeupQueue[_Job | None] = WakeupQueue(lambda: call_in_reactor(self._answer))
        self._accepting = False
        self._running = 0
        self._stopped: Deferred[None] = Deferred()

    def start(self) -> None:
        """Start the threads."""
        self._accepting = True
        self._stopped = Deferred()
        self._running = self.size
        for number in range(self.size):
            Thread(target=self._work, name=f"{self._name}-{number}", daemon=True).start()

    def stop(self) -> Deferred[None]:
        """Take no more calls; fires when all that were taken are answered and the threads ended."""
        if self._accepting:
            self._accepting = False
            for _ in range(self.size):
                self._queue.put(None)
        return self._stopped

    def run(
        self,
        function: Callable[..., T],
        *args: Any,
        on_cancel: Callable[[], object] | None = None,
    ) -> Deferred[T]:
        """Call `function` in a worker. Cancelling skips a call not begun, else drops its result.

        `on_cancel` is called then, in the reactor thread. Fails with Unavailable when the pool is
        not running.
        """
        if not self._accepting:
            return fail(Unavailable("the server is stopping"))
        job = _Job(function, args, on_cancel)
        self._queue.put(job)
        return job.deferred

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job.run()
            self._done.put(job)
            # A thread that waits for its next job must not keep the last one's data alive.
            del job
        self._done.put(None)

    def _answer(self) -> None:
        for job in self._done.take():
            if job is not None:
                job.answer()
                continue
            self._running -= 1
            if self._running == 0:
                self._stopped.callback(None)
