"""Description of streaming RPCs, and their grpc handlers.

Backpressure both ways: a batch is passed to the event loop only when HTTP/2 has taken the previous
one, so a client that does not read stops the work. A message is read from a client only when the
previous one has been admitted, so a busy server stops the client.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar, cast

import grpc
from attrs import evolve, frozen
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from twisted.internet.defer import Deferred

from ..interfaces import IncomingStream, IStreamOperations, OutgoingStream
from ..model.streams import Acknowledgement
from ..model.updates import Upsert
from .bridge import Bridge, Operation
from .call_context import RpcCallContext, method_of
from .errors import RpcStatus
from .message_reader import checked
from .methods import message_parser
from .wire import Wire


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T")
Stream = TypeVar("Stream", bound=_Closable)

_Context = grpc.aio.ServicerContext[bytes, bytes]
_Messages = AsyncIterator[bytes]

_MOST_AHEAD = 1 << 18
"""Bytes of messages that are decoded ahead, before their predecessors have been admitted."""

POINTS_WRITTEN = "points-written"
"""Trailing metadata of a failed upsert: the number of its points that are on disk."""


@frozen
class OutgoingMethod:
    """A server-streaming RPC. `encode` turns the points of a batch into a message."""

    decode: Callable[[Any], Operation[OutgoingStream[Any]]]
    encode: Callable[[Any], Message]


@frozen
class IncomingMethod:
    """A client-streaming or bidirectional RPC that takes upserts.

    `parse` and `decode` turn a message into the name of the collection and the update. `answer`
    makes the final response from the number of points written. If it is None, `acknowledge` makes a
    response from each acknowledgement and the seconds since its message was received.
    """

    parse: Callable[[bytes], Any]
    decode: Callable[[Any], tuple[str, Upsert]]
    answer: Callable[[int], Message] | None = None
    acknowledge: Callable[[Acknowledgement, float], Message] | None = None


StreamMethod = OutgoingMethod | IncomingMethod


def stream_handler(
    descriptor: MethodDescriptor, method: StreamMethod, wire: Wire
) -> grpc.RpcMethodHandler[bytes, bytes]:
    """The grpc handler of a streaming method.

    `descriptor` must have the streaming directions of `method`.
    """
    if isinstance(method, OutgoingMethod):
        # Registered as a client stream, of which one message is read.
        return grpc.stream_stream_rpc_method_handler(_outgoing(descriptor, method, wire))
    if method.answer is not None:
        return grpc.stream_unary_rpc_method_handler(_gathering(descriptor, method, wire))
    return grpc.stream_stream_rpc_method_handler(_acknowledging(descriptor, method, wire))


class _Hold(Generic[Stream]):
    """Owns a stream that is being opened, so that it is closed even if the call ends meanwhile.

    `keep` and `close` are called in the reactor thread, where the stream is used.
    """

    def __init__(self) -> None:
        self._stream: Stream | None = None
        self._is_closed = False

    def keep(self, stream: Stream) -> Stream:
        if self._is_closed:
            stream.close()
        self._stream = stream
        return stream

    def close(self) -> None:
        self._is_closed = True
        if self._stream is not None:
            self._stream.close()


class _Opened(Generic[Stream]):
    """An async context manager of a stream that is open in the reactor thread.

    Used in the event loop.
    """

    def __init__(self, bridge: Bridge, operation: Operation[Stream]) -> None:
        self._crossing = bridge
        self._operation = operation
        self._hold: _Hold[Stream] = _Hold()

    async def __aenter__(self) -> Stream:
        try:
            return await self._crossing.carry(self._open, is_write=False)
        except BaseException:
            self._crossing.tell(self._hold.close)
            raise

    async def __aexit__(self, *_: object) -> None:
        self._crossing.tell(self._hold.close)

    def _open(self, operations: IStreamOperations) -> Deferred[Stream]:
        opening = self._operation(operations)
        return opening.addCallback(self._hold.keep)


async def _ended(
    context: _Context,
    call_context: RpcCallContext,
    wire: Wire,
    work: Callable[[], Awaitable[None]],
    written: Callable[[], int],
) -> None:
    """Run the work of a stream. If it fails, end the call with the error's status.

    `written` returns the number of points on disk, for the status.
    """
    try:
        await work()
    except Exception as error:
        status = _with_progress(wire.failed(call_context, error), written())
    else:
        return
    # Outside of the try, as abort raises, which is not an error of the stream.
    await context.abort(status.code, status.details, status.metadata)


def _with_progress(status: RpcStatus, written: int) -> RpcStatus:
    if not written:
        return status
    details = f"{status.details} ({written} points of the stream are on disk)"
    return evolve(
        status, details=details, metadata=(*status.metadata, (POINTS_WRITTEN, str(written)))
    )


def _nothing_written() -> int:
    return 0


def _outgoing(descriptor: MethodDescriptor, method: OutgoingMethod, wire: Wire) -> Any:
    parse = message_parser(descriptor)
    has_time = "time" in descriptor.output_type.fields_by_name
    kind = method_of(descriptor)

    async def handle(_: object, context: _Context) -> None:
        started = perf_counter()
        call_context = wire.call_context(kind, context)

        def encode(points: Any) -> bytes:
            response: Any = method.encode(points)
            if has_time:
                response.time = perf_counter() - started
            return cast(bytes, response.SerializeToString())

        async def work() -> None:
            with call_context, wire.streams:
                message = await wire.arrivals.next(context, wire.settings.message_wait)
                data = checked(message, context)
                operation = await wire.decode(lambda data: method.decode(parse(data)), data)
                async with _Opened(wire.bridge, operation) as stream:
                    while (batch := await _carried(wire, stream.take)) is not None:
                        points = batch.points
                        await context.write(await wire.encode(encode, points, len(points)))
                        call_context.count(len(points))

        await _ended(context, call_context, wire, work, _nothing_written)

    return handle


def _gathering(descriptor: MethodDescriptor, method: IncomingMethod, wire: Wire) -> Any:
    assert method.answer is not None
    answer = method.answer
    kind = method_of(descriptor)

    async def handle(messages: _Messages, context: _Context) -> bytes:
        started = perf_counter()
        call_context = wire.call_context(kind, context)
        writing = _Writing(method, wire, messages, call_context)
        response: Any = None

        async def work() -> None:
            nonlocal response
            with call_context, wire.streams:
                async with _Opened(wire.bridge, _upsert(acknowledge=False)) as stream:
                    response = answer(await writing.write_all(stream))

        await _ended(context, call_context, wire, work, writing.points_written)
        response.time = perf_counter() - started
        return cast(bytes, response.SerializeToString())

    return handle


def _acknowledging(descriptor: MethodDescriptor, method: IncomingMethod, wire: Wire) -> Any:
    assert method.acknowledge is not None
    acknowledge = method.acknowledge
    kind = method_of(descriptor)

    async def handle(messages: _Messages, context: _Context) -> None:
        call_context = wire.call_context(kind, context)
        writing = _Writing(method, wire, messages, call_context)

        async def work() -> None:
            with call_context, wire.streams:
                async with (
                    _Opened(wire.bridge, _upsert(acknowledge=True)) as stream,
                    writing.in_background(stream),
                ):
                    while acknowledged := await _carried(wire, stream.acknowledged):
                        for own in acknowledged:
                            message = acknowledge(own, writing.age_of_oldest())
                            await context.write(message.SerializeToString())

        await _ended(context, call_context, wire, work, writing.points_written)

    return handle


def _upsert(*, acknowledge: bool) -> Operation[IncomingStream]:
    return lambda operations: operations.stream_upsert(acknowledge)


async def _carried(wire: Wire, method: Callable[[], Deferred[T]]) -> T:
    """Call a stream's method in the reactor thread. Cancelling closes the stream."""
    return await wire.bridge.carry(lambda _: method(), is_write=False)


class _Background:
    """An async context manager of a task that is awaited at the end, and cancelled on an error.

    An error of the task takes precedence, since it caused that of the body.
    """

    def __init__(self, work: Awaitable[int], on_error: Callable[[], object]) -> None:
        self._work = work
        self._on_error = on_error

    async def __aenter__(self) -> None:
        self._task = asyncio.ensure_future(self._guarded())

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
        if not self._task.cancelled():
            await self._task

    async def _guarded(self) -> int:
        try:
            return await self._work
        except Exception:
            self._on_error()
            raise


class _Writing:
    """Writes the messages of one client into a stream. Used in the event loop only."""

    def __init__(
        self, method: IncomingMethod, wire: Wire, messages: _Messages, call_context: RpcCallContext
    ) -> None:
        self._method = method
        self._wire = wire
        self._messages = messages
        self._call_context = call_context
        self._stream: IncomingStream | None = None
        self._received: deque[float] = deque()

    def points_written(self) -> int:
        """The number of points on disk."""
        return 0 if self._stream is None else self._stream.points_written

    def age_of_oldest(self) -> float:
        """Remove the oldest message without an acknowledgement; returns the seconds since it came.

        For streams with acknowledgements only: others keep no times.
        """
        return perf_counter() - self._received.popleft()

    def in_background(self, stream: IncomingStream) -> _Background:
        """A context manager that writes all messages while its body reads acknowledgements."""
        return _Background(self.write_all(stream), lambda: self._wire.bridge.tell(stream.close))

    async def write_all(self, stream: IncomingStream) -> int:
        """Put all messages into the stream and finish it; returns the number of points written.

        Messages are decoded while earlier ones are admitted, and passed to the reactor in batches.
        """
        self._stream = stream
        putting: asyncio.Future[None] | None = None
        ahead: list[tuple[str, Upsert]] = []
        size = 0
        try:
            async for data in self._messages:
                if self._method.acknowledge is not None:
                    self._received.append(perf_counter())
                ahead.append(await self._wire.decode(self._decode, data))
                size += len(data)
                if putting is None or putting.done() or size >= _MOST_AHEAD:
                    if putting is not None:
                        await putting
                    putting = asyncio.ensure_future(self._put(stream, ahead))
                    ahead, size = [], 0
            if putting is not None:
                await putting
            await self._put(stream, ahead)
        except BaseException:
            if putting is not None:
                putting.cancel()
            raise
        return await _carried(self._wire, stream.finish)

    async def _put(self, stream: IncomingStream, messages: Sequence[tuple[str, Upsert]]) -> None:
        """Put messages in order, passed to the reactor thread together."""

        async def put_each() -> None:
            for name, update in messages:
                await stream.put(name, update)

        await _carried(self._wire, lambda: Deferred.fromCoroutine(put_each()))

    def _decode(self, data: bytes) -> tuple[str, Upsert]:
        return self._method.decode(self._method.parse(data))
