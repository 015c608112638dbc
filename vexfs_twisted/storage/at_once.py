"""Reads that are answered in the thread that submits them, because they are short.

Another thread would be given the interpreter lock for each, and do no less work. What a thread has
submitted by the time that it has nothing else to do is answered together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Generic, Protocol, TypeVar

from ..interfaces import WhenIdle
from ..model.read_context import SHORT_S, ReadContext
from .coalescer import QueuedRead

Request = TypeVar("Request")
Result = TypeVar("Result")

AT_ONCE_S = 0.002
"""Seconds of work that a read may take in the thread that submits it."""

TOGETHER_S = 0.004
"""Seconds of work that several may take together."""

NOT_AT_ONCE = 100
"""Reads that are not tried at once after one that took longer."""

MOST_TOGETHER = 64
"""The most reads that are tried together."""


class ShortReads(Protocol[Request, Result]):
    """Reads that may be answered in the thread that submits them."""

    def answer_here(
        self, reads: Sequence[QueuedRead[Request, Result]]
    ) -> list[QueuedRead[Request, Result]]:
        """Answer reads together in this thread; returns those that have outgrown their bounds."""

    def enqueue(self, read: QueuedRead[Request, Result]) -> None:
        """Answer a read in another thread."""


class AtOnce:
    """Says how many reads are tried at once, by how long those before them took."""

    def __init__(self) -> None:
        self.skipped = 0
        self.most = MOST_TOGETHER

    def admitted(self, count: int = 1) -> int:
        """How many of the next `count` reads are tried."""
        if self.skipped:
            self.skipped = max(self.skipped - count, 0)
            return 0
        return min(count, self.most)

    def begin(self, contexts: Sequence[ReadContext]) -> None:
        """Bound the work of reads that are tried together."""
        for context in contexts:
            context.short_work = min(AT_ONCE_S, TOGETHER_S / len(contexts))

    def ended(self, count: int) -> None:
        """As many reads were answered together."""
        if count == self.most:
            self.most = min(self.most + 1, MOST_TOGETHER)

    def outgrown(self, contexts: Sequence[ReadContext]) -> None:
        """These reads took longer, and are begun again elsewhere."""
        for context in contexts:
            context.short_work = SHORT_S
        if len(contexts) == 1:
            self.skipped = NOT_AT_ONCE
        else:
            self.most = len(contexts) // 2


class AtOnceQueue(Generic[Request, Result]):
    """A queue of short reads of one type on one collection. Thread-safe.

    Reads that take longer, or come after such, are passed on to `readers`.
    """

    def __init__(self, readers: ShortReads[Request, Result]) -> None:
        self._readers = readers
        self._waiting: dict[int, list[QueuedRead[Request, Result]]] = {}
        self._at_once = AtOnce()

    def submit(
        self,
        request: Request,
        context: ReadContext,
        answer: Callable[[Result | Exception], object],
        when_idle: WhenIdle,
    ) -> None:
        """Queue a request. `answer` is called as by `Coalescer.submit`, or in this thread.

        Of a cancelled context nothing is answered.
        """
        waiting = self._waiting.setdefault(get_ident(), [])
        waiting.append(QueuedRead(request, context, answer))
        if len(waiting) == 1:
            when_idle(self._work)

    def _work(self) -> None:
        """Answer the reads that this thread has submitted."""
        reads = self._waiting.pop(get_ident(), [])
        tried = self._at_once.admitted(len(reads))
        # These first: readers answer them meanwhile.
        for read in reads[tried:]:
            self._readers.enqueue(read)
        if tried:
            self._try(reads[:tried])

    def _try(self, reads: Sequence[QueuedRead[Request, Result]]) -> None:
        contexts = [read.context for read in reads]
        self._at_once.begin(contexts)
        outgrown = self._readers.answer_here(reads)
        if not outgrown:
            self._at_once.ended(len(reads))
            return
        self._at_once.outgrown(contexts)
        for read in outgrown:
            self._readers.enqueue(read)
