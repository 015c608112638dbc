"""Thread pools for reads: one for short reads and one for long ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred

from ..engine.memory_quota import MemoryQuota
from ..engine.read_bounds import Outgrown, ReadBounds
from ..model.errors import DomainError, as_value
from ..model.read_context import ReadContext
from ..threadpool import EXPECTED, CallInReactor, PendingAnswer, WorkerPool
from .figures import StorageFigures
from .traced_work import begin_reads

T = TypeVar("T")

_MAX_WAITING = 2**16
"""The queue limit of each pool, in reads: tens of seconds of work."""


def reader_threads() -> int:
    """The number of threads of each pool."""
    return max(2, os.cpu_count() or 1)


class ReadPools:
    """Two pools of `size` threads each, so that long reads never delay short ones.

    Every read starts in the pool `short`. One that exceeds the work bound of a short read, or is
    about to, is aborted there and restarted in the pool `long`, behind the reads queued for it.
    Methods are called in the reactor thread unless they say otherwise. `figures` count the reads.
    """

    def __init__(
        self, size: int, call_in_reactor: CallInReactor, figures: StorageFigures | None = None
    ) -> None:
        self.size = size
        self.figures = figures or StorageFigures()
        self.short = WorkerPool("reader", size, call_in_reactor, _MAX_WAITING)
        self.long = WorkerPool("long-reader", size, call_in_reactor, _MAX_WAITING)

    def start(self) -> None:
        """Start the threads."""
        self.short.start()
        self.long.start()

    def stop(self) -> Deferred[None]:
        """Refuse new reads; fires when those accepted are answered and the threads have ended."""
        return self.short.stop().addCallback(lambda _: self.long.stop())

    def run(self, context: ReadContext, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `function` within the bounds of a read; it may be called twice, as it may restart.

        Cancelling the Deferred cancels the read context.
        """
        pending: PendingAnswer[T] = PendingAnswer(self.short, context.cancel)
        self.submit(context, pending.answer, partial(function, *args))
        return pending.deferred

    def submit(
        self,
        context: ReadContext,
        answer: Callable[[T | Exception], object],
        function: Callable[[], T],
    ) -> None:
        """As `run`; `answer` is called with the result or an error in a thread. Thread-safe.

        Of a cancelled context nothing is answered.
        """
        _QueuedRead(self, context, answer, function).begin()


class _QueuedRead(Generic[T]):
    """A read in the queue of the short pool, then perhaps in that of the long one."""

    __slots__ = ("_answer", "_context", "_function", "_pools")

    def __init__(
        self,
        pools: ReadPools,
        context: ReadContext,
        answer: Callable[[T | Exception], object],
        function: Callable[[], T],
    ) -> None:
        self._pools = pools
        self._context = context
        self._answer = answer
        self._function: Callable[[], T] | None = function
        context.on_cancel = self._drop

    def begin(self) -> None:
        self._queue(self._pools.short, self._run_short)

    def _queue(self, pool: WorkerPool, run: Callable[[], None]) -> None:
        try:
            pool.call(run)
        except DomainError as error:
            self._answer(as_value(error))

    def _run_short(self) -> None:
        if not self._run(is_short=True):
            self._queue(self._pools.long, self._run_long)

    def _run_long(self) -> None:
        self._run(is_short=False)

    def _run(self, *, is_short: bool) -> bool:
        """Answer it; False if it has outgrown its bounds."""
        function = self._function
        if function is None:
            return True
        end = begin_reads([self._context])
        try:
            result: T | Exception = _bounded(self._context, is_short, function)
        except Outgrown:
            return False
        except Exception as error:
            # The traceback of an expected error would keep the transaction of the read alive.
            result = error.with_traceback(None) if isinstance(error, EXPECTED) else error
        finally:
            if end is not None:
                end()
        # The context refers to this read, and whoever waits for its answer to the context.
        self._context.on_cancel = None
        if not self._context.is_cancelled:
            self._answer(result)
        # A traceback refers to this frame.
        del result
        return True

    def _drop(self) -> None:
        self._function = None


def _bounded(context: ReadContext, is_short: bool, function: Callable[[], T]) -> T:
    with ReadBounds([context], is_short=is_short), MemoryQuota(context.size):
        return function()
