"""Request bodies: unpacked, parsed and decoded, in a thread where that takes long."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from attrs import define

from ..model.errors import BadRequest, FormatError, PayloadTooLarge

T = TypeVar("T")

THREAD_FROM_BYTES = 64 * 1024
"""Bodies of this size and more are decoded, and results encoded, outside the reactor thread."""

GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""What zlib is told of a body that is packed by gzip."""


@define
class Body:
    """A request body as it arrived. `limit` bounds what it may unpack to, in bytes.

    It is decoded once: the bytes are let go by then, for a bulk load may wait long for its turn to
    be written.
    """

    data: bytes
    encoding: bytes | None
    limit: int

    @property
    def is_large(self) -> bool:
        """Whether decoding it would hold up the reactor. What is packed may be any size."""
        return len(self.data) >= THREAD_FROM_BYTES or self.encoding is not None

    def decode(self, read: Callable[[Any], T]) -> T:
        """What `read` makes of the JSON in the body. Raises DomainErrors only. In any thread."""
        return read(parse(self._take()))

    def _take(self) -> bytes:
        data, self.data = self.data, b""
        return _gunzip(data, self.limit) if is_packed(self.encoding) else data


def is_packed(encoding: bytes | None) -> bool:
    """Whether a body of this Content-Encoding is packed. Raises BadRequest if not by gzip."""
    if encoding is None or encoding == b"identity":
        return False
    if encoding in (b"gzip", b"x-gzip"):
        return True
    shown = encoding.decode("ascii", "replace")
    raise BadRequest(f"Content-Encoding {shown} is not supported, use gzip or none")


def declared_too_large(length: int, limit: int) -> PayloadTooLarge:
    """The error for a body that says it is larger than `limit` bytes."""
    return PayloadTooLarge(
        f"JSON payload ({length} bytes) is larger than allowed (limit: {limit} bytes)."
    )


def found_too_large(limit: int) -> PayloadTooLarge:
    """The error for a body that turns out to be larger than `limit` bytes."""
    return PayloadTooLarge(f"JSON payload has exceeded limit ({limit} bytes).")


def damaged(error: zlib.error) -> BadRequest:
    """The error for a body that cannot be unpacked."""
    return BadRequest(f"The gzip body is damaged: {error}")


def incomplete() -> BadRequest:
    """The error for a packed body that does not end where its packing does."""
    return BadRequest("The gzip body is cut short, or something follows it")


def _gunzip(data: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(data, limit + 1)
    except zlib.error as error:
        raise damaged(error) from None
    if len(unpacked) > limit:
        raise found_too_large(limit)
    if not unpacker.eof or unpacker.unused_data:
        raise incomplete()
    return unpacked


def parse(data: bytes) -> Any:
    """The JSON value in `data`. Raises FormatError."""
    if not data:
        raise FormatError("EOF while parsing a value at line 1 column 0")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{error.msg} at line {error.lineno} column {error.colno}") from None
