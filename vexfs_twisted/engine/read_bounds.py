"""The bounds of the read that a thread does: looked at by whatever may take long.

A read is done by one thread from its start to its end, and much of what it does is done for writes
and upkeep too, which have no bounds. So its bounds are those of the thread, for the time of a
block, and `checkpoint` and `expect` do nothing outside of such blocks. Between two checkpoints lie
some tens of milliseconds at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import inf
from threading import Lock, local
from time import monotonic, sleep, thread_time
from types import TracebackType
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..model.errors import TimedOut
from ..model.read_context import Cancelled, ReadContext

T = TypeVar("T")
D = TypeVar("D", bound=np.generic)

_YIELD_S = 0.001
_MOMENT_S = 0.001
_WAIT_S = 0.02

_LATE = 10
"""A read that waits for the processor or the disk for so many times its share is no short one."""


class _Thread(local):
    """What a thread is bounded by; an attribute of the class costs those least that have none."""

    bounds: ReadBounds | None = None


_thread = _Thread()


class Outgrown(Exception):
    """The read takes longer than those that are done here: it is to begin again elsewhere."""


STOPS = (TimedOut, Cancelled, Outgrown)
"""What a read may be stopped by."""


class ReadBounds:
    """A context that bounds what its thread does, for the reads of `contexts`, at least one.

    The work stops when no read wants it any more. With `is_short`, it also stops when it takes, or
    is expected to take, more time than is left to those reads; else it lets other threads run now
    and then, before the interpreter makes it.
    """

    __slots__ = ("_allowances", "_begun", "_is_short", "_look_at", "_outer", "_share", "_worked")

    def __init__(self, contexts: Sequence[ReadContext], *, is_short: bool) -> None:
        self._allowances = contexts
        self._is_short = is_short

    def __enter__(self) -> None:
        """Raises if no read wants the work."""
        self._begun = now = monotonic()
        self._worked = 0.0
        self._share = inf
        self._look_at = now + _YIELD_S
        if self._is_short:
            self._worked = thread_time()
            self._share = sum(context.short_work for context in self._allowances)
            self._look_at = now + self._share
        self.check()
        self._outer = _thread.bounds
        _thread.bounds = self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _thread.bounds = self._outer
        if self._is_short:
            worked = monotonic() - self._begun
            if worked > _MOMENT_S:
                # Of a moment it is all the same, and this costs more to ask for.
                worked = thread_time() - self._worked
            each = worked / len(self._allowances)
            for context in self._allowances:
                context.short_work = max(context.short_work - each, 0.0)

    def check(self) -> None:
        """Raise if the work is to stop."""
        now = monotonic()
        for context in self._allowances:
            if not context.is_over(now):
                break
        else:
            raise self._allowances[0].end()
        if now >= self._look_at:
            self._look(now)

    def expect(self, seconds: float) -> None:
        """Raise Outgrown if what comes next takes more time than is left."""
        if seconds > self._share:
            raise Outgrown

    def _look(self, now: float) -> None:
        if not self._is_short:
            sleep(0)
            self._look_at = monotonic() + _YIELD_S
            return
        left = self._share - (thread_time() - self._worked)
        if left <= 0 or now - self._begun > _LATE * self._share:
            raise Outgrown
        self._look_at = now + left


class ReadBoundsOfEach:
    """The bounds of queries that are answered together: a read context for each, or none at all.

    Queries of one batch have the same one.
    """

    def __init__(self, contexts: Sequence[ReadContext] = (), *, is_short: bool = False) -> None:
        self._allowances = contexts
        self._is_short = is_short

    def of(self, positions: Sequence[int]) -> AbstractContextManager[None]:
        """The bounds of work that is done for the queries at these positions."""
        if not self._allowances:
            return nullcontext()
        if len(positions) == 1:
            return ReadBounds([self._allowances[positions[0]]], is_short=self._is_short)
        own = dict.fromkeys([self._allowances[position] for position in positions])
        return ReadBounds(list(own), is_short=self._is_short)


UNBOUNDED = ReadBoundsOfEach()


def checkpoint() -> None:
    """Raise what the read of this thread is to be stopped by, if it is.

    TimedOut past its deadline, Cancelled when nobody waits for it, Outgrown where it takes too long
    for where it runs.
    """
    bounds = _thread.bounds
    if bounds is not None:
        bounds.check()


def expect(seconds: float) -> None:
    """The same, before work that takes about so long."""
    bounds = _thread.bounds
    if bounds is not None:
        bounds.check()
        bounds.expect(seconds)


@overload
def in_slices(items: NDArray[D], size: int) -> Iterator[NDArray[D]]: ...
@overload
def in_slices(items: Sequence[T], size: int) -> Iterator[Sequence[T]]: ...
def in_slices(items: Any, size: int) -> Iterator[Any]:
    """Yield the items of a sequence or array, `size` at a time, with a checkpoint before each."""
    for start in range(0, len(items), size):
        checkpoint()
        yield items[start : start + size]


class PatientLock:
    """A lock as a context. Who waits for it is stopped like who works, and is no short read."""

    def __init__(self) -> None:
        self._lock = Lock()

    def is_taken(self) -> bool:
        """Whether somebody has it now."""
        return self._lock.locked()

    def __enter__(self) -> None:
        if self._lock.acquire(blocking=False):
            return
        expect(inf)
        while not self._lock.acquire(timeout=_WAIT_S):
            checkpoint()

    def __exit__(self, *_: Any) -> None:
        self._lock.release()
