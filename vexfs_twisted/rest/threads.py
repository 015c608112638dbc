"""The interface to the worker threads that decode and encode large bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")

THREAD_FROM_BYTES = 64 * 1024
"""Bodies of this size or more are decoded, and results encoded, outside the reactor thread."""


class RunInThread(Protocol):
    """Runs a function in a worker thread; cancelling drops its result."""

    def __call__(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """Call `function(*args)` in a worker thread. Fires with what it returns.

        Called in the reactor thread.
        """
        ...
