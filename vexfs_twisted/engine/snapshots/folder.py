"""The folder of snapshots: a file for each, and its checksum in a companion file.

```
<collection>/<name>.snapshot, <name>.snapshot.checksum   of a collection
<collection>/shards/0/...                                of its only shard
<name>.snapshot, ...                                     of the whole data folder
```

A snapshot that is stored in parts (see `parts`) is `<name>.snapshot.parts` instead, with packs of
chunks beside it.

A file is written under a name that ends with `.vexfs-partial` and renamed when it is complete and
durable: that rename is the commit. Leftovers of a process that was killed are removed by the next
start, by that mark alone. A process holds a lock on the file it writes, since several servers may
have the same folder.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from itertools import count
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import BinaryIO, cast

from ...model.errors import NotFound
from ...model.snapshots import SnapshotDescription, SnapshotOwner
from ..storage.files import remove_quietly, storage_errors, sync_directory, write_durably
from .archive import Piece, Section
from .byte_ranges import PIECE_BYTES
from .errors import UnusableArchive
from .names import SUFFIX, check_name, directory_of, new_names, unknown_snapshot
from .parts import PartsFile, PartsIndex
from .parts_folder import PARTS, collect, parts_locked, write_parts

log = logging.getLogger("vexfs.engine")

_CHECKSUM = ".checksum"
_PARTIAL = ".vexfs-partial"
_DEEPEST = 3
"""The folders below that of all snapshots in which there are some: of a shard."""

_CHECKSUM_TEXT = re.compile(rb"[0-9a-f]{64}")


class SnapshotFolder:
    """The SnapshotStore at `path`, which is made when it is needed. Thread-safe; methods block.

    Methods raise StorageFull and OSError, and NotFound for a snapshot that is not there.
    """

    def __init__(self, path: Path, *, is_incremental: bool = False) -> None:
        """With `is_incremental`, new snapshots are stored in parts."""
        self.path = path.absolute()
        self._is_incremental = is_incremental
        self._naming = Lock()

    def sweep(self) -> None:
        """Remove what processes left incomplete that have ended."""
        for directory, folders, names in os.walk(self.path):
            if len(Path(directory).relative_to(self.path).parts) >= _DEEPEST:
                folders.clear()
            for name in names:
                if name.endswith(_PARTIAL):
                    with suppress(OSError):
                        _remove_unlocked(Path(directory, name))

    def list(self, owner: SnapshotOwner) -> list[SnapshotDescription]:
        """The snapshots of an owner, the oldest first."""
        try:
            names = os.listdir(self._directory(owner))
        except FileNotFoundError:
            return []
        found = []
        for name in {name.removesuffix(PARTS) for name in names}:
            if name.endswith(SUFFIX):
                try:
                    found.append(self.describe(owner, name))
                except NotFound:
                    # It is no file, or has just been deleted.
                    continue
                except OSError as error:
                    log.warning("the snapshot %s is left out: %s", name, error)
        return sorted(found, key=lambda one: (one.created, one.name))

    def describe(self, owner: SnapshotOwner, name: str) -> SnapshotDescription:
        """A snapshot by its name."""
        path = self._path(owner, name)
        status = _status(path)
        if status is not None:
            return SnapshotDescription(name, status.st_mtime, status.st_size, _checksum_of(path))
        parts = _in_parts(path)
        status = _status(parts)
        if status is None:
            raise unknown_snapshot(name)
        head = _index(parts).head
        return SnapshotDescription(name, status.st_mtime, head.size, head.checksum)

    def open(self, owner: SnapshotOwner, name: str) -> tuple[BinaryIO, SnapshotDescription]:
        """Open a snapshot to be read; it stays readable when it is deleted."""
        described = self.describe(owner, name)
        try:
            return open_archive(self._path(owner, name)), described
        except FileNotFoundError:
            raise unknown_snapshot(name) from None

    def path_of(self, owner: SnapshotOwner, name: str) -> Path:
        """The file of a snapshot."""
        self.describe(owner, name)
        return self._path(owner, name)

    def location_of(self, owner: SnapshotOwner, name: str) -> str:
        """See SnapshotStore."""
        return str(self.path_of(owner, name))

    def write(
        self,
        owner: SnapshotOwner,
        label: str,
        size: int,
        pieces: Iterable[Piece],
        sections: Iterable[Section],
    ) -> SnapshotDescription:
        """See SnapshotStore. Sections are taken by an incremental folder, for parts."""
        directory = self._directory(owner)
        made = _make(directory)
        with storage_errors(made):
            if self._is_incremental:
                return self.describe(owner, self._write_parts(directory, label, pieces, sections))
            with _partial(directory) as (file, partial):
                digest = sha256()
                for piece in pieces:
                    digest.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
                with self._naming:
                    path = _free_path(directory, label)
                    write_durably(_beside(path), digest.hexdigest().encode())
                    os.rename(partial, path)
            sync_directory(directory)
        return self.describe(owner, path.name)

    def _write_parts(
        self,
        directory: Path,
        label: str,
        pieces: Iterable[Piece],
        sections: Iterable[Section],
    ) -> str:
        """Write a snapshot in parts; returns its name."""
        with parts_locked(directory), ExitStack() as opened:
            temporary = (opened.enter_context(_partial(directory)) for _ in count())
            path = _free_path(directory, label)
            write_parts(_in_parts(path), pieces, sections, temporary)
            return path.name

    def delete(self, owner: SnapshotOwner, name: str) -> None:
        """Delete a snapshot durably."""
        self.describe(owner, name)
        path = self._path(owner, name)
        try:
            if _status(path) is None:
                with parts_locked(path.parent):
                    _in_parts(path).unlink()
                    sync_directory(path.parent)
                    collect(path.parent)
                return
            path.unlink()
        except FileNotFoundError:
            raise unknown_snapshot(name) from None
        remove_quietly(_beside(path))
        sync_directory(path.parent)

    def temporary(self) -> BinaryIO:
        """A file without a name, gone when it is closed."""
        made = _make(self.path)
        with storage_errors(made):
            file: BinaryIO = TemporaryFile(dir=self.path, buffering=0)  # noqa: SIM115
        return file

    def has(self, path: Path) -> bool:
        """Whether a file is in the folder, wherever links lead."""
        return path.resolve().is_relative_to(self.path.resolve())

    def _path(self, owner: SnapshotOwner, name: str) -> Path:
        check_name(name)
        return self._directory(owner) / name

    def _directory(self, owner: SnapshotOwner) -> Path:
        return self.path.joinpath(*directory_of(owner, lambda _: True))


def is_archive(path: Path) -> bool:
    """Whether there is a snapshot of this path, whole or in parts."""
    return path.is_file() or _in_parts(path).is_file()


def open_archive(path: Path) -> BinaryIO:
    """Open the snapshot that has this path, also where it is in parts. Raises OSError."""
    if not path.exists() and _in_parts(path).exists():
        return cast(BinaryIO, PartsFile(_index(_in_parts(path))))
    return open(path, "rb", buffering=0)


def open_joined(path: Path) -> BinaryIO:
    """The same as a file with a descriptor: parts are joined into a file without a name."""
    found = open_archive(path)
    if not isinstance(found, PartsFile):
        return found
    with found, storage_errors(path.parent):
        joined: BinaryIO = TemporaryFile(dir=path.parent, buffering=0)  # noqa: SIM115
        try:
            shutil.copyfileobj(found, joined, PIECE_BYTES)
        except BaseException:
            joined.close()
            raise
    return joined


@contextmanager
def _partial(directory: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new locked file for the block, which is removed after it."""
    path = directory / f".{os.getpid()}-{os.urandom(6).hex()}{_PARTIAL}"
    with open(path, "xb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            yield file, path
        finally:
            remove_quietly(path)


def _remove_unlocked(path: Path) -> None:
    """Remove a file unless a process that runs has locked it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _free_path(directory: Path, label: str) -> Path:
    """A path that is not there yet, with the time in it."""
    paths = (directory / name for name in new_names(label))
    return next(
        path
        for path in paths
        if not any(own.exists() for own in (path, _beside(path), _in_parts(path)))
    )


def _make(directory: Path) -> Path:
    """Make a directory and those above it durably; returns it."""
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    with storage_errors(missing[-1].parent if missing else directory):
        directory.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_directory(folder.parent)
    return directory


def _in_parts(path: Path) -> Path:
    """The index of a snapshot that is stored in parts."""
    return path.with_name(path.name + PARTS)


def _index(path: Path) -> PartsIndex:
    try:
        return PartsIndex(path)
    except UnusableArchive as error:
        raise OSError(str(error)) from None


def _status(path: Path) -> os.stat_result | None:
    """What is known of a regular file; None if there is none."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _beside(path: Path) -> Path:
    """The companion of a snapshot that has its checksum."""
    return path.with_name(path.name + _CHECKSUM)


def _checksum_of(path: Path) -> str | None:
    try:
        with open(_beside(path), "rb") as file:
            text = file.read(len("0" * 64)).strip()
    except OSError:
        return None
    return text.decode() if _CHECKSUM_TEXT.fullmatch(text) else None
