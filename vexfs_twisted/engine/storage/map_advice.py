"""What the kernel is told about maps of files: what to keep in memory, and what not to count on.

Nothing is locked: the page cache stays what it is, so more data than memory is slow and not an end.
"""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray

from ...model.collection_params import Memory
from .file_map import map_of

_ADVICE = {
    Memory.COLD: mmap.MADV_RANDOM,
    Memory.CACHED: mmap.MADV_WILLNEED,
    Memory.PINNED: mmap.MADV_WILLNEED,
}


def memory_placement(memory: Memory | None, on_disk: bool | None) -> Memory | None:
    """Where something is to be kept: `memory` counts, or else whether it is to be on disk."""
    if memory is not None:
        return memory
    return Memory.COLD if on_disk else None


def advise(mapped: NDArray[Any], memory: Memory | None) -> None:
    """Tell the kernel about the whole map that an array lies on; nothing where it is all one.

    Cold: pages are read as they are touched, and none around them. Cached or pinned: all of it is
    read in the background.
    """
    if memory is None:
        return
    found = map_of(mapped)
    if found is not None:
        # Advice that a kernel or a file system does not take changes nothing.
        with suppress(OSError):
            found.advise(_ADVICE[memory])
