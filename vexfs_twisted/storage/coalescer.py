"""Coalescing of reads: all that wait for a thread are answered by one call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Lock
from typing import Generic, TypeAlias, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..engine.read_bounds import Outgrown
from ..model.errors import as_value
from ..model.read_context import ReadContext
from ..threadpool import WorkerPool

Request = TypeVar("Request")
Result = TypeVar("Result")


class _Read(Generic[Request, Result]):
    """A queued read. `request` is None once it is cancelled."""

    __slots__ = ("context", "deferred", "request")

    def __init__(self, request: Request, context: ReadContext) -> None:
        self.request: Request | None = request
        self.context = context
        self.deferred: Deferred[Result] = Deferred(self._cancel)

    def _cancel(self, _: Deferred[Result]) -> None:
        self.request = None
        self.context.cancel()


Work: TypeAlias = Callable[[Sequence[Request], Sequence[ReadContext]], Sequence[Result | Exception]]
"""Answers each request, within its read context, with a result or with an exception."""


class Coalescer(Generic[Request, Result]):
    """A queue of reads of one type on one collection.

    A thread that becomes free takes all waiting reads and answers them by one call of `read_each`;
    no read is delayed to wait for more. Many requests share one thread hand-over in each direction,
    one transaction and one native search, which under load are most of their cost.

    `at_once` bounds the threads that work for this queue concurrently. A read that is answered with
    Outgrown is moved to the queue `long`, if there is one. With `kind_of`, only reads of equal kind
    are coalesced. `submit` is called in the reactor thread; `read_each` and `kind_of` run in the
    pool.
    """

    def __init__(
        self,
        read_each: Work[Request, Result],
        pool: WorkerPool,
        at_once: int,
        long: Coalescer[Request, Result] | None = None,
        kind_of: Callable[[Request], int] | None = None,
    ) -> None:
        self._read_each = read_each
        self._pool = pool
        self._spare = at_once
        self._long = long
        self._kind_of = kind_of
        self._waiting: deque[_Read[Request, Result]] = deque()
        self._is_called = False
        self._choosing = Lock()

    def submit(self, request: Request, context: ReadContext) -> Deferred[Result]:
        """Queue a request; fires with its answer. Cancelling drops it and cancels its context."""
        read: _Read[Request, Result] = _Read(request, context)
        self._enqueue(read)
        return read.deferred

    def _enqueue(self, read: _Read[Request, Result]) -> None:
        self._waiting.append(read)
        self._call_thread()

    def _call_thread(self) -> None:
        """Submit a job to the pool, unless one is pending already or `at_once` are running."""
        # With kinds, a pending job may leave reads of other kinds waiting, so it does not suffice.
        if (self._is_called and self._kind_of is None) or not self._spare:
            return
        self._is_called = True
        self._spare -= 1
        done = self._pool.run(self._work)
        done.addCallbacks(self._answer, self._refuse)

    def _work(self) -> tuple[list[_Read[Request, Result]], Sequence[Result | Exception]]:
        """Take the waiting reads and answer them. In a pool thread."""
        # Before the queue is emptied: a read that is added after this submits a job of its own.
        self._is_called = False
        with self._choosing:
            chosen = self._choose()
        if not chosen:
            return [], []
        reads = [read for read, _ in chosen]
        try:
            contexts = [read.context for read in reads]
            return reads, self._read_each([request for _, request in chosen], contexts)
        except Exception as error:
            return reads, [as_value(error)] * len(reads)

    def _choose(self) -> list[tuple[_Read[Request, Result], Request]]:
        """All waiting reads, or those of the kind of the first; others stay queued in order."""
        # `request` is read once: cancelling, in the reactor thread, sets it to None at any time.
        pairs = [(read, read.request) for read in self._take()]
        waiting = [(read, request) for read, request in pairs if request is not None]
        if self._kind_of is None or len(waiting) < 2:
            return waiting
        kinds = [self._kind_of(request) for _, request in waiting]
        each = list(zip(kinds, waiting, strict=True))
        self._waiting.extendleft([pair[0] for kind, pair in each if kind != kinds[0]][::-1])
        return [pair for kind, pair in each if kind == kinds[0]]

    def _take(self) -> Iterator[_Read[Request, Result]]:
        with suppress(IndexError):
            while True:
                yield self._waiting.popleft()

    def _answer(
        self, done: tuple[list[_Read[Request, Result]], Sequence[Result | Exception]]
    ) -> None:
        self._spare += 1
        for read, result in zip(*done, strict=True):
            if read.request is None:
                continue
            if isinstance(result, Outgrown) and self._long is not None:
                self._long._enqueue(read)
            elif isinstance(result, Exception):
                read.deferred.errback(Failure(result))
            else:
                read.deferred.callback(result)
        if self._waiting:
            self._call_thread()

    def _refuse(self, failure: Failure) -> None:
        """Fail all waiting reads, because the pool refuses calls."""
        self._spare += 1
        self._is_called = False
        for read in self._take():
            if read.request is not None:
                read.deferred.errback(failure)
