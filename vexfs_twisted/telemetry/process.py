"""Memory, descriptors and processor time of processes, as the system tells."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from attrs import evolve

from ..allocator import heap_size
from ..model.resident_memory import resident_bytes
from ..model.server_report import ProcessStatus
from ..model.system_limits import map_count, map_limit

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_MINOR_FAULTS, _MAJOR_FAULTS, _USER, _SYSTEM, _THREADS = 7, 9, 11, 12, 17
"""Members of /proc/PID/stat behind the name of the program."""


def this_process() -> ProcessStatus:
    """The status of this process. Blocks for some milliseconds."""
    own = Path("/proc/self")
    heap = heap_size()
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    status = _from_stat(own)
    return evolve(
        status,
        resident=resident_bytes() or 0,
        allocated=heap.allocated,
        active=heap.obtained,
        retained=max(heap.obtained - heap.allocated, 0),
        maps=map_count() or 0,
        most_maps=map_limit() or 0,
        descriptors=len(os.listdir(own / "fd")),
        most_descriptors=limit,
    )


def other_process(pid: int) -> ProcessStatus | None:
    """Memory, threads and time of another process; None if it has ended."""
    status = _from_stat(Path("/proc", str(pid)))
    return evolve(status, resident=resident_bytes(pid) or 0) if status.threads else None


def _from_stat(folder: Path) -> ProcessStatus:
    values = _read(folder / "stat").rpartition(") ")[2].split()
    if len(values) <= _THREADS:
        return ProcessStatus()
    return ProcessStatus(
        threads=int(values[_THREADS]),
        minor_faults=int(values[_MINOR_FAULTS]),
        major_faults=int(values[_MAJOR_FAULTS]),
        cpu=(int(values[_USER]) + int(values[_SYSTEM])) / _TICKS_A_SECOND,
    )


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
