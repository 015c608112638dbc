"""A memory budget of concurrent requests."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from .errors import Refusal


class Budget:
    """A number of bytes shared by all threads. Requests for more than is free block."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._left = size
        self._condition = Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Hold `size` bytes for the duration of the block. Refuses more than the whole budget."""
        if size > self._size:
            raise Refusal(errno.ENOMEM, f"{size} bytes in one request, {self._size} are allowed")
        with self._condition:
            self._condition.wait_for(lambda: size <= self._left)
            self._left -= size
        try:
            yield
        finally:
            with self._condition:
                self._left += size
                self._condition.notify_all()
