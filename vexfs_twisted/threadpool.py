"""Thread pools: WorkerThreads, and WorkerPool, whose calls return Deferreds.

Twisted's own pool wakes the reactor once per result and drops what is queued when it stops. Here
results that are finished close together share one wake, and a stop completes everything queued.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from .model.errors import DomainError, Overloaded, Stopping, as_value
from .model.read_context import Cancelled
from .model.scored_points import AnswerTooLarge
from .wakeup import WakeupQueue

T = TypeVar("T")

CallInReactor = Callable[..., object]
"""`reactor.callFromThread`: runs a function in the reactor thread."""

EXPECTED = (DomainError, AnswerTooLarge, Cancelled)
"""Errors whose tracebacks are dropped, as they are not needed."""


class RunInThread(Protocol):
    """Runs a function in a worker thread; cancelling drops its result."""

    def __call__(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `function(*args)` in a worker thread. Fires with what it returns.

        Called in the reactor thread.
        """


class ThreadJob:
    """One call in a thread, and afterwards its result or its error.

    Subclasses implement `ended`, which is called in the thread, to notify whoever waits.
    """

    __slots__ = ("_call", "error", "result")

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._call: tuple[Callable[..., Any], tuple[Any, ...]] | None = function, args
        self.result: Any = None
        self.error: Exception | None = None

    def skip(self) -> None:
        """Skip the call unless it has begun, and drop its arguments. Thread-safe."""
        self._call = None

    def run(self) -> None:
        """Make the call, in a worker thread."""
        call = self._call
        if call is not None:
            function, args = call
            try:
                self.result = function(*args)
            except EXPECTED as error:
                # The traceback would keep alive everything that the frames refer to.
                self.error = error.with_traceback(None)
            except Exception as error:
                self.error = error
        self.ended()

    def ended(self) -> None:
        """Called when the call has been made or was skipped. Must not raise."""
        raise NotImplementedError


class WorkerThreads:
    """A fixed number of threads that run jobs in FIFO order. Thread-safe.

    The threads are named after the pool, with a number. They are daemons: a call that never
    returns occupies its thread, but does not keep the process from exiting.

    `submit` queues a job, between `start` and `close`; `waiting` returns the approximate number of
    queued jobs.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.size = size
        self._queue: SimpleQueue[ThreadJob | None] = SimpleQueue()
        # The queue's own methods, without a wrapper: every read calls them.
        self.submit: Callable[[ThreadJob], None] = self._queue.put
        self.waiting: Callable[[], int] = self._queue.qsize
        self._lock = Lock()
        self._running = 0
        self._on_end: Callable[[], object] = _nothing

    def start(self) -> None:
        """Start the threads."""
        self._running = self.size
        for number in range(self.size):
            Thread(target=self._work, name=f"{self.name}-{number}", daemon=True).start()

    def close(self, on_end: Callable[[], object] | None = None) -> None:
        """End the threads once the jobs submitted so far are done. Does not block.

        `on_end` is called by the thread that ends last. Call it once for each `start`.
        """
        self._on_end = on_end or _nothing
        for _ in range(self.size):
            self._queue.put(None)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            job.run()
            # A thread that waits for its next job must not keep the last one's data alive.
            del job
        with self._lock:
            self._running -= 1
            is_last = not self._running
        if is_last:
            self._on_end()


def _nothing() -> None:
    pass


class WorkerPool:
    """A thread pool whose results are delivered in bursts to its one calling thread.

    That is the reactor thread, with `reactor.callFromThread` for `call_in_reactor`, or the thread
    of an asyncio loop, with its `call_soon_threadsafe`. Methods are called there unless they say
    otherwise. At most `max_waiting` calls may be queued.
    """

    def __init__(
        self,
        name: str,
        size: int,
        call_in_reactor: CallInReactor,
        max_waiting: float = inf,
    ) -> None:
        self._threads = WorkerThreads(name, size)
        self._max_waiting = max_waiting
        self._done: WakeupQueue[Callable[[], object]] = WakeupQueue(
            lambda: call_in_reactor(self._deliver)
        )
        self._accepting = False
        self._stopping = Lock()
        self._stopped: Deferred[None] = Deferred()

    @property
    def size(self) -> int:
        """The number of threads."""
        return self._threads.size

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a thread, approximately. Thread-safe."""
        return self._threads.waiting()

    def start(self) -> None:
        """Start the threads."""
        self._accepting = True
        self._stopped = Deferred()
        self._threads.start()

    def stop(self) -> Deferred[None]:
        """Refuse new calls; fires when those accepted are answered and the threads have ended."""
        with self._stopping:
            if self._accepting:
                self._accepting = False
                self._threads.close(lambda: self._done.put(self._has_stopped))
        return self._stopped

    def _has_stopped(self) -> None:
        self._stopped.callback(None)

    def run(
        self,
        function: Callable[..., T],
        *args: Any,
        on_cancel: Callable[[], object] | None = None,
    ) -> Deferred[T]:
        """Call `function` in a thread; fires with its result or fails with its error.

        Cancelling calls `on_cancel` and skips a call that has not begun; otherwise its result is
        dropped. Fails with Unavailable when the pool is not running, and with Overloaded when
        `max_waiting` calls are queued.
        """
        job = _DeferredJob(function, args, self, on_cancel)
        try:
            self._submit(job)
        except DomainError as error:
            return fail(as_value(error))
        return job.deferred

    def call(self, function: Callable[[], object]) -> None:
        """Call `function`, which must not raise, in a thread; nothing is delivered. Thread-safe.

        Raises Unavailable and Overloaded, as `run` fails with them.
        """
        self._submit(_UnansweredJob(function, ()))

    def deliver(self, function: Callable[[], object]) -> None:
        """Call `function` in the thread that calls the pool. In a thread of the pool."""
        self._done.put(function)

    def _submit(self, job: ThreadJob) -> None:
        # A job behind the end of the queue would never be run.
        with self._stopping:
            if not self._accepting:
                raise Stopping
            if self._threads.waiting() >= self._max_waiting:
                raise Overloaded("too many requests are waiting")
            self._threads.submit(job)

    def _deliver(self) -> None:
        for function in self._done.take():
            function()


class PendingAnswer(Generic[T]):
    """An answer that a thread of `pool` gives, for a Deferred in the thread that calls the pool.

    Cancelling the Deferred calls `on_cancel` and drops the answer.
    """

    __slots__ = ("_is_cancelled", "_on_cancel", "_pool", "_result", "deferred")

    def __init__(self, pool: WorkerPool, on_cancel: Callable[[], object]) -> None:
        self._pool = pool
        self._on_cancel = on_cancel
        self._is_cancelled = False
        self._result: T | Exception | None = None
        self.deferred: Deferred[T] = Deferred(self._cancel)

    def answer(self, result: T | Exception) -> None:
        """Fire the Deferred with a result or an error. Thread-safe."""
        if not self._is_cancelled:
            self._result = result
            self._pool.deliver(self._fire)

    def _cancel(self, _: Deferred[T]) -> None:
        self._is_cancelled = True
        # Its memory may be granted to another call next, long before this one is delivered.
        self._result = None
        self._on_cancel()

    def _fire(self) -> None:
        result, self._result = self._result, None
        if not self._is_cancelled:
            fire: Any = self.deferred.callback
            fire(Failure(result) if isinstance(result, Exception) else result)


class _UnansweredJob(ThreadJob):
    """A call that nobody waits for."""

    __slots__ = ()

    def ended(self) -> None:
        """Nothing is delivered."""


class _DeferredJob(ThreadJob):
    """A call of a WorkerPool in flight."""

    __slots__ = ("_is_cancelled", "_on_cancel", "_pool", "deferred")

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        pool: WorkerPool,
        on_cancel: Callable[[], object] | None,
    ) -> None:
        super().__init__(function, args)
        self._pool = pool
        self._on_cancel = on_cancel
        self._is_cancelled = False
        self.deferred: Deferred[Any] = Deferred(self._cancel)

    def _cancel(self, _: Deferred[Any]) -> None:
        self._is_cancelled = True
        self.skip()
        # If the call has been made already. Its memory may be granted to another call next, long
        # before the thread of the answers comes to this one.
        self.result = None
        if self._on_cancel is not None:
            self._on_cancel()

    def ended(self) -> None:
        """Queue the answer."""
        if self._is_cancelled:
            self.result = None
        self._pool.deliver(self._answer)

    def _answer(self) -> None:
        """Fire the Deferred. In the thread that calls the pool."""
        result, self.result = self.result, None
        # Breaks a cycle: the error refers to this job by a frame of its traceback.
        error, self.error = self.error, None
        if not self._is_cancelled:
            self.deferred.callback(result if error is None else Failure(error))
