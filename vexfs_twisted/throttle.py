"""Things that are told once in a while, however often there is reason to."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic

_MOST = 256


class Throttle:
    """Says yes to each thing once in so many seconds of `clock`. From any thread."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._told: dict[Hashable, float] = {}

    def is_time(self, thing: Hashable) -> bool:
        """Whether it is time to tell it, which it then is not for a while."""
        with self._lock:
            now = self._clock()
            last = self._told.pop(thing, None)
            if last is not None and now < last + self._seconds:
                self._told[thing] = last
                return False
            if len(self._told) >= _MOST:
                # The one told longest ago, in case there is no end of different things.
                del self._told[min(self._told, key=self._told.__getitem__)]
            self._told[thing] = now
            return True
