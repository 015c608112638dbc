"""A queue between threads that wakes the receiver once per burst, not once per item."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class WakeupQueue(Generic[T]):
    """A queue with many producer threads and one consumer.

    `put` calls `wake` only when no wake is pending; the consumer responds to a wake with `take`,
    which returns everything queued since. A burst costs one wake: the wake, through a pipe or an
    eventfd, dominates the cost of a hand-over.

    Thread affinity: `put` from any thread; `take` only in the thread that `wake` wakes.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self._items: deque[T] = deque()
        self._awake = False
        self._lock = Lock()

    def put(self, item: T) -> None:
        """Append `item` and wake the receiver unless a wake is already on its way."""
        with self._lock:
            self._items.append(item)
            if self._awake:
                return
            self._awake = True
        self._wake()

    def take(self) -> deque[T]:
        """Everything queued, in order. The next `put` wakes again."""
        with self._lock:
            taken, self._items = self._items, deque()
            self._awake = False
        return taken
