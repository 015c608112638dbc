"""Thread pools for reads: one for short reads and one for long ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from ..engine.memory_quota import MemoryQuota
from ..engine.read_bounds import Outgrown, ReadBounds
from ..model.read_context import ReadContext
from ..threadpool import CallInReactor, WorkerPool

T = TypeVar("T")

_MAX_WAITING = 2**16
"""The queue limit of each pool, in reads: tens of seconds of work."""


class ReadPools:
    """Two pools of `size` threads each, so that long reads never delay short ones.

    Every read starts in the pool `short`. One that exceeds the work bound of a short read, or is
    about to, is aborted there and restarted in the pool `long`, behind the reads queued for it. All
    methods are called in the reactor thread.
    """

    def __init__(self, size: int, call_in_reactor: CallInReactor) -> None:
        self.size = size
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
        read = self.short.run(_tried, context, function, *args, on_cancel=context.cancel)
        return read.addCallback(self._again, context, function, *args)

    def _again(
        self, result: T | Outgrown, context: ReadContext, function: Callable[..., T], *args: Any
    ) -> T | Deferred[T]:
        if not isinstance(result, Outgrown):
            return result
        return self.long.run(_bounded, context, False, function, *args, on_cancel=context.cancel)


def _tried(context: ReadContext, function: Callable[..., T], *args: Any) -> T | Outgrown:
    """The result of a short read, or Outgrown if it must be restarted in the long pool."""
    try:
        return _bounded(context, True, function, *args)
    except Outgrown as error:
        # The traceback would keep the transaction of the read alive.
        return error.with_traceback(None)


def _bounded(context: ReadContext, is_short: bool, function: Callable[..., T], *args: Any) -> T:
    with ReadBounds([context], is_short=is_short), MemoryQuota(context.size):
        return function(*args)
