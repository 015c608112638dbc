"""A latch: shared by many readers, or held exclusively by one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from ..read_bounds import expect

WAIT_S = 0.01
"""The estimated duration of a wait for the latch, or of opening what it guards, in seconds."""


class LatchClosed(Exception):
    """The latch has been closed; it cannot be opened again."""


class Latch:
    """A shared/exclusive latch. A waiting exclusive holder keeps new readers out. Thread-safe.

    Not reentrant: a reader that enters again can deadlock with a holder that waits for it to leave.
    """

    def __init__(self) -> None:
        self._condition = Condition()
        self._inside = 0
        self._is_held = False
        self._is_closed = False

    def enter(self) -> None:
        """Acquire the latch shared; waits while it is held exclusively.

        Raises LatchClosed, and Outgrown for a read that has no time to wait.
        """
        with self._condition:
            while self._is_held:
                expect(WAIT_S)
                self._condition.wait()
            self.check_open()
            self._inside += 1

    def leave(self) -> None:
        """Release the shared latch."""
        with self._condition:
            self._inside -= 1
            if not self._inside:
                self._condition.notify_all()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the latch exclusively for the block, after waiting for all readers to leave."""
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
        """Hold the latch exclusively for the block if it is free; yields whether it was."""
        with self._condition:
            is_ours = not (self._inside or self._is_held)
            self._is_held |= is_ours
        try:
            yield is_ours
        finally:
            if is_ours:
                self._open_again()

    def check_open(self) -> None:
        """Raise LatchClosed if the latch is closed; for callers that hold another lock."""
        with self._condition:
            if self._is_closed:
                raise LatchClosed

    def close(self) -> None:
        """Refuse new readers; those inside finish."""
        with self._condition:
            self._is_closed = True

    def _open_again(self) -> None:
        with self._condition:
            self._is_held = False
            self._condition.notify_all()
