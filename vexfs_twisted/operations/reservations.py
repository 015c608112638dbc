"""Reads within the memory reservation of their call's response."""

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
"""Starts a read with a read context. Called again if the read has to be restarted."""


def within_reservation(
    read: Read[T], context: ReadContext, size_of: Callable[[T], int]
) -> Deferred[T]:
    """The result of `read`, within the memory reservation of the current call.

    The read starts with the bytes that need no claim. If its result is larger, the memory is
    claimed, and the read is restarted once it is granted. The timeout of `context` continues to run
    meanwhile. `size_of` gives the bytes of a result. Called in the reactor thread.
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
