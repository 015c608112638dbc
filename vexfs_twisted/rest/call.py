"""One request, as the handlers of the endpoints see it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import orjson
from attrs import frozen
from twisted.internet.defer import Deferred, succeed

from ..interfaces import IStreamOperations, ServerStatus
from ..model.names import check_collection_name
from .bodies import THREAD_FROM_BYTES, parse
from .outflow import HeldRows, RowSource, RowsPart
from .parameters import (
    Arguments,
    ReportParameters,
    UpdateParameters,
    check_timeout,
    read_read_parameters,
    read_report_parameters,
    read_update_parameters,
)

if TYPE_CHECKING:
    from .intake import Intake

T = TypeVar("T")
R = TypeVar("R")

_JSON_BYTES_PER_NUMBER = 12
_JSON_BYTES_PER_ROW = 64
_PIECE_BYTES = 256 * 1024

LARGE_BYTES = 4 * 1024 * 1024
"""Arrays of roughly this size and more are written piece by piece, as their client reads them."""

INLINE_LISTS = 64
"""The answers of a batch of so many queries are written in the reactor thread, if they are small.
"""

STREAM_FROM_POINTS = 10_000
"""Reads that ask for more points than this take them from a stream."""


class RunInThread(Protocol):
    """Runs a function in a worker thread; cancelling drops its result."""

    def __call__(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `function` and fire with what it returns. Called in the reactor thread."""
        ...


@frozen
class Call:
    """A request on its way through a handler. Used in the reactor thread only.

    `body` is a small one; `intake` has a larger one, or one that was packed.
    """

    operations: IStreamOperations
    run_in_thread: RunInThread
    path: Mapping[str, str]
    arguments: Arguments
    body: bytes
    status: ServerStatus
    intake: Intake | None = None

    @property
    def collection(self) -> str:
        """The collection that the path names. Raises ValidationError for a name out of bounds."""
        name = self.path["collection"]
        check_collection_name(name)
        return name

    def check_timeout(self) -> None:
        """Raise for a malformed time limit. A change of collections is finished whatever it is."""
        check_timeout(self.arguments)

    @property
    def time_limit(self) -> int | None:
        """The time limit of a read, in seconds; its other parameters are checked."""
        return read_read_parameters(self.arguments)

    @property
    def update_parameters(self) -> UpdateParameters:
        """How an update is to be answered."""
        return read_update_parameters(self.arguments)

    @property
    def report_parameters(self) -> ReportParameters:
        """What a report of optimizations is to have."""
        return read_report_parameters(self.arguments)

    async def read(self, read: Callable[[Any], T]) -> T:
        """The body, decoded by `read`; in a thread what was large enough to be taken there."""
        if self.intake is not None:
            return await self.intake.finish(read)
        return read(parse(self.body))

    async def rows(
        self, rows: Sequence[R], encode: Callable[[R], Any]
    ) -> orjson.Fragment | RowsPart[R]:
        """Points as a JSON array; a large one is written in a thread, or as its client reads."""
        if _estimated_size(rows) >= LARGE_BYTES:
            return self._part(HeldRows(rows, _rows_in(_PIECE_BYTES, rows)), encode)
        return orjson.Fragment(await self._encoded(rows, encode))

    async def lists(
        self, lists: Sequence[Sequence[R]], encode: Callable[[R], Any]
    ) -> list[orjson.Fragment | RowsPart[R]]:
        """Several arrays of points; where there are many, all are written in a thread."""
        if len(lists) <= INLINE_LISTS:
            return [await self.rows(rows, encode) for rows in lists]
        written = await self.run_in_thread(encode_lists, lists, encode)
        return [
            await self.rows(rows, encode) if text is None else orjson.Fragment(text)
            for rows, text in written
        ]

    async def stream(
        self, source: RowSource[R], encode: Callable[[R], Any]
    ) -> orjson.Fragment | RowsPart[R]:
        """The same for points that come some at a time: a large array is not waited for."""
        held: list[R] = []
        try:
            while more := await source.take():
                held.extend(more)
                if _estimated_size(held) >= LARGE_BYTES:
                    step = _rows_in(_PIECE_BYTES, held)
                    return self._part(HeldRows(held, step, source), encode)
        except BaseException:
            source.close()
            raise
        source.close()
        return orjson.Fragment(await self._encoded(held, encode))

    def _part(self, source: RowSource[R], encode: Callable[[R], Any]) -> RowsPart[R]:
        return RowsPart(source, lambda rows: self._encoded(rows, encode))

    def _encoded(self, rows: Sequence[R], encode: Callable[[R], Any]) -> Deferred[bytes]:
        if _estimated_size(rows) < THREAD_FROM_BYTES:
            return succeed(encode_rows(rows, encode))
        return self.run_in_thread(encode_rows, rows, encode)


def encode_rows(
    rows: Sequence[R], encode: Callable[[R], Any], piece_bytes: int = _PIECE_BYTES
) -> bytes:
    """The rows as a JSON array, written in pieces of roughly `piece_bytes`.

    orjson holds the GIL for the whole of each call, so pieces let other threads in. In any thread.
    """
    size = _rows_in(piece_bytes, rows)
    blocks = (rows[start : start + size] for start in range(0, len(rows), size))
    pieces = [_dump([encode(row) for row in block])[1:-1] for block in blocks]
    return b"[" + b",".join(pieces) + b"]"


def encode_lists(
    lists: Sequence[Sequence[R]], encode: Callable[[R], Any]
) -> list[tuple[Sequence[R], bytes | None]]:
    """Each of the lists with its JSON array, but for large ones. In any thread."""
    return [
        (rows, None if _estimated_size(rows) >= LARGE_BYTES else encode_rows(rows, encode))
        for rows in lists
    ]


def _rows_in(size: int, rows: Sequence[Any]) -> int:
    """How many rows come to roughly so many bytes, at least one."""
    return max(1, len(rows) * size // max(1, _estimated_size(rows)))


def _estimated_size(rows: Sequence[Any]) -> int:
    """Roughly the bytes that the rows are written in, told by the first."""
    if not rows:
        return 0
    first = rows[0]
    numbers = sum(vector.size for vector in first.vectors.values()) if first.vectors else 0
    return len(rows) * (
        len(first.payload or b"") + _JSON_BYTES_PER_NUMBER * numbers + _JSON_BYTES_PER_ROW
    )


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
