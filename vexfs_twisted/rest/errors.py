"""The mapping of errors to HTTP statuses and to the error messages of responses."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from twisted.internet.defer import CancelledError
from werkzeug.exceptions import HTTPException

from ..limit_log import explained
from ..logs import get_logger
from ..middleware import CANCELLED, OK
from ..model.errors import DomainError, InternalError, Place, Unavailable, ValidationError

log = get_logger("vexfs.rest")

STATUSES: Mapping[str, int] = {
    "bad_input": 400,
    "bad_request": 400,
    "format": 400,
    "inference": 400,
    "malformed": 400,
    "query_format": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "token_refused": 403,
    "not_found": 404,
    "standalone": 405,
    "timeout": 408,
    "already_exists": 409,
    "device_rejected": 409,
    "payload_too_large": 413,
    "message_too_large": 413,
    "validation": 422,
    "too_many": 429,
    "rate_limited": 429,
    "internal": 500,
    "damaged": 500,
    "not_supported": 501,
    "unavailable": 503,
    "overloaded": 503,
    "exhausted": 503,
    "interrupted": 503,
    "storage_full": 507,
}
"""Domain error code to HTTP status. A test checks that it has every code."""

_CLIENT_LEFT = 499
"""What others have made the status of requests whose clients have left before the answer."""

_ROUTING_TEXTS = {
    404: "Not found: the API has no such path",
    405: "Method not allowed: the path does not take this method",
}
_PLACES = {Place.BODY: "JSON body", Place.QUERY: "query parameters", Place.PATH: "path parameters"}


def status_of_outcome(outcome: str) -> str:
    """The status that the outcome of a call is counted by."""
    if outcome == OK:
        return "200"
    return str(_CLIENT_LEFT if outcome == CANCELLED else STATUSES[outcome])


def describe_error(error: BaseException) -> tuple[int, str]:
    """The HTTP status and message for an error that a request raised.

    An unexpected error is logged with an incident id, and the message has only that id.
    """
    error = explained(error)
    if isinstance(error, ValidationError):
        text = f"Validation error in {_PLACES[error.place]}: {error.message}"
        return STATUSES[error.code], text
    if isinstance(error, DomainError):
        return STATUSES[error.code], error.message
    if isinstance(error, HTTPException) and error.code is not None:
        return error.code, _ROUTING_TEXTS.get(error.code, error.name)
    if isinstance(error, CancelledError):
        return describe_error(Unavailable("the operation was cancelled"))
    incident = uuid4().hex[:16]
    log.error("unexpected error", incident=incident, exc_info=error)
    return describe_error(InternalError(f"unexpected error, incident {incident}"))
