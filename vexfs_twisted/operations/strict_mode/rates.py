"""The rates at which a collection may be read and written."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from threading import Lock

from ...model.strict_mode import too_fast, too_large_for_rate

_MINUTE_S = 60.0


class TokenBucket:
    """A bucket of `capacity` tokens, full at first and filled again within a minute. Thread-safe.

    `kind` of operations, Read or Write, is for errors. `clock` returns seconds and is monotonic.
    """

    def __init__(self, kind: str, capacity: int, clock: Callable[[], float]) -> None:
        self.capacity = capacity
        self._kind = kind
        self._clock = clock
        self._rate = capacity / _MINUTE_S
        self._tokens = float(capacity)
        self._at = clock()
        self._lock = Lock()

    def take(self, cost: int) -> None:
        """Take `cost` tokens. Raises RateLimited, and takes none, if there are fewer."""
        if cost > self.capacity:
            raise too_large_for_rate(self._kind)
        with self._lock:
            now = self._clock()
            filled = self._tokens + (now - self._at) * self._rate
            self._tokens, self._at = min(filled, float(self.capacity)), now
            available = self._tokens
            if cost <= available:
                self._tokens -= cost
                return
        seconds = max(1, ceil((cost - available) / self._rate))
        raise too_fast(self._kind, cost, available, seconds)

    def give_back(self, cost: int) -> None:
        """Return tokens of an operation that was not carried out."""
        with self._lock:
            self._tokens = min(self._tokens + cost, float(self.capacity))
