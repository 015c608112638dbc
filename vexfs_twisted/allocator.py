"""Tuning of glibc's malloc: which free memory is returned to the system, and when.

Everything here is a no-op with another C library.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any, NamedTuple

MAPPED_FROM = 1 << 20
"""Blocks of at least this many bytes are mapped by mmap and unmapped when they are freed.

By default glibc raises this threshold to the size of the largest such block that was freed, up to
32 MiB, and then allocates such blocks from its heaps. An LMDB environment has one of 2 MiB and one
of 1 MiB that are mostly empty. In a heap, the larger one is zeroed and so becomes resident, and
allocations behind them keep the heap from shrinking after they are freed. Smaller blocks stay in
the heaps, where memory is reused without being cleared by the kernel.
"""

_TRIMMED_FROM = 8 << 20
"""A heap is trimmed when at least this many bytes at its end are free."""

_LEAST_HEAPS = 2

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8


def set_up() -> None:
    """Set the malloc thresholds and heaps of this process, see mallopt(3). Thread-safe.

    At any time, but the number of heaps counts only before many threads have allocated memory.
    """
    mallopt = _function("mallopt", ctypes.c_int, ctypes.c_int)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, MAPPED_FROM)
        mallopt(_M_TRIM_THRESHOLD, _TRIMMED_FROM)
        # By default there are eight for each core, and what one thread frees is of no use to
        # others. Most of what allocates holds the GIL, so that threads rarely wait for a heap.
        mallopt(_M_ARENA_MAX, max(_LEAST_HEAPS, os.cpu_count() or 1))


def trim() -> None:
    """Return free pages in the heaps of malloc to the system. Releases the GIL.

    glibc has several heaps, and by itself returns only what is free at the end of one: free memory
    in front of small live objects stays resident. See malloc_trim(3). It goes through all heaps, so
    it is too expensive for every call.
    """
    malloc_trim = _function("malloc_trim", ctypes.c_size_t)
    if malloc_trim is not None:
        malloc_trim(0)


@cache
def _function(name: str, *arguments: Any) -> Any:
    """A function of the C library; None where it does not exist."""
    try:
        # Other C libraries may have functions of these names that do nothing.
        function: Any = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    function.argtypes = arguments
    return function


class _Mallinfo2(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


class HeapSize(NamedTuple):
    """What malloc has given out, and got from the system for that, in bytes."""

    allocated: int
    obtained: int


def heap_size() -> HeapSize:
    """The size of all heaps, see mallinfo2(3). Goes through all free blocks, under their locks."""
    mallinfo2 = _function("mallinfo2")
    if mallinfo2 is None:
        return HeapSize(0, 0)
    mallinfo2.restype = _Mallinfo2
    info = mallinfo2()
    return HeapSize(info.uordblks + info.hblkhd, info.arena + info.hblkhd)
