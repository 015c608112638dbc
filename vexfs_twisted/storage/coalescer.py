"""Reads that wait for a thread together are answered by one call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from .pool import WorkerPool

Request = TypeVar("Request")
Result = TypeVar("Result")


class _Read(Generic[Request, Result]):
    """One read that waits."""

    __slots__ = ("deferred", "is_cancelled", "request")

    def __init__(self, request: Request) -> None:
        self.request = request
        self.is_cancelled = False
        self.deferred: Deferred[Result] = Deferred(self._cancel)

    def _cancel(self, _: Deferred[Result]) -> None:
        self.is_cancelled = True


class Coalescer(Generic[Request, Result]):
    """A queue of reads of one kind on one collection.

    A thread that becomes free takes all that are waiting and answers them by one call of
    `read_each`; nothing ever waits for more to come. One hand-over to the thread and back, one
    transaction and one native search serve many requests, which under load is most of their cost.

    `at_once` bounds the threads that work for this queue at the same time. `submit` is called in
    the reactor thread; `read_each` runs in the pool and answers each request with a result or with
    an exception.
    """

    def __init__(
        self,
        read_each: Callable[[Sequence[Request]], Sequence[Result | Exception]],
        pool: WorkerPool,
        at_once: int,
    ) -> None:
        self._read_each = read_each
        self._pool = pool
        self._spare = at_once
        self._waiting: deque[_Read[Request, Result]] = deque()
        self._is_called = False

    def submit(self, request: Request) -> Deferred[Result]:
        """The answer to `request`. Cancelling drops it."""
        read: _Read[Request, Result] = _Read(request)
        self._waiting.append(read)
        self._call_thread()
        return read.deferred

    def _call_thread(self) -> None:
        """Call for a thread, unless one is on its way or as many are at work as may be."""
        if self._is_called or not self._spare or not self._waiting:
            return
        self._is_called = True
        self._spare -= 1
        done = self._pool.run(self._work)
        done.addCallbacks(self._answer, self._refuse)

    def _work(self) -> tuple[list[_Read[Request, Result]], Sequence[Result | Exception]]:
        """Take and answer what is waiting, in a thread."""
        # Before the queue is emptied: what is put in after this calls for a thread of its own.
        self._is_called = False
        reads = [read for read in self._take() if not read.is_cancelled]
        try:
            return reads, self._read_each([read.request for read in reads])
        except Exception as error:
            return reads, [error] * len(reads)

    def _take(self) -> Iterator[_Read[Request, Result]]:
        with suppress(IndexError):
            while True:
                yield self._waiting.popleft()

    def _answer(
        self, done: tuple[list[_Read[Request, Result]], Sequence[Result | Exception]]
    ) -> None:
        self._spare += 1
        for read, result in zip(*done, strict=True):
            if read.is_cancelled:
                continue
            if isinstance(result, Exception):
                read.deferred.errback(Failure(result))
            else:
                read.deferred.callback(result)
        self._call_thread()

    def _refuse(self, failure: Failure) -> None:
        """Fail everything that waits: the pool takes no more calls."""
        self._spare += 1
        self._is_called = False
        for read in self._take():
            if not read.is_cancelled:
                read.deferred.errback(failure)
