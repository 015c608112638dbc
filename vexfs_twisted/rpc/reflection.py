"""Server reflection, v1 and v1alpha, over the private pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import grpc
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio as reflection

from .pool import POOL

# The health service is listed too, so its description must be found where ours are.
POOL.AddSerializedFile(health_pb2.DESCRIPTOR.serialized_pb)

_SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
"""Both versions have the same messages on the wire; only the name of the service differs."""


class _Symbols:
    """The pool as reflection needs it: it finds the file of a method too, which upb's does not."""

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:
        """The file that declares `symbol`. Raises KeyError."""
        try:
            return POOL.FindFileContainingSymbol(symbol)
        except KeyError:
            return POOL.FindMethodByName(symbol).containing_service.file

    def __getattr__(self, name: str) -> Any:
        return getattr(POOL, name)


def handlers(public_services: Sequence[str]) -> list[grpc.GenericRpcHandler]:
    """Handlers that list exactly `public_services`, full names."""
    servicer = reflection.ReflectionServicer(public_services, pool=cast(Any, _Symbols()))
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return [
        grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": method})
        for service in _SERVICES
    ]
