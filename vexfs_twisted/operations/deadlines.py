"""Timeouts of operations."""

from __future__ import annotations

from typing import TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ..model.read_context import timed_out

T = TypeVar("T")


def with_deadline(work: Deferred[T], timeout: float | None, clock: IReactorTime) -> Deferred[T]:
    """`work`, cancelled and failed with TimedOut after `timeout` seconds; None for no timeout."""
    if timeout is None:
        return work

    def explained(result: T | Failure, seconds: float) -> T | Failure:
        if isinstance(result, Failure) and result.check(CancelledError):
            raise timed_out(seconds)
        return result

    return work.addTimeout(timeout, clock, onTimeoutCancel=explained)
