"""What files take on disk, and what of them the system holds in memory."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

_STEP = 1 << 30
"""Bytes that are mapped and asked for at a time: the answer takes a byte a page."""

_BLOCK = 512


def disk_size(path: Path) -> int:
    """The bytes that a file takes on disk, without its holes; 0 if it is gone meanwhile."""
    try:
        return path.stat().st_blocks * _BLOCK
    except FileNotFoundError:
        return 0


def files_in(directory: Path) -> Iterable[Path]:
    """The files of a directory; none if it is gone."""
    try:
        with os.scandir(directory) as entries:
            return [Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def cached_size(path: Path) -> int:
    """The bytes of a file that are in the page cache of the system. Reads nothing of the file.

    0 if it is gone meanwhile, and where the system does not tell. Blocks for about a millisecond a
    gigabyte.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            steps = range(0, size, _STEP)
            return sum(_cached(file.fileno(), start, min(_STEP, size - start)) for start in steps)
    except (FileNotFoundError, PermissionError):
        return 0


def _cached(descriptor: int, start: int, size: int) -> int:
    # A copy on write: the address of a map can be had only where the map may be written.
    with mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY, offset=start) as mapped:
        pages = np.zeros(-(-size // mmap.PAGESIZE), dtype=np.uint8)
        view = np.frombuffer(mapped, dtype=np.uint8)
        address = view.ctypes.data
        # The map cannot be closed while it is viewed.
        del view
        if _mincore(address, size, pages.ctypes.data) != 0:
            return 0
        return min(int(np.count_nonzero(pages & 1)) * mmap.PAGESIZE, size)


_mincore = ctypes.CDLL(None, use_errno=True).mincore
_mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
