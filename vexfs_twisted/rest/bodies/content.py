"""Content-Encoding of request bodies, errors of size and compression, and parsing of JSON."""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from ...model.errors import BadRequest, FormatError, PayloadTooLarge

GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""The `wbits` argument of zlib for the gzip format."""


def is_packed(encoding: bytes | None) -> bool:
    """Whether a body with this Content-Encoding is compressed.

    Raises BadRequest for an encoding other than gzip.
    """
    if encoding is None or encoding == b"identity":
        return False
    if encoding in (b"gzip", b"x-gzip"):
        return True
    shown = encoding.decode("ascii", "replace")
    raise BadRequest(f"Content-Encoding {shown} is not supported, use gzip or none")


def declared_too_large(length: int, limit: int) -> PayloadTooLarge:
    """The error for a body whose Content-Length is more than `limit` bytes."""
    return PayloadTooLarge(
        f"JSON payload ({length} bytes) is larger than allowed (limit: {limit} bytes)."
    )


def found_too_large(limit: int) -> PayloadTooLarge:
    """The error for a body that exceeds `limit` bytes while it is received or decompressed."""
    return PayloadTooLarge(f"JSON payload has exceeded limit ({limit} bytes).")


def damaged(error: zlib.error) -> BadRequest:
    """The error for a body that cannot be decompressed."""
    return BadRequest(f"The gzip body is damaged: {error}")


def incomplete() -> BadRequest:
    """The error for a compressed body that is truncated or has trailing data."""
    return BadRequest("The gzip body is cut short, or something follows it")


def parse(data: bytes) -> Any:
    """Parse a JSON text. Raises FormatError, with line and column."""
    if not data:
        raise FormatError("EOF while parsing a value at line 1 column 0")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise FormatError(f"{error.msg} at line {error.lineno} column {error.colno}") from None
