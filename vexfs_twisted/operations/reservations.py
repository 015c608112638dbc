"""Reads within the memory that the answer of their call may take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from ..model.read_context import ReadContext
from ..model.scored_points import AnswerTooLarge
from ..reservations import CURRENT, Reservation

T = TypeVar("T")

Read = Callable[[ReadContext], "Deferred[T]"]
"""Begins a read, perhaps again, within a read context."""


def within_reservation(
    read: Read[T], context: ReadContext, size_of: Callable[[T], int]
) -> Deferred[T]:
    """What `read` answers, within the reservation of the call that is being carried out.

    It begins with what may be fetched without asking. If that is too little it waits for what it
    needs, and begins again. The time of its read context goes on meanwhile.
    """
    reservation = CURRENT.get()
    if reservation is None:
        return read(context)
    unasked = context.size = reservation.free_bytes

    def count(answer: T) -> T:
        reservation.fetched(min(size_of(answer), unasked))
        return answer

    def begin_again(failure: Failure) -> Deferred[T]:
        error = failure.value
        if not isinstance(error, AnswerTooLarge):
            return fail(failure)
        return Deferred.fromCoroutine(_once_granted(reservation, read, context, error.size))

    return read(context).addCallbacks(count, begin_again)


async def _once_granted(
    reservation: Reservation, read: Read[T], context: ReadContext, size: int
) -> T:
    while True:
        await reservation.claim(size)
        context.size = size
        try:
            return await read(context)
        except AnswerTooLarge as error:
            size = error.size
