"""Gives memory back to the system when much of it has become free."""

from __future__ import annotations

from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

WORTH = 16 << 20
"""How many bytes have to be free before the allocator is asked to give them back."""

DELAY_S = 0.25
"""How long others have to free theirs, too, and the last references to go."""

PAUSE_S = 1.0
"""The least time between two trims."""


class Trimming(Service):
    """Has `trim` called in a thread when much was freed. Belongs to the reactor thread.

    A trim goes through all heaps, which takes up to some milliseconds and keeps their locks.
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
        """So many bytes are free by now, or will be in a moment."""
        self._freed += size
        if self._freed >= WORTH and self._next is None and self.running:
            delay = max(DELAY_S, self._not_before - self._clock.seconds())
            self._next = self._clock.callLater(delay, self._go)

    def stopService(self) -> None:
        """Trim no more."""
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _go(self) -> None:
        self._next, self._freed = None, 0
        self._not_before = self._clock.seconds() + PAUSE_S
        # Nothing comes of it where the threads are ending.
        self._run_in_thread(self._trim).addErrback(lambda _: None)
