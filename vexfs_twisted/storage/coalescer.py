"""Coalescing of reads: all that wait for a thread are answered by one call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from threading import Lock
from typing import Generic, TypeAlias, TypeVar

from ..engine.memory_quota import MemoryQuota
from ..engine.read_bounds import Outgrown, ReadBounds
from ..logs import get_logger
from ..model.errors import DomainError, as_value
from ..model.read_context import ReadContext
from ..model.scored_points import AnswerTooLarge
from ..threadpool import WorkerPool
from .traced_work import begin_reads

Request = TypeVar("Request")
Result = TypeVar("Result")

log = get_logger("vexfs.storage")


class QueuedRead(Generic[Request, Result]):
    """A queued read. `request` is None once it is cancelled."""

    __slots__ = ("answer", "context", "request")

    def __init__(
        self,
        request: Request,
        context: ReadContext,
        answer: Callable[[Result | Exception], object],
    ) -> None:
        self.request: Request | None = request
        self.context = context
        self.answer = answer
        context.on_cancel = self._drop

    def _drop(self) -> None:
        self.request = None


Work: TypeAlias = Callable[
    [Sequence[Request], Sequence[ReadContext], Callable[[], object]], Sequence[Result | Exception]
]
"""Answers each request, within its read context, with a result or with an exception.

The third argument is to be called once it turns out that this takes milliseconds.
"""

_Chosen: TypeAlias = "list[tuple[QueuedRead[Request, Result], Request]]"


def _ignore(_: int) -> None:
    """The default of `sized`: no-op."""


class Coalescer(Generic[Request, Result]):
    """A queue of reads of one type on one collection. Thread-safe.

    A thread that becomes free takes all waiting reads and answers them by one call of `read_each`;
    no read is delayed to wait for more. Many requests share one thread hand-over in each direction,
    one transaction and one native search, which under load are most of their cost.

    `at_once` bounds the threads that work for this queue concurrently. While one works, others
    begin only if its call takes milliseconds: two would mostly wait for each other (GIL), and what
    they answer be put together less. With `kind_of`, only reads of equal kind are coalesced, and
    all calls take long. A read that is answered with Outgrown is moved to the queue `long`, if
    there is one. `read_each` and `kind_of` run in the pool, or where a read was submitted. `sized`
    is called with the number of reads of each call, in any thread.
    """

    def __init__(
        self,
        read_each: Work[Request, Result],
        pool: WorkerPool,
        at_once: int,
        long: Coalescer[Request, Result] | None = None,
        kind_of: Callable[[Request], int] | None = None,
        sized: Callable[[int], object] = _ignore,
    ) -> None:
        self._read_each = read_each
        self._sized = sized
        self._pool = pool
        self._at_once = self._spare = at_once
        self._long = long
        self._kind_of = kind_of
        self._waiting: deque[QueuedRead[Request, Result]] = deque()
        self._is_called = False
        self._long_calls = 0 if kind_of is None else 1
        self._counting = Lock()
        self._choosing = Lock()

    def submit(
        self,
        request: Request,
        context: ReadContext,
        answer: Callable[[Result | Exception], object],
    ) -> None:
        """Queue a request. `answer` is called with its result or error, in a thread of the pool.

        Of a cancelled context nothing is answered.
        """
        self.enqueue(QueuedRead(request, context, answer))

    def enqueue(self, read: QueuedRead[Request, Result]) -> None:
        """Queue a read."""
        self._waiting.append(read)
        self._call_thread()

    def answer_here(
        self, reads: Sequence[QueuedRead[Request, Result]]
    ) -> list[QueuedRead[Request, Result]]:
        """Answer reads by one call in this thread; returns those that have outgrown their bounds.

        They count among neither those that wait nor the threads that work.
        """
        chosen = [(read, own) for read in reads if (own := read.request) is not None]
        if not chosen:
            return []
        outgrown: list[QueuedRead[Request, Result]] = []
        results = self._results(chosen, is_short=True)
        for (read, _), result in zip(chosen, results, strict=True):
            if isinstance(result, Outgrown):
                outgrown.append(read)
            else:
                self._answer(read, result)
        return outgrown

    def _call_thread(self) -> None:
        """Submit a job to the pool, unless one is pending already or enough are running."""
        with self._counting:
            # With kinds, a pending job may leave reads of other kinds waiting: it does not suffice.
            if (self._is_called and self._kind_of is None) or not self._spare:
                return
            if self._spare < self._at_once and not self._long_calls:
                return
            self._is_called = True
            self._spare -= 1
        try:
            self._pool.call(self._work)
        except DomainError as error:
            self._refuse(error)

    def _work(self) -> None:
        """Take the waiting reads and answer them. In a pool thread."""
        # Before the queue is emptied: a read that is added after this submits a job of its own.
        self._is_called = False
        with self._choosing:
            chosen = self._choose()
        if chosen:
            results = self._results(chosen)
            for (read, _), result in zip(chosen, results, strict=True):
                self._answer(read, result)
        # What was answered must not be kept alive by a thread that waits for its next job.
        del chosen
        self._done()

    def _results(
        self, chosen: _Chosen[Request, Result], *, is_short: bool = False
    ) -> Sequence[Result | Exception]:
        """Answer reads by one call; `is_short`: Outgrown before it would wait or take long."""
        is_long = False
        contexts = [read.context for read, _ in chosen]
        end = begin_reads(contexts)
        self._sized(len(chosen))

        def on_long() -> None:
            nonlocal is_long
            if not is_long:
                is_long = True
                with self._counting:
                    self._long_calls += 1
                if self._waiting:
                    self._call_thread()

        try:
            with ReadBounds(contexts, is_short=True) if is_short else nullcontext():
                return self._read_each([request for _, request in chosen], contexts, on_long)
        except Outgrown as error:
            # The traceback refers to the frames of what was read, and to that which gets this.
            return [error.with_traceback(None)] * len(chosen)
        except Exception as error:
            return [as_value(error)] * len(chosen)
        finally:
            if end is not None:
                end()
            if is_long:
                with self._counting:
                    self._long_calls -= 1

    def _answer(self, read: QueuedRead[Request, Result], result: Result | Exception) -> None:
        if read.request is None:
            return
        if isinstance(result, Outgrown) and self._long is not None:
            self._long.enqueue(read)
            return
        # The context refers to the read, and whoever waits for its answer to the context.
        read.context.on_cancel = None
        try:
            read.answer(result)
        except Exception:
            log.exception("an answer was not taken")

    def _done(self) -> None:
        with self._counting:
            self._spare += 1
        if self._waiting:
            self._call_thread()

    def _choose(self) -> _Chosen[Request, Result]:
        """All waiting reads, or those of the kind of the first; others stay queued in order."""
        # `request` is read once: cancelling sets it to None at any time.
        pairs = [(read, read.request) for read in self._take()]
        waiting = [(read, request) for read, request in pairs if request is not None]
        if self._kind_of is None or len(waiting) < 2:
            return waiting
        kinds = [self._kind_of(request) for _, request in waiting]
        each = list(zip(kinds, waiting, strict=True))
        self._waiting.extendleft([pair[0] for kind, pair in each if kind != kinds[0]][::-1])
        return [pair for kind, pair in each if kind == kinds[0]]

    def _take(self) -> Iterator[QueuedRead[Request, Result]]:
        with suppress(IndexError):
            while True:
                yield self._waiting.popleft()

    def _refuse(self, error: Exception) -> None:
        """Fail all waiting reads, because the pool refuses calls."""
        with self._counting:
            self._spare += 1
            self._is_called = False
        for read in self._take():
            self._answer(read, as_value(error))


def within_quota(
    read_each: Work[Request, Result],
    requests: Sequence[Request],
    contexts: Sequence[ReadContext],
    on_long: Callable[[], object],
) -> Sequence[Result | Exception]:
    """Answer several reads by one call, within the sum of their memory quotas in bytes.

    If the sum is exceeded, each is read alone within its own quota; one that exceeds it is answered
    with AnswerTooLarge.
    """
    try:
        with MemoryQuota(_sum([context.size for context in contexts])):
            return read_each(requests, contexts, on_long)
    except AnswerTooLarge as error:
        if len(requests) == 1:
            return [AnswerTooLarge(error.size)]
    pairs = zip(requests, contexts, strict=True)
    return [within_quota(read_each, [request], [own], on_long)[0] for request, own in pairs]


def _sum(sizes: Sequence[int | None]) -> int | None:
    bounded = [size for size in sizes if size is not None]
    return sum(bounded) if len(bounded) == len(sizes) else None
