"""The data folder: its lock, its format version and its layout.

Public, with the helpers that write files into such a folder durably.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson

from ..model.errors import StorageFull
from .errors import DataFolderInUse, UnknownFormat, UnusableDataFolder
from .storage.directories import MarkedDirectories
from .storage.files import DRAFT_SUFFIX, storage_errors, sync_directory, write_durably

__all__ = [
    "FIRST_VERSION",
    "FORMAT_NAME",
    "FORMAT_VERSION",
    "DataFolder",
    "MarkedDirectories",
    "storage_errors",
    "sync_directory",
]

FORMAT_NAME = "vexfs-qdrant"
FORMAT_VERSION = 2
"""Version 1 had an LMDB environment for its catalog, and collection directories without an
identity file."""

FIRST_VERSION = 1

_FORMAT = "FORMAT"
_LOCK = "LOCK"
_CATALOG = "catalog"
_COLLECTIONS = "collections"
_PID_BYTES = 32


class DataFolder:
    """The folder `path`, locked by one process at a time from `open` to `close`.

    The file FORMAT must have `form` and one of `versions`; `parts` are the names of the folders in
    it. After `open`, `version` is the version found; new folders get the last of `versions`.
    `was_stopped` is whether the last process that used it has closed it, and did not just end.
    """

    def __init__(
        self,
        path: Path,
        form: str = FORMAT_NAME,
        parts: Sequence[str] = (_CATALOG, _COLLECTIONS),
        versions: Sequence[int] = (FIRST_VERSION, FORMAT_VERSION),
    ) -> None:
        self.path = path
        self.version = versions[-1]
        self._form = form
        self._versions = tuple(versions)
        self._parts = tuple(path / part for part in parts)
        self._lock: int | None = None
        self._is_settled = False
        self.was_stopped = True

    @property
    def catalog_path(self) -> Path:
        """The folder of the catalog."""
        return self.path / _CATALOG

    @property
    def collections_path(self) -> Path:
        """The folder with a directory per collection."""
        return self.path / _COLLECTIONS

    @property
    def is_there(self) -> bool:
        """Whether the folder is a data folder already: it has a file FORMAT."""
        return (self.path / _FORMAT).exists()

    def open(self) -> None:
        """Lock the folder, and create its layout if it is new. Raises EngineStartError."""
        try:
            self._make()
            self._refuse_foreign()
            self._take_lock()
            self._check_format()
            for directory in self._parts:
                directory.mkdir(exist_ok=True)
            sync_directory(self.path)
        except OSError as error:
            self.close()
            raise UnusableDataFolder(self.path, error.strerror or str(error)) from error
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """Check a folder that another process has open. Raises EngineStartError."""
        try:
            if not self.is_there:
                raise UnusableDataFolder(self.path, "it is no data folder")
            self._check_format()
        except OSError as error:
            raise UnusableDataFolder(self.path, error.strerror or str(error)) from error

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Translate errors of the file system to UnusableDataFolder."""
        try:
            yield
        except (OSError, StorageFull) as error:
            raise UnusableDataFolder(self.path, str(error)) from error

    def settled(self) -> None:
        """Let `close` record that the folder was closed: its contents are checked and in use."""
        self._is_settled = True

    def close(self) -> None:
        """Unlock the folder; idempotent."""
        if self._lock is not None:
            if self._is_settled:
                with suppress(OSError):
                    os.pwrite(self._lock, b"\n".rjust(_PID_BYTES), 0)
            os.close(self._lock)
            self._lock = None

    def upgraded(self) -> None:
        """Record that the folder has been upgraded to the last version. Raises OSError."""
        self._write_format(self._versions[-1])

    def _make(self) -> None:
        """Create the folder and missing parents durably."""
        path = self.path.absolute()
        folders = (path, *path.parents)
        missing = [folder for folder in folders if not folder.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_directory(folder.parent)

    def _refuse_foreign(self) -> None:
        """Refuse a folder that is not empty and not a data folder; raises UnusableDataFolder.

        A new folder may be the root of a file system, or the remains of an interrupted start.
        """
        if self.is_there:
            return
        ours = {_LOCK, f"{_FORMAT}{DRAFT_SUFFIX}", "lost+found"}
        ours.update(part.name for part in self._parts)
        others = sorted(entry for entry in os.listdir(self.path) if entry not in ours)
        if others:
            reason = f"it is no data folder of this software, and not empty: it holds {others[0]}"
            raise UnusableDataFolder(self.path, reason)

    def _take_lock(self) -> None:
        path = self.path / _LOCK
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, _PID_BYTES, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise DataFolderInUse(self.path, holder) from None
        except BaseException:
            os.close(descriptor)
            raise
        self._lock = descriptor
        self.was_stopped = not os.pread(descriptor, _PID_BYTES, 0).strip()
        # Overwrite in place: opening a folder must work on a full device.
        os.pwrite(descriptor, (b"%d\n" % os.getpid()).ljust(_PID_BYTES), 0)

    def _check_format(self) -> None:
        path = self.path / _FORMAT
        try:
            found = path.read_bytes()
        except FileNotFoundError:
            if any(part.exists() for part in self._parts):
                content = orjson.dumps(self._format(self._versions[-1])).decode()
                reason = f"the file FORMAT is missing, in which there should be {content}"
                raise UnusableDataFolder(self.path, reason) from None
            self._write_format(self._versions[-1])
            return
        try:
            content = orjson.loads(found)
        except orjson.JSONDecodeError:
            raise UnknownFormat(path, "not JSON") from None
        if not isinstance(content, dict) or content.get("format") != self._form:
            raise UnknownFormat(path, "not a data folder of this software")
        if content.get("version") not in self._versions:
            raise UnknownFormat(path, f"version {content.get('version')}")
        self.version = content["version"]

    def _write_format(self, version: int) -> None:
        write_durably(self.path / _FORMAT, orjson.dumps(self._format(version)) + b"\n")
        self.version = version

    def _format(self, version: int) -> dict[str, str | int]:
        return {"format": self._form, "version": version}
