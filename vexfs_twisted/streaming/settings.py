"""Settings of streams: batch sizes, memory, counts and timeouts."""

from __future__ import annotations

from attrs import frozen

MEBIBYTE = 1024 * 1024

_MAX_COMMIT_BYTES = 8 * MEBIBYTE


@frozen
class StreamSettings:
    """Settings of all streams together.

    `batch_points`: the maximum number of points of an outgoing batch. `budget_bytes`: the memory of
    all streams together. `max_streams`: the maximum number of open streams. `commit_points`: the
    number of pending points at which a stream commits; one with acknowledgements commits earlier
    if no commit is in progress. `stop_grace`: seconds that open streams get to finish when the
    server stops.
    """

    batch_points: int = 100
    budget_bytes: int = 100 * MEBIBYTE
    max_streams: int = 100
    commit_points: int = 8192
    stop_grace: float = 5.0

    @property
    def outbox_bytes(self) -> int:
        """The maximum memory of one outgoing stream, in bytes.

        All outgoing streams together hold at most half of the budget, so that clients that stop
        reading do not block those that write.
        """
        return self.budget_bytes // 2 // self.max_streams

    @property
    def commit_bytes(self) -> int:
        """The number of pending bytes at which an incoming stream commits."""
        return min(_MAX_COMMIT_BYTES, self.budget_bytes // 8)
