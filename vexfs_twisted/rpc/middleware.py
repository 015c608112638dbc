"""Runs health, reflection and unknown methods behind the same middleware as our own services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from ..middleware import Method
from ..model.errors import FormatError, NotSupported, TooMany
from .call_context import Context
from .message_reader import checked
from .wire import Wire

M = TypeVar("M", bound=Message)

Answers = Callable[[Context], AsyncIterator[Message]]
"""Yields the responses to a call; reads the messages of the client itself."""

_UNKNOWN = Method("grpc", "unknown")
_LATER = frozenset(
    f"/qdrant.StorageRead/{name}"
    for name in (
        "ListFiles",
        "FileExists",
        "FileLength",
        "ReadBytes",
        "ReadBytesStream",
        "ReadWhole",
        "ReadBatch",
    )
)
"""Methods of Qdrant whose messages have no descriptors here."""


def with_middleware(
    kind: Method, answers: Answers, wire: Wire, target: str = ""
) -> Callable[[Any, Context], Awaitable[None]]:
    """The handler of a method with streams both ways, behind the middleware."""

    async def handle(_: Any, context: Context) -> None:
        call_context = wire.call_context(kind, context, target)
        try:
            with call_context:
                async for answer in answers(context):
                    await context.write(answer.SerializeToString())
        except Exception as error:
            status = call_context.status_of(error)
        else:
            return
        # Outside of the try: abort raises, and must not be taken for an error of the call.
        await context.abort(status.code, status.details, status.metadata)

    return handle


class RequestReader(Generic[M]):
    """Reads messages of one type, which are small and expected at once."""

    def __init__(self, type_: type[M], wire: Wire) -> None:
        self._type = type_
        self._wire = wire
        self._patience = wire.settings.probe_wait

    async def only(self, context: Context) -> M:
        """The message of a unary call. Raises DomainErrors."""
        message = await self._wire.arrivals.next(context, self._patience)
        return await self._decoded(checked(message, context))

    async def all(self, context: Context) -> AsyncIterator[M]:
        """The messages of a stream. Raises DomainErrors."""
        while (data := await self._wire.arrivals.next(context, self._patience)) is not None:
            yield await self._decoded(data)

    async def _decoded(self, data: bytes) -> M:
        try:
            return await self._wire.decode(self._type.FromString, data)
        except DecodeError:
            raise FormatError(f"the message is no {self._type.DESCRIPTOR.full_name}") from None


class StreamLimit:
    """A context manager that limits concurrent streams of a kind. Belongs to the event loop.

    Entering raises TooMany when the limit is reached.
    """

    def __init__(self, count: int, what: str) -> None:
        self._count = count
        self._what = what
        self.taken = 0

    def __enter__(self) -> None:
        if self.taken >= self._count:
            raise TooMany(f"{self._count} {self._what} are open, as many as may be")
        self.taken += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.taken -= 1


class UnknownMethods(grpc.GenericRpcHandler):
    """Refuses calls of methods that no other handler has, without reading their messages."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """The handler of one call."""
        path = handler_call_details.method

        async def refuse(_: Context) -> AsyncIterator[Message]:
            if path in _LATER:
                name = path.removeprefix("/").replace("/", ".")
                raise NotSupported(f"The method {name} is not supported yet")
            raise NotSupported(f"There is no method {path}")
            yield

        return grpc.stream_stream_rpc_method_handler(
            with_middleware(_UNKNOWN, refuse, self._wire, path)
        )
