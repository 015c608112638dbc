"""Whether the server is ready: its ports are open before its catalog and its collections are."""

from __future__ import annotations

from collections.abc import Callable

from .middleware import CallInfo
from .model.errors import Starting


class Readiness:
    """Middleware that refuses calls until the catalog is open, except those of open methods.

    Those tell of the process alone: its version and its health. The server is ready once its
    collections are open too. Methods are called in the reactor thread, `before` in any.
    """

    def __init__(self, *, is_ready: bool = False) -> None:
        self.is_ready = is_ready
        self._takes_calls = is_ready
        self._listeners: list[Callable[[], object]] = []

    def take_calls(self) -> None:
        """Let all calls pass from now on: the catalog is open."""
        self._takes_calls = True

    def become_ready(self) -> None:
        """Be ready from now on, and call all listeners."""
        self.is_ready = True
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            listener()

    def call_when_ready(self, listener: Callable[[], object]) -> None:
        """Call a function once the server is ready; not if it is already."""
        if not self.is_ready:
            self._listeners.append(listener)

    def before(self, call: CallInfo) -> None:
        """Raise Starting for a call that may need the catalog."""
        if not (self._takes_calls or call.kind.is_open):
            raise Starting

    def after(self, call: CallInfo, outcome: str, seconds: float) -> None:
        """No-op."""
