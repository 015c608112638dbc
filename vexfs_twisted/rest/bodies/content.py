"""Content of request bodies: encodings, the errors for size and packing, and JSON texts."""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from ...model.errors import BadRequest, FormatError, PayloadTooLarge

GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""What zlib is told of a body that is packed by gzip."""


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


def parse(data: bytes) -> Any:
    """The JSON value in `data`. Raises FormatError."""
    if not data:
        raise FormatError("EOF while parsing a value at line 1 column 0")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{error.msg} at line {error.lineno} column {error.colno}") from None
