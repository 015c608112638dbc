"""Maps errors of the operating system to DeviceErrors."""

from __future__ import annotations

import errno
import os

from ..model.device import (
    DeviceDenied,
    DeviceError,
    DeviceFailed,
    DeviceFull,
    DeviceGone,
    DeviceRefused,
    FileTaken,
    NoSuchFile,
    NotADevice,
)

_KINDS: dict[type[DeviceError], tuple[int, ...]] = {
    DeviceRefused: (
        errno.EINVAL,
        errno.EFAULT,
        errno.EOVERFLOW,
        errno.ERANGE,
        errno.E2BIG,
        errno.ENAMETOOLONG,
    ),
    DeviceFull: (errno.ENOSPC, errno.ENOMEM, errno.EDQUOT, errno.EFBIG),
    DeviceDenied: (errno.EACCES, errno.EPERM, errno.EROFS),
    DeviceGone: (
        errno.ENODEV,
        errno.ENXIO,
        errno.EBADF,
        errno.ESTALE,
        errno.ESHUTDOWN,
        # From a FUSE mount while its server dies, and once it is dead.
        errno.ECONNABORTED,
        errno.ENOTCONN,
    ),
    NotADevice: (errno.ENOTTY, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTDIR, errno.EISDIR),
    NoSuchFile: (errno.ENOENT,),
    FileTaken: (errno.EEXIST,),
}

_KIND_OF = {number: kind for kind, numbers in _KINDS.items() for number in numbers}


def device_error(error: OSError, doing: str) -> DeviceError:
    """The DeviceError for `error`; `doing` says what was tried, and on what."""
    number = error.errno or 0
    kind = _KIND_OF.get(number, DeviceFailed)
    name = errno.errorcode.get(number, "no number")
    return kind(f"{doing}: {os.strerror(number)} ({name})", number)
