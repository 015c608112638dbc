"""The data folder: who has it open, which format it is in, and where things lie in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson

from ..model.errors import StorageFull
from .errors import DataFolderInUse, UnknownFormat, UnusableDataFolder
from .storage.files import DRAFT_SUFFIX, sync_directory, write_durably

FORMAT_NAME = "vexfs-qdrant"
FORMAT_VERSION = 2
"""Version 1 had an LMDB environment for its register, and directories that did not tell of
themselves."""

FIRST_VERSION = 1

_FORMAT = "FORMAT"
_LOCK = "LOCK"
_CATALOG = "catalog"
_COLLECTIONS = "collections"
_PID_BYTES = 32


class DataFolder:
    """The folder `path`, held by one process at a time from `open` to `close`.

    `form` and one of `versions` are what its file FORMAT must say, and `parts` are the folders that
    belong in it. Once it is open, `version` is the one that was found; a new folder is of the last.
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

    @property
    def catalog_path(self) -> Path:
        """Where the register of collections lies."""
        return self.path / _CATALOG

    @property
    def collections_path(self) -> Path:
        """Where every collection has a directory."""
        return self.path / _COLLECTIONS

    @property
    def is_there(self) -> bool:
        """Whether it is a data folder by now."""
        return (self.path / _FORMAT).exists()

    def open(self) -> None:
        """Take the folder, and lay it out where it is new. Raises EngineStartError."""
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

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn errors of the file system into UnusableDataFolder."""
        try:
            yield
        except (OSError, StorageFull) as error:
            raise UnusableDataFolder(self.path, str(error)) from error

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def upgraded(self) -> None:
        """Note that all in the folder is of the last version by now. Raises OSError."""
        self._write_format(self._versions[-1])

    def _make(self) -> None:
        """Make the folder, and those above it that are missing, durably."""
        path = self.path.absolute()
        folders = (path, *path.parents)
        missing = [folder for folder in folders if not folder.exists()]
        self.path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync_directory(folder.parent)

    def _refuse_foreign(self) -> None:
        """Leave a folder alone that holds something, and nothing that says it is of this software.

        A new folder may be the root of a file system, or what a start that was cut short has left.
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
        # Over what was there: a folder must open on a device that is full.
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
