"""The Date header of responses, formatted once a second."""

from __future__ import annotations

from functools import lru_cache
from time import time

from twisted.web.http import datetimeToString


def http_date() -> bytes:
    """The current time as the value of a Date header."""
    return _formatted(int(time()))


@lru_cache(1)
def _formatted(second: int) -> bytes:
    text: bytes = datetimeToString(second)
    return text
