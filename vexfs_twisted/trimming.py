"""Returns memory to the system after much of it was freed."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

WORTH = 16 << 20
"""Bytes that have to be freed before the allocator is trimmed."""

DELAY_S = 0.25
"""Seconds from that to the trim, so that more is freed and the last references are dropped."""

PAUSE_S = 1.0
"""The minimum seconds between two trims."""


class Trimming(Service):
    """Calls `trim` in a thread when much was freed. Belongs to the reactor thread.

    A trim goes through all heaps, which takes up to some milliseconds and holds their locks.
    """

    name = "trimming"

    def __init__(
        self,
        clock: IReactorTime,
        run_in_thread: Callable[[Callable[[], None]], Deferred[None]],
        trim: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._run_in_thread = run_in_thread
        self._trim = trim
        self._freed = 0
        self._next: IDelayedCall | None = None
        self._not_before = 0.0

    def freed(self, size: int) -> None:
        """Report `size` bytes that were freed, or are about to be."""
        self._freed += size
        if self._freed >= WORTH and self._next is None and self.running:
            delay = max(DELAY_S, self._not_before - self._clock.seconds())
            self._next = self._clock.callLater(delay, self._go)

    def stopService(self) -> None:
        """Cancel the pending trim."""
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _go(self) -> None:
        self._next, self._freed = None, 0
        self._not_before = self._clock.seconds() + PAUSE_S
        # Fails where the threads are ending; no trim is needed then.
        self._run_in_thread(self._trim).addErrback(lambda _: None)
