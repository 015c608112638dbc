"""The C library's allocator: what it hands back to the system, and when.

All of it is for glibc; another C library does without, and keeps its own ways.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

MAPPED_FROM = 1 << 20
"""Blocks of so many bytes and more get pages of their own, which go back once they are free.

By itself glibc raises this to the size of the largest such block that was freed, up to 32 MiB, and
then takes such blocks from its heaps. An LMDB environment has one of 2 MiB and one of 1 MiB that
are empty for the most part: from a heap the larger is zeroed, so that it takes memory, and what
lies behind them keeps the heap from shrinking once they are free. Smaller blocks are left in the
heaps, where memory is used again without the system's clearing it.
"""

_TRIMMED_FROM = 8 << 20
"""A heap is cut off when so many bytes at its end are free."""

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def set_up() -> None:
    """Fix the thresholds of this process. See mallopt(3); from any thread, at any time."""
    mallopt = _function("mallopt", ctypes.c_int, ctypes.c_int)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM)
        mallopt(_M_TRIM_THRESHOLD, _TRIMMED_FROM)


def trim() -> None:
    """Give the free pages in the heaps of malloc back to the system. Releases the GIL.

    glibc has a heap for nearly every thread, and gives back by itself only what is free at the end
    of one: what a large piece of work leaves behind small objects of others stays. See
    malloc_trim(3). It goes through all heaps, so not for every call.
    """
    malloc_trim = _function("malloc_trim", ctypes.c_size_t)
    if malloc_trim is not None:
        malloc_trim(0)


@cache
def _function(name: str, *arguments: Any) -> Any:
    """A function of the C library; None where it has no such thing."""
    try:
        # What is not glibc may have functions of these names that do nothing.
        function: Any = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    function.argtypes = arguments
    return function
