"""How much of the memory that this process may have it takes."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
_STATM = Path("/proc/self/statm")
_RESIDENT = 1


def resident_percent() -> float:
    """The resident memory in percent of what the process may have; 0 where that is not told."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(_STATM.read_text().split()[_RESIDENT])
        return 100 * pages * os.sysconf("SC_PAGE_SIZE") / _available()
    return 0.0


@cache
def _available() -> int:
    """The memory of the machine, or of the control group if that is less, in bytes."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with suppress(OSError, ValueError):
        return min(total, int(_CGROUP_LIMIT.read_text()))
    return total
