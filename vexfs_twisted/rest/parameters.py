"""Query strings: what updates and reads may be told beside their bodies."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..model.errors import BadInput, Place, Problem, QueryFormatError, ValidationError
from ..model.validation import Bounds

Arguments = Mapping[bytes, list[bytes]]
"""A parsed query string, as twisted.web gives it."""

_ORDERINGS = ("weak", "medium", "strong")
_CONSISTENCIES = ("majority", "quorum", "all")
_REPORT_PARTS = ("queued", "completed", "idle_segments")
_AT_LEAST_ONE = Bounds(1)
_U64_DIGITS = 20


@frozen
class UpdateParameters:
    """How an update is answered: whether it is waited for, and for how many seconds."""

    wait: bool = False
    timeout: int | None = None


@frozen
class ReportParameters:
    """Which lists a report of optimizations has, and the length of the longest of them."""

    parts: frozenset[str] = frozenset()
    completed_limit: int = 16


def read_update_parameters(arguments: Arguments) -> UpdateParameters:
    """The parameters of an update. `ordering` is checked; one node has but one order."""
    if not arguments:
        return UpdateParameters()
    ordering = _last(arguments, b"ordering")
    if ordering is not None and ordering not in _ORDERINGS:
        expected = ", ".join(f"`{name}`" for name in _ORDERINGS)
        raise QueryFormatError(f"unknown variant `{ordering}`, expected one of {expected}")
    return UpdateParameters(_read_wait(arguments), read_timeout(arguments))


def read_read_parameters(arguments: Arguments) -> int | None:
    """The time limit of a read, in seconds. `consistency` is checked; one node is consistent."""
    if not arguments:
        return None
    consistency = _last(arguments, b"consistency")
    if consistency is not None and consistency not in _CONSISTENCIES:
        if not _is_unsigned(consistency):
            text = "data did not match any variant of untagged enum ReadConsistency"
            raise QueryFormatError(text)
        _check_positive("consistency", int(consistency))
    return read_timeout(arguments)


def read_report_parameters(arguments: Arguments) -> ReportParameters:
    """The parameters of a report of optimizations."""
    parts = (_last(arguments, b"with") or "").split(",")
    wanted = frozenset(part.strip() for part in parts) - {""}
    for part in sorted(wanted.difference(_REPORT_PARTS)):
        raise BadInput(f"Unknown field in 'with' parameter: {part}")
    limit = _last(arguments, b"completed_limit")
    if limit is None:
        return ReportParameters(wanted)
    if not _is_unsigned(limit):
        raise QueryFormatError("invalid digit found in string")
    return ReportParameters(wanted, int(limit))


def read_timeout(arguments: Arguments) -> int | None:
    """The time limit of an operation, in seconds."""
    timeout = _last(arguments, b"timeout")
    if timeout is None:
        return None
    if not _is_unsigned(timeout):
        raise QueryFormatError("invalid digit found in string")
    _check_positive("timeout", int(timeout))
    return int(timeout)


def _read_wait(arguments: Arguments) -> bool:
    wait = _last(arguments, b"wait")
    if wait not in (None, "true", "false"):
        raise QueryFormatError("provided string was not `true` or `false`")
    return wait == "true"


def _last(arguments: Arguments, name: bytes) -> str | None:
    values = arguments.get(name)
    return values[-1].decode("utf-8", "replace") if values else None


def _is_unsigned(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _U64_DIGITS


def _check_positive(name: str, value: int) -> None:
    complaint = _AT_LEAST_ONE.complaint(value)
    if complaint is not None:
        raise ValidationError([Problem(name, complaint)], Place.QUERY)
