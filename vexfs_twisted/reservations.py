"""The memory that one whole answer may take, as wires and reads see it.

A wire makes a reservation for each call and begins the call's work with it in `CURRENT`, which goes
with the work wherever it is awaited. Reads take their memory from it, and the wire releases it
once the answer is out or nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

from twisted.internet.defer import Deferred, succeed


class Reservation(Protocol):
    """The memory of one answer. Methods are called in the reactor thread."""

    @property
    def is_used(self) -> bool:
        """Whether memory is held: small answers hold none. From any thread."""

    @property
    def free_bytes(self) -> int:
        """How many bytes a read may fetch without asking."""

    def claim(self, size: int) -> Deferred[None]:
        """Wait until a read may fetch `size` bytes. Cancelling gives the claim up."""

    def fetched(self, size: int) -> None:
        """A read has fetched `size` bytes, no more than it might."""

    def hold(self, size: int) -> None:
        """The answer takes `size` bytes by now, all in all."""

    def sending(self, give_up: Callable[[], object]) -> None:
        """From now on it depends on the client when the memory is given back.

        `give_up` is called when that takes too long and others wait for it: it breaks off.
        """

    def release(self) -> None:
        """Give back what is held, and what is claimed later. Twice is harmless."""


class Reservations(Protocol):
    """Makes reservations."""

    def reservation(self, copies: int) -> Reservation:
        """A reservation for an answer, of which its wire has so many copies. Any thread."""

    def freed(self, size: int) -> None:
        """`size` bytes are free again that were no answer's. In the reactor thread."""


CURRENT: ContextVar[Reservation | None] = ContextVar("reservation", default=None)
"""The reservation of the answer that is being made."""


class _Unbounded:
    """The reservation of every answer where memory is not bounded."""

    is_used = False
    free_bytes = 2**63

    def claim(self, size: int) -> Deferred[None]:
        """Granted at once."""
        return succeed(None)

    def fetched(self, size: int) -> None:
        """Nothing is counted."""

    def hold(self, size: int) -> None:
        """Nothing is counted."""

    def sending(self, give_up: Callable[[], object]) -> None:
        """Nobody waits."""

    def release(self) -> None:
        """Nothing is held."""

    def reservation(self, copies: int) -> Reservation:
        """Itself."""
        return self

    def freed(self, size: int) -> None:
        """Nobody wants to know of it."""


UNBOUNDED = _Unbounded()
"""Reservations without a bound."""
