"""How much streams may hold, and in what pieces."""

from __future__ import annotations

from attrs import frozen

MEBIBYTE = 1024 * 1024

_MAX_COMMIT_BYTES = 8 * MEBIBYTE


@frozen
class StreamSettings:
    """Bounds of all streams together.

    `batch_points`: the most points of a batch that goes out. `budget_bytes`: what all streams
    together may hold. `max_streams`: how many may be open. `commit_points`: how many points of a
    stream without acknowledgements are worth a commit. `stop_grace`: seconds that open streams get
    to finish when the server stops.
    """

    batch_points: int = 100
    budget_bytes: int = 100 * MEBIBYTE
    max_streams: int = 100
    commit_points: int = 8192
    stop_grace: float = 5.0

    @property
    def outbox_bytes(self) -> int:
        """What one outgoing stream may hold.

        All of them together hold half of the budget, so that clients who stop reading keep none of
        those who write from going on.
        """
        return self.budget_bytes // 2 // self.max_streams

    @property
    def commit_bytes(self) -> int:
        """How many bytes are worth a commit."""
        return min(_MAX_COMMIT_BYTES, self.budget_bytes // 8)
