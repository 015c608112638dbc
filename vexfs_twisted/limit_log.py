"""What is told of limits of the system that are reached."""

from __future__ import annotations

from .logs import get_logger
from .model.system_limits import exhausted
from .throttle import Throttle

log = get_logger("vexfs.limits")

SECONDS = 60.0
"""For so long after a line the log has no other of the limit, which every call may meet."""


_seldom = Throttle(SECONDS)


def explained(error: BaseException) -> BaseException:
    """The error to answer with for one that was raised: which limit was reached, or the same.

    A limit that is reached is logged, seldom.
    """
    found = exhausted(error)
    if found is None:
        return error
    if _seldom.is_time(found.message):
        log.warning("calls fail", reason=found.message)
    return found
