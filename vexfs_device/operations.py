"""The FUSE operations on one directory of vector files.

Names and signatures are those that mfusepy calls, in threads of libfuse. Open descriptors are
identified by the number of their handle.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from itertools import count

from attrs import frozen

from .caller_memory import CallerMemory
from .directory import Directory
from .errors import Refusal, answering
from .file import DeviceFile
from .ioctls import Caller, Ioctls
from .registry import RegistryEntry

Attributes = dict[str, int]
Context = Callable[[], tuple[int, int, int]]
"""Returns the user, group and process of the caller."""

_ROOT = "/"
# FUSE_IOCTL_COMPAT, _UNRESTRICTED, _DIR of <fuse_common.h>: 32-bit callers, arguments without a
# size, directories.
_STRANGE_IOCTL = 1 | 2 | 16
_BLOCK = 512
_LONGEST_NAME = 255


@frozen
class _Handle:
    """An open descriptor of a vector file."""

    file: DeviceFile
    may_read: bool
    may_write: bool


class FileOperations:
    """One mounted directory.

    `root` has the attributes of the mount point before the mount, which are kept: who could create
    files there can create vector files. `on_mounted` is called once the kernel has connected.
    """

    use_ns = True
    # Open files are found by their handles, so that their paths are not needed.
    flag_nullpath_ok = True
    flag_nopath = True

    def __init__(
        self,
        directory: Directory,
        calls: Ioctls,
        root: os.stat_result,
        on_mounted: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._calls = calls
        self._root = _attributes_of(root)
        self._on_mounted = on_mounted
        self._context: Context = lambda: (os.getuid(), os.getgid(), 0)
        self._numbers = count(1)
        self._handles: dict[int, _Handle] = {}

    def asked_by(self, context: Context) -> None:
        """Use `context` to identify callers."""
        self._context = context

    def init(self, _path: str) -> None:
        """The file system is mounted."""
        self._on_mounted()

    @answering
    def getattr(self, path: str | None, fh: int | None = None) -> Attributes:
        """Attributes of the directory or of a file, whose size is that of its vectors."""
        if fh is None and path == _ROOT:
            return dict(self._root)
        file = self._file(path, fh)
        entry, size = file.entry, file.size
        return {
            "st_mode": stat.S_IFREG | entry.mode,
            "st_nlink": 0 if file.name is None else 1,
            "st_uid": entry.uid,
            "st_gid": entry.gid,
            "st_size": size,
            "st_blocks": -(-size // _BLOCK),
            "st_atime": file.changed,
            "st_mtime": file.changed,
            "st_ctime": file.changed,
        }

    @answering
    def readdir(self, _path: str | None, _fh: int) -> list[str]:
        """The names in the only directory."""
        return [".", "..", *self._directory.names()]

    @answering
    def statfs(self, _path: str) -> dict[str, int]:
        """The space of the file system that has the data folder."""
        found = os.statvfs(self._directory.path)
        names = ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree")
        return {name: getattr(found, name) for name in names} | {"f_namemax": _LONGEST_NAME}

    @answering
    def create(self, path: str, mode: int, flags: int) -> int:
        """Create a file, unless it was created concurrently, and open it."""
        user, group, _ = self._context()
        try:
            file = self._directory.create(
                _name(path), RegistryEntry(stat.S_IMODE(mode), user, group)
            )
        except Refusal as refusal:
            if refusal.errno != errno.EEXIST or flags & os.O_EXCL:
                raise
            return self._open(self._directory.find(_name(path)), flags)
        return self._open(file, flags & ~os.O_TRUNC)

    @answering
    def open(self, path: str, flags: int) -> int:
        """Open a file; clears it with O_TRUNC."""
        return self._open(self._directory.find(_name(path)), flags)

    @answering
    def release(self, _path: str | None, fh: int) -> int:
        """Close the last descriptor of an open file description."""
        self._handles.pop(fh).file.released()
        return 0

    @answering
    def read(self, _path: str | None, size: int, offset: int, fh: int) -> bytes:
        """Vectors as float32, row after row."""
        return self._handles[fh].file.read(offset, size)

    @answering
    def write(self, _path: str | None, _data: bytes, _offset: int, _fh: int) -> int:
        """Refused: vectors are inserted by BATCH_INSERT, with their ids."""
        raise Refusal(errno.EOPNOTSUPP, "a vector file is written by BATCH_INSERT")

    @answering
    def truncate(self, path: str | None, length: int, fh: int | None = None) -> int:
        """Clear a file."""
        self._file(path, fh).truncate(length)
        return 0

    @answering
    def ioctl(
        self, _path: str | None, number: int, _argument: int, fh: int, flags: int, data: int | None
    ) -> int:
        """One of the four ioctls of a vector file."""
        number &= 0xFFFFFFFF
        handle = self._handles.get(fh)
        if handle is None or flags & _STRANGE_IOCTL or not data:
            raise Refusal(errno.ENOTTY, f"no ioctl of a vector file: {number:#x}")
        _, _, process = self._context()
        caller = Caller(CallerMemory(process), handle.may_read, handle.may_write)
        self._calls.run(handle.file, number, data, caller)
        return 0

    @answering
    def fsync(self, _path: str | None, _data_only: int, _fh: int) -> int:
        """No-op: acknowledged inserts are on disk."""
        return 0

    @answering
    def fsyncdir(self, _path: str | None, _data_only: int, _fh: int) -> int:
        """No-op: acknowledged changes are on disk."""
        return 0

    @answering
    def unlink(self, path: str) -> int:
        """Delete a file."""
        self._directory.delete(_name(path))
        return 0

    @answering
    def rename(self, old: str, new: str, *, replace: bool = True) -> int:
        """Rename a file."""
        self._directory.rename(_name(old), _name(new), replace=replace)
        return 0

    @answering
    def chmod(self, path: str | None, mode: int) -> int:
        """Change the permissions of a file."""
        file = self._settable(path)
        file.set_owner(stat.S_IMODE(mode), file.entry.uid, file.entry.gid)
        return 0

    @answering
    def chown(self, path: str | None, user: int, group: int) -> int:
        """Change the owner of a file; -1 leaves it unchanged."""
        file = self._settable(path)
        entry = file.entry
        user, group = (entry.uid if user == -1 else user), (entry.gid if group == -1 else group)
        file.set_owner(entry.mode, user, group)
        return 0

    @answering
    def utimens(self, path: str | None, times: tuple[int, int] | None = None) -> int:
        """Set the modification time of a file, in nanoseconds; kept while the device runs."""
        self._settable(path).changed = time.time_ns() if times is None else times[1]
        return 0

    @answering
    def mkdir(self, _path: str, _mode: int) -> int:
        """Refused: there is only one directory."""
        raise Refusal(errno.EPERM, "no directories")

    def _open(self, file: DeviceFile, flags: int) -> int:
        mode = flags & os.O_ACCMODE
        if flags & os.O_TRUNC and mode != os.O_RDONLY:
            file.empty()
        file.opened()
        number = next(self._numbers)
        self._handles[number] = _Handle(file, mode != os.O_WRONLY, mode != os.O_RDONLY)
        return number

    def _file(self, path: str | None, fh: int | None) -> DeviceFile:
        if fh is not None:
            return self._handles[fh].file
        if path is None:
            raise Refusal(errno.ENOENT, "a file without a name")
        return self._directory.find(_name(path))

    def _settable(self, path: str | None) -> DeviceFile:
        if path == _ROOT:
            raise Refusal(errno.EPERM, "the directory belongs to the mount")
        return self._file(path, None)


def _name(path: str) -> str:
    return path.removeprefix(_ROOT)


def _attributes_of(found: os.stat_result) -> Attributes:
    return {
        "st_mode": found.st_mode,
        "st_nlink": 2,
        "st_uid": found.st_uid,
        "st_gid": found.st_gid,
        "st_atime": found.st_atime_ns,
        "st_mtime": found.st_mtime_ns,
        "st_ctime": found.st_ctime_ns,
    }
