"""Memory that the C library holds though nobody uses it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any


def give_back_memory() -> None:
    """Give the free pages in the heaps of malloc back to the system. Releases the GIL.

    glibc has a heap for nearly every thread, and gives back by itself only what is free at the end
    of one: what a large piece of work leaves behind small objects of others stays. See
    malloc_trim(3); another C library does without.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> Callable[[int], Any] | None:
    try:
        trim: Any = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    trim.argtypes = (ctypes.c_size_t,)
    return trim  # type: ignore[no-any-return]
