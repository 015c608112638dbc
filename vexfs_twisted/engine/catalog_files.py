"""The catalog on disk: the collections and aliases of a data folder.

The directory of a collection identifies it by itself. The catalog lists the directories that should
exist, so that missing ones are noticed, and the targets of aliases. It has two copies, files that
are overwritten in place, in preallocated space, one after the other: an interrupted write leaves
one of them intact, and a damaged one is restored from the other.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import asdict, evolve, field, frozen

from ..model.commands import CatalogOutcome, Origin
from ..model.errors import StorageFull
from .catalog_outcomes import CatalogOutcomes
from .errors import UnknownFormat, UnusableDataFolder
from .storage.checksummed import Damaged, OtherVersion, seal, unseal
from .storage.files import reserve, storage_errors, sync_directory

CATALOG_FILES = ("register-1", "register-2")
_KIND = "vexfs-register"
_VERSION = 2
_FIRST_VERSION = 1
"""Version 1 had no outcomes of commands."""

_LEAST_ROOM = 1 << 16

log = logging.getLogger("vexfs.catalog")


@frozen
class CatalogEntry:
    """The directory of a collection, and its creation time in seconds since 1970."""

    directory: str
    created: float


@frozen
class Deletion:
    """A deletion with an origin that has begun. It is done once the directory has its mark."""

    directory: str
    origin: Origin


@frozen
class CatalogContents:
    """The contents of the catalog: collections by name, and the target of each alias.

    `outcomes` are those of commands with an origin. `replaced` are directories that have been
    replaced by others, and are to be removed.
    """

    collections: Mapping[str, CatalogEntry] = field(factory=dict)
    aliases: Mapping[str, str] = field(factory=dict)
    outcomes: CatalogOutcomes = CatalogOutcomes()
    deletion: Deletion | None = None
    replaced: Sequence[str] = ()

    def with_collection(self, name: str, entry: CatalogEntry) -> CatalogContents:
        """The contents with this collection added or replaced."""
        return evolve(self, collections={**self.collections, name: entry})

    def without(self, name: str) -> CatalogContents:
        """The contents without a collection and the aliases that point to it."""
        collections = {n: entry for n, entry in self.collections.items() if n != name}
        aliases = {alias: target for alias, target in self.aliases.items() if target != name}
        return evolve(self, collections=collections, aliases=aliases)

    def with_outcome(self, origin: Origin | None, outcome: CatalogOutcome) -> CatalogContents:
        """The contents with the outcome of a command recorded, if it has an origin."""
        if origin is None:
            return self
        return evolve(self, outcomes=self.outcomes.with_outcome(origin, outcome))


class CatalogFiles:
    """The catalog files in a directory. One thread at a time may write; any may read `contents`.

    `is_lost`: there was no readable copy, so `contents` is empty.
    """

    def __init__(self, path: Path) -> None:
        """Read the catalog in the directory `path`. Raises EngineStartError."""
        self._files = [path / name for name in CATALOG_FILES]
        self._number = 0
        self.contents = CatalogContents()
        found = [self._read(file) for file in self._files]
        sound = [value for value in found if value is not None]
        self.is_lost = not sound
        if sound:
            newest = max(sound, key=lambda value: int(value["number"]))
            self._number = newest["number"]
            self.contents = loaded(newest)
        if sound and ("outcomes" not in newest or any(value != newest for value in found)):
            # One copy is damaged or older, or both are of the version before.
            try:
                self.write(self.contents)
            except (OSError, StorageFull) as error:
                # One copy is intact: the next write or start tries again.
                log.warning("the catalog in %s cannot be written: %s", path, error)

    def write(self, contents: CatalogContents) -> None:
        """Replace the contents durably. Raises StorageFull or OSError; nothing changes then."""
        number = self._number + 1
        data = seal(_KIND, _VERSION, {"number": number, **asdict(contents)})
        with storage_errors(self._files[0].parent):
            for file in self._files:
                _make_room(file, len(data))
            try:
                _overwrite(self._files[0], data)
            except BaseException:
                # Restore the copy: neither a partial nor a complete new one may be found later.
                with suppress(OSError):
                    _overwrite(self._files[0], self._files[1].read_bytes())
                raise
        self._number, self.contents, self.is_lost = number, contents, False
        try:
            _overwrite(self._files[1], data)
        except OSError as error:
            # One copy has been written: the next write or start tries again.
            log.warning("%s cannot be written: %s", self._files[1], error)

    def _read(self, file: Path) -> Any:
        """The value in a file; None if the file is missing, empty or damaged."""
        try:
            data = file.read_bytes()
            # A file of zeros was preallocated, but never written.
            return unsealed(data) if data.strip(b"\0") else None
        except FileNotFoundError:
            return None
        except OtherVersion as error:
            raise UnknownFormat(file, str(error)) from None
        except Damaged as error:
            log.warning("%s is damaged: %s", file, error)
            return None
        except OSError as error:
            raise UnusableDataFolder(file.parent, f"{file.name}: {error.strerror}") from error


def unsealed(data: bytes) -> Any:
    """The value in the bytes of a catalog file. Raises Damaged or OtherVersion."""
    return unseal(_KIND, _VERSION, data, _FIRST_VERSION)


def loaded(value: Mapping[str, Any]) -> CatalogContents:
    """The contents that a value of `unsealed` stands for."""
    collections = {name: CatalogEntry(**entry) for name, entry in value["collections"].items()}
    outcomes = CatalogOutcomes(**value.get("outcomes", {}))
    found = value.get("deletion")
    deletion = found and Deletion(found["directory"], Origin(**found["origin"]))
    replaced = tuple(value.get("replaced", ()))
    return CatalogContents(collections, value["aliases"], outcomes, deletion, replaced)


def _make_room(file: Path, size: int) -> None:
    """Preallocate space for `size` bytes; twice that when the file must grow, so it seldom does."""
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
        # In preallocated space, the file system has no metadata to write.
        os.fdatasync(stream.fileno())
