"""Durable writes of files and directories. Every function blocks until the data is on disk."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import lmdb
from attrs import frozen

from ...model.errors import StorageFull

DRAFT_SUFFIX = ".new"
"""The suffix of a file's name until the file is complete."""


@frozen
class Gap:
    """`size` bytes of a file from `start` on that nobody reads."""

    start: int = 0
    size: int = 0


NO_GAP = Gap()


@frozen
class FileExtent:
    """The first `size` bytes of the file `path`, of which those of `gap` are of no use."""

    path: Path
    size: int
    gap: Gap = NO_GAP


NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors that mean no room. The last is of a file that is as large as files can be."""

_LITTLE_ROOM = 1 << 20


def reserve(path: Path, size: int, offset: int = 0) -> None:
    """Allocate `size` bytes of disk space from `offset` on; creates the file if it is missing.

    Existing data is kept, and the rest reads as zeros. Raises OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.posix_fallocate(descriptor, offset, size)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Translate errors that mean that the device of `path` is full to StorageFull."""
    try:
        yield
    except (OSError, lmdb.Error) as error:
        number = error.code if isinstance(error, lmdb.Error) else error.errno
        # LMDB reports every short write as EIO, whatever the reason.
        is_full = number in NO_ROOM or (number == errno.EIO and _has_no_room(path))
        if not is_full:
            raise
        raise StorageFull("no room left on the device") from error


def _has_no_room(path: Path) -> bool:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize < _LITTLE_ROOM


@contextmanager
def open_directory(path: Path) -> Iterator[Callable[[], None]]:
    """A function that makes the entries of a directory durable, for use within the block.

    The descriptor is opened before the block, so the sync cannot fail for lack of one after it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield lambda: os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    with open_directory(path) as sync:
        sync()


def remove_directory(path: Path) -> None:
    """Remove a directory tree durably; idempotent."""
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


def remove_drafts(path: Path, names: Sequence[str]) -> None:
    """Remove the files in a directory that a crash has left incomplete. Raises OSError.

    `names` are those of all its files.
    """
    for name in names:
        if name.endswith(DRAFT_SUFFIX):
            (path / name).unlink(missing_ok=True)


def write_durably(path: Path, *pieces: bytes | memoryview) -> None:
    """Write a whole file atomically: afterwards it is complete, or unchanged on an error."""
    with written_durably(path) as file:
        file.writelines(pieces)


@contextmanager
def written_durably(path: Path) -> Iterator[BinaryIO]:
    """Replace a file atomically by what the block writes; unchanged if the block raises."""
    draft = path.with_name(path.name + DRAFT_SUFFIX)
    with open_directory(path.parent) as sync:
        try:
            with open(draft, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
        sync()


def remove_quietly(path: Path) -> None:
    """Remove a file if it is there and can be removed."""
    with suppress(OSError):
        path.unlink()
