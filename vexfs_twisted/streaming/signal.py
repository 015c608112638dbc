"""Waiting for something to change."""

from __future__ import annotations

from twisted.internet.defer import Deferred


class Signal:
    """Wakes those who wait when it rings."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        """Fires at the next ring."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def ring(self) -> None:
        """Wake all who wait by now."""
        rung, self._waiting = self._waiting, []
        for waiting in rung:
            waiting.callback(None)
