"""gRPC calls in the middleware chain: their CallInfo and their outcome."""

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
    """The middleware's description of a gRPC method."""
    name = f"{method.containing_service.full_name}/{method.name}"
    is_stream = method.client_streaming or method.server_streaming
    return Method("grpc", name, is_stream, is_open)


class RpcCallContext(CallContext):
    """The call context of one gRPC call. Belongs to the event loop.

    The id of the call is returned as trailing metadata: if the client gave one, and always for
    streams and failures.
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
        """See CallContext. A task is cancelled if its client disconnects or its deadline passes."""
        if isinstance(error, asyncio.CancelledError):
            return CANCELLED
        if isinstance(error, CancelledError):
            return Unavailable.code
        return FormatError.code if isinstance(error, DecodeError) else outcome_of(error)

    def status_of(self, error: Exception) -> RpcStatus:
        """The gRPC status of a call that raised `error`."""
        request_id = self.call.request_id
        with bound(request_id=request_id):
            status = status_of(error, self.call.kind.method)
        return evolve(status, metadata=(*status.metadata, (REQUEST_ID, request_id)))


class _Headers:
    """The metadata of a call. Searched linearly, for most calls have two or three items."""

    __slots__ = ("_items",)

    def __init__(self, items: Any) -> None:
        self._items = items or ()

    def find(self, name: str) -> str | None:
        """The text value under a name; several are joined with commas."""
        values = [value for key, value in self._items if key == name]
        if not values or not isinstance(values[0], str):
            return None
        return values[0] if len(values) == 1 else ", ".join(map(str, values))


@lru_cache(maxsize=4096)
def address_of(peer: str) -> str:
    """The address of a client without its port, parsed from grpc's `peer`.

    It is the same for all calls of a connection. An IPv6 address comes as `ipv6:%5B::1%5D:50051`.
    """
    host = peer.partition(":")[2].rpartition(":")[0]
    return unquote(host).strip("[]")
