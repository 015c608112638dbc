"""Responses before they are sent: status, headers, and a body or the source of one."""

from __future__ import annotations

from typing import Any, Protocol

import orjson
from attrs import frozen

from ...limit_log import explained
from ...model.errors import DomainError, Unauthenticated
from ..errors import describe_error

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"

Headers = tuple[tuple[bytes, bytes], ...]

_CHALLENGE = (b"WWW-Authenticate", b"Bearer")


@frozen
class Response:
    """A response whose body is held whole."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: Headers = ()


class PieceSource(Protocol):
    """A body that is made while it is sent. Used in the reactor thread."""

    async def next(self) -> bytes:
        """The next piece; empty after the last. Asked for when the transport has room for it."""

    def close(self) -> None:
        """No more pieces are asked for: all are sent, or the client is gone. Idempotent."""


@frozen
class StreamingResponse:
    """A response whose body is sent piece by piece, as fast as the client reads.

    It goes out in chunks, unless `headers` have its Content-Length.
    """

    source: PieceSource
    status: int = 200
    content_type: bytes = JSON
    headers: Headers = ()


def json_response(value: Any) -> Response:
    """A JSON value without an envelope."""
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


def text_response(text: str) -> Response:
    """A plain text."""
    return Response(text.encode(), content_type=TEXT)


def error_response(error: BaseException, seconds: float, headers: Headers = ()) -> Response:
    """The error in its envelope, with its status; what asks for a key is plain text."""
    error = explained(error)
    status, text = describe_error(error)
    if isinstance(error, Unauthenticated):
        return Response(text.encode(), status, TEXT, (*headers, _CHALLENGE))
    if isinstance(error, DomainError) and error.retry_after is not None:
        headers = (*headers, (b"Retry-After", b"%d" % error.retry_after))
    envelope: dict[str, Any] = {"status": {"error": text}, "time": seconds}
    if isinstance(error, DomainError) and error.details is not None:
        envelope["result"] = error.details
    return Response(orjson.dumps(envelope), status, headers=headers)
