"""Room that dead rows take, given back to the device, where a file may have holes.

A hole is read as zeros, and on the file systems that disks have it takes no room by being read. On
others, such as tmpfs, the first read of a page of a map gives it room, and where there is none left
the kernel ends the process. There a file must have all the room that is ever read.
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
"""The file systems, as statfs(2) numbers them, on which reading a hole is known to take no room."""


def may_have_holes(directory: Path) -> bool:
    """Whether holes of files in a directory can be read, whatever room is left on the device.

    On a file system that is not known, such as an overlay over another one, it is tried out.
    """
    found = ctypes.create_string_buffer(_STATFS_BYTES)
    if _function("statfs")(os.fsencode(directory), found) != 0:
        return False
    return ctypes.c_long.from_buffer(found).value & 0xFFFFFFFF in _PLAIN or _is_read_for_nothing(
        directory
    )


def _is_read_for_nothing(directory: Path) -> bool:
    """Whether a hole takes no room when it is read through a map; False where it cannot be tried.

    The kernel reads it on its way into a pipe, so that no room is an error and not the end.
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


def holes(is_free: NDArray[np.bool_], offset: int, row_size: int) -> Iterator[tuple[int, int]]:
    """Where in a file whole pages belong to free rows alone: the offset and size of each hole.

    `is_free`, shape [rows], tells of rows of `row_size` bytes, of which the first is at `offset`.
    """
    edges = np.flatnonzero(np.diff(is_free.view(np.int8), prepend=0, append=0))
    first = offset + edges[0::2] * row_size
    last = offset + edges[1::2] * row_size
    begin, end = -(-first // _PAGE) * _PAGE, last // _PAGE * _PAGE
    is_hole = end > begin
    sizes = end[is_hole] - begin[is_hole]
    yield from zip(begin[is_hole].tolist(), sizes.tolist(), strict=True)


def punch(descriptor: int, offset: int, size: int) -> bool:
    """Free a part of a file, which reads as zeros from now on; False where that cannot be done.

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
