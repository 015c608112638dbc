"""Response values: status, headers, and a body or the source of one."""

from __future__ import annotations

from typing import Any, Protocol

import orjson
from attrs import frozen

from ...limit_log import explained
from ...model.errors import DomainError, TokenRefused, Unauthenticated
from ..errors import describe_error

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"

Headers = tuple[tuple[bytes, bytes], ...]

_CHALLENGE = (b"WWW-Authenticate", b"Bearer")


@frozen
class Response:
    """A response with its whole body in memory."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: Headers = ()


class PieceSource(Protocol):
    """A body that is produced while it is sent. Used in the reactor thread only."""

    async def next(self) -> bytes:
        """The next piece; empty after the last. Called once the transport accepts more data."""

    def close(self) -> None:
        """Release the source: all pieces are sent, or the client is disconnected. Idempotent."""


@frozen
class StreamingResponse:
    """A response whose body is sent piece by piece, with backpressure from the client.

    The transfer encoding is chunked, unless `headers` have a Content-Length.
    """

    source: PieceSource
    status: int = 200
    content_type: bytes = JSON
    headers: Headers = ()


def json_response(value: Any) -> Response:
    """A response with a JSON value without an envelope."""
    return Response(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


def text_response(text: str, status: int = 200) -> Response:
    """A response with plain text."""
    return Response(text.encode(), status, TEXT)


def error_response(error: BaseException, seconds: float, headers: Headers = ()) -> Response:
    """A response with an error in its envelope, and its HTTP status.

    `seconds` is the time it took. Errors of authentication are plain text, without an envelope.
    """
    error = explained(error)
    status, text = describe_error(error)
    if isinstance(error, Unauthenticated):
        return Response(text.encode(), status, TEXT, (*headers, _CHALLENGE))
    if isinstance(error, TokenRefused):
        return Response(text.encode(), status, TEXT, headers)
    if isinstance(error, DomainError) and error.retry_after is not None:
        headers = (*headers, (b"Retry-After", b"%d" % error.retry_after))
    envelope: dict[str, Any] = {"status": {"error": text}, "time": seconds}
    if isinstance(error, DomainError) and error.details is not None:
        envelope["result"] = error.details
    return Response(orjson.dumps(envelope), status, headers=headers)
