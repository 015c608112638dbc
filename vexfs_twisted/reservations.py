"""Memory reservations of responses: the interface between protocol servers and reads.

REST and gRPC make a reservation for each call and put it in `CURRENT` before they begin the call's
work; as a context variable it follows the work wherever it is awaited. Reads claim memory from it.
The server releases it once the response is sent or nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

from twisted.internet.defer import Deferred, succeed


class Reservation(Protocol):
    """The memory of one response. Methods are called in the reactor thread."""

    @property
    def is_used(self) -> bool:
        """Whether memory is held; small responses hold none. Thread-safe."""

    @property
    def free_bytes(self) -> int:
        """The bytes that a read may fetch without a claim."""

    def claim(self, size: int) -> Deferred[None]:
        """Fires when a read may fetch `size` bytes. Cancelling withdraws the claim."""

    def fetched(self, size: int) -> None:
        """Account for `size` bytes that a read has fetched within its claim."""

    def hold(self, size: int) -> None:
        """Set the total size of the response so far to `size` bytes."""

    def sending(self, give_up: Callable[[], object]) -> None:
        """Mark the response as being sent: from now on the client decides when memory is freed.

        `give_up` aborts the response; it is called when that takes too long and others wait.
        """

    def when_released(self, function: Callable[[], object]) -> None:
        """Call `function` on `release`, for what waits on behalf of a client that may leave.

        The one given last counts. It is called as well if what it ends has ended by then.
        """

    def release(self) -> None:
        """Release what is held, and whatever is claimed later. Idempotent."""


class Reservations(Protocol):
    """A factory of reservations."""

    def reservation(self, copies: int) -> Reservation:
        """A reservation for a response that is in memory `copies` times. Thread-safe."""

    def freed(self, size: int) -> None:
        """Report `size` freed bytes that no reservation held. In the reactor thread."""


CURRENT: ContextVar[Reservation | None] = ContextVar("reservation", default=None)
"""The reservation of the current response."""


class _Unbounded:
    """The reservation, and factory, used where memory is not limited."""

    is_used = False
    free_bytes = 2**63

    def claim(self, size: int) -> Deferred[None]:
        """Fires at once."""
        return succeed(None)

    def fetched(self, size: int) -> None:
        """Nothing is counted."""

    def hold(self, size: int) -> None:
        """Nothing is counted."""

    def sending(self, give_up: Callable[[], object]) -> None:
        """No-op: no claim ever waits."""

    def when_released(self, function: Callable[[], object]) -> None:
        """No-op: nothing is released."""

    def release(self) -> None:
        """No-op: nothing is held."""

    def reservation(self, copies: int) -> Reservation:
        """Itself."""
        return self

    def freed(self, size: int) -> None:
        """No-op."""


UNBOUNDED = _Unbounded()
"""Reservations without a limit."""
