"""What the storage notes in the traces of calls: how long they waited, and the work for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from time import time_ns

from ..model.read_context import ReadContext
from ..model.trace import Trace, current, is_enabled

WAIT, READ, COMMIT = "queue wait", "engine read", "engine commit"

Queued = tuple[Trace, int]
"""The trace of a call, and when its work was queued."""


def queued() -> Queued | None:
    """What is queued now for the call that is worked for; None if calls are not traced."""
    trace = current()
    return None if trace is None else (trace, time_ns())


def begin_reads(contexts: Sequence[ReadContext]) -> Callable[[], None] | None:
    """Begin to work for these reads together; to be called at the end, unless it is None."""
    if not is_enabled():
        return None
    return begin_work(READ, ((own.trace, own.begun) for own in contexts if own.trace is not None))


def begin_work(name: str, calls: Iterable[Queued]) -> Callable[[], None] | None:
    """Begin the work `name` for these calls together; see `begin_reads`."""
    waiting = list(calls)
    if not waiting:
        return None
    begun = time_ns()
    for trace, since in waiting:
        trace.note(WAIT, since, begun)

    def end() -> None:
        ended = time_ns()
        for trace, _ in waiting:
            trace.note(name, begun, ended)

    return end
