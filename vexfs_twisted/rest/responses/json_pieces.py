"""Streamed JSON: values with parts that are encoded while the response is sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import orjson
from twisted.internet.defer import Deferred

from .response import PieceSource, Response, StreamingResponse
from .rows import RowSource

R = TypeVar("R")

_PLACE = b"\x00"
"""Placeholder in a JSON text for a part that is encoded later. No JSON text contains this byte."""


def result_response(result: Any, seconds: float) -> Response | StreamingResponse:
    """A response with `result` in the envelope of all endpoints except the service ones.

    `seconds` is the time it took. The response is streaming if the result has a RowsPart or a
    LatePart.
    """
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
    """A PieceSource of texts and the parts between them: one part fewer than texts."""

    def __init__(self, texts: Sequence[bytes], parts: Sequence[PieceSource]) -> None:
        self._texts = iter(texts)
        self._parts = parts
        self._left = iter(parts)
        self._part: PieceSource | None = None

    async def next(self) -> bytes:
        """See PieceSource. A part's first piece is returned along with the text before it."""
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
    """A PieceSource of rows as a JSON array. `encode` encodes a batch of them as a JSON array."""

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
    """A PieceSource of a small JSON value that is known once everything before it has been sent."""

    def __init__(self, value: Callable[[], Any]) -> None:
        self._value: Callable[[], Any] | None = value

    async def next(self) -> bytes:
        """See PieceSource."""
        value, self._value = self._value, None
        return orjson.dumps(value()) if value is not None else b""

    def close(self) -> None:
        """See PieceSource."""
