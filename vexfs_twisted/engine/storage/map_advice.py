"""madvise(2) for file maps: which to read ahead, and which to read page by page.

Nothing is locked in memory. The page cache decides, so more data than memory is slow but works.
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
    """The placement that two options ask for: `memory` if it is given, else cold for `on_disk`."""
    if memory is not None:
        return memory
    return Memory.COLD if on_disk else None


def advise(mapped: NDArray[Any], memory: Memory | None, start: int = 0) -> None:
    """Advise the kernel on the map that an array is a view of; no-op for None or no map.

    Cold: pages are read when they are accessed, without read-ahead. Cached or pinned: the map is
    read in the background, from byte `start` on.
    """
    if memory is None:
        return
    found = map_of(mapped)
    if found is not None:
        # Advice that the kernel or file system refuses has no effect.
        with suppress(OSError):
            found.advise(_ADVICE[memory], start)
