"""How gRPC calls pass the middleware: what is known of a call, and how its end is told."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import grpc
from attrs import evolve
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from twisted.internet.defer import CancelledError

from ..logs import bound
from ..middleware import (
    CANCELLED,
    REQUEST_ID,
    CallContext,
    CallInfo,
    Method,
    MiddlewareChain,
    StreamProgress,
    id_from,
    next_number,
    outcome_of,
)
from ..model.errors import FormatError, Unavailable
from .errors import RpcStatus, status_of

Context = grpc.aio.ServicerContext[Any, Any]


def method_of(method: MethodDescriptor, *, is_open: bool = False) -> Method:
    """The kind of the calls of a method."""
    name = f"{method.containing_service.full_name}/{method.name}"
    is_stream = method.client_streaming or method.server_streaming
    return Method("grpc", name, is_stream, is_open)


class RpcCallContext(CallContext):
    """The call context of one gRPC call. Belongs to the event loop.

    The id of the call goes back to the client as trailing metadata, where the client gave it, and
    of every stream and every failure.
    """

    __slots__ = ()

    def __init__(
        self, chain: MiddlewareChain, kind: Method, context: Context, target: str = ""
    ) -> None:
        headers = _Headers(context.invocation_metadata())
        given_id = id_from(headers.find(REQUEST_ID))
        progress = StreamProgress() if kind.is_stream else None
        peer = address_of(context.peer())
        call = CallInfo(kind, given_id, next_number(), peer, headers.find, target, progress)
        if given_id is not None or progress is not None:
            context.set_trailing_metadata(((REQUEST_ID, call.request_id),))
        super().__init__(chain, call)

    def outcome_of(self, error: BaseException) -> str:
        """See CallContext. A task is cancelled when its client is gone, or has lost patience."""
        if isinstance(error, asyncio.CancelledError):
            return CANCELLED
        if isinstance(error, CancelledError):
            return Unavailable.code
        return FormatError.code if isinstance(error, DecodeError) else outcome_of(error)

    def status_of(self, error: Exception) -> RpcStatus:
        """How the call ends that has raised `error`."""
        request_id = self.call.request_id
        with bound(request_id=request_id):
            status = status_of(error, self.call.kind.method)
        return evolve(status, metadata=(*status.metadata, (REQUEST_ID, request_id)))


class _Headers:
    """The metadata of a call. It is searched, for most calls have two or three items."""

    __slots__ = ("_items",)

    def __init__(self, items: Any) -> None:
        self._items = items or ()

    def find(self, name: str) -> str | None:
        """The value under a name, where it is a text; several come in one, between commas."""
        values = [value for key, value in self._items if key == name]
        if not values or not isinstance(values[0], str):
            return None
        return values[0] if len(values) == 1 else ", ".join(map(str, values))


@lru_cache(maxsize=4096)
def address_of(peer: str) -> str:
    """A client's address, without its port, from how grpc spells both.

    It is the same for all calls of a connection. An IPv6 address comes as `ipv6:%5B::1%5D:50051`.
    """
    host = peer.partition(":")[2].rpartition(":")[0]
    return unquote(host).strip("[]")
