"""gRPC calls in the middleware chain: their CallInfo and their outcome."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from attrs import evolve
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError
from twisted.internet.defer import CancelledError

from ..logs import bound
from ..middleware import (
    CANCELLED,
    RELAYED_PEER,
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
from ..model.access import Need
from ..model.errors import FormatError, Unavailable
from .errors import RpcStatus, status_of
from .transport.call import Metadata, ServerCall


def method_of(
    method: MethodDescriptor, *, is_open: bool = False, needs: Need | None = None
) -> Method:
    """The middleware's description of a gRPC method."""
    name = f"{method.containing_service.full_name}/{method.name}"
    is_stream = method.client_streaming or method.server_streaming
    return Method("grpc", name, is_stream, is_open, needs=needs)


class RpcCallContext(CallContext):
    """The call context of one gRPC call.

    The id of the call is returned as trailing metadata: if the client gave one, and always for
    streams and failures.
    """

    __slots__ = ("_rpc", "trailing")

    def __init__(
        self, chain: MiddlewareChain, kind: Method, rpc: ServerCall, target: str = ""
    ) -> None:
        self._rpc = rpc
        headers = _Headers(rpc.metadata)
        given_id = id_from(headers.find(REQUEST_ID))
        progress = StreamProgress() if kind.is_stream else None
        peer = address_of(_peer_of(rpc.peer, headers))
        find = headers.find
        caller = chain.identify(find)
        call = CallInfo(kind, given_id, next_number(), peer, find, target, progress, caller)
        self.trailing: Metadata = ()
        if given_id is not None or progress is not None:
            self.trailing = ((REQUEST_ID, call.request_id),)
        super().__init__(chain, call)

    def ask_for(self, collection: str) -> None:
        """Name the collection that the message of the call asks for, before the call ends."""
        # Takes less than half of what `_replace` does; the collection is the last member.
        self.call = CallInfo(*self.call[:-1], collection)

    def check_access(self, collection: str) -> None:
        """Raise Forbidden if the caller may not use a collection; for the begin of a message.

        "" for a name that is not known. The operations check the one that the parser finds.
        """
        needs = self.call.kind.needs
        if collection and needs is not None:
            self.call.caller.access.check(needs, collection)

    def outcome_of(self, error: BaseException) -> str:
        """See CallContext. A call is over if its client has left or its deadline has passed."""
        if isinstance(error, CancelledError):
            return CANCELLED if self._rpc.is_over else Unavailable.code
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


def _peer_of(peer: str, headers: _Headers) -> str:
    """The client of a call: that of the process that passes it on over a Unix socket."""
    return headers.find(RELAYED_PEER) or "" if peer.startswith("unix:") else peer


@lru_cache(maxsize=4096)
def address_of(peer: str) -> str:
    """The address of a client without its port, parsed from grpc's `peer`.

    It is the same for all calls of a connection. An IPv6 address comes as `ipv6:%5B::1%5D:50051`.
    """
    host = peer.partition(":")[2].rpartition(":")[0]
    return unquote(host).strip("[]")
