"""Server reflection, v1 and v1alpha, over the private pool."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any, cast

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio as reflection

from ..middleware import Method
from ..model.access import ANYONE_KNOWN
from .descriptor_pool import POOL
from .middleware import RequestReader, StreamLimit, with_middleware
from .stream_call import StreamCall
from .transport.call import Accept
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


def reflection_handlers(public_services: Sequence[str], wire: Wire) -> dict[str, Accept]:
    """Handlers by path, which list exactly `public_services`, full names."""
    servicer = reflection.ReflectionServicer(public_services, pool=cast(Any, _Symbols()))
    # It is an async generator; the type stubs are wrong.
    answers_to: Any = servicer.ServerReflectionInfo
    requests = RequestReader(reflection_pb2.ServerReflectionRequest, wire)
    places = StreamLimit(wire.settings.max_reflections, "streams of reflection")

    async def answers(call: StreamCall) -> AsyncGenerator[Message]:
        with places:
            async for answer in answers_to(requests.all(call), call):
                yield answer

    return {
        f"/{service}/{_METHOD}": with_middleware(
            Method("grpc", f"{service}/{_METHOD}", is_stream=True, needs=ANYONE_KNOWN),
            answers,
            wire,
        )
        for service in _SERVICES
    }
