"""Points of responses: their sources, estimated sizes, and encoding as JSON arrays."""

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
"""Approximate bytes of JSON per call of orjson, which holds the GIL for the whole call."""

LARGE_BYTES = 4 * 1024 * 1024
"""Arrays of about this size or more are encoded in pieces while the client reads them."""

STREAM_FROM_POINTS = 10_000
"""Reads with a larger limit use a stream."""

_JSON_BYTES_PER_NUMBER = 12
_JSON_BYTES_PER_ROW = 64


class RowSource(Protocol[R_co]):
    """A source of rows in batches."""

    async def take(self) -> Sequence[R_co]:
        """The next batch of rows; empty after the last."""

    def close(self) -> None:
        """Release the source."""


class HeldRows(Generic[R]):
    """Rows in memory, `step` at a time, then those of `following` if given."""

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
    """The first `limit` points of a stream. `beyond` is the point after them, or None."""

    def __init__(self, stream: OutgoingStream[P], limit: int) -> None:
        self._stream = stream
        self._left = limit
        self.beyond: P | None = None

    async def take(self) -> Sequence[P]:
        """See RowSource. Raises the errors of the stream."""
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
    """The stream, or None if too many are open: the caller then reads without a stream."""
    try:
        return await stream
    except TooMany:
        return None


def rows_to_json(
    rows: Sequence[R], encode: Callable[[R], Any], piece_bytes: int = PIECE_BYTES
) -> bytes:
    """Encode rows as a JSON array, about `piece_bytes` per call of orjson. Thread-safe."""
    size = rows_in(piece_bytes, rows)
    blocks = (rows[start : start + size] for start in range(0, len(rows), size))
    pieces = [_dump([encode(row) for row in block])[1:-1] for block in blocks]
    return b"[" + b",".join(pieces) + b"]"


def encode_lists(
    lists: Sequence[Sequence[R]], encode: Callable[[R], Any]
) -> list[tuple[Sequence[R], bytes | None]]:
    """Each list with its JSON array, or with None if it is large. Thread-safe."""
    return [(rows, None if is_large(rows) else rows_to_json(rows, encode)) for rows in lists]


def is_large(rows: Sequence[Any]) -> bool:
    """Whether the array of the rows is encoded in pieces."""
    return estimated_size(rows) >= LARGE_BYTES


def rows_in(size: int, rows: Sequence[Any]) -> int:
    """The number of rows whose JSON has about `size` bytes, at least one."""
    return max(1, len(rows) * size // max(1, estimated_size(rows)))


def estimated_size(rows: Sequence[Any]) -> int:
    """The approximate size of the rows' JSON in bytes, extrapolated from the first row."""
    if not rows:
        return 0
    first = rows[0]
    numbers = sum(vector.size for vector in first.vectors.values()) if first.vectors else 0
    return len(rows) * (
        len(first.payload or b"") + _JSON_BYTES_PER_NUMBER * numbers + _JSON_BYTES_PER_ROW
    )


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
