"""What is told of limits of the system that are reached."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic

from .logs import get_logger
from .model.exhaustion import exhausted

log = get_logger("vexfs.limits")

SECONDS = 60.0
"""For so long after a line the log has no other: every call may fail for the same reason."""


class Seldom:
    """Says yes once in so many seconds of `clock`. From any thread."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._next: float | None = None

    def is_time(self) -> bool:
        """Whether it is time again, which it is then not for a while."""
        with self._lock:
            now = self._clock()
            if self._next is not None and now < self._next:
                return False
            self._next = now + self._seconds
            return True


_seldom = Seldom(SECONDS)


def explained(error: BaseException) -> BaseException:
    """The error to answer with for one that was raised: which limit was reached, or the same.

    A limit that is reached is logged, seldom.
    """
    found = exhausted(error)
    if found is None:
        return error
    if _seldom.is_time():
        log.warning("calls fail", reason=found.message)
    return found
