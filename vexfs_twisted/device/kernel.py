"""The client of a VexFS device: a mount, a file of one, or a device node."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from threading import Lock
from weakref import WeakSet

from zope.interface import implementer

from ..interfaces import IVectorDevice, IVectorFile
from ..model.device import (
    DeviceError,
    DeviceFull,
    DeviceGone,
    DeviceKind,
    DeviceRefused,
    FileTaken,
    NoSuchFile,
    NotADevice,
)
from . import uapi
from .errnos import device_error
from .kernel_file import KernelFile


def open_device(path: str) -> MountDevice | SoleFileDevice:
    """A client of the device at `path`, which is not called yet: only the file type is checked.

    NoSuchFile when the path does not exist, NotADevice when it is neither a directory, nor a
    regular file, nor a character device.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise device_error(error, f"looking at {path}") from None
    if stat.S_ISDIR(mode):
        return MountDevice(path)
    if stat.S_ISREG(mode):
        return SoleFileDevice(path, DeviceKind.FILE)
    if stat.S_ISCHR(mode):
        return SoleFileDevice(path, DeviceKind.CHARACTER_DEVICE)
    raise NotADevice(f"{path} is neither a directory, nor a file, nor a character device")


class _OpenFiles:
    """The open files of one device, which are closed with it. Thread-safe."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._files: WeakSet[KernelFile] = WeakSet()
        self._is_closed = False

    def open(self, path: str, name: str, flags: int = 0) -> KernelFile:
        """Open a file. DeviceGone once the device is closed."""
        self.check()
        file = KernelFile(path, name, flags)
        with self._lock:
            self._files.add(file)
            is_late = self._is_closed
        if is_late:
            file.close()
        return file

    def check(self) -> None:
        """Raise DeviceGone if the device is closed."""
        if self._is_closed:
            raise DeviceGone(f"{self._path} is closed", errno.EBADF)

    def close(self) -> None:
        """Close all files."""
        with self._lock:
            self._is_closed = True
            files = list(self._files)
        for file in files:
            file.close()


@implementer(IVectorDevice)
class MountDevice:
    """The IVectorDevice of a mount: each regular file in the directory is a vector file."""

    kind = DeviceKind.DIRECTORY

    def __init__(self, path: str) -> None:
        self.path = path
        self._open = _OpenFiles(path)

    def create(self, name: str, dimensions: int) -> IVectorFile:
        """Create an empty vector file."""
        _check_new(name, dimensions)
        file = self._open.open(self._at(name), name, os.O_CREAT | os.O_EXCL)
        try:
            file.begin(dimensions)
        except DeviceError as error:
            file.close()
            with suppress(OSError):
                os.unlink(self._at(name))
            if isinstance(error, NotADevice):
                raise NotADevice(f"no VexFS is mounted at {self.path}", error.errno) from None
            raise
        return file

    def open(self, name: str) -> IVectorFile:
        """Open a vector file."""
        return self._open.open(self._at(name), name)

    def list_files(self) -> list[str]:
        """The names of the regular files, sorted."""
        self._open.check()
        try:
            with os.scandir(self.path) as entries:
                found = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError as error:
            raise device_error(error, f"listing {self.path}") from None
        return sorted(found)

    def delete(self, name: str) -> None:
        """Unlink a vector file."""
        self._open.check()
        try:
            os.unlink(self._at(name))
        except OSError as error:
            raise device_error(error, f"deleting {self._at(name)}") from None

    def close(self) -> None:
        """Close all that was opened."""
        self._open.close()

    def _at(self, name: str) -> str:
        if not is_file_name(name):
            raise NoSuchFile(f"{name!r} is no name of a file", errno.ENOENT)
        return os.path.join(self.path, name)


@implementer(IVectorDevice)
class SoleFileDevice:
    """The IVectorDevice of a single vector file or device node. Its content is discarded."""

    def __init__(self, path: str, kind: DeviceKind) -> None:
        self.path = path
        self.kind = kind
        self._open = _OpenFiles(path)
        self._lock = Lock()
        self._name: str | None = None

    def create(self, name: str, dimensions: int) -> IVectorFile:
        """Empty the file and assign it the name."""
        _check_new(name, dimensions)
        with self._lock:
            if self._name == name:
                raise FileTaken(f"{self.path} is {name} already", errno.EEXIST)
            if self._name is not None:
                raise DeviceFull(f"{self.path} is a single vector file, {self._name}", errno.ENOSPC)
            file = self._open.open(self.path, name)
            try:
                file.empty()
                file.begin(dimensions)
            except DeviceError:
                file.close()
                raise
            self._name = name
            return file

    def held(self) -> int:
        """The number of vectors in the file, including those from before it was opened."""
        file = self._open.open(self.path, self.path)
        try:
            return file.meta().vector_count
        finally:
            file.close()

    def open(self, name: str) -> IVectorFile:
        """Open the file, if it was created under this name."""
        with self._lock:
            self._known(name)
            return self._open.open(self.path, name)

    def list_files(self) -> list[str]:
        """The name that `create` assigned, if any."""
        self._open.check()
        with self._lock:
            return [] if self._name is None else [self._name]

    def delete(self, name: str) -> None:
        """Empty the file and forget the name."""
        with self._lock:
            self._known(name)
            file = self._open.open(self.path, name)
            try:
                file.empty()
            finally:
                file.close()
            self._name = None

    def close(self) -> None:
        """Close all that was opened."""
        self._open.close()

    def _known(self, name: str) -> None:
        if name != self._name:
            raise NoSuchFile(f"{self.path} is no {name!r}", errno.ENOENT)


def is_file_name(name: str) -> bool:
    """Whether `name` is valid for a vector file."""
    is_plain = name not in ("", ".", "..") and "/" not in name and "\0" not in name
    return is_plain and len(os.fsencode(name)) <= 255


def _check_new(name: str, dimensions: int) -> None:
    if not is_file_name(name):
        raise DeviceRefused(f"{name!r} is no name of a file", errno.EINVAL)
    if not 1 <= dimensions <= uapi.MAX_DIMENSIONS:
        raise DeviceRefused(f"there are no vectors of {dimensions} dimensions", errno.EINVAL)
