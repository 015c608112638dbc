"""Description of unary RPCs.

Names and message types come from the descriptor of its service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from attrs import frozen
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from ..model.access import ANYONE_KNOWN, Need
from ..model.errors import NotSupported, Standalone
from .bridge import Operation
from .codecs.fields import read_collection_name

T = TypeVar("T")
Request = TypeVar("Request")

PART_POINTS = 1024
"""Points that are encoded at a time: protobuf holds the GIL while it serializes a message."""


@frozen
class RpcMethod(Generic[Request, T]):
    """A unary RPC that this server offers.

    `decode` turns a request into an operation, and raises DomainError if it is invalid.
    `encode` turns the operation's result into the response; a field `time` is filled in later.
    `weigh` counts the points of a result that may hold many, and `split` yields the parts of one
    with more than PART_POINTS, whose responses one after the other are that of the whole. `parse`
    reads the request from bytes where that is not done by its own message type. `needs`: what the
    caller must be allowed. `is_open`: needs no API key.
    """

    decode: Callable[[Request], Operation[T]]
    encode: Callable[[T], Message]
    is_write: bool = False
    weigh: Callable[[T], int] | None = None
    split: Callable[[T], Iterable[T]] | None = None
    parse: Callable[[bytes], Request] | None = None
    is_open: bool = False
    needs: Need | None = None


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

    return RpcMethod(refuse, _never, needs=ANYONE_KNOWN)


def _never(_: object) -> Message:
    raise AssertionError("a request that is refused has no result")
