"""Waiting for something to change."""

from __future__ import annotations

from twisted.internet.defer import Deferred


class Signal:
    """Wakes the one who waits when it rings."""

    def __init__(self) -> None:
        self._waiting: Deferred[None] | None = None

    def wait(self) -> Deferred[None]:
        """Fires at the next ring."""
        self._waiting = Deferred()
        return self._waiting

    def ring(self) -> None:
        """Wake the one who waits, if there is one."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
