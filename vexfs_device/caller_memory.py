"""The memory of a process that calls the device, by process_vm_readv(2) and process_vm_writev(2).

The kernel checks each access: the address must belong to the process, the page must permit the
access, and this process must be allowed to trace that one. A page that is unmapped meanwhile causes
an error, never a signal.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any, ClassVar

from attrs import frozen
from numpy.typing import NDArray

from .errors import Refusal

_ADDRESSES = 1 << 64
_libc = ctypes.CDLL(None, use_errno=True)


class _Span(ctypes.Structure):
    """struct iovec."""

    _fields_: ClassVar[list[tuple[str, type]]] = [
        ("start", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
    ]


def _system_call(name: str) -> Any:
    call = getattr(_libc, name)
    spans = ctypes.POINTER(_Span)
    call.argtypes = [ctypes.c_int, spans, ctypes.c_ulong, spans, ctypes.c_ulong, ctypes.c_ulong]
    call.restype = ctypes.c_ssize_t
    return call


_read = _system_call("process_vm_readv")
_write = _system_call("process_vm_writev")


@frozen
class CallerMemory:
    """The memory of the process or thread `pid`.

    Methods raise Refusal: EFAULT for an invalid address range, EPERM if this process may not access
    that one.
    """

    pid: int

    def read(self, address: int, target: NDArray[Any]) -> None:
        """Fill `target`, C-contiguous, with the bytes at `address`."""
        self._move(_read, address, target)

    def write(self, address: int, source: NDArray[Any]) -> None:
        """Write the bytes of `source`, C-contiguous, to `address`."""
        self._move(_write, address, source)

    def _move(self, call: Any, address: int, array: NDArray[Any]) -> None:
        size = array.nbytes
        if address + size > _ADDRESSES:
            raise Refusal(errno.EFAULT, "an address runs over the end of memory")
        done = 0
        while done < size:
            # A call may transfer less than requested, up to an invalid page.
            own = _Span(array.ctypes.data + done, size - done)
            theirs = _Span(address + done, size - done)
            moved = call(self.pid, ctypes.byref(own), 1, ctypes.byref(theirs), 1, 0)
            if moved <= 0:
                raise _refusal(ctypes.get_errno() if moved < 0 else errno.EFAULT)
            done += moved


def _refusal(number: int) -> Refusal:
    if number in (errno.EPERM, errno.ESRCH):
        # A caller in a pid namespace that is not visible here has no pid here.
        return Refusal(errno.EPERM, "the memory of the caller is out of reach")
    return Refusal(number, os.strerror(number))
