"""Runs the coroutines of calls, most of which wait once or not at all."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Running(Generic[T]):
    """A coroutine that awaits Deferreds, in a context of its own. Used in one thread.

    It is run as far as it comes at once, and goes on when what it awaits has fired. `done` is
    called with its result, `failed` with its error. It does what `Deferred.fromCoroutine` does, at
    half of the cost, which is much of that of a small call.
    """

    __slots__ = ("_awaited", "_done", "_failed", "_run", "_work")

    def __init__(
        self,
        work: Coroutine[Deferred[Any], Any, T],
        done: Callable[[T], object],
        failed: Callable[[Failure], object],
    ) -> None:
        self._work = work
        self._done = done
        self._failed = failed
        self._awaited: Deferred[Any] | None = None
        self._run = copy_context().run
        self._step(work.send, None)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._awaited is None

    def cancel(self) -> None:
        """Cancel what it awaits, if it has not ended."""
        if self._awaited is not None:
            self._awaited.cancel()

    def _step(self, step: Callable[[Any], Deferred[Any]], value: object) -> None:
        self._awaited = None
        try:
            awaited = self._run(step, value)
        except StopIteration as end:
            self._done(end.value)
        except Exception:
            self._failed(Failure())
        else:
            self._awaited = awaited
            awaited.addCallbacks(self._fired, self._broke)

    def _fired(self, result: object) -> None:
        self._step(self._work.send, result)

    def _broke(self, failure: Failure) -> None:
        self._step(self._work.throw, failure.value)
