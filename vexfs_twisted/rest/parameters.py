"""Query parameters of updates, reads and reports.

Unknown parameters are ignored; known ones may be given once.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from attrs import frozen

from ..model.errors import BadInput, Place, Problem, QueryFormatError, ValidationError
from ..model.snapshots import check_checksum
from ..model.validation import ValueRange

Arguments = Mapping[bytes, list[bytes]]
"""The decoded values of each name in a query string, in order."""

_ORDERINGS = ("weak", "medium", "strong")
_PRIORITIES = ("no_sync", "snapshot", "replica")
_CONSISTENCIES = ("majority", "quorum", "all")
_REPORT_PARTS = ("queued", "completed", "idle_segments")
_AT_LEAST_ONE = ValueRange(1)
_U64_END = 2**64
_U64_DIGITS = 20


@frozen
class UpdateParameters:
    """Whether the response waits until the update is applied, and at most how many seconds."""

    wait: bool = False
    timeout: int | None = None


@frozen
class ReportParameters:
    """The lists a report of optimizations has; `completed_limit` bounds that of completed ones."""

    parts: frozenset[str] = frozenset()
    completed_limit: int = 16


@frozen
class UploadParameters:
    """Whether the response waits until an upload is restored, and the checksum it must have."""

    wait: bool = True
    checksum: str | None = None


@frozen
class TelemetryParameters:
    """How much telemetry tells, whether by collection, and whether without names."""

    details_level: int = 0
    anonymize: bool = False
    per_collection: bool = False


def read_arguments(query: bytes) -> Arguments:
    """Parse a query string: the part of the request target after the question mark.

    A name without a value has an empty value; twisted.web would drop it.
    """
    arguments: dict[bytes, list[bytes]] = {}
    if not query:
        return arguments
    for part in query.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            arguments.setdefault(_decoded(name), []).append(_decoded(value))
    return arguments


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def read_update_parameters(arguments: Arguments) -> UpdateParameters:
    """The parameters of an update. Raises QueryFormatError.

    `ordering` is validated only: a single node applies updates in one order.
    """
    if not arguments:
        return UpdateParameters()
    ordering = _single_value(arguments, "ordering")
    if ordering is not None and ordering not in _ORDERINGS:
        expected = ", ".join(f"`{name}`" for name in _ORDERINGS)
        raise QueryFormatError(f"unknown variant `{ordering}`, expected one of {expected}")
    return UpdateParameters(
        read_wait(arguments, default=False), _read_unsigned(arguments, "timeout")
    )


def read_read_parameters(arguments: Arguments) -> int | None:
    """The timeout of a read, in seconds, or None. Raises QueryFormatError.

    `consistency` is validated only: a single node is always consistent.
    """
    if not arguments:
        return None
    _check_consistency(_single_value(arguments, "consistency"))
    timeout = _read_unsigned(arguments, "timeout")
    if timeout == 0:
        raise QueryFormatError("invalid value: integer `0`, expected a nonzero u64")
    return timeout


def read_report_parameters(arguments: Arguments) -> ReportParameters:
    """The parameters of a report of optimizations. Raises BadInput or QueryFormatError."""
    parts = (_single_value(arguments, "with") or "").split(",")
    wanted = frozenset(part.strip() for part in parts) - {""}
    for part in sorted(wanted.difference(_REPORT_PARTS)):
        raise BadInput(f"Unknown field in 'with' parameter: {part}")
    limit = _read_unsigned(arguments, "completed_limit")
    return ReportParameters(wanted) if limit is None else ReportParameters(wanted, limit)


def read_upload_parameters(arguments: Arguments) -> UploadParameters:
    """The parameters of an upload. Raises QueryFormatError, and ValidationError for the checksum.

    `priority` is validated only: there are no other replicas.
    """
    priority = _single_value(arguments, "priority")
    if priority is not None and priority not in _PRIORITIES:
        expected = ", ".join(f"`{name}`" for name in _PRIORITIES)
        raise QueryFormatError(f"unknown variant `{priority}`, expected one of {expected}")
    checksum = _single_value(arguments, "checksum")
    check_checksum(checksum, Place.QUERY)
    return UploadParameters(read_wait(arguments, default=True), checksum)


def read_telemetry_parameters(arguments: Arguments) -> TelemetryParameters:
    """The parameters of telemetry and metrics. Raises QueryFormatError, and ValidationError.

    `timeout` is validated only: what is told is at hand.
    """
    check_timeout(arguments)
    return TelemetryParameters(
        details_level=_read_unsigned(arguments, "details_level") or 0,
        anonymize=_read_flag(arguments, "anonymize", default=False),
        per_collection=_read_flag(arguments, "per_collection", default=False),
    )


def read_wait(arguments: Arguments, *, default: bool) -> bool:
    """Whether the response waits. Raises QueryFormatError."""
    return _read_flag(arguments, "wait", default=default)


def check_timeout(arguments: Arguments) -> None:
    """Validate the timeout of a change of collections.

    Raises ValidationError if it is below one, QueryFormatError if it is no integer.
    """
    timeout = _read_unsigned(arguments, "timeout")
    complaint = None if timeout is None else _AT_LEAST_ONE.complaint(timeout)
    if complaint is not None:
        raise ValidationError([Problem("timeout", complaint)], Place.QUERY)


def _check_consistency(text: str | None) -> None:
    if text in (None, "", *_CONSISTENCIES):
        return
    try:
        is_sound = _unsigned(text or "") > 0
    except QueryFormatError:
        is_sound = False
    if not is_sound:
        complaint = f"failed to deserialize read consistency query parameter value '{text}'"
        raise QueryFormatError(complaint)


def _single_value(arguments: Arguments, name: str) -> str | None:
    """The value of a parameter, or None. Raises QueryFormatError if it is given repeatedly."""
    values = arguments.get(name.encode())
    if not values:
        return None
    if len(values) > 1:
        raise QueryFormatError(f"duplicate field `{name}`")
    return values[0].decode("utf-8", "replace")


def _read_flag(arguments: Arguments, name: str, *, default: bool) -> bool:
    value = _single_value(arguments, name)
    if value not in (None, "true", "false"):
        raise QueryFormatError("provided string was not `true` or `false`")
    return default if value is None else value == "true"


def _read_unsigned(arguments: Arguments, name: str) -> int | None:
    text = _single_value(arguments, name)
    return None if text is None else _unsigned(text)


def _unsigned(text: str) -> int:
    """Parse an unsigned 64-bit integer, with an optional plus sign. Raises QueryFormatError."""
    digits = text.removeprefix("+")
    if not text:
        raise QueryFormatError("cannot parse integer from empty string")
    if not (digits.isascii() and digits.isdigit()):
        raise QueryFormatError("invalid digit found in string")
    digits = digits.lstrip("0")
    # Length first: Python is slow to convert very many digits, or refuses to.
    if len(digits) > _U64_DIGITS or int(digits or "0") >= _U64_END:
        raise QueryFormatError("number too large to fit in target type")
    return int(digits or "0")
