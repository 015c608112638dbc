"""Reads of collections for requests: short ones are answered in the reactor thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any, Generic, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..interfaces import IDirectOperations, IStreamOperations
from ..model.read_context import ReadContext, timed_out
from ..model.reads import Answer, ReadRequest
from ..model.scored_points import AnswerTooLarge
from ..reservations import CURRENT, Reservation
from ..threadpool import CallInReactor
from ..wakeup import WakeupQueue


class Reads:
    """Reads by IDirectOperations where they are provided, otherwise by IOperations.

    Short reads that arrive in one turn of the reactor are answered together at its end, without a
    hand-over to another thread; others come from the threads of readers. Used in the reactor
    thread only.
    """

    def __init__(
        self,
        operations: IStreamOperations,
        clock: IReactorTime,
        call_in_reactor: CallInReactor | None,
    ) -> None:
        """Without `call_in_reactor`, which calls in the reactor thread, all go by IOperations."""
        self._operations = operations
        self._direct: IDirectOperations | None = None
        if call_in_reactor is not None:
            self._direct = IDirectOperations(operations, None)
            self._from_readers: WakeupQueue[Callable[[], object]] = WakeupQueue(
                partial(call_in_reactor, self._take)
            )
        self._clock = clock
        self._is_called = False
        self._when_idle: list[Callable[[], object]] = []
        self._begun: list[_DirectRead[Any]] = []

    async def answer(
        self,
        operations: IStreamOperations,
        name: str,
        request: ReadRequest[Answer],
        timeout: float | None = None,
    ) -> Answer:
        """The answer to a request, within the reservation of the current call. See IOperations.

        `operations` are those for the caller.
        """
        direct = self._direct
        if direct is not None:
            if operations is not self._operations:
                direct = IDirectOperations(operations)
            try:
                reading = self._begin(direct, name, request, timeout)
                if reading is not None:
                    return await reading.deferred
            except AnswerTooLarge:
                # Begun again below, with a claim of memory.
                pass
        return await operations.read(name, request, timeout)

    def _begin(
        self,
        direct: IDirectOperations,
        name: str,
        request: ReadRequest[Answer],
        timeout: float | None,
    ) -> _DirectRead[Answer] | None:
        """Begin a read; None if it must be begun by IOperations. Raises DomainErrors."""
        reservation = CURRENT.get()
        if reservation is None:
            return None
        limit = reservation.free_bytes
        reading = _DirectRead(self, request, reservation, limit)
        reading.context = direct.read_direct(
            name, request, timeout, limit, reading.answer, when_idle=self._call_when_idle
        )
        if reading.context is None:
            return None
        if not reading.deferred.called:
            self._begun.append(reading)
            self._call_soon()
        return reading

    def fire(self, reading: _DirectRead[Any], result: Any) -> None:
        """Pass on an answer from another thread. Thread-safe."""
        self._from_readers.put(partial(reading.fire, result))

    def limit(self, reading: _DirectRead[Any], seconds: float) -> IDelayedCall:
        """Schedule the failure of a read that takes longer."""
        return self._clock.callLater(seconds, reading.expire)

    def _call_when_idle(self, function: Callable[[], object]) -> None:
        """See WhenIdle: the reactor has then received what was ready in all sockets."""
        self._when_idle.append(function)
        self._call_soon()

    def _call_soon(self) -> None:
        if not self._is_called:
            self._is_called = True
            self._clock.callLater(0, self._idle)

    def _idle(self) -> None:
        self._is_called = False
        functions, self._when_idle = self._when_idle, []
        for function in functions:
            function()
        begun, self._begun = self._begun, []
        for reading in begun:
            reading.wait()

    def _take(self) -> None:
        for fire in self._from_readers.take():
            fire()


class _DirectRead(Generic[Answer]):
    """A read that was begun directly, and the Deferred of its answer."""

    __slots__ = (
        "_limit",
        "_reads",
        "_request",
        "_reservation",
        "_thread",
        "_timer",
        "context",
        "deferred",
    )

    def __init__(
        self, reads: Reads, request: ReadRequest[Answer], reservation: Reservation, limit: int
    ) -> None:
        """`limit`: the bytes of the answer that need no claim of `reservation`."""
        self._reads = reads
        self._request = request
        self._reservation = reservation
        self._limit = limit
        self._thread = get_ident()
        self._timer: IDelayedCall | None = None
        self.context: ReadContext | None = None
        self.deferred: Deferred[Answer] = Deferred(self._cancel)

    def answer(self, result: Answer | Exception) -> None:
        """Take the answer or an error, in any thread."""
        if get_ident() == self._thread:
            self.fire(result)
        else:
            self._reads.fire(self, result)

    def fire(self, result: Answer | Exception) -> None:
        """Fire with an answer or an error, unless it is cancelled or late."""
        if self.deferred.called:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if isinstance(result, Exception):
            self.deferred.errback(result)
        else:
            self._reservation.fetched(min(self._request.size_of(result), self._limit))
            self.deferred.callback(result)

    def wait(self) -> None:
        """Limit the time of a read that was not answered at once."""
        if self.deferred.called or self.context is None or self.context.seconds is None:
            return
        self._timer = self._reads.limit(self, self.context.seconds)

    def expire(self) -> None:
        """Stop a read that takes too long, and fail with TimedOut."""
        self._timer = None
        context = cast(ReadContext, self.context)
        context.cancel()
        self.fire(timed_out(context.seconds or 0))

    def _cancel(self, _: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.context is not None:
            self.context.cancel()
