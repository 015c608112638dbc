"""The decoders of both wires as functions of bytes, without sockets.

A request is decoded by the handler of its route or method, up to the value that the operations
would be given. Whatever is wrong with it must be told by a DomainError, or a DecodeError of
protobuf.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar, cast
from unittest.mock import Mock

from attrs import define
from google.protobuf import message_factory
from google.protobuf.message import DecodeError
from twisted.internet.defer import succeed

from vexfs_twisted.interfaces import IStreamOperations, ServerStatus
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.rest.bodies.json_decoder import JsonBody, JsonDecoder
from vexfs_twisted.rest.bodies.shapes import PLAIN, Shape
from vexfs_twisted.rest.parameters import read_arguments
from vexfs_twisted.rest.reads import Reads
from vexfs_twisted.rest.request_context import RequestContext
from vexfs_twisted.rest.routing import Route
from vexfs_twisted.rest.site import _TOPICS
from vexfs_twisted.rpc.descriptor_pool import POOL
from vexfs_twisted.rpc.methods import RpcMethod, message_parser
from vexfs_twisted.rpc.services import _SERVICES
from vexfs_twisted.rpc.streams import IncomingMethod

T = TypeVar("T")

Decode = Callable[[bytes], None]

_LIMIT = 32 * 1024 * 1024


class _Decoded(Exception):
    """The body has been decoded; nothing is done with it."""


@define
class _DecodingContext(RequestContext):
    """A request that is over once its body has been decoded."""

    shape: Shape = PLAIN

    async def read(self, read: Callable[[Any], T]) -> T:
        """Decode the body in two ways, which must agree on whether it is sound."""
        at_once = _refused(partial(super().read(read).send, None))
        decoder = JsonDecoder(None, _LIMIT, self.shape)
        middle = len(self.body) // 2
        decoder.feed([self.body[:middle]])
        in_slices = _refused(lambda: decoder.finish([self.body[middle:]], read))
        if at_once != in_slices:
            raise AssertionError(f"refused at once: {at_once}, in slices: {in_slices}")
        raise _Decoded


def _refused(decode: Callable[[], object]) -> bool:
    try:
        decode()
    except StopIteration:
        return False
    except DomainError:
        return True
    return False


def _decode_rest(route: Route, data: bytes) -> None:
    body = cast(JsonBody, route.body)
    call = _DecodingContext(
        cast(IStreamOperations, Mock(cluster_info=lambda _: succeed(None))),
        cast(Reads, Mock(answer=lambda *_: succeed(None))),
        cast(Any, None),
        {"collection": "c", "vector_name": "v", "shard": "0", "field_name": "f"},
        read_arguments(b""),
        data,
        cast(ServerStatus, None),
        shape=body.shape,
    )
    try:
        cast(Any, route.handler(call)).send(None)
    except (_Decoded, DomainError):
        return
    raise AssertionError(f"{route.method} {route.path} has decoded no body")


def rest_decoders() -> dict[str, Decode]:
    """The decoders of all endpoints with JSON bodies, by method and path."""
    return {
        f"{route.method} {route.path}": partial(_decode_rest, route)
        for topic in _TOPICS
        for route in topic
        if isinstance(route.body, JsonBody)
    }


def _decode_rpc(decode: Callable[[bytes], object], data: bytes) -> None:
    try:
        decode(data)
    except (DomainError, DecodeError):
        return


def rpc_decoders() -> dict[str, Decode]:
    """The decoders of all methods that are offered, by path."""
    found: dict[str, Decode] = {}
    for name, methods in _SERVICES.items():
        service = POOL.FindServiceByName(name)
        for own, method in methods.items():
            descriptor = service.methods_by_name[own]
            parse: Callable[[bytes], Any] = message_parser(descriptor)
            if isinstance(method, RpcMethod | IncomingMethod):
                parse = method.parse or parse
            whole = partial(_decoded, method.decode, parse)
            found[f"/{name}/{own}"] = partial(_decode_rpc, whole)
    return found


def _decoded(decode: Callable[[Any], object], parse: Callable[[bytes], Any], data: bytes) -> None:
    decode(parse(data))


def request_types() -> Mapping[str, type[Any]]:
    """The message types of the requests of all methods that are offered, by path."""
    return {
        f"/{name}/{own}": message_factory.GetMessageClass(
            POOL.FindServiceByName(name).methods_by_name[own].input_type
        )
        for name, methods in _SERVICES.items()
        for own in methods
    }
