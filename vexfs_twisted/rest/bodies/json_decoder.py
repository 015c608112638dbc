"""JSON bodies that are decoded while they arrive, in worker threads."""

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

T = TypeVar("T")

STEP_BYTES = 256 * 1024
"""How much is parsed at once. orjson holds the GIL for as long as it takes, some milliseconds."""

SMALL_BYTES = THREAD_FROM_BYTES
"""Bodies of more than this are decoded while they arrive."""

_GZIP_RATIO = 1032
"""How many times its size a packed body may unpack to."""


@frozen
class JsonBody:
    """The BodyFormat of JSON, of a shape."""

    shape: Shape

    @property
    def small_bytes(self) -> int:
        """See BodyFormat."""
        return SMALL_BYTES

    def max_bytes(self, settings: RestSettings) -> int:
        """See BodyFormat."""
        return settings.max_body_bytes

    def consumer(self, encoding: bytes | None, limit: int) -> JsonDecoder:
        """See BodyFormat."""
        return JsonDecoder(encoding, limit, self.shape)


class JsonDecoder:
    """The BodyConsumer of JSON: decodes a body piece by piece.

    `encoding` is the body's Content-Encoding; `limit` bounds what it may unpack to, in bytes.
    Errors are kept until the end, for the client is answered when it has sent everything; one of
    the packing comes before one of what is packed, as if it had been unpacked first.

    Raises BadRequest for an encoding that is not known.
    """

    def __init__(self, encoding: bytes | None, limit: int, shape: Shape) -> None:
        self._is_packed = is_packed(encoding)
        self._limit = limit
        self._unpacker = _Gunzip(limit) if self._is_packed else _Plain()
        self._reader: SlicedReader | None = SlicedReader(shape)
        self._broken: DomainError | None = None

    def held(self, received: int) -> int:
        """See BodyConsumer. A packed body counts for what may be in it."""
        return min(received * _GZIP_RATIO, self._limit) if self._is_packed else received

    def feed(self, pieces: Sequence[bytes]) -> None:
        """Take the next pieces of the body."""
        if self._broken is None:
            self._take(self._unpacker.feed(b"".join(pieces)))

    def finish(self, pieces: Sequence[bytes], read: Callable[[Any], T]) -> T:
        """Take the last pieces; what `read` makes of the whole. Raises DomainErrors."""
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
    """A body that is not packed."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The same, in steps."""
        for start in range(0, len(data), STEP_BYTES):
            yield data[start : start + STEP_BYTES]

    def finish(self) -> Iterator[bytes]:
        """Nothing is left."""
        return iter(())


class _Gunzip:
    """A body packed by gzip: never more of it is unpacked than is parsed at once."""

    def __init__(self, limit: int) -> None:
        self._unpacker = zlib.decompressobj(GZIP_WINDOW)
        self._left = limit
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[bytes]:
        """What the next piece of the body holds."""
        if data and self._unpacker.eof:
            raise incomplete()
        while data and not self._unpacker.eof:
            yield self._unpack(data)
            data = self._unpacker.unconsumed_tail

    def finish(self) -> Iterator[bytes]:
        """What is left in the unpacker."""
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
