"""The context of a read: its deadline, cancellation and memory limit."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import monotonic, time_ns

from .errors import TimedOut
from .trace import Trace, current

SHORT_S = 0.05
"""Seconds of work that a read may take in the pool of short reads."""


class Cancelled(Exception):
    """No client waits for the read any more. Never reported to a client."""


class ReadContext:
    """The deadline, cancellation and memory limit of one read. Thread-safe.

    Created when a read begins, and passed to the loops that execute it, in any thread. `seconds`
    None: no deadline. A read in steps, such as a cursor, has `step_seconds` for each step.

    `size` is the maximum number of bytes of points to fetch; None: no limit.

    `on_cancel` drops the request of a read that is queued.

    `short_work` is the rest of `SHORT_S`, used by the thread that executes the read. `trace` is
    that of the call, None if calls are not traced; only with it there is `begun`, when this was
    created, in nanoseconds since 1970.
    """

    __slots__ = (
        "_deadline",
        "_parent",
        "_step_seconds",
        "begun",
        "is_cancelled",
        "on_cancel",
        "seconds",
        "short_work",
        "size",
        "trace",
    )

    def __init__(
        self,
        seconds: float | None = None,
        step_seconds: float | None = None,
        parent: ReadContext | None = None,
    ) -> None:
        self.seconds = seconds
        self.is_cancelled = False
        self.on_cancel: Callable[[], object] | None = None
        self.size: int | None = None
        self.short_work = SHORT_S
        self._deadline = inf if seconds is None else monotonic() + seconds
        self._step_seconds = step_seconds
        self._parent = parent
        self.trace: Trace | None = current() if parent is None else parent.trace
        if self.trace is not None:
            self.begun = time_ns()

    def cancel(self) -> None:
        """Cancel the read: its client does not wait any more. Idempotent."""
        self.is_cancelled = True
        on_cancel, self.on_cancel = self.on_cancel, None
        if on_cancel is not None:
            on_cancel()

    def step(self) -> ReadContext:
        """The context of the next step, which begins now and ends no later than this context."""
        return ReadContext(self._step_seconds, parent=self)

    def is_over(self, now: float) -> bool:
        """Whether the read must stop at `now`, a time of the monotonic clock."""
        if self.is_cancelled or now >= self._deadline:
            return True
        return self._parent is not None and self._parent.is_over(now)

    def end(self) -> TimedOut | Cancelled:
        """The exception of a read that must stop."""
        if self.is_cancelled:
            return Cancelled()
        if self._parent is not None and self._parent.is_over(monotonic()):
            return self._parent.end()
        return timed_out(self.seconds or 0)


def timed_out(seconds: float) -> TimedOut:
    """The error of an operation that exceeded its timeout."""
    return TimedOut(f"the operation did not finish within {seconds:g} seconds")
