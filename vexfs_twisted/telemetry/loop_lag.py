"""How late the reactor calls what is due: the time for which its thread is busy with something."""

from __future__ import annotations

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..model.distribution import Distribution, Recorder

INTERVAL_S = 0.25
"""Seconds between two measurements."""


class LoopLag(Service):
    """Measures between startService and stopService. Used in the reactor thread."""

    name = "loop-lag"

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._lags = Recorder()
        self._next: IDelayedCall | None = None
        self._due = 0.0

    @property
    def distribution(self) -> Distribution:
        """The seconds by which calls were late."""
        return self._lags.distribution()

    def startService(self) -> None:
        """Begin to measure."""
        super().startService()
        self._schedule()

    def stopService(self) -> None:
        """Measure no more."""
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _schedule(self) -> None:
        self._due = self._clock.seconds() + INTERVAL_S
        self._next = self._clock.callLater(INTERVAL_S, self._called)

    def _called(self) -> None:
        self._lags.record(max(self._clock.seconds() - self._due, 0.0))
        self._schedule()
