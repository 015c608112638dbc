"""Points on their way out: where they come from, how large they are, and their JSON arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import orjson
from twisted.internet.defer import Deferred

from ...interfaces import OutgoingStream
from ...model.errors import TooMany
from ...model.streams import P

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

PIECE_BYTES = 256 * 1024
"""Roughly how much JSON is written in one go: orjson holds the GIL for the whole of each call."""

LARGE_BYTES = 4 * 1024 * 1024
"""Arrays of roughly this size and more are written piece by piece, as their client reads them."""

STREAM_FROM_POINTS = 10_000
"""Reads that ask for more points than this take them from a stream."""

_JSON_BYTES_PER_NUMBER = 12
_JSON_BYTES_PER_ROW = 64


class RowSource(Protocol[R_co]):
    """Rows that come some at a time."""

    async def take(self) -> Sequence[R_co]:
        """The next rows; none after the last."""

    def close(self) -> None:
        """No more rows are taken."""


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


def rows_to_json(
    rows: Sequence[R], encode: Callable[[R], Any], piece_bytes: int = PIECE_BYTES
) -> bytes:
    """The rows as a JSON array, written in pieces of roughly `piece_bytes`. In any thread."""
    size = rows_in(piece_bytes, rows)
    blocks = (rows[start : start + size] for start in range(0, len(rows), size))
    pieces = [_dump([encode(row) for row in block])[1:-1] for block in blocks]
    return b"[" + b",".join(pieces) + b"]"


def encode_lists(
    lists: Sequence[Sequence[R]], encode: Callable[[R], Any]
) -> list[tuple[Sequence[R], bytes | None]]:
    """Each of the lists with its JSON array, but for large ones. In any thread."""
    return [(rows, None if is_large(rows) else rows_to_json(rows, encode)) for rows in lists]


def is_large(rows: Sequence[Any]) -> bool:
    """Whether the array of the rows is written piece by piece."""
    return estimated_size(rows) >= LARGE_BYTES


def rows_in(size: int, rows: Sequence[Any]) -> int:
    """How many rows come to roughly so many bytes, at least one."""
    return max(1, len(rows) * size // max(1, estimated_size(rows)))


def estimated_size(rows: Sequence[Any]) -> int:
    """Roughly the bytes that the rows are written in, estimated from the first."""
    if not rows:
        return 0
    first = rows[0]
    numbers = sum(vector.size for vector in first.vectors.values()) if first.vectors else 0
    return len(rows) * (
        len(first.payload or b"") + _JSON_BYTES_PER_NUMBER * numbers + _JSON_BYTES_PER_ROW
    )


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
