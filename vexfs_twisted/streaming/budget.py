"""The memory that all streams share: granted in the order asked for, and given back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred


class Credit:
    """Bytes of a budget that somebody holds, until they are released."""

    def __init__(self, size: int, changed: Callable[[int], None]) -> None:
        self.size = size
        self._changed = changed

    def settle(self, size: int) -> None:
        """Hold what turned out to be needed, more or less than was asked for."""
        change, self.size = size - self.size, size
        self._changed(change)

    def release(self) -> None:
        """Give everything back; twice is harmless."""
        self.settle(0)


class _Claim:
    """One who waits for credit."""

    __slots__ = ("deferred", "size")

    def __init__(self, size: int, cancelled: Callable[[_Claim], None]) -> None:
        self.size = size
        self.deferred: Deferred[Credit] = Deferred(lambda _: cancelled(self))


class ByteBudget:
    """A number of bytes that are handed out as credit. Belongs to the reactor thread.

    Nobody is granted anything before those who asked earlier, so a large claim is not starved by
    small ones. `freed` is told of bytes that are given back.
    """

    def __init__(self, limit: int, freed: Callable[[int], object] | None = None) -> None:
        self.limit = limit
        self.freed = freed or _ignore
        self._used = 0
        self._claims: deque[_Claim] = deque()
        self._is_granting = False

    @property
    def used(self) -> int:
        """The bytes that are held now. Over the limit only by what was settled higher."""
        return self._used

    @property
    def most(self) -> int:
        """The largest claim; more is granted as this much, so that it is granted at all."""
        return self.limit // 2

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for credit."""
        return bool(self._claims)

    def take(self, size: int) -> Deferred[Credit]:
        """Credit of `size` bytes, once there is as much. Cancelling gives the claim up."""
        return self.take_all(min(size, self.most))

    def take_all(self, size: int) -> Deferred[Credit]:
        """The same for a claim of any size: more than the limit is granted to one who is alone."""
        claim = _Claim(size, self._forget)
        self._claims.append(claim)
        self._grant()
        return claim.deferred

    def charge(self, size: int) -> Credit:
        """Credit of `size` bytes at once, for what is there already."""
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
        """Serve claims in order. A claim that is served may release or claim in its turn."""
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
    """Nobody wants to know of it."""
