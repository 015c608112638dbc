"""Runs health, reflection and unknown methods behind the same middleware as our own services."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Generic, TypeVar

from google.protobuf.message import DecodeError, Message

from ..middleware import Method
from ..model.access import ANYONE_KNOWN
from ..model.errors import FormatError, NotSupported, TooMany
from .stream_call import StreamCall, in_reactor
from .transport.call import Accept
from .wire import Wire

M = TypeVar("M", bound=Message)

Answers = Callable[[StreamCall], AsyncGenerator[Message]]
"""Yields the responses to a call; reads the messages of the client itself."""

_UNKNOWN = Method("grpc", "unknown", needs=ANYONE_KNOWN)
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


def with_middleware(kind: Method, answers: Answers, wire: Wire, target: str = "") -> Accept:
    """The handler of a method with streams both ways, behind the middleware."""

    async def work(call: StreamCall) -> None:
        async with aclosing(answers(call)) as messages:
            async for answer in messages:
                await call.write(answer.SerializeToString())

    return in_reactor(kind, work, wire, target)


class RequestReader(Generic[M]):
    """Reads messages of one type, which are small and expected at once."""

    def __init__(self, type_: type[M], wire: Wire) -> None:
        self._type = type_
        self._wire = wire
        self._patience = wire.settings.probe_wait

    async def only(self, call: StreamCall) -> M:
        """The message of a unary call. Raises DomainErrors."""
        return await self._decoded(await call.only(self._patience))

    async def all(self, call: StreamCall) -> AsyncIterator[M]:
        """The messages of a stream. Raises DomainErrors."""
        async for data in call.messages(self._patience):
            yield await self._decoded(data)

    async def _decoded(self, data: bytes) -> M:
        try:
            return await self._wire.decode(self._type.FromString, data)
        except DecodeError:
            raise FormatError(f"the message is no {self._type.DESCRIPTOR.full_name}") from None


class StreamLimit:
    """A context manager that limits concurrent streams of a kind. In the reactor thread.

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


def unknown_method(wire: Wire) -> Accept:
    """The handler of methods that no other handler has: refuses without reading messages."""

    async def refuse(call: StreamCall) -> AsyncGenerator[Message]:
        path = call.method
        if path in _LATER:
            name = path.removeprefix("/").replace("/", ".")
            raise NotSupported(f"The method {name} is not supported yet")
        raise NotSupported(f"There is no method {path}")
        yield

    return lambda call: with_middleware(_UNKNOWN, refuse, wire, call.method)(call)
