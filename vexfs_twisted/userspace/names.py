"""The names of vector files on disk: one small file each, so the file system is their register.

`names/<name>` tells what there is under a name, `stores/<store>` holds its vectors. Entries are
written in `drafts` and moved into place, so each is there whole, or as it was.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Container
from pathlib import Path
from uuid import uuid4

import attrs
import orjson
from attrs import frozen

from ..engine.errors import UnknownFormat, UnusableDataFolder
from ..engine.folder import DataFolder
from ..engine.store.files import storage_errors, sync_directory

_FORM = "vexfs-device"
_VERSION = 1


@frozen
class FileInfo:
    """What was set of a vector file. `dimensions` is 0 until they are known.

    The offsets and the alignment mean nothing to us; who set them finds them again.
    """

    dimensions: int = 0
    data_offset: int = 0
    index_offset: int = 0
    alignment: int = 0


@frozen
class Entry:
    """What there is under a name: to whom the file belongs, and the store of its vectors."""

    mode: int
    uid: int
    gid: int
    info: FileInfo = FileInfo()
    store: str | None = None


class Names:
    """The folder of a device. Every change is on disk when it returns. One thread at a time."""

    def __init__(self, path: Path) -> None:
        self._folder = DataFolder(path, _FORM, ("names", "drafts", "stores"))
        self._names = path / "names"
        self._drafts = path / "drafts"
        self._stores = path / "stores"

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    def open(self) -> dict[str, Entry]:
        """Take the folder, and read what is in it. Raises EngineStartError."""
        self._folder.open()
        try:
            entries = {path.name: _read(path) for path in self._names.iterdir()}
            _remove_strays(self._drafts, ())
            _remove_strays(self._stores, {entry.store for entry in entries.values()})
        except OSError as error:
            self.close()
            raise UnusableDataFolder(self.path, error.strerror or str(error)) from error
        except BaseException:
            self.close()
            raise
        return entries

    def close(self) -> None:
        """Let the folder go."""
        self._folder.close()

    def write(self, name: str, entry: Entry) -> None:
        """Put `entry` under `name`, in the place of what is there."""
        draft = self._drafts / uuid4().hex
        content = {"version": _VERSION, **attrs.asdict(entry)}
        try:
            with storage_errors(self._drafts):
                with draft.open("xb") as file:
                    file.write(orjson.dumps(content))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(draft, self._names / name)
                sync_directory(self._names)
        finally:
            draft.unlink(missing_ok=True)

    def rename(self, old: str, new: str) -> None:
        """Move an entry, onto one that is there as well."""
        os.replace(self._names / old, self._names / new)
        sync_directory(self._names)

    def remove(self, name: str) -> None:
        """Remove an entry."""
        (self._names / name).unlink()
        sync_directory(self._names)

    def changed(self, name: str, entry: Entry) -> int:
        """When an entry or its vectors were last written, in nanoseconds since 1970."""
        files = [self._names / name]
        if entry.store is not None:
            files.append(self.store_path(entry.store) / "data.mdb")
        return max(file.stat().st_mtime_ns for file in files)

    def store_path(self, store: str) -> Path:
        """Where the store of that name lies."""
        return self._stores / store


def _read(path: Path) -> Entry:
    try:
        content = orjson.loads(path.read_bytes())
        version = content.pop("version")
        if version != _VERSION:
            raise UnknownFormat(path, f"version {version}")
        return Entry(**{**content, "info": FileInfo(**content["info"])})
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UnknownFormat(path, f"not the entry of a vector file ({error})") from error


def _remove_strays(folder: Path, known: Container[str | None]) -> None:
    """Remove what a change left behind that was cut off."""
    for path in folder.iterdir():
        if path.name not in known:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
