"""How often a client may call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from threading import Lock

from ..middleware import CallInfo
from ..model.errors import RateLimited

BURST_S = 1.0
"""A client that was idle may send what it may send in this time at once."""

MAX_CLIENTS = 20_000
"""How many clients are remembered. Past it, the one not heard for longest is forgotten."""


class RateLimit:
    """Lets each client make `per_second` calls a second; a stream is one call.

    A client is an address: the key is the same for all of them. Each has a bucket of tokens, kept
    as the one number that the generic cell rate algorithm (ITU-T I.371) needs: the time at which
    the bucket is full again. A client whose bucket is full need not be remembered.

    `clock` tells seconds, and never goes back. Usable from any thread.
    """

    def __init__(
        self, per_second: int, clock: Callable[[], float], max_clients: int = MAX_CLIENTS
    ) -> None:
        self.per_second = per_second
        self._cost = 1.0 / per_second
        self._depth = max(BURST_S, self._cost)
        # Times are rounded: a hair too much is no refusal.
        self._slack = self._cost * 1e-3
        self._clock = clock
        self._max_clients = max_clients
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    @property
    def clients(self) -> int:
        """How many clients are remembered."""
        return len(self._full_at)

    def before(self, call: CallInfo) -> None:
        """Take a token, or raise RateLimited where the client's bucket is empty."""
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
        """A token that was taken is not given back."""

    def _make_room(self, now: float) -> None:
        """Forget clients that were not heard for longest, as long as they are owed nothing.

        Two for each that comes, so that the table shrinks without ever being searched.
        """
        for _ in range(2):
            if not self._full_at:
                return
            client, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) < self._max_clients:
                return
            del self._full_at[client]
