"""The mount itself: what must hold before it, and the loop of libfuse that serves it."""

from __future__ import annotations

import errno
import importlib
import os
import stat
from pathlib import Path
from typing import Any

from .operations import FileOperations

_DEVICE = Path("/dev/fuse")
_NOREPLACE = 1  # RENAME_NOREPLACE of renameat2(2)
_INVALID = -errno.EINVAL
_KNOWS_MAX_THREADS = 12
_THREADS = 16
# Not to be told apart from a loop that broke, but that ends in an unmount as well.
_ENDED_BY_SIGNAL = 8


class MountError(Exception):
    """The device cannot be mounted. One line for the operator."""


def binding() -> Any:
    """The binding to libfuse. Raises MountError, saying what to install."""
    # Without a word from us it would take an older libfuse where both are there.
    os.environ.setdefault("FUSE_LIBRARY_NAME", "fuse3")
    try:
        found = importlib.import_module("mfusepy")
    except ImportError:
        raise MountError("mfusepy is missing: pip install 'vexfs-qdrant[device]'") from None
    except (OSError, AttributeError) as error:
        raise MountError(f"libfuse 3 is missing: apt-get install fuse3 ({error})") from None
    if found.fuse_version_major != 3:
        raise MountError("libfuse 3 is missing: apt-get install fuse3")
    if not _DEVICE.exists():
        raise MountError(f"{_DEVICE} is missing: the kernel has no FUSE, or it is not let in here")
    return found


def checked_mountpoint(mountpoint: Path, data: Path) -> os.stat_result:
    """What `mountpoint` is, once it is known to be good for a mount. Raises MountError.

    An empty directory, none of whose parts is a mount of a server that is gone, and not where the
    `data` are: the device would wait for itself.
    """
    try:
        found = mountpoint.stat()
        is_empty = stat.S_ISDIR(found.st_mode) and not any(mountpoint.iterdir())
    except OSError as error:
        if error.errno == errno.ENOTCONN:
            raise MountError(
                f"{mountpoint} is the mount of a server that is gone: fusermount3 -u {mountpoint}"
            ) from None
        raise MountError(f"{mountpoint}: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise MountError(f"{mountpoint} is no directory")
    if os.path.ismount(mountpoint):
        raise MountError(f"{mountpoint} is a mount already")
    if data.resolve().is_relative_to(mountpoint.resolve()):
        raise MountError(f"the data folder {data} must not lie in {mountpoint}")
    if not is_empty:
        raise MountError(f"{mountpoint} is not empty")
    return found


def serve(operations: FileOperations, mountpoint: Path, *, allow_other: bool) -> None:
    """Mount, and answer until SIGTERM, SIGINT or an unmount. Raises MountError.

    Runs in the main thread, whose signal handlers libfuse replaces; the operations run in its own
    threads, several at once. What is under way ends before this returns.
    """
    mfusepy = binding()
    operations.asked_by(mfusepy.fuse_get_context)

    base: Any = mfusepy.FUSE

    class Mount(base):  # type: ignore[misc]
        """Hands on what the binding leaves out: flags of a rename, handles of a truncation."""

        def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
            """renameat2(2)."""
            if flags & ~_NOREPLACE:
                return _INVALID
            names = (path.decode(self.encoding, self.errors) for path in (old, new))
            return operations.rename(*names, replace=not flags & _NOREPLACE)

        def truncate_fuse_3(self, path: bytes | None, length: int, fip: Any) -> int:
            """truncate(2) and ftruncate(2)."""
            return int(self.ftruncate(path, length, fip))

    options = {"max_idle_threads": _THREADS}
    if mfusepy.fuse_version_minor >= _KNOWS_MAX_THREADS:
        options["max_threads"] = _THREADS
    try:
        Mount(
            operations,
            os.fspath(mountpoint),
            foreground=True,
            fsname="vexfs",
            subtype="vexfs",
            # The kernel checks the modes of files, for every caller.
            default_permissions=True,
            # Vectors come in behind the back of the kernel, so it must ask how large files are.
            attr_timeout=0,
            # Files that are open when they are deleted are kept by us.
            hard_remove=True,
            allow_other=allow_other,
            **options,
        )
    except RuntimeError as error:
        (status,) = error.args
        if status != _ENDED_BY_SIGNAL:
            raise MountError(f"libfuse could not mount {mountpoint}, status {status}") from None
