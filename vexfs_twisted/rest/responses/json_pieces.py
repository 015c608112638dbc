"""JSON too large to be held as text: a value with parts in it that are written while it is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import orjson
from twisted.internet.defer import Deferred

from .response import PieceSource, Response, StreamingResponse
from .rows import RowSource

R = TypeVar("R")

_PLACE = b"\x00"
"""Stands in a text for a part that is written later. No JSON text has this byte in it."""


def result_response(result: Any, seconds: float) -> Response | StreamingResponse:
    """`result` in the envelope that all endpoints but the service ones have."""
    parts: list[PieceSource] = []

    def place(part: Any) -> orjson.Fragment:
        if not isinstance(part, RowsPart | LatePart):
            raise TypeError
        parts.append(part)
        return orjson.Fragment(_PLACE)

    envelope = {"result": result, "status": "ok", "time": seconds}
    text = orjson.dumps(envelope, default=place, option=orjson.OPT_SERIALIZE_NUMPY)
    if not parts:
        return Response(text)
    return StreamingResponse(_JsonPieces(text.split(_PLACE), parts))


class _JsonPieces:
    """A PieceSource: texts, and the parts between them, one less."""

    def __init__(self, texts: Sequence[bytes], parts: Sequence[PieceSource]) -> None:
        self._texts = iter(texts)
        self._parts = parts
        self._left = iter(parts)
        self._part: PieceSource | None = None

    async def next(self) -> bytes:
        """See PieceSource. A part's first piece comes with the text before it."""
        before = b""
        while True:
            if self._part is None:
                before += next(self._texts, b"")
                self._part = next(self._left, None)
                if self._part is None:
                    return before
            piece = await self._part.next()
            if piece:
                return before + piece
            self._part = None

    def close(self) -> None:
        """See PieceSource."""
        for part in self._parts:
            part.close()


class RowsPart(Generic[R]):
    """Rows as a JSON array, a PieceSource. `encode` makes JSON text, an array, of some of them."""

    def __init__(
        self, source: RowSource[R], encode: Callable[[Sequence[R]], Deferred[bytes]]
    ) -> None:
        self._source = source
        self._encode = encode
        self._between = b"["
        self._is_done = False

    async def next(self) -> bytes:
        """See PieceSource."""
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
        """See PieceSource."""
        self._source.close()


class LatePart:
    """A small JSON value that is known once what comes before it has been sent: a PieceSource."""

    def __init__(self, value: Callable[[], Any]) -> None:
        self._value: Callable[[], Any] | None = value

    async def next(self) -> bytes:
        """See PieceSource."""
        value, self._value = self._value, None
        return orjson.dumps(value()) if value is not None else b""

    def close(self) -> None:
        """See PieceSource."""
