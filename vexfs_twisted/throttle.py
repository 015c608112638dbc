"""Rate limiting of log lines per key."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic

_MOST = 256


class Throttle:
    """Allows each key once per `seconds` of `clock`. Thread-safe."""

    def __init__(self, seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = Lock()
        self._told: dict[Hashable, float] = {}

    def is_time(self, thing: Hashable) -> bool:
        """Whether `thing` is allowed now; if so, starts its interval."""
        with self._lock:
            now = self._clock()
            last = self._told.pop(thing, None)
            if last is not None and now < last + self._seconds:
                self._told[thing] = last
                return False
            if len(self._told) >= _MOST:
                # Evict the key that was allowed longest ago, so that the table stays bounded.
                del self._told[min(self._told, key=self._told.__getitem__)]
            self._told[thing] = now
            return True
