"""Answers too large to be held as text: written piece by piece, as fast as the client reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import orjson
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ..interfaces import OutgoingStream
from ..model.errors import TooMany
from ..model.streams import P

if TYPE_CHECKING:
    from .request import ApiRequest

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

_PLACE = b"\x00"
"""Stands in an envelope for a part that is written later. No JSON text has this byte in it."""


class Part(Protocol):
    """A JSON value that is written while its answer is on its way."""

    async def next(self) -> bytes:
        """The next piece of its text; empty after the last."""

    def close(self) -> None:
        """It is not going to be read any further."""


@frozen
class LargeAnswer:
    """An answer of 200 in JSON: texts, and the parts between them, one less."""

    texts: Sequence[bytes]
    parts: Sequence[Part]


def dump(value: Any) -> bytes | LargeAnswer:
    """A JSON value as text, or what writes it if there are parts in it."""
    parts: list[Part] = []

    def place(part: Any) -> orjson.Fragment:
        if not isinstance(part, RowsPart | LatePart):
            raise TypeError
        parts.append(part)
        return orjson.Fragment(_PLACE)

    text = orjson.dumps(value, default=place, option=orjson.OPT_SERIALIZE_NUMPY)
    return LargeAnswer(text.split(_PLACE), parts) if parts else text


class RowSource(Protocol[R_co]):
    """Rows that come some at a time."""

    async def take(self) -> Sequence[R_co]:
        """The next rows; none after the last."""

    def close(self) -> None:
        """They are not going to be taken any further."""


class HeldRows(Generic[R]):
    """Rows that are all there, `step` at a time, perhaps with more to come from `following`."""

    def __init__(self, rows: Sequence[R], step: int, following: RowSource[R] | None = None) -> None:
        self._rows = rows
        self._step = step
        self._start = 0
        self._following = following

    async def take(self) -> Sequence[R]:
        """See RowSource."""
        rows = self._rows[self._start : self._start + self._step]
        self._start += len(rows)
        if not rows:
            self._rows = ()
            return await self._following.take() if self._following is not None else ()
        return rows

    def close(self) -> None:
        """See RowSource."""
        self._rows = ()
        if self._following is not None:
            self._following.close()


class StreamedRows(Generic[P]):
    """The first `limit` points of a stream. `beyond` is the one behind them, if there is one."""

    def __init__(self, stream: OutgoingStream[P], limit: int) -> None:
        self._stream = stream
        self._left = limit
        self.beyond: P | None = None

    async def take(self) -> Sequence[P]:
        """See RowSource. Fails as the stream does."""
        batch = await self._stream.take()
        if batch is None:
            return ()
        points = batch.points[: self._left]
        self._left -= len(points)
        if len(points) < len(batch.points):
            self.beyond = batch.points[len(points)]
        return points

    def close(self) -> None:
        """See RowSource."""
        self._stream.close()


async def opened(stream: Deferred[OutgoingStream[P]]) -> OutgoingStream[P] | None:
    """The stream; None when too many are open, which must not keep a call from being answered."""
    try:
        return await stream
    except TooMany:
        return None


class RowsPart(Generic[R]):
    """Rows as a JSON array. `encode` makes JSON text, an array, of some of them."""

    def __init__(
        self, source: RowSource[R], encode: Callable[[Sequence[R]], Deferred[bytes]]
    ) -> None:
        self._source = source
        self._encode = encode
        self._between = b"["
        self._is_done = False

    async def next(self) -> bytes:
        """See Part."""
        if self._is_done:
            return b""
        rows = await self._source.take()
        if not rows:
            self._is_done = True
            return b"]" if self._between == b"," else b"[]"
        text = await self._encode(rows)
        between, self._between = self._between, b","
        return between + text[1:-1]

    def close(self) -> None:
        """See Part."""
        self._source.close()


class LatePart:
    """A small JSON value that is known once what comes before it has been written."""

    def __init__(self, value: Callable[[], Any]) -> None:
        self._value: Callable[[], Any] | None = value

    async def next(self) -> bytes:
        """See Part."""
        value, self._value = self._value, None
        return orjson.dumps(value()) if value is not None else b""

    def close(self) -> None:
        """See Part."""


@implementer(IPushProducer)
class Outflow:
    """Writes a large answer to a request. Belongs to the reactor thread.

    While the transport has no room one piece is held, and no further one is made.
    """

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self._room: Deferred[None] | None = None

    async def send(self, answer: LargeAnswer) -> None:
        """Write the whole answer. Raises what a part does, perhaps with half of it written."""
        self._request.registerProducer(self, True)
        try:
            await self._send(answer)
        finally:
            for part in answer.parts:
                part.close()
            if not self._request.is_lost:
                self._request.unregisterProducer()
            else:
                # The two would keep each other.
                self._request.producer = None

    async def _send(self, answer: LargeAnswer) -> None:
        *texts, last = answer.texts
        before = b""
        for text, part in zip(texts, answer.parts, strict=True):
            before += text
            while piece := await part.next():
                await self._write(before + piece)
                before = b""
        await self._write(before + last)

    async def _write(self, data: bytes) -> None:
        if self._room is not None:
            await self._room
        if not self._request.startedWriting:
            self._request.prepare_large()
        self._request.write(data)

    def pauseProducing(self) -> None:
        """The transport has no room."""
        if self._room is None:
            self._room = Deferred()

    def resumeProducing(self) -> None:
        """The transport has room again."""
        room, self._room = self._room, None
        if room is not None and not room.called:
            room.callback(None)

    def stopProducing(self) -> None:
        """The connection is gone, which the request is told of, too."""
