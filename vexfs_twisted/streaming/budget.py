"""Byte budgets: memory that is claimed, granted in FIFO order, and released."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred

from ..model.server_report import MemoryBudget


class Credit:
    """Bytes of a budget that are held until they are released. Used in the reactor thread only."""

    def __init__(self, size: int, changed: Callable[[int], None]) -> None:
        self.size = size
        self._changed = changed

    def settle(self, size: int) -> None:
        """Change the held size to `size` bytes, more or less than was claimed."""
        change, self.size = size - self.size, size
        self._changed(change)

    def release(self) -> None:
        """Release all bytes. Idempotent."""
        self.settle(0)


class _Claim:
    """A waiting claim for credit."""

    __slots__ = ("deferred", "size")

    def __init__(self, size: int, cancelled: Callable[[_Claim], None]) -> None:
        self.size = size
        self.deferred: Deferred[Credit] = Deferred(lambda _: cancelled(self))


class ByteBudget:
    """A number of bytes that is granted as credit. Used in the reactor thread only.

    Claims are granted in FIFO order, so that small claims do not starve a large one. `freed` is
    called with each number of bytes released.
    """

    def __init__(self, limit: int, freed: Callable[[int], object] | None = None) -> None:
        self.limit = limit
        self.freed = freed or _ignore
        self._used = 0
        self._claims: deque[_Claim] = deque()
        self._is_granting = False

    @property
    def used(self) -> int:
        """The bytes held. May exceed the limit by what was settled higher, charged, or too large.

        A claim larger than the limit is granted when nothing else is held.
        """
        return self._used

    @property
    def most(self) -> int:
        """The maximum that `take` claims, in bytes; larger claims are reduced to it."""
        return self.limit // 2

    def status(self) -> MemoryBudget:
        """The bytes that are held, and the claims that wait."""
        return MemoryBudget(self._used, self.limit, len(self._claims))

    @property
    def is_waited_for(self) -> bool:
        """Whether a claim is waiting."""
        return bool(self._claims)

    def take(self, size: int) -> Deferred[Credit]:
        """Claim `size` bytes, at most `most`. Fires once granted; cancelling withdraws it."""
        return self.take_all(min(size, self.most))

    def take_all(self, size: int) -> Deferred[Credit]:
        """Claim `size` bytes. A claim beyond the limit is granted when nothing else is held."""
        claim = _Claim(size, self._forget)
        self._claims.append(claim)
        self._grant()
        return claim.deferred

    def charge(self, size: int) -> Credit:
        """Credit of `size` bytes without a claim, for memory that is in use already."""
        self._used += size
        return Credit(size, self._change)

    def _forget(self, claim: _Claim) -> None:
        self._claims.remove(claim)
        self._grant()

    def _change(self, by: int) -> None:
        self._used += by
        if by < 0:
            self.freed(-by)
            self._grant()

    def _grant(self) -> None:
        """Grant claims in order. Reentrant: a callback of a claim may release or claim again."""
        if self._is_granting:
            return
        self._is_granting = True
        while self._claims and self._has_room(self._claims[0].size):
            claim = self._claims.popleft()
            self._used += claim.size
            claim.deferred.callback(Credit(claim.size, self._change))
        self._is_granting = False

    def _has_room(self, size: int) -> bool:
        return self._used + size <= self.limit or not self._used


def _ignore(_: int) -> None:
    """The default of `freed`: no-op."""
