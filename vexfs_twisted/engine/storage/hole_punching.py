"""Hole punching: gives the disk space of dead rows back, on file systems where that is safe.

A hole reads as zeros, and on disk file systems reading it allocates nothing. On others, such as
tmpfs, the first read of a page through a map allocates it, and the kernel kills the process if no
space is left. There, a file must have all space allocated that is ever read.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEEP_SIZE = 1
_PUNCH_HOLE = 2
_PAGE = 4096


_STATFS_BYTES = 256
_PLAIN = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # xfs
        0x9123683E,  # btrfs
        0xF2F52010,  # f2fs
        0x2FC12FC1,  # zfs
        0xCA451A4E,  # bcachefs
    }
)
"""statfs(2) numbers of the file systems on which reading a hole is known to allocate nothing."""


def may_have_holes(directory: Path) -> bool:
    """Whether holes of files in a directory can be read safely even if the device is full.

    On an unknown file system, such as an overlay over another one, this is tested on a file.
    """
    found = ctypes.create_string_buffer(_STATFS_BYTES)
    if _function("statfs")(os.fsencode(directory), found) != 0:
        return False
    return ctypes.c_long.from_buffer(found).value & 0xFFFFFFFF in _PLAIN or _is_read_for_nothing(
        directory
    )


def _is_read_for_nothing(directory: Path) -> bool:
    """Whether reading a hole through a map allocates nothing; False if that cannot be tested.

    The kernel reads it while writing to a pipe, so that lack of space is an error, not SIGBUS.
    """
    source, target = os.pipe()
    try:
        with TemporaryFile(dir=directory) as file:
            file.truncate(_PAGE)
            with mmap.mmap(file.fileno(), _PAGE, access=mmap.ACCESS_READ) as mapped:
                os.write(target, memoryview(mapped)[:1])
            return os.fstat(file.fileno()).st_blocks == 0
    except OSError:
        return False
    finally:
        os.close(source)
        os.close(target)


def runs(is_free: NDArray[np.bool_], first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The starts and stops of the runs of free rows; `is_free`, [n], begins at row `first`."""
    edges = np.flatnonzero(np.diff(is_free.view(np.int8), prepend=0, append=0)) + first
    return edges[0::2], edges[1::2]


def holes(
    starts: NDArray[np.int64], stops: NDArray[np.int64], offset: int, row_size: int
) -> Iterator[tuple[int, int]]:
    """The offset and size in bytes of the whole pages in each range of rows.

    Rows have `row_size` bytes; row 0 is at `offset`.
    """
    begin = -(-(offset + starts * row_size) // _PAGE) * _PAGE
    end = (offset + stops * row_size) // _PAGE * _PAGE
    is_hole = end > begin
    sizes = end[is_hole] - begin[is_hole]
    yield from zip(begin[is_hole].tolist(), sizes.tolist(), strict=True)


def punch(descriptor: int, offset: int, size: int) -> bool:
    """Deallocate a part of a file, which then reads as zeros; False if that is not supported.

    Releases the GIL. Raises OSError.
    """
    offsets = ctypes.c_int64(offset), ctypes.c_int64(size)
    if _function("fallocate")(descriptor, _PUNCH_HOLE | _KEEP_SIZE, *offsets) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EOPNOTSUPP, errno.ENOSYS):
        return False
    raise OSError(number, os.strerror(number))


@cache
def _function(name: str) -> Any:
    return getattr(ctypes.CDLL(None, use_errno=True), name)
