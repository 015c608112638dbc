"""The request context: the argument of every endpoint's handler."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from attrs import define
from twisted.internet.defer import Deferred, succeed

from ..interfaces import IStreamOperations, ServerStatus
from ..model.access import ANYONE, Caller
from ..model.names import check_collection_name
from ..model.reads import Answer, ReadRequest
from ..threadpool import RunInThread
from .bodies.content import parse
from .bodies.streaming_body import StreamingBody
from .parameters import (
    Arguments,
    ReportParameters,
    UpdateParameters,
    check_timeout,
    read_read_parameters,
    read_report_parameters,
    read_update_parameters,
)
from .reads import Reads
from .responses.json_pieces import RowsPart
from .responses.rows import (
    PIECE_BYTES,
    HeldRows,
    RowSource,
    encode_lists,
    estimated_size,
    is_large,
    rows_in,
    rows_to_json,
)
from .threads import THREAD_FROM_BYTES

T = TypeVar("T")
R = TypeVar("R")

INLINE_LISTS = 64
"""Up to so many result lists of a batch are encoded in the reactor thread, each if it is small."""


def _no_header(name: str) -> None:
    """No header is known."""


@define
class RequestContext:
    """The parsed request. Used in the reactor thread only.

    `body` is a small body as bytes; `streaming_body` is set instead for a large or compressed one.
    `header` looks up a header by its lower-case name. `operations` permits what `caller` may do.
    """

    operations: IStreamOperations
    reads: Reads
    run_in_thread: RunInThread
    path: Mapping[str, str]
    arguments: Arguments
    body: bytes
    status: ServerStatus
    streaming_body: StreamingBody | None = None
    header: Callable[[str], str | None] = _no_header
    caller: Caller = ANYONE

    @property
    def collection(self) -> str:
        """The collection name in the path. Raises ValidationError for an invalid name."""
        name = self.path["collection"]
        check_collection_name(name)
        return name

    def check_timeout(self) -> None:
        """Validate the timeout; its value is ignored, as changes of collections always complete.

        Raises ValidationError or QueryFormatError.
        """
        check_timeout(self.arguments)

    @property
    def time_limit(self) -> int | None:
        """The timeout of a read, in seconds, or None. Raises QueryFormatError."""
        return read_read_parameters(self.arguments)

    @property
    def update_parameters(self) -> UpdateParameters:
        """The parameters of an update. Raises QueryFormatError."""
        return read_update_parameters(self.arguments)

    @property
    def report_parameters(self) -> ReportParameters:
        """The parameters of a report of optimizations. Raises BadInput or QueryFormatError."""
        return read_report_parameters(self.arguments)

    def answer(
        self, request: ReadRequest[Answer], timeout: float | None = None
    ) -> Awaitable[Answer]:
        """The answer to a read of the collection in the path. Raises DomainErrors."""
        return self.reads.answer(self.operations, self.collection, request, timeout)

    async def read(self, read: Callable[[Any], T]) -> T:
        """Parse the body as JSON and decode it with `read`; a streaming body in a worker thread.

        Raises DomainErrors.
        """
        if self.streaming_body is not None:
            return await self.streaming_body.finish(read)
        return read(parse(self.body))

    async def rows(
        self, rows: Sequence[R], encode: Callable[[R], Any]
    ) -> orjson.Fragment | RowsPart[R]:
        """Points as a JSON array, each encoded by `encode`.

        Encoded at once, in a worker thread from 64 KiB on. If it is very large, in pieces while the
        client reads.
        """
        if is_large(rows):
            return self._part(HeldRows(rows, rows_in(PIECE_BYTES, rows)), encode)
        return orjson.Fragment(await self._encoded(rows, encode))

    async def lists(
        self, lists: Sequence[Sequence[R]], encode: Callable[[R], Any]
    ) -> list[orjson.Fragment | RowsPart[R]]:
        """Several JSON arrays of points; more than INLINE_LISTS are encoded in a worker thread."""
        if len(lists) <= INLINE_LISTS:
            return [await self.rows(rows, encode) for rows in lists]
        written = await self.run_in_thread(encode_lists, lists, encode)
        return [
            await self.rows(rows, encode) if text is None else orjson.Fragment(text)
            for rows, text in written
        ]

    async def fragment(self, write: Callable[[T], bytes], value: T, size: int) -> orjson.Fragment:
        """A result as the JSON text that `write` returns, in a worker thread from 64 KiB on.

        `size` estimates the bytes of the text; `write` is thread-safe.
        """
        if size < THREAD_FROM_BYTES:
            return orjson.Fragment(write(value))
        return orjson.Fragment(await self.run_in_thread(write, value))

    async def stream(
        self, source: RowSource[R], encode: Callable[[R], Any]
    ) -> orjson.Fragment | RowsPart[R]:
        """A JSON array of points that are produced in batches.

        Once the points so far are large, returns a part that reads the rest while it is sent.
        """
        held: list[R] = []
        try:
            while more := await source.take():
                held.extend(more)
                if is_large(held):
                    step = rows_in(PIECE_BYTES, held)
                    return self._part(HeldRows(held, step, source), encode)
        except BaseException:
            source.close()
            raise
        source.close()
        return orjson.Fragment(await self._encoded(held, encode))

    def _part(self, source: RowSource[R], encode: Callable[[R], Any]) -> RowsPart[R]:
        return RowsPart(source, lambda rows: self._encoded(rows, encode))

    def _encoded(self, rows: Sequence[R], encode: Callable[[R], Any]) -> Deferred[bytes]:
        if estimated_size(rows) < THREAD_FROM_BYTES:
            return succeed(rows_to_json(rows, encode))
        return self.run_in_thread(rows_to_json, rows, encode)
