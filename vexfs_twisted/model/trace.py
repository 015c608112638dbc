"""Traces of calls: what the threads that work for a call note about it.

Nothing is noted unless `enable` was called: whoever begins a call then sets `CURRENT` for what it
does, in whichever thread, and reads and writes that are begun there take the trace with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import time_ns
from typing import NamedTuple


class Phase(NamedTuple):
    """A part of the work for a call, from `started` to `ended`, in nanoseconds since 1970."""

    name: str
    started: int
    ended: int


class Trace:
    """The phases of one call. Thread-safe."""

    __slots__ = ("phases", "started")

    def __init__(self) -> None:
        self.started = time_ns()
        self.phases: list[Phase] = []

    def note(self, name: str, started: int, ended: int) -> None:
        """Add a phase."""
        self.phases.append(Phase(name, started, ended))


CURRENT: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace of the call that is worked for."""


@contextmanager
def traced(trace: Trace) -> Iterator[None]:
    """A context in which `trace` is the current one."""
    token = CURRENT.set(trace)
    try:
        yield
    finally:
        CURRENT.reset(token)


class _State:
    is_enabled = False


def enable(*, is_enabled: bool = True) -> None:
    """Let traces be taken along; off at first."""
    _State.is_enabled = is_enabled


def is_enabled() -> bool:
    """Whether calls are traced."""
    return _State.is_enabled


def current() -> Trace | None:
    """The trace of the call that is worked for; None if calls are not traced."""
    return CURRENT.get() if _State.is_enabled else None
