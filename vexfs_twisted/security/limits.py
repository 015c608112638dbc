"""The rate limit middleware."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from threading import Lock

from ..middleware import CallInfo
from ..model.errors import RateLimited

BURST_S = 1.0
"""The burst size, in seconds: an idle client may make the calls of this time at once."""

MAX_CLIENTS = 20_000
"""The maximum number of tracked clients. Beyond it, the least recently seen one is dropped."""


class RateLimit:
    """Limits each client to `per_second` calls per second; a stream is one call.

    A client is an IP address, as all clients have the same API key. Each has a token bucket, stored
    as the single number of the generic cell rate algorithm (ITU-T I.371): the time at which the
    bucket is full again. A client with a full bucket needs no entry.

    `clock` returns seconds and is monotonic. Thread-safe.
    """

    def __init__(
        self, per_second: int, clock: Callable[[], float], max_clients: int = MAX_CLIENTS
    ) -> None:
        self.per_second = per_second
        self._cost = 1.0 / per_second
        self._depth = max(BURST_S, self._cost)
        # Tolerates rounding errors of times.
        self._slack = self._cost * 1e-3
        self._clock = clock
        self._max_clients = max_clients
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    @property
    def clients(self) -> int:
        """The number of tracked clients."""
        return len(self._full_at)

    def before(self, call: CallInfo) -> None:
        """Take a token. Raises RateLimited if the client's bucket is empty."""
        client = call.peer
        with self._lock:
            now = self._clock()
            full_at = self._full_at.get(client)
            if full_at is None:
                self._make_room(now)
                full_at = now
            else:
                self._full_at.move_to_end(client)
                if full_at < now:
                    full_at = now
            full_at += self._cost
            wait = full_at - now - self._depth
            if wait <= self._slack:
                self._full_at[client] = full_at
                return
        raise RateLimited(f"a client may make {self.per_second} calls a second", max(1, ceil(wait)))

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """No-op: a token is not returned."""

    def _make_room(self, now: float) -> None:
        """Drop up to two of the least recently seen clients whose buckets are full again.

        With MAX_CLIENTS entries, they are dropped in any case. Two for each new client, so that the
        table shrinks without being searched.
        """
        for _ in range(2):
            if not self._full_at:
                return
            client, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) < self._max_clients:
                return
            del self._full_at[client]
