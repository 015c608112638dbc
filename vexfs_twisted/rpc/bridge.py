"""The bridge between gRPC event loop and reactor thread: passes calls on, and results back.

Each direction has a queue that wakes the other side once per burst: calls that arrive together are
passed together, and so are their results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..interfaces import IStreamOperations
from ..reservations import CURRENT, Reservation
from ..threadpool import CallInReactor
from ..wakeup import WakeupQueue

T = TypeVar("T")

Operation = Callable[[IStreamOperations], "Deferred[T]"]
"""Begins an operation, in the reactor thread."""


class _BridgedCall(Generic[T]):
    """One call in flight. `future` belongs to the event loop, `deferred` to the reactor."""

    __slots__ = ("deferred", "future", "is_dropped", "operation", "reservation")

    def __init__(
        self, operation: Operation[T], future: asyncio.Future[T], reservation: Reservation | None
    ) -> None:
        self.operation: Operation[T] | None = operation
        self.future: asyncio.Future[T] | None = future
        self.reservation = reservation
        self.deferred: Deferred[T] | None = None
        self.is_dropped = False


class Bridge:
    """The bridge between one event loop and the reactor."""

    def __init__(
        self,
        operations: IStreamOperations,
        loop: asyncio.AbstractEventLoop,
        call_in_reactor: CallInReactor,
    ) -> None:
        self._operations = operations
        self._loop = loop
        self._call_in_reactor = call_in_reactor
        self._calls: WakeupQueue[_BridgedCall[Any]] = WakeupQueue(self._wake_reactor)
        self._answers: WakeupQueue[tuple[_BridgedCall[Any], Any]] = WakeupQueue(self._wake_loop)

    async def carry(
        self, operation: Operation[T], *, is_write: bool, reservation: Reservation | None = None
    ) -> T:
        """The result of `operation`, begun in the reactor thread. Awaited in the event loop.

        When the awaiting task is cancelled, a read is cancelled; a write completes and its result
        is discarded. `reservation` is the memory of the response.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        call = _BridgedCall(operation, future, reservation)
        self._calls.put(call)
        try:
            return await future
        except asyncio.CancelledError:
            if not is_write:
                call.is_dropped = True
                # Queued a second time, so that its Deferred is cancelled in the reactor thread.
                self._calls.put(call)
            raise
        finally:
            # Breaks a cycle: an error raised here refers to this frame, the future to the error.
            call.future = None
            del future

    def tell(self, function: Callable[[], object]) -> None:
        """Call `function` in the reactor thread, without waiting for it."""
        self._call_in_reactor(function)

    def _begin_all(self) -> None:
        for call in self._calls.take():
            if not call.is_dropped:
                self._begin(call)
            elif call.deferred is not None:
                call.deferred.cancel()

    def _begin(self, call: _BridgedCall[Any]) -> None:
        operation, call.operation = call.operation, None
        assert operation is not None
        # Only for this call: what it begins continues in a context of its own.
        CURRENT.set(call.reservation)
        try:
            call.deferred = operation(self._operations)
        except Exception as error:
            self._answers.put((call, error))
        else:
            call.deferred.addBoth(self._answer, call)
        finally:
            CURRENT.set(None)

    def _answer(self, result: object, call: _BridgedCall[Any]) -> None:
        self._answers.put((call, result.value if isinstance(result, Failure) else result))

    def _wake_reactor(self) -> None:
        self._call_in_reactor(self._begin_all)

    def _wake_loop(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:
            # The event loop is closed: this is a write whose caller is gone.
            return

    def _deliver(self) -> None:
        for call, result in self._answers.take():
            future = call.future
            if future is None or future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
