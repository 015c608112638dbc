"""A Deferred-returning API of the engine's cursors, on the thread pools of reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.python.failure import Failure

from ..engine.cursor import Cursor
from ..interfaces import BatchCursor
from ..model.errors import Unavailable
from ..model.read_context import ReadContext
from ..model.streams import Batch, P
from .read_pools import ReadPools

T = TypeVar("T")
A = ParamSpec("A")


class Cursors:
    """Opens and reads cursors in the read pools; each call is queued as any other read.

    Cursors occupy at most one thread less than a pool has (at least one), so that endless streams
    cannot keep reads with a single answer from a thread.
    """

    def __init__(self, readers: ReadPools) -> None:
        self._readers = readers
        self._turns = DeferredSemaphore(max(1, readers.size - 1))

    def open(
        self,
        context: ReadContext,
        begin: Callable[A, Cursor[P]],
        *args: A.args,
        **kwargs: A.kwargs,
    ) -> Deferred[BatchCursor[P]]:
        """Open the cursor that `begin` returns in a thread. The Deferred must not be cancelled."""

        def opened(cursor: Cursor[P]) -> BatchCursor[P]:
            return _StoredCursor(self, cursor, context)

        return self.run(context, lambda: begin(*args, **kwargs)).addCallback(opened)

    def run(self, context: ReadContext, function: Callable[[], T]) -> Deferred[T]:
        """Call `function` in a thread as one step of a read, in FIFO order among cursor calls."""
        return self._turns.run(lambda: self._readers.run(context.step(), function))

    def close(self, cursor: Cursor[P]) -> None:
        """Close a cursor in a thread, without waiting for a turn among the cursor calls.

        When the pool has stopped it does nothing: the engine closes open cursors itself.
        """
        self._readers.short.run(cursor.close).addErrback(_ignore_stop)


class _StoredCursor(Generic[P]):
    """See BatchCursor."""

    def __init__(self, cursors: Cursors, cursor: Cursor[P], context: ReadContext) -> None:
        self._cursors = cursors
        self._cursor = cursor
        self._context = context

    def next(self, points: int, size: int) -> Deferred[Batch[P] | None]:
        """See BatchCursor."""
        return self._cursors.run(self._context, lambda: self._cursor.next(points, size))

    def close(self) -> None:
        """See BatchCursor."""
        self._cursors.close(self._cursor)


def _ignore_stop(failure: Failure) -> None:
    failure.trap(Unavailable)
