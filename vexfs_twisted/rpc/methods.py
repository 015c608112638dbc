"""Description of unary RPCs, and their grpc handlers.

Names and message types come from the descriptor of its service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any, Generic, TypeVar

import grpc
from attrs import frozen
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from ..model.errors import NotSupported, Standalone
from ..reservations import Reservation
from .bridge import Operation
from .call_context import Context, method_of
from .codecs.fields import read_collection_name
from .message_reader import checked
from .wire import Wire

_COPIES = 4
"""Copies of a response in memory while it is encoded: as it was read, as message objects, as bytes
of ours and of grpc."""

_COPIES_SENT = 2
"""Copies while it is being sent."""

T = TypeVar("T")
Request = TypeVar("Request", bound=Message)


@frozen
class RpcMethod(Generic[Request, T]):
    """A unary RPC that this server offers.

    `decode` turns a request into an operation, and raises DomainError if it is invalid.
    `encode` turns the operation's result into the response; a field `time` is filled in later.
    `weigh` counts the points of a result that may hold many. `parse` reads the request from bytes
    where that is not done by its own message type. `is_open`: needs no API key.
    """

    decode: Callable[[Request], Operation[T]]
    encode: Callable[[T], Message]
    is_write: bool = False
    weigh: Callable[[T], int] | None = None
    parse: Callable[[bytes], Request] | None = None
    is_open: bool = False


def message_parser(descriptor: MethodDescriptor) -> Callable[[bytes], Any]:
    """A parser of the requests of the method, by its own message type."""
    parse: Callable[[bytes], Any] = message_factory.GetMessageClass(
        descriptor.input_type
    ).FromString
    return parse


def standalone(message: Any) -> Operation[Any]:
    """Decode a request about a collection that only a cluster could serve."""
    read_collection_name(message.collection_name)
    raise Standalone


def missing(method: MethodDescriptor) -> RpcMethod[Any, Any]:
    """The method of an RPC that is not offered: it fails with UNIMPLEMENTED."""
    has_collection = "collection_name" in method.input_type.fields_by_name

    def refuse(message: Any) -> Operation[Any]:
        if has_collection:
            read_collection_name(message.collection_name)
        raise NotSupported(f"The method {method.full_name} is not supported yet")

    return RpcMethod(refuse, _never)


def _never(_: object) -> Message:
    raise AssertionError("a request that is refused has no result")


def unary_handler(
    descriptor: MethodDescriptor, method: RpcMethod[Any, Any], wire: Wire
) -> grpc.RpcMethodHandler[bytes, bytes]:
    """The handler of a unary method."""
    parse = method.parse or message_parser(descriptor)
    has_time = "time" in descriptor.output_type.fields_by_name
    kind = method_of(descriptor, is_open=method.is_open)
    patience = wire.settings.message_wait

    def decode(data: bytes) -> Operation[Any]:
        return method.decode(parse(data))

    async def handle(_: object, context: Context) -> bytes:
        started = 0.0

        def encode(result: Any) -> bytes:
            response: Any = method.encode(result)
            if has_time:
                response.time = perf_counter() - started
            return response.SerializeToString()  # type: ignore[no-any-return]

        call_context = wire.call_context(kind, context)
        reservation = wire.reservations.reservation(_COPIES)
        data = b""
        try:
            with call_context:
                data = checked(await wire.arrivals.next(context, patience), context)
                started = perf_counter()
                with wire.calls:
                    operation = await wire.decode(decode, data)
                    # Free the message: a write may wait long and does not need it any more.
                    data = b""
                    carrying = wire.bridge.carry(
                        operation, is_write=method.is_write, reservation=reservation
                    )
                    del operation
                    result = await carrying
                    weight = method.weigh(result) if method.weigh is not None else 0
                    answer = await wire.encode(encode, result, weight)
                    del result
        except Exception as error:
            status = wire.failed(call_context, error)
        except BaseException:
            wire.bridge.tell(reservation.release)
            raise
        else:
            if reservation.is_used:
                _hold(reservation, len(answer), wire)
            return answer
        if reservation.is_used:
            wire.bridge.tell(reservation.release)
        # Outside of the try: abort raises, and must not be taken for an error of the call. Its
        # exception refers to this frame, and the context to the exception.
        ending = context.abort(status.code, status.details, status.metadata)
        del _, context, data
        return await ending

    # Registered as a client stream, of which one message is read.
    return grpc.stream_unary_rpc_method_handler(handle)


def _hold(reservation: Reservation, size: int, wire: Wire) -> None:
    """Hold the reservation of a response until grpc is done with the call.

    A call whose client does not read cannot be aborted: grpc.aio cannot reset a call whose response
    it has taken. It ends when its client is gone, or does not respond to keepalive pings.
    """
    task = asyncio.current_task()
    assert task is not None
    wire.bridge.tell(partial(reservation.hold, _COPIES_SENT * size))
    # On the task, not on the context: a callback of the context would form a cycle with it.
    task.add_done_callback(lambda _: wire.bridge.tell(reservation.release))
