"""The slowest calls since the start."""

from __future__ import annotations

from heapq import heappush, heappushpop
from threading import Lock
from time import time

from ..middleware import CallInfo
from ..model.issues import SlowCall

MOST_CALLS = 64
"""So many are kept, the slowest."""


class SlowCalls:
    """The middleware that keeps the slowest calls of at least `slow_s` seconds. Thread-safe.

    Streams are left out: they take as long as their clients do.
    """

    def __init__(self, slow_s: float) -> None:
        self._slow_s = slow_s
        self._slowest: list[tuple[float, int, SlowCall]] = []
        self._lock = Lock()

    def before(self, call: CallInfo) -> None:
        """Nothing: a call is told when it has ended."""

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """Keep a call that is among the slowest."""
        if seconds < self._slow_s or call.kind.is_stream:
            return
        slow = SlowCall(
            call.kind.method, call.collection, call.request_id, outcome, seconds, time()
        )
        with self._lock:
            push = heappush if len(self._slowest) < MOST_CALLS else heappushpop
            push(self._slowest, (seconds, call.number, slow))

    def slowest(self) -> list[SlowCall]:
        """The calls, the slowest first."""
        with self._lock:
            return [slow for _, _, slow in sorted(self._slowest, reverse=True)]
