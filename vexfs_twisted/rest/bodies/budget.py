"""The memory budget of all request bodies together, with backpressure on those that arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ...model.errors import DomainError, Overloaded, TimedOut
from ...model.server_report import MemoryBudget

CHECK_S = 10.0
"""The interval, in seconds, of the checks of slow bodies; only while requests wait."""

LEAST_BYTES = 64 * 1024
"""The bytes of a body that must arrive between two checks, or its request is refused."""

PATIENCE = 5
"""The number of checks after which a request that still waits is refused.

That is before the idle timeout of its connection.
"""

ROOM_BYTES = 256 * 1024
"""The free memory, in bytes, that must be available for each request that is resumed."""

_NO_ROOM = "the bodies of other requests leave no room for this one"


class Holder(Protocol):
    """A request whose body is counted in the budget."""

    def pause(self) -> None:
        """Stop reading the body until `resume`."""

    def resume(self) -> None:
        """Continue to read the body."""

    def expire(self, error: DomainError) -> None:
        """Discard the body and respond with `error`."""


class BodyBudget:
    """Counts the bytes of bodies from their arrival until their requests are answered.

    Beyond `limit` bytes only the oldest of the arriving requests is read, so that one always makes
    progress; up to `max_waiting` others wait. `freed` is called with the bytes that are released.
    Used in the reactor thread only.
    """

    def __init__(
        self,
        limit: int,
        max_waiting: int,
        clock: IReactorTime,
        freed: Callable[[int], object] | None = None,
    ) -> None:
        self.used = 0
        self.limit = limit
        self._max_waiting = max_waiting
        self._clock = clock
        self._freed = freed
        self._arriving: dict[Lease, None] = {}
        self._waiting: dict[Lease, None] = {}
        self._check: IDelayedCall | None = None

    @property
    def status(self) -> MemoryBudget:
        """The bytes that are held, and the requests that wait."""
        return MemoryBudget(self.used, self.limit, self.waiting)

    @property
    def waiting(self) -> int:
        """The number of requests that wait."""
        return len(self._waiting)

    def lease(self, holder: Holder, held: Callable[[int], int] = int) -> Lease:
        """A lease for a body that has begun to arrive.

        `held` maps the number of bytes received to the number of bytes to count.
        """
        lease = Lease(self, holder, held)
        self._arriving[lease] = None
        return lease

    def take(self, lease: Lease, size: int) -> None:
        """Count `size` more bytes, and pause the holder if it has to wait.

        Raises Overloaded if too many wait already.
        """
        self.used += size
        lease.size += size
        if self.used <= self.limit or next(iter(self._arriving), lease) is lease:
            return
        if lease not in self._waiting:
            if len(self._waiting) >= self._max_waiting:
                raise Overloaded(_NO_ROOM)
            self._waiting[lease] = None
            if self._check is None:
                self._check = self._clock.callLater(CHECK_S, self._look)
        lease.holder.pause()

    def is_waiting(self, lease: Lease) -> bool:
        """Whether a request waits."""
        return lease in self._waiting

    def settle(self, lease: Lease) -> None:
        """Mark a body as complete; it stays counted."""
        self._arriving.pop(lease, None)
        self._wake()

    def give_back(self, lease: Lease) -> None:
        """Release the bytes counted for a body."""
        self.used -= lease.size
        if self._freed is not None:
            self._freed(lease.size)
        lease.size = 0
        self._arriving.pop(lease, None)
        self._waiting.pop(lease, None)
        self._wake()

    def _wake(self) -> None:
        room = self.limit - self.used
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
    """The share of one body in the budget: its `received` bytes count as `size` bytes.

    `seen` is what was received by the last check, None before the first; `looks` counts the checks
    for which the request has waited.
    """

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
        """Count `size` more bytes received; may pause the holder. Raises Overloaded."""
        self.received += size
        self._budget.take(self, self._held(self.received) - self.size)

    async def ready(self) -> None:
        """Wait until a complete body may be decoded. Raises Overloaded after PATIENCE checks."""
        if self._budget.is_waiting(self):
            self._woken = Deferred()
            await self._woken
        self._budget.settle(self)

    def wake(self) -> None:
        """Resume the request: memory is available, or it is the oldest."""
        self.seen, self.looks = None, 0
        woken, self._woken = self._woken, None
        if woken is not None:
            woken.callback(None)
        else:
            self.holder.resume()

    def expire(self, error: DomainError) -> None:
        """Refuse the request with `error`, whether its body is complete or not."""
        woken, self._woken = self._woken, None
        if woken is not None:
            woken.errback(error)
        else:
            self.holder.expire(error)

    def release(self) -> None:
        """Release the bytes counted. Idempotent."""
        self._budget.give_back(self)
