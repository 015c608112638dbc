"""The bridge from the threads of the gRPC server to the reactor thread.

Its queue wakes the reactor once per burst: calls that arrive together are passed together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..interfaces import (
    IDirectOperations,
    IServerOperations,
    IStreamOperations,
    WhenIdle,
)
from ..model.access import Caller
from ..model.read_context import ReadContext
from ..model.reads import ReadRequest
from ..reservations import CURRENT, Reservation
from ..threadpool import CallInReactor
from ..wakeup import WakeupQueue

T = TypeVar("T")

Operation = Callable[[IStreamOperations], "Deferred[T]"]
"""Begins an operation, in the reactor thread."""


class ReadOperation:
    """A read of a collection, which need not be begun in the reactor thread."""

    __slots__ = ("name", "request", "timeout")

    def __init__(self, name: str, request: ReadRequest[Any], timeout: float | None) -> None:
        self.name = name
        self.request = request
        self.timeout = timeout

    def __call__(self, operations: IStreamOperations) -> Deferred[Any]:
        """See Operation."""
        return operations.read(self.name, self.request, timeout=self.timeout)


class BridgedOperation:
    """An operation that is begun in the reactor thread, or waits for that.

    `done` is called there with its result or its error, unless it is cancelled. It is for `caller`.
    """

    __slots__ = ("_caller", "_deferred", "_done", "_operation", "_reservation")

    def __init__(
        self,
        operation: Operation[Any],
        done: Callable[[Any], object],
        reservation: Reservation | None,
        caller: Caller,
    ) -> None:
        self._caller = caller
        self._operation: Operation[Any] | None = operation
        self._done: Callable[[Any], object] | None = done
        self._reservation = reservation
        self._deferred: Deferred[Any] | None = None

    def begin(self, operations: IServerOperations) -> None:
        """Begin it, in the reactor thread."""
        operation, self._operation = self._operation, None
        if operation is None:
            return
        # Only for this operation: what it begins continues in a context of its own.
        CURRENT.set(self._reservation)
        try:
            self._deferred = operation(_for(self._caller, operations))
        except Exception as error:
            self._end(error)
        else:
            self._deferred.addBoth(self._end)
        finally:
            CURRENT.set(None)

    def cancel(self) -> None:
        """Drop it. In the reactor thread."""
        self._operation = self._done = None
        if self._deferred is not None:
            self._deferred.cancel()

    def _end(self, result: object) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(result.value if isinstance(result, Failure) else result)


def _for(caller: Caller, operations: IServerOperations) -> IStreamOperations:
    return operations if caller.may_all else operations.acting_for(caller)


class Bridge:
    """Calls functions and begins operations in the reactor thread, in order. Thread-safe."""

    def __init__(self, operations: IServerOperations, call_in_reactor: CallInReactor) -> None:
        self._operations = operations
        self._direct: IDirectOperations | None = IDirectOperations(operations, None)
        self._call_in_reactor = call_in_reactor
        self._queue: WakeupQueue[Callable[[], object] | BridgedOperation] = WakeupQueue(self._wake)

    def begin(
        self,
        operation: Operation[Any],
        done: Callable[[Any], object],
        reservation: Reservation | None,
        caller: Caller,
    ) -> BridgedOperation:
        """Begin `operation`; `done` is called in the reactor thread. See BridgedOperation.

        `reservation` is the memory of the response.
        """
        bridged = BridgedOperation(operation, done, reservation, caller)
        self._queue.put(bridged)
        return bridged

    def read_direct(
        self,
        read: ReadOperation,
        limit: int,
        answer: Callable[[Any], object],
        caller: Caller,
        *,
        when_idle: WhenIdle,
    ) -> ReadContext | None:
        """Begin a read without the reactor, if that is possible. See IDirectOperations."""
        direct = self._direct
        if direct is None:
            return None
        if not caller.may_all:
            direct = IDirectOperations(self._operations.acting_for(caller))
        return direct.read_direct(
            read.name, read.request, read.timeout, limit, answer, when_idle=when_idle
        )

    def call(self, function: Callable[[], object]) -> None:
        """Call `function`, without waiting for it."""
        self._queue.put(function)

    def run(self, operation: Operation[T], caller: Caller) -> Deferred[T]:
        """Begin an operation at once. In the reactor thread."""
        return operation(_for(caller, self._operations))

    def verify(self, caller: Caller) -> Deferred[None]:
        """See IServerOperations.verify_caller. In the reactor thread."""
        return self._operations.verify_caller(caller)

    def _wake(self) -> None:
        self._call_in_reactor(self._take_all)

    def _take_all(self) -> None:
        for item in self._queue.take():
            if isinstance(item, BridgedOperation):
                item.begin(self._operations)
            else:
                item()
