"""Answers before they are written: status, headers and body."""

from __future__ import annotations

from typing import Any

import orjson
from attrs import frozen

from ..limit_log import explained
from ..model.errors import DomainError, Unauthenticated
from .errors import describe_error
from .outflow import LargeAnswer, dump

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"

Headers = tuple[tuple[bytes, bytes], ...]

_CHALLENGE = (b"WWW-Authenticate", b"Bearer")


@frozen
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()


def result_answer(result: Any, seconds: float) -> Answer | LargeAnswer:
    """`result` in the envelope that all endpoints but the service ones have."""
    written = dump({"result": result, "status": "ok", "time": seconds})
    return written if isinstance(written, LargeAnswer) else Answer(200, written)


def json_answer(value: Any) -> Answer:
    """A JSON value without an envelope."""
    return Answer(200, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


def text_answer(text: str) -> Answer:
    """A plain text."""
    return Answer(200, text.encode(), TEXT)


def error_answer(error: BaseException, seconds: float, headers: Headers = ()) -> Answer:
    """The error in its envelope, with its status; what asks for a key is plain text."""
    error = explained(error)
    status, text = describe_error(error)
    if isinstance(error, Unauthenticated):
        return Answer(status, text.encode(), TEXT, (*headers, _CHALLENGE))
    if isinstance(error, DomainError) and error.retry_after is not None:
        headers = (*headers, (b"Retry-After", b"%d" % error.retry_after))
    envelope: dict[str, Any] = {"status": {"error": text}, "time": seconds}
    if isinstance(error, DomainError) and error.details is not None:
        envelope["result"] = error.details
    body = orjson.dumps(envelope)
    return Answer(status, body, headers=headers)
