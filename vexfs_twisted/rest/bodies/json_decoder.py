"""The decoder of JSON bodies: decompresses and parses them in worker threads, as they arrive."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import frozen

from ...model.errors import DomainError
from ..settings import RestSettings
from ..threads import THREAD_FROM_BYTES
from .content import GZIP_WINDOW, damaged, found_too_large, incomplete, is_packed
from .json_slices import SlicedReader
from .shapes import Shape
from .streaming_body import BodyHead

T = TypeVar("T")

STEP_BYTES = 256 * 1024
"""The bytes parsed in one call. orjson holds the GIL for the whole call, some milliseconds."""

SMALL_BYTES = THREAD_FROM_BYTES
"""Bodies of more bytes are decoded while they arrive."""

_GZIP_RATIO = 1032
"""The maximum compression ratio of gzip."""


@frozen
class JsonBody:
    """The BodyFormat of JSON with a given shape."""

    shape: Shape

    @property
    def small_bytes(self) -> int:
        """See BodyFormat."""
        return SMALL_BYTES

    def max_bytes(self, settings: RestSettings) -> int:
        """See BodyFormat."""
        return settings.max_body_bytes

    def consumer(self, head: BodyHead, limit: int) -> JsonDecoder:
        """See BodyFormat."""
        return JsonDecoder(head.encoding, limit, self.shape)


class JsonDecoder:
    """The BodyConsumer of JSON: decodes a body piece by piece.

    `encoding` is the body's Content-Encoding; `limit` bounds the decompressed body, in bytes.
    Errors are raised by `finish` only, as the response is sent after the complete body. An error
    of compression takes precedence over one of the JSON, as if the body were decompressed first.

    Raises BadRequest for an unknown encoding.
    """

    def __init__(self, encoding: bytes | None, limit: int, shape: Shape) -> None:
        self._is_packed = is_packed(encoding)
        self._limit = limit
        self._unpacker = _Gunzip(limit) if self._is_packed else _Plain()
        self._reader: SlicedReader | None = SlicedReader(shape)
        self._broken: DomainError | None = None

    def held(self, received: int) -> int:
        """See BodyConsumer. A compressed body counts as the largest it may decompress to."""
        return min(received * _GZIP_RATIO, self._limit) if self._is_packed else received

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Decode the next pieces of the body."""
        if self._broken is None:
            self._take(self._unpacker.feed(b"".join(pieces)))

    def finish(self, pieces: Sequence[bytes], read: Callable[[Any], T]) -> T:
        """Decode the last pieces; returns `read(value)` of the JSON value. Raises DomainErrors."""
        self.feed(pieces)
        if self._broken is None:
            self._take(self._unpacker.finish())
        if self._broken is not None:
            raise self._broken
        assert self._reader is not None
        reader, self._reader = self._reader, None
        return read(reader.finish())

    def _take(self, unpacked: Iterator[bytes]) -> None:
        assert self._reader is not None
        try:
            for text in unpacked:
                self._reader.feed(text)
        except DomainError as error:
            self._broken = error
            self._reader = None


class _Plain:
    """The decompressor of a body that is not compressed."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """`data` in steps of at most STEP_BYTES."""
        for start in range(0, len(data), STEP_BYTES):
            yield data[start : start + STEP_BYTES]

    def finish(self) -> Iterator[bytes]:
        """Nothing: no data is buffered."""
        return iter(())


class _Gunzip:
    """The decompressor of gzip. Yields at most STEP_BYTES at a time, which bounds its memory."""

    def __init__(self, limit: int) -> None:
        self._unpacker = zlib.decompressobj(GZIP_WINDOW)
        self._left = limit
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decompressed text of the next piece. Raises BadRequest or PayloadTooLarge."""
        if data and self._unpacker.eof:
            raise incomplete()
        while data and not self._unpacker.eof:
            yield self._unpack(data)
            data = self._unpacker.unconsumed_tail

    def finish(self) -> Iterator[bytes]:
        """The rest of the decompressed text. Raises BadRequest or PayloadTooLarge."""
        while not self._unpacker.eof and (text := self._unpack(b"")):
            yield text
        if not self._unpacker.eof or self._unpacker.unused_data:
            raise incomplete()

    def _unpack(self, data: bytes) -> bytes:
        try:
            text = self._unpacker.decompress(data, STEP_BYTES)
        except zlib.error as error:
            raise damaged(error) from None
        self._left -= len(text)
        if self._left < 0:
            raise found_too_large(self._limit)
        return text
