"""Builds the handlers of the methods of a service from its table.

A service is a table from method names to RpcMethod, OutgoingMethod or IncomingMethod: how a request
is decoded into an operation, and how its result is encoded as a response.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from .methods import RpcMethod, missing
from .streams import StreamMethod, stream_handler
from .transport.call import Accept
from .unary import UnaryHandler
from .wire import Wire

AnyMethod = RpcMethod[Any, Any] | StreamMethod


def handlers_of(
    service: ServiceDescriptor, methods: Mapping[str, AnyMethod], wire: Wire
) -> dict[str, Accept]:
    """Handlers by path. Methods of the service that are not in `methods` return UNIMPLEMENTED.

    Raises LookupError if the service does not have one of `methods`.
    """
    unknown = methods.keys() - service.methods_by_name.keys()
    if unknown:
        raise LookupError(f"{service.full_name} has no methods {sorted(unknown)}")
    return {
        f"/{service.full_name}/{method.name}": _handler(
            method, methods.get(method.name) or missing(method), wire
        )
        for method in service.methods
    }


def _handler(descriptor: MethodDescriptor, method: AnyMethod, wire: Wire) -> Accept:
    if isinstance(method, RpcMethod):
        return UnaryHandler(descriptor, method, wire)
    return stream_handler(descriptor, method, wire)
