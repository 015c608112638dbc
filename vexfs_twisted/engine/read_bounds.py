"""Read bounds: cancellation, deadlines and time limits of the read that runs in a thread.

A read runs in one thread from start to end, and shares much code with writes and the optimizer,
which have no bounds. So bounds are set for the thread, for the duration of a block; `checkpoint`
and `expect` are no-ops outside of such blocks. Code that may take long must have checkpoints, at
most some tens of milliseconds apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from math import inf
from threading import Lock, local
from time import monotonic, thread_time
from types import TracebackType
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ..gil import yield_gil
from ..model.errors import TimedOut
from ..model.read_context import Cancelled, ReadContext

T = TypeVar("T")
D = TypeVar("D", bound=np.generic)

_YIELD_S = 0.001
_MOMENT_S = 0.001
_WAIT_S = 0.02

_LONG_S = 0.002
"""Seconds of work from which others should not wait for a read; see `on_long`."""

_LATE = 10
"""A short read is outgrown once its wall time is this many times its share of processor time."""


class _Thread(local):
    """The bounds of a thread; a class attribute is the cheapest default for threads without."""

    bounds: ReadBounds | None = None


_thread = _Thread()


class Outgrown(Exception):
    """The read takes too long for the pool of short reads: it must be restarted in another one."""


STOPS = (TimedOut, Cancelled, Outgrown)
"""The exceptions that stop a read."""


class ReadBounds:
    """A context manager that bounds the work of its thread for the reads of `contexts`, at least 1.

    The work stops once all reads are over (timed out or cancelled). With `is_short`, it also stops
    if it takes, or is expected to take, more processor time than those reads have left. Otherwise
    it yields the GIL about every millisecond, before the interpreter enforces it.

    `on_long` is called, once or more often, if a short read takes milliseconds or will.
    """

    __slots__ = (
        "_begun",
        "_contexts",
        "_is_short",
        "_look_at",
        "_on_long",
        "_outer",
        "_share",
        "_worked",
    )

    def __init__(
        self,
        contexts: Sequence[ReadContext],
        *,
        is_short: bool,
        on_long: Callable[[], object] | None = None,
    ) -> None:
        self._contexts = contexts
        self._is_short = is_short
        self._on_long = on_long

    def __enter__(self) -> None:
        """Raises if all reads are over already."""
        self._begun = now = monotonic()
        self._worked = 0.0
        self._share = inf
        self._look_at = now + _YIELD_S
        if self._is_short:
            self._worked = thread_time()
            self._share = sum(context.short_work for context in self._contexts)
            self._look_at = now + min(self._share, inf if self._on_long is None else _LONG_S)
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
                # For very short work wall time will do: thread_time is more expensive to call.
                worked = thread_time() - self._worked
            each = worked / len(self._contexts)
            for context in self._contexts:
                context.short_work = max(context.short_work - each, 0.0)

    def check(self) -> None:
        """Raise the reason if the work must stop; see `checkpoint`."""
        now = monotonic()
        for context in self._contexts:
            if not context.is_over(now):
                break
        else:
            raise self._contexts[0].end()
        if now >= self._look_at:
            self._look(now)

    def expect(self, seconds: float) -> None:
        """Raise Outgrown if `seconds` of work to come exceed the share of a short read."""
        if seconds > self._share:
            raise Outgrown
        if seconds > _LONG_S and self._on_long is not None:
            self._on_long()

    def _look(self, now: float) -> None:
        if not self._is_short:
            yield_gil()
            self._look_at = monotonic() + _YIELD_S
            return
        if self._on_long is not None:
            self._on_long()
        left = self._share - (thread_time() - self._worked)
        if left <= 0 or now - self._begun > _LATE * self._share:
            raise Outgrown
        self._look_at = now + left


class ReadBoundsOfEach:
    """The bounds of queries that are answered together: a read context for each, or no bounds.

    Queries of one batch share a read context. `on_long` is as for ReadBounds.
    """

    def __init__(
        self,
        contexts: Sequence[ReadContext] = (),
        *,
        is_short: bool = False,
        on_long: Callable[[], object] | None = None,
    ) -> None:
        self._contexts = contexts
        self._is_short = is_short
        self._on_long = on_long

    def of(self, positions: Sequence[int]) -> AbstractContextManager[None]:
        """The context manager for work that is done for the queries at these positions."""
        if not self._contexts:
            return nullcontext()
        if len(positions) == 1:
            own = [self._contexts[positions[0]]]
        else:
            own = list(dict.fromkeys([self._contexts[position] for position in positions]))
        return ReadBounds(own, is_short=self._is_short, on_long=self._on_long)

    def only(self, position: int) -> ReadBoundsOfEach:
        """The bounds of one of the queries, answered by itself."""
        own = self._contexts[position : position + 1]
        return ReadBoundsOfEach(own, is_short=self._is_short, on_long=self._on_long)


UNBOUNDED = ReadBoundsOfEach()


def checkpoint() -> None:
    """Raise if the read of this thread must stop.

    TimedOut past its deadline, Cancelled if no client waits for it, Outgrown if it takes too long
    for a short read.
    """
    bounds = _thread.bounds
    if bounds is not None:
        bounds.check()


def expect(seconds: float) -> None:
    """A checkpoint before work of estimated duration; raises Outgrown if that is too long."""
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
    """A lock as a context manager. Waiting has checkpoints, and a short read never waits.

    A short read that would have to wait raises Outgrown.
    """

    def __init__(self) -> None:
        self._lock = Lock()

    def is_taken(self) -> bool:
        """Whether the lock is held now."""
        return self._lock.locked()

    def __enter__(self) -> None:
        if self._lock.acquire(blocking=False):
            return
        expect(inf)
        while not self._lock.acquire(timeout=_WAIT_S):
            checkpoint()

    def __exit__(self, *_: Any) -> None:
        self._lock.release()
