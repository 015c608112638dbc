"""Work that gives way to everybody else's."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_GIVEN_UP = 10
"""Of the 19 there are: with less left, a thread that is to let go of the GIL may not get to it."""

Result = TypeVar("Result")


def at_low_priority(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises, done in a thread of its own while this one waits.

    A thread may give up its priority but not take it back. Those that OpenMP starts for it have
    the same, and end with it.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            own = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + _GIVEN_UP)
            outcome.set_result(work())
        except BaseException as error:
            outcome.set_exception(error)

    thread = threading.Thread(target=run, name="builder")
    thread.start()
    thread.join()
    return outcome.result()
