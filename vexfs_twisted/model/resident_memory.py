"""The memory that processes have, and how much of it this one may have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from time import monotonic

_RESIDENT = 1
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TOTAL = os.sysconf("SC_PHYS_PAGES") * _PAGE
_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def resident_bytes(pid: int | None = None) -> int | None:
    """The memory that a process has, this one by default; None where that is not told."""
    process = "self" if pid is None else str(pid)
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc", process, "statm").read_text().split()[_RESIDENT]) * _PAGE
    return None


def available_bytes() -> int:
    """The memory of the machine, or the least limit of the control groups of this process."""
    limits = [_TOTAL]
    for file in _limit_files():
        with suppress(OSError, ValueError):
            limits.append(int(file.read_text()))
    return min(limits)


def resident_percent() -> float | None:
    """What this process has, in percent of what it may have; None where that is not told."""
    resident = resident_bytes()
    return None if resident is None else 100 * resident / _available_in(int(monotonic()))


@lru_cache(maxsize=1)
def _available_in(second: int) -> int:
    """`available_bytes`, read once in a second: strict mode asks at each update."""
    return available_bytes()


@cache
def _limit_files() -> tuple[Path, ...]:
    """The files with the limits of the control groups. Limits may change, and groups hardly do."""
    try:
        lines = _OWN_CGROUPS.read_text().splitlines()
    except OSError:
        lines = []
    return tuple(file for file in limit_files(lines, _CGROUPS) if file.exists())


def limit_files(lines: list[str], root: Path) -> Iterator[Path]:
    """Where the limits of control groups may be, by the lines of /proc/self/cgroup.

    Those of a group hold for all below it. In a container the path may be that of the machine,
    which is not there, while its own group is the root.
    """
    for line in lines:
        _, controllers, path = line.split(":", 2)
        folder, file = root, "memory.max"
        if "memory" in controllers.split(","):
            folder, file = root / "memory", "memory.limit_in_bytes"
        elif controllers:
            continue
        own = Path(path.lstrip("/"))
        for group in (own, *own.parents):
            yield folder / group / file
