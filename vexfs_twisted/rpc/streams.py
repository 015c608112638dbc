"""Description of streaming RPCs, and their handlers, in the reactor thread.

Backpressure both ways: a batch is taken only when HTTP/2 has taken the previous one, so a client
that does not read stops the work. A message is read from a client only when the previous one has
been admitted, so a busy server stops the client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, Protocol, TypeVar, cast

from attrs import frozen
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..interfaces import IncomingStream, OutgoingStream
from ..model.access import Need
from ..model.streams import Acknowledgement
from ..model.updates import Upsert
from .bridge import Operation
from .call_context import method_of
from .messages import collection_in
from .methods import message_parser
from .stream_call import StreamCall, Work, in_reactor
from .transport.call import Accept
from .wire import Wire


class _Closable(Protocol):
    def close(self) -> None: ...


Stream = TypeVar("Stream", bound=_Closable)

_MOST_AHEAD = 1 << 18
"""Bytes of messages that are decoded ahead, before their predecessors have been admitted."""


@frozen
class OutgoingMethod:
    """A server-streaming RPC. `encode` turns the points of a batch into a message.

    `needs`: what the caller must be allowed.
    """

    decode: Callable[[Any], Operation[OutgoingStream[Any]]]
    encode: Callable[[Any], Message]
    needs: Need | None = None


@frozen
class IncomingMethod:
    """A client-streaming or bidirectional RPC that takes upserts.

    `parse` and `decode` turn a message into the name of the collection and the update. `answer`
    makes the final response from the number of points written. If it is None, `acknowledge` makes a
    response from each acknowledgement and the seconds since its message was received. `needs`: what
    the caller must be allowed in each collection.
    """

    parse: Callable[[bytes], Any]
    decode: Callable[[Any], tuple[str, Upsert]]
    answer: Callable[[int], Message] | None = None
    acknowledge: Callable[[Acknowledgement, float], Message] | None = None
    needs: Need | None = None


StreamMethod = OutgoingMethod | IncomingMethod


def stream_handler(descriptor: MethodDescriptor, method: StreamMethod, wire: Wire) -> Accept:
    """The handler of a streaming method.

    `descriptor` must have the streaming directions of `method`.
    """
    if isinstance(method, OutgoingMethod):
        work = _outgoing(descriptor, method, wire)
    elif method.answer is not None:
        work = _gathering(method, method.answer, wire)
    else:
        assert method.acknowledge is not None
        work = _acknowledging(method, method.acknowledge, wire)
    return in_reactor(method_of(descriptor, needs=method.needs), work, wire)


@asynccontextmanager
async def _opened(
    wire: Wire, call: StreamCall, operation: Operation[Stream]
) -> AsyncIterator[Stream]:
    """A context manager of a stream for a call, which is closed in the end."""
    stream = await wire.bridge.run(operation, call.context.call.caller)
    try:
        yield stream
    finally:
        stream.close()


def _outgoing(descriptor: MethodDescriptor, method: OutgoingMethod, wire: Wire) -> Work:
    parse = message_parser(descriptor)
    has_time = "time" in descriptor.output_type.fields_by_name

    async def work(call: StreamCall) -> None:
        started = perf_counter()

        def encode(points: Any) -> bytes:
            response: Any = method.encode(points)
            if has_time:
                response.time = perf_counter() - started
            return cast(bytes, response.SerializeToString())

        with wire.streams:
            data = await call.only(wire.settings.message_wait)

            def decode(data: bytes) -> Operation[OutgoingStream[Any]]:
                call.context.check_access(collection_in(data))
                return method.decode(parse(data))

            operation = await wire.decode(decode, data)
            async with _opened(wire, call, operation) as stream:
                while (batch := await stream.take()) is not None:
                    points = batch.points
                    await call.write(await wire.encode(encode, points, len(points)))
                    call.context.count(len(points))

    return work


def _gathering(method: IncomingMethod, answer: Callable[[int], Message], wire: Wire) -> Work:
    async def work(call: StreamCall) -> None:
        started = perf_counter()
        writing = _Writing(method, wire, call)
        with wire.streams:
            async with _opened(wire, call, _upsert(acknowledge=False)) as stream:
                response: Any = answer(await writing.write_all(stream))
            response.time = perf_counter() - started
            await call.write(response.SerializeToString())

    return work


def _acknowledging(
    method: IncomingMethod, acknowledge: Callable[[Acknowledgement, float], Message], wire: Wire
) -> Work:
    async def work(call: StreamCall) -> None:
        writing = _Writing(method, wire, call)
        with wire.streams:
            async with (
                _opened(wire, call, _upsert(acknowledge=True)) as stream,
                _in_background(stream, writing),
            ):
                while acknowledged := await stream.acknowledged():
                    for own in acknowledged:
                        message = acknowledge(own, writing.age_of_oldest())
                        await call.write(message.SerializeToString())

    return work


def _upsert(*, acknowledge: bool) -> Operation[IncomingStream]:
    return lambda operations: operations.stream_upsert(acknowledge)


@asynccontextmanager
async def _in_background(stream: IncomingStream, writing: _Writing) -> AsyncIterator[None]:
    """A context manager that writes all messages while its body reads acknowledgements.

    An error of the writing takes precedence, since it caused that of the body.
    """
    failures: list[Failure] = []

    def failed(failure: Failure) -> None:
        failures.append(failure)
        stream.close()

    task = Deferred.fromCoroutine(writing.write_all(stream)).addCallbacks(_ignore, failed)
    try:
        yield
    except Exception as error:
        is_first = not failures
        task.cancel()
        if is_first:
            raise
        raise cast(Exception, failures[0].value) from error
    await task
    if failures:
        failures[0].raiseException()


def _ignore(_: object) -> None:
    """The number of points is in the acknowledgements."""


class _Writing:
    """Writes the messages of one client into a stream."""

    def __init__(self, method: IncomingMethod, wire: Wire, call: StreamCall) -> None:
        self._method = method
        self._wire = wire
        self._call = call
        self._stream: IncomingStream | None = None
        self._received: deque[float] = deque()
        call.points_written = self._points_written

    def _points_written(self) -> int:
        """The number of points on disk."""
        return 0 if self._stream is None else self._stream.points_written

    def age_of_oldest(self) -> float:
        """Remove the oldest message without an acknowledgement; returns the seconds since it came.

        For streams with acknowledgements only: others keep no times.
        """
        return perf_counter() - self._received.popleft()

    async def write_all(self, stream: IncomingStream) -> int:
        """Put all messages into the stream and finish it; returns the number of points written.

        Messages are decoded while earlier ones are admitted.
        """
        self._stream = stream
        putting: Deferred[None] | None = None
        ahead: list[tuple[str, Upsert]] = []
        size = 0
        try:
            async for data in self._call.messages():
                if self._method.acknowledge is not None:
                    self._received.append(perf_counter())
                ahead.append(await self._wire.decode(self._decode, data))
                size += len(data)
                if putting is None or putting.called or size >= _MOST_AHEAD:
                    if putting is not None:
                        await putting
                    putting = Deferred.fromCoroutine(_put(stream, ahead))
                    ahead, size = [], 0
            if putting is not None:
                await putting
            await _put(stream, ahead)
        except BaseException:
            if putting is not None:
                putting.addErrback(_ignore)
                putting.cancel()
            raise
        return await stream.finish()

    def _decode(self, data: bytes) -> tuple[str, Upsert]:
        return self._method.decode(self._method.parse(data))


async def _put(stream: IncomingStream, messages: Sequence[tuple[str, Upsert]]) -> None:
    """Put messages into a stream in order."""
    for name, update in messages:
        await stream.put(name, update)
