"""The registry of vector files on disk: one small file per name.

`names/<name>` is the entry of a file, `stores/<store>` has its vectors. Entries are written in
`drafts` and renamed, so changes are atomic. A store is removed because of its own mark, or because
an entry says that it was replaced; a store without an entry gets a name.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

import attrs
import orjson
from attrs import frozen

from vexfs_twisted.engine.data_folder import (
    DataFolder,
    MarkedDirectories,
    storage_errors,
    sync_directory,
)
from vexfs_twisted.engine.errors import UnknownFormat, UnusableDataFolder

from .errors import log
from .store import VectorStore

_FORM = "vexfs-device"
_FORM_VERSION = 1
_VERSION = 1
_RECOVERED = "recovered-"
_PRIVATE = 0o600
_FORMER = "former"


@frozen
class FileInfo:
    """The info of a vector file. `dimensions` is 0 until they are known.

    The offsets and the alignment have no effect; they are stored and returned.
    """

    dimensions: int = 0
    data_offset: int = 0
    index_offset: int = 0
    alignment: int = 0


@frozen
class RegistryEntry:
    """The entry of a name: owner and permissions of the file, and the store of its vectors."""

    mode: int
    uid: int
    gid: int
    info: FileInfo = FileInfo()
    store: str | None = None


class Registry:
    """The data folder of a device. Changes are durable on return. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        parts = ("names", "drafts", "stores")
        self._folder = DataFolder(path, _FORM, parts, (_FORM_VERSION,))
        self._names = path / "names"
        self._drafts = path / "drafts"
        self.stores = MarkedDirectories(path / "stores")

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    def open(self) -> dict[str, RegistryEntry]:
        """Lock the folder and read its entries. Raises EngineStartError."""
        self._folder.open()
        try:
            read = {path.name: _read(path) for path in self._names.iterdir()}
            for draft in self._drafts.iterdir():
                draft.unlink()
            entries = {name: entry for name, (entry, _) in read.items()}
            self._finish(entries, {former for _, former in read.values()})
            self._recover(entries)
        except OSError as error:
            self.close()
            raise UnusableDataFolder(self.path, error.strerror or str(error)) from error
        except BaseException:
            self.close()
            raise
        return entries

    def close(self) -> None:
        """Unlock the folder."""
        self._folder.close()

    def write(self, name: str, entry: RegistryEntry, former: str | None = None) -> None:
        """Write `entry` under `name`; replaces an existing one.

        `former` is the replaced store, which no entry refers to any more and which will be removed.
        """
        draft = self._drafts / uuid4().hex
        content = {"version": _VERSION, **attrs.asdict(entry), _FORMER: former}
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
        """Rename an entry; replaces an existing one."""
        os.replace(self._names / old, self._names / new)
        sync_directory(self._names)

    def remove(self, name: str) -> None:
        """Remove an entry."""
        (self._names / name).unlink()
        sync_directory(self._names)

    def changed(self, name: str, entry: RegistryEntry) -> int:
        """The time of the last write of an entry or its vectors, in nanoseconds since 1970."""
        files = [self._names / name]
        if entry.store is not None:
            files.append(self.stores.whole(entry.store) / "data.mdb")
        return max(file.stat().st_mtime_ns for file in files)

    def _finish(self, entries: dict[str, RegistryEntry], former: set[str | None]) -> None:
        """Finish interrupted changes, by the marks of stores and by the entries."""
        found = self.stores.list()
        named = {entry.store: name for name, entry in entries.items()}
        for store in found.ended:
            if store in named and store not in found.whole:
                self.remove(named[store])
                del entries[named[store]]
            self.stores.remove_ended(store)
        self.stores.settle_begun(found, named)
        for store in (found.whole & former) - named.keys():
            self.stores.end(store)
            self.stores.remove_ended(store)

    def _recover(self, entries: dict[str, RegistryEntry]) -> None:
        """Add an entry for each store without one."""
        named = {entry.store for entry in entries.values()}
        for store in sorted(self.stores.list().whole - named):
            path = self.stores.whole(store)
            name = _RECOVERED + store
            if name in entries or not (path / "data.mdb").exists():
                log.warning("left alone: no file of the device", path=str(path))
                continue
            info = FileInfo(dimensions=VectorStore.dimensions_of(self.stores, store))
            entry = RegistryEntry(_PRIVATE, os.getuid(), os.getgid(), info, store)
            self.write(name, entry)
            entries[name] = entry
            log.warning("vectors without a name were found", path=str(path), file=name)


def _read(path: Path) -> tuple[RegistryEntry, str | None]:
    """Read an entry, and the replaced store that has to be removed."""
    try:
        content = orjson.loads(path.read_bytes())
        version = content.pop("version")
        if version != _VERSION:
            raise UnknownFormat(path, f"version {version}")
        former = content.pop(_FORMER, None)
        return RegistryEntry(**{**content, "info": FileInfo(**content["info"])}), former
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UnknownFormat(path, f"not the entry of a vector file ({error})") from error
