"""Datetimes as clients spell them, and as the server compares them.

The forms are those that Qdrant tries in turn, as lax about numbers, signs and blanks as chrono, the
library that parses them there: a number may have fewer digits than its place, and blanks before it;
a year may have a sign, and then any number of digits; a minute may have a second 60.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

_SPACE = r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
"""What Unicode calls white space; to `re` a little more is."""

# Nothing is given back once it has matched (`+` after a quantifier): a number takes all digits that
# it may have, whatever follows.
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
"""With blanks before the marks too, and after all."""

_OTHERWISE = re.compile(
    rf"{_YEAR}-{_NUMBER}-{_NUMBER}(?:(?:T|{_BLANKS}){_NUMBER}:{_NUMBER}"
    rf"(?::{_SECONDS}(?:{_BLANKS}(?:[Zz]|{_OFFSET}([0-5]\d)?+))?+)?+)?+",
    re.ASCII,
)
"""Without the minutes of the zone, without a zone, without seconds, or a day alone."""

_ORDINARY = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?(?:Z|[+-]\d\d:[0-5]\d)?)?", re.ASCII
)
"""What most datetimes look like. The standard library reads it alike, in half the time."""

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_YEARS = range(-262_143, 262_143)
_CYCLE = 400
"""Years after which the calendar repeats itself."""
_DAYS_A_CYCLE = 146_097
_EPOCH = date(1970, 1, 1).toordinal() + _DAYS_A_CYCLE
_DAY, _HOUR, _MINUTE = 86_400, 3600, 60
_DIGITS = 6
"""Of a fraction, those that tell microseconds."""


def _days_before(year: int, month: int, day: int) -> int:
    """The days from 1970 to a day of any year. Raises ValueError where there is no such day."""
    if year not in _YEARS:
        raise ValueError(year)
    cycles, year = divmod(year, _CYCLE)
    return date(year + _CYCLE, month, day).toordinal() + cycles * _DAYS_A_CYCLE - _EPOCH


SECONDS = range(
    _days_before(_YEARS.start, 1, 1) * _DAY, (_days_before(_YEARS.stop - 1, 12, 31) + 1) * _DAY
)
"""The seconds since 1970 UTC that a datetime may lie at."""


def parse_datetime(text: str) -> int | None:
    """The microseconds since 1970 UTC that `text` spells, None when it is no datetime.

    RFC 3339, with a space for the T if need be; a date alone; hours and minutes with or without
    seconds. Without a zone it is UTC. Digits past the microseconds are cut off. Second 60 is the
    first one of the next minute.
    """
    if _ORDINARY.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return (moment - _START) // _MICROSECOND
        except (ValueError, OverflowError):
            pass  # It may have a second 60, or lie in the year 0.
    return _parse_any(text)


def _parse_any(text: str) -> int | None:
    """The same for every form."""
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
    """The number below `limit` that the digits spell. Raises ValueError for others."""
    number = int(digits)
    if number >= limit:
        raise ValueError(digits)
    return number
