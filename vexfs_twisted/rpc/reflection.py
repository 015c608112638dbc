"""Server reflection, v1 and v1alpha, over the private pool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import grpc
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio as reflection

from ..middleware import Method
from .call_context import Context
from .descriptor_pool import POOL
from .middleware import RequestReader, StreamLimit, with_middleware
from .wire import Wire

_SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""Both versions have the same messages on the wire; only the name of the service differs."""

_METHOD = "ServerReflectionInfo"


class _Symbols:
    """The pool for reflection: also finds the file of a method, which the pool of upb does not."""

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:
        """The file that declares `symbol`. Raises KeyError."""
        try:
            return POOL.FindFileContainingSymbol(symbol)
        except KeyError:
            return POOL.FindMethodByName(symbol).containing_service.file

    def __getattr__(self, name: str) -> Any:
        return getattr(POOL, name)


def reflection_handlers(public_services: Sequence[str], wire: Wire) -> list[grpc.GenericRpcHandler]:
    """Handlers that list exactly `public_services`, full names."""
    servicer = reflection.ReflectionServicer(public_services, pool=cast(Any, _Symbols()))
    # It is an async generator; the type stubs are wrong.
    answers_to: Any = servicer.ServerReflectionInfo
    requests = RequestReader(reflection_pb2.ServerReflectionRequest, wire)
    places = StreamLimit(wire.settings.max_reflections, "streams of reflection")

    async def answers(context: Context) -> AsyncIterator[Message]:
        with places:
            async for answer in answers_to(requests.all(context), context):
                yield answer

    def handler(name: str) -> grpc.RpcMethodHandler[Any, Any]:
        kind = Method("grpc", name, is_stream=True)
        return grpc.stream_stream_rpc_method_handler(with_middleware(kind, answers, wire))

    return [
        grpc.method_handlers_generic_handler(service, {_METHOD: handler(f"{service}/{_METHOD}")})
        for service in _SERVICES
    ]
