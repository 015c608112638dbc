"""Limits on the open connections, in total and per client address."""

from __future__ import annotations

from collections import Counter


class Connections:
    """Counts open connections by client address. Used in the reactor thread only."""

    def __init__(self, most: int, most_of_client: int) -> None:
        self._most = most
        self._most_of_client = most_of_client
        self._open = 0
        self._of_client: Counter[str] = Counter()

    def complaint(self, client: str) -> str | None:
        """The reason to refuse another connection of a client, or None."""
        if self._open >= self._most:
            return f"{self._most} connections are open, which is as many as may be"
        if self._of_client.get(client, 0) >= self._most_of_client:
            return f"one client may have {self._most_of_client} connections open"
        return None

    def enter(self, client: str) -> None:
        """Count an opened connection."""
        self._open += 1
        self._of_client[client] += 1

    def leave(self, client: str) -> None:
        """Count a closed connection."""
        self._open -= 1
        self._of_client[client] -= 1
        if not self._of_client[client]:
            del self._of_client[client]
