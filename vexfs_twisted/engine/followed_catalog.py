"""The collections and aliases of a data folder that another process writes."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock, Thread

import lmdb
from attrs import field, frozen

from ..model.collection import Alias
from ..model.errors import DataDamaged, DomainError, as_value, not_openable, unknown_collection
from .damage_file import read_damage
from .data_folder import DataFolder, MarkedDirectories
from .errors import EngineStartError
from .followed_collection import FollowedCollection
from .followed_register import FollowedRegister
from .storage.open_files import OpenFiles, descriptors_for_collections

log = logging.getLogger("vexfs.catalog")


@frozen
class _Listing:
    """What was read of the catalog. `failed` are the collections that could not be opened."""

    collections: Mapping[str, FollowedCollection] = field(factory=dict)
    aliases: Mapping[str, str] = field(factory=dict)
    failed: Mapping[str, DomainError] = field(factory=dict)


class FollowedCatalog:
    """The collections of a data folder, for reads, as of the last change acknowledged. Thread-safe.

    Another process has the folder open as a Catalog, and is at work for as long as this one is.
    Every method reads the catalog if it has changed, and opens the collections that are new.
    """

    def __init__(self, path: str | os.PathLike[str], open_files: OpenFiles | None = None) -> None:
        self._folder = DataFolder(Path(path))
        self._open_files = open_files or OpenFiles(descriptors_for_collections())
        self._directories = MarkedDirectories(self._folder.collections_path)
        self._reading = Lock()
        self._register: FollowedRegister | None = None
        self._listing = _Listing()
        self._complaints: dict[str, str] = {}

    def open(self) -> None:
        """Open the folder and its collections. Raises EngineStartError."""
        self._folder.check()
        self._register = FollowedRegister(self._folder.catalog_path)
        self._current()

    def close(self) -> None:
        """Close all collections after the reads in progress. Idempotent."""
        with self._reading:
            register, self._register = self._register, None
            for collection in self._listing.collections.values():
                collection.close()
            self._listing = _Listing()
            if register is not None:
                register.close()

    def names(self) -> list[str]:
        """The names of all collections, sorted."""
        listing = self._current()
        return sorted(listing.collections.keys() | listing.failed.keys())

    def aliases(self) -> list[Alias]:
        """All aliases, sorted by name."""
        return [Alias(alias, target) for alias, target in sorted(self._current().aliases.items())]

    def get(self, name: str) -> FollowedCollection:
        """The collection `name`. Raises NotFound, and as `find` does."""
        collection = self.find(name)
        if collection is None:
            raise unknown_collection(name)
        return collection

    def find(self, name: str) -> FollowedCollection | None:
        """The collection `name`, or None.

        Raises DataDamaged if the other process has quarantined it, and Unavailable if it cannot be
        opened.
        """
        listing = self._current()
        if name in listing.failed:
            raise listing.failed[name]
        return listing.collections.get(name)

    def has(self, collection: FollowedCollection) -> bool:
        """Whether exactly this collection exists, not just one with its name."""
        return self._current().collections.get(collection.name) is collection

    def resolve(self, name: str) -> str:
        """Resolve a collection name or alias to the real name. Raises NotFound."""
        listing = self._current()
        is_name = name in listing.collections or name in listing.failed
        real = name if is_name else listing.aliases.get(name)
        if real is None:
            raise unknown_collection(name)
        return real

    def follow(self) -> None:
        """Catch up with the other process; see FollowedCollection. Blocks, in one thread at a time.

        Errors are logged when they occur first: a read that needs the files has them as well.
        """
        complaints: dict[str, str] = {}
        for collection in self._current().collections.values():
            try:
                collection.follow()
            except (OSError, lmdb.Error, EngineStartError, DomainError) as error:
                if self.has(collection):
                    complaints[collection.name] = str(error)
        for name, complaint in complaints.items():
            if self._complaints.get(name) != complaint:
                log.warning("collection `%s` is not followed: %s", name, complaint)
        self._complaints = complaints

    def _current(self) -> _Listing:
        register = self._register
        if register is None:
            return self._listing
        if not register.is_current:
            with self._reading:
                if self._register is not None and not register.is_current:
                    self._change(register)
        return self._listing

    def _change(self, register: FollowedRegister) -> None:
        before = self._listing
        contents = register.read()
        collections: dict[str, FollowedCollection] = {}
        failed: dict[str, DomainError] = {}
        is_whole = True
        for name, entry in contents.collections.items():
            path = self._directories.whole(entry.directory)
            damage = read_damage(path)
            if damage.closed:
                failed[name] = DataDamaged(name, entry.directory, damage.damages[0])
                continue
            known = before.collections.get(name)
            if known is not None and known.directory == entry.directory:
                collections[name] = known
                continue
            opened = self._opened(name, path)
            if isinstance(opened, FollowedCollection):
                collections[name] = opened
                continue
            is_whole = False
            if opened is not None:
                failed[name] = not_openable(name, opened)
        self._listing = _Listing(collections, contents.aliases, failed)
        # Not before: other threads take the listing that there is if nothing has changed.
        if is_whole:
            register.settle()
        for gone in set(before.collections.values()) - set(collections.values()):
            Thread(target=gone.close, name="closes-collection", daemon=True).start()

    def _opened(self, name: str, path: Path) -> FollowedCollection | Exception | None:
        """The collection in a directory; None if it is not there, else the error."""
        found: Exception | None = None
        for _ in range(2):
            try:
                return FollowedCollection(name, path, self._open_files)
            except (OSError, lmdb.Error, EngineStartError) as error:
                # Until it is created, and from its deletion on, the directory has another name.
                found = as_value(error)
            if not path.exists():
                return None
        return found
