"""Streams in the reactor thread: a call whose messages are awaited there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from attrs import evolve
from twisted.internet.defer import Deferred

from ..middleware import Method
from .call_context import RpcCallContext
from .errors import RpcStatus
from .messages import checked
from .transport.call import Accept, Missing, ServerCall
from .wire import Wire

POINTS_WRITTEN = "points-written"
"""Trailing metadata of a failed upsert: the number of its points that are on disk."""


class StreamCall:
    """A stream of messages in either direction. Used in the reactor thread only.

    `method` is its path. `points_written`: the number of points of the client that are on disk.
    """

    def __init__(self, call: ServerCall, context: RpcCallContext, wire: Wire) -> None:
        self.context = context
        self.method = call.method
        self.points_written: Callable[[], int] = _no_points
        self._call = call
        self._wire = wire

    async def only(self, patience: float) -> bytes:
        """The message of a call with one. Raises BadRequest and TimedOut."""
        return checked(await self._next(patience), patience)

    async def messages(self, patience: float | None = None) -> AsyncIterator[bytes]:
        """All messages. Raises TimedOut if one has not come after `patience` seconds."""
        while (message := await self._next(patience)) is not Missing.NONE:
            yield checked(message, patience or 0.0)

    def write(self, data: bytes) -> Deferred[None]:
        """Send a message; fires once HTTP/2 has taken it."""
        sent: Deferred[None] = Deferred()
        self._call.write(data, partial(self._wire.bridge.call, partial(sent.callback, None)))
        return sent

    def _next(self, patience: float | None) -> Deferred[bytes | Missing]:
        received: Deferred[bytes | Missing] = Deferred()

        def pass_on(message: bytes | Missing) -> None:
            self._wire.bridge.call(partial(received.callback, message))

        self._call.read(pass_on, patience)
        return received


def _no_points() -> int:
    return 0


Work = Callable[[StreamCall], Awaitable[None]]
"""Handles one stream, in the reactor thread; cancelled when the client leaves."""


def in_reactor(kind: Method, work: Work, wire: Wire, target: str = "") -> Accept:
    """The handler of a method whose calls are handled in the reactor thread."""

    def handle(call: ServerCall) -> None:
        running = _RunningStream(work, wire, call, wire.call_context(kind, call, target))
        call.when_over(partial(wire.bridge.call, running.cancel))
        wire.bridge.call(running.begin)

    return handle


class _RunningStream:
    """A stream while it is handled, in the reactor thread."""

    def __init__(self, work: Work, wire: Wire, call: ServerCall, context: RpcCallContext) -> None:
        self._work = work
        self._wire = wire
        self._call = call
        self._context = context
        self._running: Deferred[None] | None = None

    def begin(self) -> None:
        self._running = Deferred.fromCoroutine(self._run())

    def cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()

    async def _run(self) -> None:
        stream = StreamCall(self._call, self._context, self._wire)
        try:
            with self._context:
                caller = self._context.call.caller
                if caller.value_exists is not None and not self._context.call.kind.is_open:
                    await self._wire.bridge.verify(caller)
                await self._work(stream)
        except Exception as error:
            status = self._wire.failed(self._context, error)
            self._call.finish(_with_progress(status, stream.points_written()))
        else:
            self._call.finish(None, self._context.trailing)


def _with_progress(status: RpcStatus, written: int) -> RpcStatus:
    if not written:
        return status
    details = f"{status.details} ({written} points of the stream are on disk)"
    return evolve(
        status, details=details, metadata=(*status.metadata, (POINTS_WRITTEN, str(written)))
    )
