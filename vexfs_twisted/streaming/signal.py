"""Signals: a condition variable for Deferreds."""

from __future__ import annotations

from twisted.internet.defer import Deferred


class Signal:
    """A condition variable: `ring` fires all Deferreds of `wait`. In the reactor thread."""

    def __init__(self) -> None:
        self._waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        """A Deferred that fires at the next `ring`."""
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def ring(self) -> None:
        """Fire all waiting Deferreds; those made meanwhile wait for the next `ring`."""
        rung, self._waiting = self._waiting, []
        for waiting in rung:
            waiting.callback(None)
