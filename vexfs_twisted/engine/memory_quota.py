"""Memory quotas: limits the bytes of points that a read may fetch.

A read runs in one thread from start to end, so its quota is set for the thread, for the duration of
a block. Outside of such blocks there is no limit.
"""

from __future__ import annotations

from threading import local
from types import TracebackType

from ..model.scored_points import AnswerTooLarge

_thread = local()


class MemoryQuota:
    """A context manager that limits the bytes fetched by this thread in it. None: no limit.

    Fetching more raises AnswerTooLarge.
    """

    __slots__ = ("_limit", "_taken")

    def __init__(self, size: int | None) -> None:
        self._limit = size
        self._taken = 0

    def __enter__(self) -> None:
        _thread.portion = self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _thread.portion = None

    @property
    def left(self) -> int | None:
        """The bytes that may still be fetched; None without a limit."""
        return None if self._limit is None else self._limit - self._taken

    def take(self, size: int, done: int, count: int) -> None:
        """Charge `size` bytes; `done` of `count` points are now fetched. Raises AnswerTooLarge."""
        if self._limit is None:
            return
        self._taken += size
        if self._taken > self._limit:
            # With a margin: the other points may be a little larger than those fetched so far.
            expected = self._taken * count // done * 9 // 8
            raise AnswerTooLarge(max(expected, 2 * self._limit))


def current() -> MemoryQuota | None:
    """The quota of this thread's read, or None."""
    portion: MemoryQuota | None = getattr(_thread, "portion", None)
    return portion
