"""Frees what the traceback of a reported error keeps alive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import FrameType

_SUSPENDABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR


def let_go(error: BaseException) -> None:
    """Clear the traceback of `error` and its frames, once nobody reads it any more.

    A traceback refers to frames and these to their callers. Where a Deferred fails, one of the
    callers refers to the error again: a reference cycle that would keep a request and its whole
    response until the garbage collector runs. Call it once these callers have returned, in their
    thread: a running frame is not cleared. Nor are coroutines, which may be resumed; finished ones
    are freed with the rest.
    """
    for link in list(_chain(error)):
        trace, link.__traceback__ = link.__traceback__, None
        while trace is not None:
            frame: FrameType | None = trace.tb_frame
            while frame is not None:
                _clear(frame)
                frame = frame.f_back
            trace = trace.tb_next


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and its contexts, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += (link.__context__, link.__cause__)


def _clear(frame: FrameType) -> None:
    if not frame.f_code.co_flags & _SUSPENDABLE:
        with suppress(RuntimeError):
            frame.clear()
