"""Read-only file maps that live as long as any numpy array on them.

Used in place of the standard library's mmap, which keeps a descriptor open for every map.
"""

from __future__ import annotations

import ctypes
import mmap
import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_FAILED = ctypes.c_void_p(-1).value


class FileMap:
    """The first `size` bytes of a file, mapped shared. The file must be at least that long.

    The map holds no descriptor. It is unmapped with the last array on it, so reading an array
    faults only if the file was truncated meanwhile.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        """Map the file. The descriptor may be closed afterwards. Raises OSError."""
        self._size = size
        self._unmap = _libc().munmap
        self._address = _libc().mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, 0)
        if self._address == _FAILED:
            self._address = None
            raise _last_error()

    def __del__(self) -> None:
        if self._address is not None:
            self._unmap(self._address, self._size)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """The array interface of numpy: a read-only array that keeps the map alive."""
        return {
            "version": 3,
            "shape": (self._size,),
            "typestr": "|u1",
            "data": (self._address, True),
        }

    def array(self, dtype: DTypeLike, count: int = -1, offset: int = 0) -> NDArray[Any]:
        """A read-only array of `count` values from byte `offset` on; -1 for all up to the end."""
        item = np.dtype(dtype)
        whole = np.asarray(self)[offset:]
        nbytes = len(whole) // item.itemsize * item.itemsize if count < 0 else count * item.itemsize
        if nbytes > len(whole):
            raise ValueError(f"{count} values from byte {offset} on end beyond the map")
        return whole[:nbytes].view(item)

    def advise(self, advice: int, start: int = 0) -> None:
        """Call madvise(2) on the map from the page of byte `start` on. Raises OSError."""
        skipped = min(start, self._size) // mmap.PAGESIZE * mmap.PAGESIZE
        if _libc().madvise(self._address + skipped, self._size - skipped, advice) != 0:
            raise _last_error()


def map_of(array: NDArray[Any]) -> FileMap | None:
    """The map that an array is a view of, or None."""
    base: Any = array
    while base is not None and not isinstance(base, FileMap):
        base = getattr(base, "base", None)
    return base


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


@cache
def _libc() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    size, number, address = ctypes.c_size_t, ctypes.c_int, ctypes.c_void_p
    library.mmap.restype = address
    library.mmap.argtypes = [address, size, number, number, number, ctypes.c_int64]
    library.munmap.argtypes = [address, size]
    library.madvise.argtypes = [address, size, number]
    return library
