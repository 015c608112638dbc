"""What a read may take: time, for as long as its client waits, and memory."""

from __future__ import annotations

from math import inf
from time import monotonic

from .errors import TimedOut

SHORT_S = 0.05
"""Seconds of work that a read may take among the short ones."""


class Cancelled(Exception):
    """Nobody waits for the read any more. Never told to a client."""


class ReadContext:
    """The time and memory that one read has, and whether its client still waits for it.

    Made in the reactor thread where a read begins, and passed on to the loops that do the work, in
    whichever thread. Any thread may cancel and look. `seconds` None is no deadline. A read that
    goes on step by step has `step_seconds` for each of its steps.

    `size` is how many bytes of points the read may fetch; None is no bound.

    `short_work` is what is left of `SHORT_S` to the thread that does the work now.
    """

    __slots__ = (
        "_deadline",
        "_parent",
        "_step_seconds",
        "is_cancelled",
        "seconds",
        "short_work",
        "size",
    )

    def __init__(
        self,
        seconds: float | None = None,
        step_seconds: float | None = None,
        parent: ReadContext | None = None,
    ) -> None:
        self.seconds = seconds
        self.is_cancelled = False
        self.size: int | None = None
        self.short_work = SHORT_S
        self._deadline = inf if seconds is None else monotonic() + seconds
        self._step_seconds = step_seconds
        self._parent = parent

    def cancel(self) -> None:
        """The client does not wait any more. Twice is harmless."""
        self.is_cancelled = True

    def step(self) -> ReadContext:
        """The context of the next step, which begins now and ends with this one at the latest."""
        return ReadContext(self._step_seconds, parent=self)

    def is_over(self, now: float) -> bool:
        """Whether the read is to stop, at the time `now` of the monotonic clock."""
        if self.is_cancelled or now >= self._deadline:
            return True
        return self._parent is not None and self._parent.is_over(now)

    def end(self) -> TimedOut | Cancelled:
        """What a read raises whose context is over."""
        if self.is_cancelled:
            return Cancelled()
        if self._parent is not None and self._parent.is_over(monotonic()):
            return self._parent.end()
        return timed_out(self.seconds or 0)


def timed_out(seconds: float) -> TimedOut:
    """The error of an operation that took longer than it may."""
    return TimedOut(f"the operation did not finish within {seconds:g} seconds")
