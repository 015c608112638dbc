"""Room that dead rows take, given back to the device."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

_KEEP_SIZE = 1
_PUNCH_HOLE = 2
_PAGE = 4096


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
    if _fallocate()(descriptor, _PUNCH_HOLE | _KEEP_SIZE, offset, size) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EOPNOTSUPP, errno.ENOSYS):
        return False
    raise OSError(number, os.strerror(number))


@cache
def _fallocate() -> Any:
    function = ctypes.CDLL(None, use_errno=True).fallocate
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return function
