"""Making files and directories durable. Every function blocks until the disk has it."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import lmdb

from ...model.errors import StorageFull

DRAFT_SUFFIX = ".new"
"""What is appended to the name of a file until it is complete."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_LITTLE_ROOM = 1 << 20


def reserve(path: Path, size: int, offset: int = 0) -> None:
    """Give a file, made where it is missing, `size` bytes of the device from `offset` on.

    What is there stays as it is, and what is not reads as zeros. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(descriptor, offset, size)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn errors that mean no room is left on the device of `path` into StorageFull."""
    try:
        yield
    except (OSError, lmdb.Error) as error:
        number = error.code if isinstance(error, lmdb.Error) else error.errno
        # LMDB calls a write that was cut short an input/output error, whatever cut it short.
        is_full = number in _NO_ROOM or (number == errno.EIO and _has_no_room(path))
        if not is_full:
            raise
        raise StorageFull("no room left on the device") from error


def _has_no_room(path: Path) -> bool:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize < _LITTLE_ROOM


@contextmanager
def synced_directory(path: Path) -> Iterator[None]:
    """Make what the block does to the entries of a directory durable.

    Whatever that takes is there before the block begins: it does not fail for want of a descriptor
    when all is done.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    with synced_directory(path):
        pass


def remove_directory(path: Path) -> None:
    """Remove a directory durably; what is gone already is no error."""
    while path.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
    sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Make the contents of a file durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, *pieces: bytes | memoryview) -> None:
    """Put a whole file in place at once: it is there complete, or it is as it was."""
    with written_durably(path) as file:
        file.writelines(pieces)


@contextmanager
def written_durably(path: Path) -> Iterator[BinaryIO]:
    """Put a file in place at once, with what the block writes into it; nothing if it raises."""
    draft = path.with_name(path.name + DRAFT_SUFFIX)
    with synced_directory(path.parent):
        try:
            with open(draft, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
