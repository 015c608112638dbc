"""The stub of qdrant.Qdrant, the flat service, made from its descriptor."""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor

from ..rpc.generated.qdrant_pb2 import DESCRIPTOR

_SERVICE: Final = DESCRIPTOR.services_by_name["Qdrant"]


class QdrantStub:
    """The methods of the service on a channel of grpc or of grpc.aio, each under its name."""

    def __init__(self, channel: Any) -> None:
        for method in _SERVICE.methods:
            setattr(self, method.name, _callable(channel, method))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{_SERVICE.full_name} has no method {name}")


def _callable(channel: Any, method: MethodDescriptor) -> Any:
    kinds = {
        (False, False): channel.unary_unary,
        (False, True): channel.unary_stream,
        (True, False): channel.stream_unary,
        (True, True): channel.stream_stream,
    }
    return kinds[method.client_streaming, method.server_streaming](
        f"/{_SERVICE.full_name}/{method.name}",
        request_serializer=message_factory.GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
