"""Logging of operating system limits that are reached, rate limited."""

from __future__ import annotations

from .logs import get_logger
from .model.system_limits import exhausted
from .throttle import Throttle

log = get_logger("vexfs.limits")

SECONDS = 60.0
"""Seconds between two log lines about one limit, since every call may run into it."""


_seldom = Throttle(SECONDS)


def explained(error: BaseException) -> BaseException:
    """Map an error to one that names the system limit reached, or return it unchanged.

    A limit that is reached is logged, at most once per `SECONDS`.
    """
    found = exhausted(error)
    if found is None:
        return error
    if _seldom.is_time(found.message):
        log.warning("calls fail", reason=found.message)
    return found
