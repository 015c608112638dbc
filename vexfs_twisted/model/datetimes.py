"""Datetimes as clients spell them, and as the server compares them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# What the standard library reads is wider (basic and week dates), so the form is checked first.
_FORM = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](\d\d:\d\d)(?:(:\d\d)(\.\d+)?(?: ?([Zz]|UTC|[+-]\d\d(?::?\d\d)?))?)?)?",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FRACTION_END = 7


def parse_datetime(text: str) -> int | None:
    """The microseconds since 1970 UTC that `text` spells, None when it is no datetime.

    RFC 3339, with a space for the T if need be; a date alone; hours and minutes with or without
    seconds. Without a zone it is UTC. Digits past the microseconds are cut off.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    day, minutes, seconds, fraction, zone = form.groups()
    if minutes is None:
        spelled = day
    else:
        spelled = f"{day}T{minutes}{seconds or ''}{(fraction or '')[:_FRACTION_END]}"
        if zone is not None:
            spelled += "+00:00" if zone in ("Z", "z", "UTC") else zone
    try:
        moment = datetime.fromisoformat(spelled)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
