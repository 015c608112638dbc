"""A latch that many pass at once and one may close for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class LatchClosed(Exception):
    """The latch has been closed for good."""


class Latch:
    """Lets readers through until somebody needs them all outside.

    Whoever is inside must not enter again: it might wait for one who waits for it to leave.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._inside = 0
        self._is_held = False
        self._is_closed = False

    def enter(self) -> None:
        """Go in, after waiting for whoever holds the latch. Raises LatchClosed."""
        with self._condition:
            while self._is_held:
                self._condition.wait()
            self.check_open()
            self._inside += 1

    def leave(self) -> None:
        """Go out again."""
        with self._condition:
            self._inside -= 1
            if not self._inside:
                self._condition.notify_all()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait until nobody is inside and let nobody in for the time of the block."""
        with self._condition:
            while self._is_held:
                self._condition.wait()
            self._is_held = True
            while self._inside:
                self._condition.wait()
        try:
            yield
        finally:
            self._open_again()

    @contextmanager
    def held_if_empty(self) -> Iterator[bool]:
        """Hold the latch for the block if nobody is inside nor holds it; gives whether it is."""
        with self._condition:
            is_ours = not (self._inside or self._is_held)
            self._is_held |= is_ours
        try:
            yield is_ours
        finally:
            if is_ours:
                self._open_again()

    def check_open(self) -> None:
        """Raise LatchClosed when the latch has been closed; for those who enter by another lock."""
        with self._condition:
            if self._is_closed:
                raise LatchClosed

    def close(self) -> None:
        """Let nobody in any more; those inside finish."""
        with self._condition:
            self._is_closed = True

    def _open_again(self) -> None:
        with self._condition:
            self._is_held = False
            self._condition.notify_all()
