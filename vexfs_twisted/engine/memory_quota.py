"""How many bytes of points a read may fetch.

A read is done by one thread from its start to its end, so its portion is that of the thread, for
the time of a block. Outside of such blocks there is no bound.
"""

from __future__ import annotations

from threading import local
from types import TracebackType

from ..model.scored_points import AnswerTooLarge

_thread = local()


class MemoryQuota:
    """A context that bounds what reads of this thread fetch in it. `size` None is no bound.

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
        """The bytes that may still be fetched."""
        return None if self._limit is None else self._limit - self._taken

    def take(self, size: int, done: int, count: int) -> None:
        """Count `size` bytes of points, by which `done` of `count` are fetched."""
        if self._limit is None:
            return
        self._taken += size
        if self._taken > self._limit:
            # With some to spare: the others may be a little larger than those seen so far.
            expected = self._taken * count // done * 9 // 8
            raise AnswerTooLarge(max(expected, 2 * self._limit))


def current() -> MemoryQuota | None:
    """The portion of this thread's read, if it has one."""
    portion: MemoryQuota | None = getattr(_thread, "portion", None)
    return portion
