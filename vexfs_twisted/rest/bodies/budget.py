"""What the bodies of all requests under way may hold together, and who waits for room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ...model.errors import DomainError, Overloaded, TimedOut

CHECK_S = 10.0
"""While requests wait for room, those that take it up are looked at so often."""

LEAST_BYTES = 64 * 1024
"""What must have come of a body in that time, while others wait for its room."""

PATIENCE = 5
"""After so many looks a request that still waits is refused: before its connection is idle."""

ROOM_BYTES = 256 * 1024
"""How much room there must be for each request that goes on."""

_NO_ROOM = "the bodies of other requests leave no room for this one"


class Holder(Protocol):
    """A request whose body is counted."""

    def pause(self) -> None:
        """Read nothing more of the body for now."""

    def resume(self) -> None:
        """Read on."""

    def expire(self, error: DomainError) -> None:
        """Give the body up, and tell the client why."""


class BodyBudget:
    """Counts the bytes of bodies, from when they come until their requests are answered.

    Past `limit` only the request that came first is read on, so that there is always one that gets
    done; the others wait, `max_waiting` of them. `freed` is told of what is held no longer. Belongs
    to the reactor thread.
    """

    def __init__(
        self,
        limit: int,
        max_waiting: int,
        clock: IReactorTime,
        freed: Callable[[int], object] | None = None,
    ) -> None:
        self.used = 0
        self._limit = limit
        self._max_waiting = max_waiting
        self._clock = clock
        self._freed = freed
        self._arriving: dict[Lease, None] = {}
        self._waiting: dict[Lease, None] = {}
        self._check: IDelayedCall | None = None

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return len(self._waiting)

    def lease(self, holder: Holder, held: Callable[[int], int] = int) -> Lease:
        """A place in the queue for a body that has begun to arrive.

        `held` gives the bytes to count once so many bytes have been received.
        """
        lease = Lease(self, holder, held)
        self._arriving[lease] = None
        return lease

    def take(self, lease: Lease, size: int) -> None:
        """Count `size` more bytes. Raises Overloaded where too many wait already."""
        self.used += size
        lease.size += size
        if self.used <= self._limit or next(iter(self._arriving), lease) is lease:
            return
        if lease not in self._waiting:
            if len(self._waiting) >= self._max_waiting:
                raise Overloaded(_NO_ROOM)
            self._waiting[lease] = None
            if self._check is None:
                self._check = self._clock.callLater(CHECK_S, self._look)
        lease.holder.pause()

    def is_waiting(self, lease: Lease) -> bool:
        """Whether a request has to wait."""
        return lease in self._waiting

    def settle(self, lease: Lease) -> None:
        """A body is complete, and stays counted."""
        self._arriving.pop(lease, None)
        self._wake()

    def give_back(self, lease: Lease) -> None:
        """What was counted for a body is held no longer."""
        self.used -= lease.size
        if self._freed is not None:
            self._freed(lease.size)
        lease.size = 0
        self._arriving.pop(lease, None)
        self._waiting.pop(lease, None)
        self._wake()

    def _wake(self) -> None:
        room = self._limit - self.used
        for lease in list(self._waiting):
            is_first = next(iter(self._arriving), None) is lease
            if lease in self._waiting and (is_first or room >= ROOM_BYTES):
                room -= ROOM_BYTES
                del self._waiting[lease]
                lease.wake()
        if not self._waiting and self._check is not None:
            self._check.cancel()
            self._check = None

    def _look(self) -> None:
        self._check = self._clock.callLater(CHECK_S, self._look) if self._waiting else None
        expired: list[tuple[Lease, DomainError]] = []
        for lease in self._arriving:
            if lease in self._waiting:
                lease.looks += 1
                if lease.looks >= PATIENCE:
                    expired.append((lease, Overloaded(_NO_ROOM)))
                continue
            if lease.seen is not None and lease.received - lease.seen < LEAST_BYTES:
                expired.append((lease, TimedOut("the body comes too slowly, and others wait")))
            lease.seen = lease.received
        for lease, error in expired:
            lease.expire(error)


class Lease:
    """The share of one body in the budget: `received` bytes of it count as `size`."""

    def __init__(self, budget: BodyBudget, holder: Holder, held: Callable[[int], int]) -> None:
        self._budget = budget
        self._held = held
        self.holder = holder
        self.received = 0
        self.size = 0
        self.seen: int | None = None
        self.looks = 0
        self._woken: Deferred[None] | None = None

    def add(self, size: int) -> None:
        """Count `size` more bytes received; the holder may be paused. Raises Overloaded."""
        self.received += size
        self._budget.take(self, self._held(self.received) - self.size)

    async def ready(self) -> None:
        """Wait, with a complete body, until what it says may be held. Raises Overloaded."""
        if self._budget.is_waiting(self):
            self._woken = Deferred()
            await self._woken
        self._budget.settle(self)

    def wake(self) -> None:
        """There is room."""
        self.seen, self.looks = None, 0
        woken, self._woken = self._woken, None
        if woken is not None:
            woken.callback(None)
        else:
            self.holder.resume()

    def expire(self, error: DomainError) -> None:
        """The body is given up, whether it is complete or not."""
        woken, self._woken = self._woken, None
        if woken is not None:
            woken.errback(error)
        else:
            self.holder.expire(error)

    def release(self) -> None:
        """Give back what was counted. After the first time this is harmless."""
        self._budget.give_back(self)
