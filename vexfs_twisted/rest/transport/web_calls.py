"""Calls of another protocol in HTTP requests: what a request tells them."""

from __future__ import annotations

from typing import Protocol


class WebCall(Protocol):
    """A call in one request, which it answers by itself. Used in the reactor thread only."""

    def take(self, data: bytes) -> None:
        """Take the next piece of the body."""

    def complete(self) -> None:
        """The body is complete."""

    def fail(self, error: Exception) -> None:
        """The body is refused, which is to be answered."""

    def lost(self) -> None:
        """The client has left."""
