"""Responses with a file, or with a range of its bytes, which are read while they are sent."""

from __future__ import annotations

import re
from typing import BinaryIO

from ...threadpool import RunInThread
from .response import Headers, Response, StreamingResponse

BINARY = b"application/octet-stream"

_PIECE_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(?:([0-9]{1,19})-([0-9]{0,19})|-([0-9]{1,19}))")


class _FileSource:
    """A PieceSource of `size` bytes of a file from `start` on, which it closes."""

    def __init__(self, file: BinaryIO, start: int, size: int, run_in_thread: RunInThread) -> None:
        self._file = file
        self._start = start
        self._left = size
        self._run_in_thread = run_in_thread

    async def next(self) -> bytes:
        """See PieceSource."""
        if not self._left:
            return b""
        piece = await self._run_in_thread(self._read)
        if not piece:
            # The connection is broken off, as the length was promised.
            raise OSError("the file is shorter than it was")
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """See PieceSource."""
        self._left = 0
        self._file.close()

    def _read(self) -> bytes:
        if self._start:
            self._file.seek(self._start)
            self._start = 0
        return self._file.read(min(self._left, _PIECE_BYTES))


def file_response(
    file: BinaryIO, size: int, tag: str | None, asked: RangeRequest, run_in_thread: RunInThread
) -> StreamingResponse | Response:
    """A response with the file, or the range of it that was asked for; it closes the file.

    `size` is that of the file in bytes. `tag` identifies its contents, if that is known. Several
    ranges are answered with the whole file, as a range in other contents is.
    """
    headers: Headers = ((b"Accept-Ranges", b"bytes"),)
    if tag is not None:
        headers = (*headers, (b"ETag", b'"%s"' % tag.encode()))
    found = asked.within(size, tag)
    if found is None:
        start, count, status = 0, size, 200
    elif not found:
        file.close()
        unmet = (b"Content-Range", b"bytes */%d" % size)
        return Response(b"", 416, BINARY, (*headers, unmet))
    else:
        start, count, status = found.start, len(found), 206
        shown = b"bytes %d-%d/%d" % (found.start, found.stop - 1, size)
        headers = (*headers, (b"Content-Range", shown))
    headers = (*headers, (b"Content-Length", b"%d" % count))
    return StreamingResponse(
        _FileSource(file, start, count, run_in_thread), status, BINARY, headers
    )


class RangeRequest:
    """The headers Range and If-Range of a request."""

    def __init__(self, asked: str | None = None, condition: str | None = None) -> None:
        self._asked = asked
        self._condition = condition

    def within(self, size: int, tag: str | None) -> range | None:
        """The bytes that are asked for of `size` bytes; empty if there are none of these.

        None for all bytes: no range was asked for, or not one, or in other contents.
        """
        match = None if self._asked is None else _RANGE.fullmatch(self._asked.strip())
        if match is None or (self._condition is not None and self._condition != f'"{tag}"'):
            return None
        first, last, suffix = match.groups()
        if suffix is not None:
            return range(max(size - int(suffix), 0), size)
        stop = size if not last else min(int(last) + 1, size)
        if last and int(last) < int(first):
            # Not a valid range: it is as if there were none.
            return None
        return range(min(int(first), size), stop)
