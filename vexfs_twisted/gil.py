"""Long work in Python code that lets other threads have the GIL.

The interpreter itself takes the GIL away every 5 ms only, and a call that is handed from thread to
thread waits for it at each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import sleep
from typing import TypeVar

T = TypeVar("T")

_LONG = 4096
_EVERY = 256


def yield_gil() -> None:
    """Let another thread that waits for the GIL have it; takes some 50 us if none does."""
    sleep(0)


def yielding(items: Sequence[T]) -> Iterator[T]:
    """Yield the items; during a long loop, yield the GIL too, about once a millisecond.

    For loops of some microseconds an item in worker threads. Loops of fewer than 4,096 items may
    run in the reactor thread and are not interrupted.
    """
    if len(items) < _LONG:
        yield from items
        return
    for start in range(0, len(items), _EVERY):
        yield from items[start : start + _EVERY]
        yield_gil()
