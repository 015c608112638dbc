"""Domain errors as gRPC statuses."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

import grpc
from attrs import frozen
from google.protobuf.message import DecodeError
from grpc import StatusCode
from twisted.internet.defer import CancelledError

from ..limit_log import explained
from ..logs import get_logger
from ..middleware import CANCELLED, OK
from ..model.errors import DomainError, InternalError, Unavailable, ValidationError

log = get_logger("vexfs.rpc")

STATUS_CODES: Mapping[str, StatusCode] = {
    "bad_input": StatusCode.INVALID_ARGUMENT,
    "bad_request": StatusCode.INVALID_ARGUMENT,
    "validation": StatusCode.INVALID_ARGUMENT,
    "format": StatusCode.INVALID_ARGUMENT,
    "inference": StatusCode.INVALID_ARGUMENT,
    "malformed": StatusCode.INVALID_ARGUMENT,
    "query_format": StatusCode.INVALID_ARGUMENT,
    "payload_too_large": StatusCode.OUT_OF_RANGE,
    "message_too_large": StatusCode.RESOURCE_EXHAUSTED,
    "not_found": StatusCode.NOT_FOUND,
    "already_exists": StatusCode.ALREADY_EXISTS,
    "device_rejected": StatusCode.FAILED_PRECONDITION,
    "unauthenticated": StatusCode.UNAUTHENTICATED,
    "forbidden": StatusCode.PERMISSION_DENIED,
    "token_refused": StatusCode.PERMISSION_DENIED,
    "standalone": StatusCode.UNIMPLEMENTED,
    "not_supported": StatusCode.UNIMPLEMENTED,
    "timeout": StatusCode.DEADLINE_EXCEEDED,
    "unavailable": StatusCode.UNAVAILABLE,
    "overloaded": StatusCode.UNAVAILABLE,
    "exhausted": StatusCode.UNAVAILABLE,
    "too_many": StatusCode.RESOURCE_EXHAUSTED,
    "rate_limited": StatusCode.RESOURCE_EXHAUSTED,
    "interrupted": StatusCode.ABORTED,
    "storage_full": StatusCode.RESOURCE_EXHAUSTED,
    "internal": StatusCode.INTERNAL,
    "damaged": StatusCode.INTERNAL,
}
"""Domain error code -> status. A test checks that it is complete."""

_MAX_DETAILS_BYTES = 2000


@frozen
class RpcStatus:
    """The status of a failed call."""

    code: grpc.StatusCode
    details: str
    metadata: tuple[tuple[str, str], ...] = ()


def status_of_outcome(outcome: str) -> str:
    """The number of the status that the outcome of a call is counted by."""
    code = {OK: StatusCode.OK, CANCELLED: StatusCode.CANCELLED}.get(outcome)
    number: int = (code or STATUS_CODES[outcome]).value[0]
    return str(number)


def status_of(error: BaseException, method: str) -> RpcStatus:
    """The status for an error that the call of `method` raised. Unexpected ones are logged."""
    error = explained(error)
    if isinstance(error, ValidationError):
        return _status(error, f"Validation error in body: {error.message}")
    if isinstance(error, DomainError):
        return _status(error, error.message)
    if isinstance(error, DecodeError):
        # gRPC specifies INTERNAL for a request that does not parse.
        return RpcStatus(StatusCode.INTERNAL, f"failed to decode Protobuf message: {error}")
    if isinstance(error, CancelledError):
        return status_of(Unavailable("the operation was cancelled"), method)
    incident = uuid4().hex[:16]
    log.error("unexpected error", method=method, incident=incident, exc_info=error)
    return status_of(InternalError(f"unexpected error, incident {incident}"), method)


def _status(error: DomainError, details: str) -> RpcStatus:
    seconds = error.retry_after
    metadata = () if seconds is None else (("retry-after", str(seconds)),)
    return RpcStatus(STATUS_CODES[error.code], _shortened(details), metadata)


def _shortened(details: str) -> str:
    """`details`, truncated: a status is sent in headers, which clients limit to 8 KiB."""
    encoded = details.encode()
    if len(encoded) <= _MAX_DETAILS_BYTES:
        return details
    return encoded[:_MAX_DETAILS_BYTES].decode(errors="ignore") + "..."
