"""Parsing of datetimes to microseconds since 1970 UTC.

The formats are those that Qdrant tries in turn, with the leniency of chrono, its parser: numbers
may have fewer digits and leading blanks; a year may have a sign, and then any number of digits; a
minute may have a second 60.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_SPACE = r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
"""White space by Unicode; `re` accepts a little more."""

# Quantifiers are possessive (a `+` follows): a number takes all the digits it may have, without
# backtracking.
_BLANKS = f"{_SPACE}*+"
_YEAR = rf"{_BLANKS}([+-]\d++|\d{{1,4}}+)"
_NUMBER = rf"{_BLANKS}(\d{{1,2}}+)"
_SECONDS = rf"{_NUMBER}(?:\.(\d++))?+"
_OFFSET = rf"([+\-\u2212])(\d\d)(?::|{_SPACE})*+"

_WITH_ZONE = re.compile(
    rf"{_YEAR}{_BLANKS}-{_NUMBER}{_BLANKS}-{_NUMBER}[Tt ]"
    rf"{_NUMBER}{_BLANKS}:{_NUMBER}{_BLANKS}:{_SECONDS}"
    rf"{_BLANKS}(?:[Zz]|[Uu][Tt][Cc]|{_OFFSET}([0-5]\d)){_BLANKS}",
    re.ASCII,
)
"""With blanks before the separators and at the end."""

_OTHERWISE = re.compile(
    rf"{_YEAR}-{_NUMBER}-{_NUMBER}(?:(?:T|{_BLANKS}){_NUMBER}:{_NUMBER}"
    rf"(?::{_SECONDS}(?:{_BLANKS}(?:[Zz]|{_OFFSET}([0-5]\d)?+))?+)?+)?+",
    re.ASCII,
)
"""Without the minutes of the zone, without a zone, without seconds, or a day alone."""

_ORDINARY = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?(?:Z|[+-]\d\d:[0-5]\d)?)?", re.ASCII
)
"""The most frequent format. The standard library gives the same result in half the time."""

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_YEARS = range(-262_143, 262_143)
_CYCLE = 400
"""The period of the Gregorian calendar in years."""
_DAYS_A_CYCLE = 146_097
_EPOCH = date(1970, 1, 1).toordinal() + _DAYS_A_CYCLE
_DAY, _HOUR, _MINUTE = 86_400, 3600, 60
_DIGITS = 6
"""The digits of a fraction that are used: microseconds."""


def _days_before(year: int, month: int, day: int) -> int:
    """The days from 1970 to a date of any year. Raises ValueError for an invalid date."""
    if year not in _YEARS:
        raise ValueError(year)
    cycles, year = divmod(year, _CYCLE)
    return date(year + _CYCLE, month, day).toordinal() + cycles * _DAYS_A_CYCLE - _EPOCH


SECONDS = range(
    _days_before(_YEARS.start, 1, 1) * _DAY, (_days_before(_YEARS.stop - 1, 12, 31) + 1) * _DAY
)
"""The range of valid datetimes, in seconds since 1970 UTC."""


def parse_datetime(text: str) -> int | None:
    """Parse `text` to microseconds since 1970 UTC; None if it is not a datetime.

    Accepts RFC 3339, also with a space instead of the T; a date alone; hours and minutes with or
    without seconds. The default zone is UTC. Digits beyond microseconds are truncated. Second 60 is
    the first second of the next minute.
    """
    if _ORDINARY.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return (moment - _START) // _MICROSECOND
        except (ValueError, OverflowError):
            pass  # It may have a second 60, or be in the year 0.
    return _parse_any(text)


def _parse_any(text: str) -> int | None:
    """The same for all formats."""
    found = _WITH_ZONE.fullmatch(text) or _OTHERWISE.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = found.groups("0")
    try:
        seconds = _days_before(int(year), int(month), int(day)) * _DAY
        seconds += _within(hour, 24) * _HOUR + _within(minute, 60) * _MINUTE
        offset = _within(hours, 24) * _HOUR + int(minutes) * _MINUTE
        is_leap = second == "60"
        seconds += 59 if is_leap else _within(second, 60)
    except ValueError:
        return None
    seconds += offset if sign in "-\u2212" else -offset
    if seconds not in SECONDS:
        return None
    return (seconds + is_leap) * 1_000_000 + int(fraction[:_DIGITS].ljust(_DIGITS, "0"))


def _within(digits: str, limit: int) -> int:
    """Parse digits to a number below `limit`. Raises ValueError for a larger one."""
    number = int(digits)
    if number >= limit:
        raise ValueError(digits)
    return number
