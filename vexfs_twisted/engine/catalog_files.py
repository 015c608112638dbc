"""Which collections and aliases there are, written down beside the collections themselves.

The directories of the collections say what each of them is. The register says which of them there
should be, so that one that is missing is missed, and what aliases point to. It lies in two files,
each of which is written in place, on room that it has in advance, one after the other: a write that
was cut off leaves one of them as it was, and a damaged one is made again from the other.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, field, frozen

from ..model.errors import StorageFull
from .errors import UnknownFormat, UnusableDataFolder
from .storage.checksummed import Damaged, OtherVersion, seal, unseal
from .storage.files import reserve, storage_errors, sync_directory

_FILES = ("register-1", "register-2")
_KIND = "vexfs-register"
_VERSION = 1
_LEAST_ROOM = 1 << 16

log = logging.getLogger("vexfs.catalog")


@frozen
class CatalogEntry:
    """The directory of a collection, and when it was made, in seconds since 1970."""

    directory: str
    created: float


@frozen
class CatalogContents:
    """Collections by name, and the collection that each alias points to."""

    collections: Mapping[str, CatalogEntry] = field(factory=dict)
    aliases: Mapping[str, str] = field(factory=dict)

    def with_collection(self, name: str, entry: CatalogEntry) -> CatalogContents:
        """With this collection as well."""
        return evolve(self, collections={**self.collections, name: entry})

    def without(self, name: str) -> CatalogContents:
        """Without a collection and the aliases that point to it."""
        collections = {n: entry for n, entry in self.collections.items() if n != name}
        aliases = {alias: target for alias, target in self.aliases.items() if target != name}
        return CatalogContents(collections, aliases)


class CatalogFiles:
    """The register in a directory. One thread at a time writes; `contents` may be read by any.

    `is_lost`: there was none that could be read. It is empty then.
    """

    def __init__(self, path: Path) -> None:
        """Read the register in the directory `path`. Raises EngineStartError."""
        self._files = [path / name for name in _FILES]
        self._number = 0
        self.contents = CatalogContents()
        found = [self._read(file) for file in self._files]
        sound = [value for value in found if value is not None]
        self.is_lost = not sound
        if sound:
            newest = max(sound, key=lambda value: int(value["number"]))
            self._number = newest["number"]
            self.contents = _loaded(newest)
        if sound and any(value != newest for value in found):
            try:
                self.write(self.contents)
            except (OSError, StorageFull) as error:
                # It can be read: the next write, or the next start, tries again.
                log.warning("the register in %s cannot be written: %s", path, error)

    def write(self, contents: CatalogContents) -> None:
        """Make `contents` be what is registered, durably, or nothing change. Raises StorageFull."""
        number = self._number + 1
        data = seal(_KIND, _VERSION, {"number": number, **asdict(contents)})
        with storage_errors(self._files[0].parent):
            for file in self._files:
                _make_room(file, len(data))
            try:
                _overwrite(self._files[0], data)
            except BaseException:
                # What is there by halves is not to count, and neither is what is there as a whole.
                with suppress(OSError):
                    _overwrite(self._files[0], self._files[1].read_bytes())
                raise
        self._number, self.contents, self.is_lost = number, contents, False
        try:
            _overwrite(self._files[1], data)
        except OSError as error:
            # It is written once; the next write, or the next start, tries again.
            log.warning("%s cannot be written: %s", self._files[1], error)

    def _read(self, file: Path) -> Any:
        """What is in a file; None where that is nothing, or not what was written."""
        try:
            data = file.read_bytes()
            # Nothing was ever written where there is only the room for it.
            return unseal(_KIND, _VERSION, data) if data.strip(b"\0") else None
        except FileNotFoundError:
            return None
        except OtherVersion as error:
            raise UnknownFormat(file, str(error)) from None
        except Damaged as error:
            log.warning("%s is damaged: %s", file, error)
            return None
        except OSError as error:
            raise UnusableDataFolder(file.parent, f"{file.name}: {error.strerror}") from error


def _loaded(value: Mapping[str, Any]) -> CatalogContents:
    collections = {name: CatalogEntry(**entry) for name, entry in value["collections"].items()}
    return CatalogContents(collections, value["aliases"])


def _make_room(file: Path, size: int) -> None:
    """Make a file have room for twice as much when it must grow, so that it seldom has to."""
    is_new = not file.exists()
    found = 0 if is_new else file.stat().st_size
    reserve(file, found if found >= size else max(2 * size, _LEAST_ROOM))
    if is_new:
        sync_directory(file.parent)


def _overwrite(file: Path, data: bytes) -> None:
    with open(file, "r+b", buffering=0) as stream:
        left = memoryview(data)
        while left:
            left = left[stream.write(left) :]
        # Where it had the room before, the file system has nothing of its own to write.
        os.fdatasync(stream.fileno())
