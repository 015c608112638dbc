"""Compression of large responses by gzip, in worker threads, for clients that accept it."""

from __future__ import annotations

import re
from typing import Any

from attrs import evolve
from isal import isal_zlib

from ...threadpool import RunInThread
from ..threads import THREAD_FROM_BYTES
from .response import JSON, TEXT, Headers, PieceSource, Response, StreamingResponse

_LEVEL = 2
"""Of 0 to 3 of isal: as fast as lower ones, and smaller. 5 ms for a MiB of numbers in JSON."""

_GZIP_WINDOW = 31
_ACCEPTED = re.compile(r"(?:^|,)\s*(?:x-)?gzip\s*(?:;\s*q=([0-9.]{1,5})\s*)?(?:,|$)", re.IGNORECASE)
_KINDS = frozenset({JSON, TEXT})
_HEADERS: Headers = ((b"Content-Encoding", b"gzip"), (b"Vary", b"Accept-Encoding"))


def accepts_gzip(header: str | None) -> bool:
    """Whether the header Accept-Encoding of a request has gzip."""
    found = None if header is None else _ACCEPTED.search(header)
    if found is None:
        return False
    return found[1] is None or found[1].strip("0.") != ""


async def compressed(
    answer: Response | StreamingResponse, run_in_thread: RunInThread
) -> Response | StreamingResponse:
    """The same response compressed, if it is text and large or streamed. In the reactor thread."""
    if answer.content_type not in _KINDS or _has_encoding(answer.headers):
        return answer
    headers = (*answer.headers, *_HEADERS)
    if isinstance(answer, StreamingResponse):
        return evolve(answer, source=_GzipSource(answer.source, run_in_thread), headers=headers)
    if len(answer.body) < THREAD_FROM_BYTES:
        return answer
    body = await run_in_thread(_gzip, answer.body)
    return evolve(answer, body=body, headers=headers)


class _GzipSource:
    """The PieceSource of another one, compressed. Used in the reactor thread only."""

    def __init__(self, source: PieceSource, run_in_thread: RunInThread) -> None:
        self._source = source
        self._run_in_thread = run_in_thread
        self._packer: Any = isal_zlib.compressobj(_LEVEL, wbits=_GZIP_WINDOW)

    async def next(self) -> bytes:
        """See PieceSource."""
        while self._packer is not None:
            piece = await self._source.next()
            packer = self._packer
            if not piece:
                self._packer = None
                return bytes(packer.flush())
            data = await self._run_in_thread(packer.compress, piece)
            if data:
                return bytes(data)
        return b""

    def close(self) -> None:
        """See PieceSource."""
        self._source.close()


def _has_encoding(headers: Headers) -> bool:
    return any(name.lower() in (b"content-encoding", b"content-length") for name, _ in headers)


def _gzip(data: bytes) -> bytes:
    packer = isal_zlib.compressobj(_LEVEL, wbits=_GZIP_WINDOW)
    return bytes(packer.compress(data) + packer.flush())
