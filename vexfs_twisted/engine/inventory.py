"""The inventory of a data folder: keeps its directories and its catalog consistent.

A collection exists durably once its directory has no mark, until that is marked as deleted. Every
change is done in an order such that, wherever it is interrupted, the next start can finish or undo
it by the marks alone.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from re import fullmatch
from time import time
from uuid import uuid4

from attrs import evolve

from ..model.collection import CollectionConfig
from ..model.commands import CatalogOutcome, Origin
from ..model.errors import StorageFull
from .catalog_files import CatalogContents, CatalogEntry, CatalogFiles, Deletion
from .catalog_outcomes import CatalogOutcomes
from .catalog_survey import Survey, survey
from .collection_identity import Identity, read_identity, write_first_identity, write_identity
from .collection_store import CollectionStore
from .data_folder import FIRST_VERSION, DataFolder
from .errors import UndecidedCollections
from .former_catalog import read_former, remove_former
from .storage.checksummed import Damaged
from .storage.directories import MarkedDirectories
from .storage.files import storage_errors, sync_directory

log = logging.getLogger("vexfs.catalog")


class Inventory:
    """The collections of an open data folder. Not thread-safe: one thread at a time."""

    def __init__(self, folder: DataFolder) -> None:
        """Read the inventory, and finish interrupted changes. Raises EngineStartError."""
        self._folder = folder
        self._directories = MarkedDirectories(folder.collections_path)
        with self._folder.errors():
            self._register = CatalogFiles(folder.catalog_path)
            self.was_lost = self._register.is_lost
            if folder.version == FIRST_VERSION or self.was_lost:
                self._upgrade()
            self._finish()

    @property
    def contents(self) -> CatalogContents:
        """The contents of the catalog."""
        return self._register.contents

    def path(self, name: str) -> Path:
        """The directory of the collection `name`, which must be in the catalog."""
        return self._directories.whole(self.contents.collections[name].directory)

    def survey(self) -> Survey:
        """The differences between the directories and the catalog. Raises UnknownFormat."""
        return survey(self._directories.path, self._directories.list().whole, self.contents)

    def settle(self) -> None:
        """Add directories that fit, log irregularities, and update identity files.

        Raises UndecidedCollections if the operator must decide; nothing is removed.
        """
        with self._folder.errors():
            found = self.survey()
            self._tell(found)
            for unknown in found.fitting:
                self.adopt(unknown.directory, unknown.name)
            found = self.survey()
            if found.doubtful or found.missing:
                raise UndecidedCollections(
                    self._folder.path, list(map(str, found.doubtful)), found.missing
                )
            if self._register.is_lost:
                self._register.write(self.contents)
            for name, entry in self.contents.collections.items():
                self._identify(name, entry)
            remove_former(self._folder.catalog_path)

    def create(
        self,
        name: str,
        config: CollectionConfig,
        entry: CatalogEntry,
        origin: Origin | None = None,
    ) -> Path:
        """Create an empty collection, and return its directory. Raises StorageFull and OSError.

        Records the outcome of the command in the same write, if it has an origin.
        """
        before, begun = self.contents, self._directories.begun(entry.directory)
        with storage_errors(begun.parent):
            if begun.exists():
                # An attempt that failed for lack of descriptors could not remove it.
                self._directories.remove_begun(entry.directory)
            try:
                begun.mkdir()
                write_first_identity(begun, identity_of(name, entry))
                CollectionStore.create(begun, config)
                sync_directory(begun.parent)
                after = before.with_collection(name, entry).with_outcome(origin, True)
                self._register.write(after)
            except BaseException:
                shutil.rmtree(begun, ignore_errors=True)
                raise
            try:
                self._directories.complete(entry.directory)
            except BaseException:
                self._register.write(before)
                shutil.rmtree(begun, ignore_errors=True)
                raise
        return self._directories.whole(entry.directory)

    def begin(self, directory: str) -> Path:
        """Make an empty directory that is being created, and return it. Raises OSError."""
        begun = self._directories.begun(directory)
        begun.mkdir()
        return begun

    def take_in(self, name: str, entry: CatalogEntry) -> Path:
        """Make a directory that was begun the collection `name`, in the place of any other.

        Its files must be durable. The collection that it replaces keeps its aliases, and its
        directory is left to `end_replaced`. Returns the directory. Raises StorageFull and OSError;
        nothing changes then. The write of the catalog is the commit.
        """
        before, begun = self.contents, self._directories.begun(entry.directory)
        former = before.collections.get(name)
        after = before.with_collection(name, entry)
        if former is not None:
            after = evolve(after, replaced=(*after.replaced, former.directory))
        with storage_errors(begun.parent):
            write_identity(begun, identity_of(name, entry))
            sync_directory(begun.parent)
            self._register.write(after)
            try:
                self._directories.complete(entry.directory)
            except BaseException:
                self._register.write(before)
                raise
        return self._directories.whole(entry.directory)

    def undo_take_in(self, directory: str, before: CatalogContents) -> None:
        """Undo `take_in` before `end_replaced`; the caller has to remove the directory.

        `before` are the contents before it. If it is interrupted, the collection is replaced.
        """
        self._directories.undo_complete(directory)
        try:
            self._register.write(before)
        except BaseException:
            with suppress(OSError):
                self._directories.complete(directory)
            raise

    def end_replaced(self) -> list[Path]:
        """Mark what was replaced as deleted; returns the directories, for the caller to remove.

        What cannot be marked now is marked at the next start.
        """
        whole, replaced = self._directories.list().whole, self.contents.replaced
        try:
            for directory in replaced:
                if directory in whole:
                    self._directories.end(directory)
            if replaced:
                self._register.write(evolve(self.contents, replaced=()))
        except (OSError, StorageFull) as error:
            log.warning("what was replaced is removed at the next start: %s", error)
        return [self._directories.ended(directory) for directory in replaced]

    def undo_creation(self, name: str, outcomes: CatalogOutcomes) -> Path:
        """Undo `create`; returns the directory, which the caller has to remove.

        `outcomes` are those before the creation. If it is interrupted, the collection exists.
        """
        directory = self.contents.collections[name].directory
        self._directories.undo_complete(directory)
        try:
            self._register.write(evolve(self.contents.without(name), outcomes=outcomes))
        except BaseException:
            with suppress(OSError):
                self._directories.complete(directory)
            raise
        return self._directories.begun(directory)

    def delete(self, name: str, origin: Origin | None = None) -> Path:
        """Delete a collection and its aliases; returns the directory, for the caller to remove.

        Records the outcome of the command, if it has an origin. Raises StorageFull and OSError;
        nothing changes then.
        """
        directory = self.contents.collections[name].directory
        # The mark does not identify the command: a start finds it in the note of the deletion.
        deletion = None if origin is None else Deletion(directory, origin)
        if self.contents.deletion != deletion:
            self._register.write(evolve(self.contents, deletion=deletion))
        with storage_errors(self._directories.path):
            self._directories.end(directory)
        try:
            after = self.contents.without(name).with_outcome(origin, True)
            self._register.write(evolve(after, deletion=None))
        except BaseException:
            # Otherwise the next start would finish a deletion that was reported as failed.
            with suppress(OSError):
                self._directories.restore(directory)
            raise
        return self._directories.ended(directory)

    def replace_aliases(self, aliases: Mapping[str, str], origin: Origin | None = None) -> None:
        """Replace all aliases; records the outcome if there is an origin.

        Raises StorageFull and OSError.
        """
        after = evolve(self.contents, aliases=dict(aliases))
        self._register.write(after.with_outcome(origin, True))

    def record(self, origin: Origin, outcome: CatalogOutcome) -> None:
        """Record the outcome of a command without an effect. Raises StorageFull, OSError."""
        self._register.write(self.contents.with_outcome(origin, outcome))

    def touch(self) -> None:
        """Write the catalog as it is, so that other processes look at it again."""
        self._register.write(self.contents)

    def adopt(self, directory: str, name: str) -> None:
        """Add an unknown directory as the collection `name`, which is free. Raises OSError.

        A directory that was renamed or copied gets a new unique directory name.
        """
        is_ours = fullmatch("[0-9a-f]{32}", directory) is not None
        identity = self._read_identity(directory)
        created = time() if identity is None else identity.created
        is_moved = identity is not None and identity.directory != directory
        new = uuid4().hex if is_moved or not is_ours else directory
        wanted = Identity(name, new, created)
        if identity != wanted:
            write_identity(self._directories.whole(directory), wanted)
        if new != directory:
            self._directories.rename(directory, new)
        entry = CatalogEntry(new, created)
        # This replaces a missing collection of that name; aliases that point to the name are kept.
        self._register.write(self.contents.with_collection(name, entry))

    def forget(self, name: str) -> None:
        """Remove a missing collection, and the aliases that point to it, from the catalog."""
        self._register.write(self.contents.without(name))

    def _upgrade(self) -> None:
        """Upgrade a folder of the first version.

        The former catalog is kept until `settle` has succeeded, so that a damaged one can be
        restored from a backup.
        """
        former = read_former(self._folder.catalog_path)
        if former is not None:
            self._register.write(former)
        self.was_lost = self._register.is_lost
        if self._folder.version == FIRST_VERSION:
            self._folder.upgraded()

    def _finish(self) -> None:
        """Finish or undo interrupted changes, by the mark of each directory only."""
        if self.contents.replaced:
            self.end_replaced()
        found = self._directories.list()
        names = {entry.directory: name for name, entry in self.contents.collections.items()}
        contents = self.contents
        ended = found.ended - found.whole
        for directory in ended & names.keys():
            contents = contents.without(names[directory])
        if contents.deletion is not None:
            if contents.deletion.directory in ended:
                contents = contents.with_outcome(contents.deletion.origin, True)
            contents = evolve(contents, deletion=None)
        if contents != self.contents:
            self._register.write(contents)
        for directory in found.ended:
            self._directories.remove_ended(directory)
        self._directories.settle_begun(found, names)

    def _tell(self, found: Survey) -> None:
        path = self._directories.path
        if self.was_lost and found.fitting:
            log.error(
                "the catalog of %s is lost: it is rebuilt from the collections in %s; "
                "no alias is left, nor any outcome of a command with an origin",
                self._folder.path,
                path,
            )
        elif found.fitting:
            log.warning(
                "the catalog of %s is older than the collections in it; aliases may be outdated",
                self._folder.path,
            )
        for unknown in found.fitting:
            log.warning(
                "collection `%s` is adopted from %s", unknown.name, path / unknown.directory
            )
        for copy in found.copies:
            log.warning(
                "%s is ignored: it is a copy of the collection `%s`; `vexfs-qdrant adopt` takes "
                "it in under another name",
                path / copy.directory,
                copy.name,
            )
        for directory in found.foreign:
            log.warning("%s is ignored: it has no collection", path / directory)

    def _identify(self, name: str, entry: CatalogEntry) -> None:
        """Make the identity of a collection's directory match the catalog."""
        wanted = identity_of(name, entry)
        path = self._directories.whole(entry.directory)
        try:
            identity = read_identity(path)
        except Damaged as error:
            log.warning("the identity of %s is rewritten: %s", path, error)
            identity = None
        if identity == wanted:
            return
        if identity is not None:
            log.warning("%s is of `%s`, but `%s` in the catalog", path, identity.name, name)
        try:
            write_identity(path, wanted)
        except OSError as error:
            # A full device must not prevent reads of the collection.
            log.warning("the identity of %s cannot be written: %s", path, error)

    def _read_identity(self, directory: str) -> Identity | None:
        try:
            return read_identity(self._directories.whole(directory))
        except Damaged:
            return None


def identity_of(name: str, entry: CatalogEntry) -> Identity:
    """What the directory of a collection of the catalog has to say of itself."""
    return Identity(name, entry.directory, entry.created)
