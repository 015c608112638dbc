"""The mount: checks of the mount point, and the main loop of libfuse."""

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
# Indistinguishable from a failed loop, which also ends in an unmount.
_ENDED_BY_SIGNAL = 8


class MountError(Exception):
    """The device cannot be mounted. The message is one line for the operator."""


def binding() -> Any:
    """The binding to libfuse. Raises MountError, which names the package to install."""
    # By default it would prefer an older libfuse if both are installed.
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
    """Check a mount point, and return its attributes. Raises MountError.

    It must be an empty directory, not below a mount whose server is gone, and not contain the data
    folder `data`: the device would wait for itself.
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
    """Mount and serve until SIGTERM, SIGINT or an unmount. Raises MountError.

    Runs in the main thread, whose signal handlers libfuse replaces; operations run in threads of
    libfuse, concurrently. Operations in progress end before this returns.
    """
    mfusepy = binding()
    operations.asked_by(mfusepy.fuse_get_context)

    base: Any = mfusepy.FUSE

    class Mount(base):  # type: ignore[misc]
        """Adds what the binding omits: flags of a rename, handles of a truncation."""

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
            # The kernel checks the permissions of all callers.
            default_permissions=True,
            # Inserts change the size without a write by the kernel, so it must not cache sizes.
            attr_timeout=0,
            # The device itself keeps deleted files that are open.
            hard_remove=True,
            allow_other=allow_other,
            **options,
        )
    except RuntimeError as error:
        (status,) = error.args
        if status != _ENDED_BY_SIGNAL:
            raise MountError(f"libfuse could not mount {mountpoint}, status {status}") from None
