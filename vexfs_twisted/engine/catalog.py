"""The collections and aliases of one data folder."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from re import fullmatch
from threading import Lock
from time import time
from uuid import uuid4

from ..model.collection import (
    Alias,
    AliasAction,
    CollectionConfig,
    CreateAlias,
    CreateCollection,
    DeleteAlias,
    new_config,
)
from ..model.commands import (
    AddCollection,
    CatalogCommand,
    CatalogOutcome,
    DropCollection,
    Origin,
    UpdateAliases,
)
from ..model.damage import Damage
from ..model.errors import (
    AlreadyExists,
    BadInput,
    NotFound,
    StorageFull,
    as_value,
    unknown_collection,
)
from .acceleration import Accelerators
from .catalog_files import CatalogEntry
from .closed_collection import ClosedCollection, UnopenedCollection
from .collection import Collection
from .collection_identity import Identity
from .commit_log import LogOf
from .data_folder import DataFolder
from .inventory import Inventory, identity_of
from .quarantine import QuarantinedCollection, damage_of, quarantined
from .storage.files import storage_errors
from .storage.open_files import OpenFiles, descriptors_for_collections
from .storage.outcomes import REFUSALS
from .storage.table_check import check_tables

log = logging.getLogger("vexfs.catalog")

Held = Collection | ClosedCollection
"""A collection that is there, whether it can be read or not."""


class Catalog:
    """All collections of a data folder, by their real names. Thread-safe.

    It is opened as a whole by `open`, or by `begin` and `open_collection` for each name. What
    returns collections, names or aliases does not block. The other methods block on the disk, and
    on each other. `defaults` is the configuration of new collections where a request sets nothing.
    `open_files` limits open descriptors, by default to the limit of the process. Searches of a
    collection use the accelerator registered for its directory in `accelerators`. The commands of
    collections are appended to what `log_of` gives.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        defaults: CollectionConfig | None = None,
        open_files: OpenFiles | None = None,
        log_of: LogOf | None = None,
    ) -> None:
        self._log_of = log_of
        self._folder = DataFolder(Path(path))
        self._defaults = defaults or CollectionConfig()
        self._changing = Lock()
        self._originated = Lock()
        self._inventory: Inventory | None = None
        self._collections: dict[str, Held] = {}
        self._aliases: dict[str, str] = {}
        self._open_files = open_files or OpenFiles(descriptors_for_collections())
        self.accelerators = Accelerators()

    @property
    def path(self) -> Path:
        """The data folder."""
        return self._folder.path

    def open(self) -> None:
        """Open the folder, created if missing, and its collections. Raises EngineStartError.

        Collections that were not deleted are never removed here; any that is not opened is logged.
        One that is damaged is quarantined.
        """
        self.begin()
        try:
            with self._folder.errors():
                for name in self.names():
                    self.open_collection(name)
        except BaseException:
            self.close()
            raise

    def begin(self) -> None:
        """Open the folder, created if missing, without its collections. Raises EngineStartError."""
        self._folder.open()
        try:
            inventory = Inventory(self._folder)
            inventory.settle()
        except BaseException:
            self._folder.close()
            raise
        self._inventory = inventory
        self._aliases = dict(inventory.contents.aliases)
        self._collections = {
            name: UnopenedCollection(identity_of(name, entry), inventory.path(name))
            for name, entry in inventory.contents.collections.items()
        }

    def unopened(self) -> dict[str, int]:
        """The names of the collections that are not open yet, with the bytes of their tables."""
        held = list(self._collections.values())
        return {own.name: own.size for own in held if isinstance(own, UnopenedCollection)}

    def is_unopened(self, name: str) -> bool:
        """Whether there is a collection `name` that is not open yet."""
        return isinstance(self._collections.get(name), UnopenedCollection)

    def open_collection(self, name: str) -> None:
        """Open the collection `name` if it is there and not open. It is quarantined if damaged.

        Several may be opened at a time, in threads. Raises StorageFull, OSError and others for what
        is no damage; the collection is as before then.
        """
        held = self._collections.get(name)
        if not isinstance(held, UnopenedCollection):
            return
        with held.opening:
            if held.is_retired or not self.has(held):
                return
            opened = self._open_files.retried(lambda: self._opened_or_quarantined(held))
            with self._changing:
                if self.has(held):
                    self._collections[name] = opened
                    return
        # The catalog was closed meanwhile.
        opened.close()

    def close(self) -> None:
        """Close all collections after the reads and writes in progress. Idempotent."""
        with self._changing:
            if self._inventory is not None and not any(map(self.is_unopened, self._collections)):
                self._folder.settled()
            for collection in self._collections.values():
                collection.close()
            self._collections = {}
            self._inventory = None
            self._folder.close()

    def clear_readers(self) -> None:
        """Let go of what processes that have ended were reading, in all collections."""
        for collection in self._collections.values():
            collection.clear_readers()

    def names(self) -> list[str]:
        """The names of all collections, sorted."""
        return sorted(self._collections)

    def directories(self) -> list[str]:
        """The names of the directories of all collections, quarantined ones included."""
        return [collection.directory for collection in self._collections.values()]

    def aliases(self) -> list[Alias]:
        """All aliases, sorted by name."""
        return [Alias(alias, target) for alias, target in sorted(self._aliases.items())]

    def get(self, name: str) -> Collection:
        """The collection `name`.

        Raises NotFound, DataDamaged for a quarantined one, and Starting for one not open yet.
        """
        collection = self._collections.get(name)
        if collection is None:
            raise unknown_collection(name)
        if isinstance(collection, ClosedCollection):
            raise collection.error
        return collection

    def opened(self, name: str) -> Collection:
        """The collection `name`, which is opened first if it is not yet. Blocks.

        Raises what `open_collection` and `get` do.
        """
        self.open_collection(name)
        return self.get(name)

    def find(self, name: str) -> Collection | None:
        """The collection `name`, or None if there is none, or it is quarantined or not open."""
        collection = self._collections.get(name)
        return collection if isinstance(collection, Collection) else None

    def find_any(self, name: str) -> Held | None:
        """The collection `name` as it is; None if there is none."""
        return self._collections.get(name)

    def find_quarantined(self, name: str) -> QuarantinedCollection | None:
        """The quarantined collection `name`, or None."""
        collection = self._collections.get(name)
        return collection if isinstance(collection, QuarantinedCollection) else None

    def quarantine(self, collection: Collection, damages: Sequence[Damage]) -> None:
        """Close a collection that cannot be read safely; reads in progress finish.

        Other processes that read the folder close it as well.
        """
        with self._changing:
            if not self.has(collection):
                return
            name = collection.name
            closed = QuarantinedCollection(name, collection.path, damages)
            self._collections = {**self._collections, name: closed}
        collection.abandon()
        with self._changing:
            if self._collections.get(name) is closed:
                quarantined(name, collection.path, damages)
                with suppress(OSError, StorageFull):
                    self._current().touch()

    def has(self, collection: Held) -> bool:
        """Whether exactly this collection exists, not just one with its name."""
        return self._collections.get(collection.name) is collection

    def resolve(self, name: str) -> str:
        """Resolve a collection name or alias to the real name. Raises NotFound."""
        real = name if name in self._collections else self._aliases.get(name)
        if real is None:
            raise unknown_collection(name)
        return real

    def last_counter(self, source: str) -> int | None:
        """The counter of the last applied command of a source; None if there is none."""
        return self._current().contents.outcomes.last_counter(source)

    def apply(self, command: CatalogCommand, origin: Origin | None = None) -> bool:
        """Execute a command durably. Returns False for the deletion of a missing collection.

        Raises AlreadyExists for the name of an existing collection, or an alias with such a name;
        BadInput for the name of an alias, or a uid that is invalid or in use; NotFound for a
        missing target or alias. Nothing changes then.

        For a command with an origin that was applied before, the recorded outcome is returned or
        raised, and nothing changes. Raises AlreadyApplied if the outcome is no longer kept. Any
        other error leaves the command unapplied: the source must submit it again before later ones.
        """
        if origin is None:
            return self._carry_out(command)
        with self._originated:
            recorded = self._current().contents.outcomes.find(origin)
            if isinstance(recorded, Exception):
                raise recorded
            if recorded is not None:
                return recorded
            try:
                return self._carry_out(command, origin)
            except REFUSALS as error:
                self._record(origin, as_value(error))
                raise

    def begin_restore(self) -> tuple[str, Path]:
        """A new directory to unpack a collection into: its name, and its path. Raises OSError.

        The caller passes it to `take_in`, or removes it. The next start removes it otherwise.
        """
        directory = uuid4().hex
        with self._changing:
            return directory, self._open_files.retried(lambda: self._current().begin(directory))

    def take_in(self, name: str, directory: str) -> tuple[Collection, Held | None]:
        """Make an unpacked directory of `begin_restore` the collection `name`, durably.

        Replaces a collection of that name, which keeps its aliases; returns the new one, and the
        one that was replaced, whose reads in progress finish. Raises BadInput for the name of an
        alias, StorageFull and OSError.
        """
        former = self._collections.get(name)
        if former is not None:
            former = self._retired(former)
        with self._changing:
            try:
                collection, ended = self._taken_in(name, CatalogEntry(directory, time()))
            except BaseException:
                if former is not None and self._collections.get(name) is former:
                    self._collections = {**self._collections, name: former.renewed()}
                raise
            former, self._collections = (
                self._collections.get(name),
                {**self._collections, name: collection},
            )
        for path in ended:
            try:
                if former is not None and path.stem == former.directory:
                    former.remove(path)
                else:
                    shutil.rmtree(path, ignore_errors=True)
            except OSError as error:
                log.warning("%s is removed at the next start: %s", path, error)
        return collection, former

    def _taken_in(self, name: str, entry: CatalogEntry) -> tuple[Collection, list[Path]]:
        if name in self._aliases:
            self._check_free(name)
        inventory = self._current()
        before = inventory.contents
        path = self._open_files.retried(lambda: inventory.take_in(name, entry))
        try:
            with storage_errors(path):
                identity = identity_of(name, entry)
                collection = self._open_files.retried(lambda: self._open(identity, path))
        except BaseException:
            self._open_files.retried(lambda: inventory.undo_take_in(entry.directory, before))
            raise
        return collection, inventory.end_replaced()

    def _carry_out(self, command: CatalogCommand, origin: Origin | None = None) -> bool:
        """Execute a command. Records its outcome in the same write, unless it is refused."""
        if isinstance(command, DropCollection):
            return self._drop(command, origin)
        if isinstance(command, AddCollection):
            self._add(command, origin)
        else:
            self._update_aliases(command.actions, origin)
        return True

    def _record(self, origin: Origin, outcome: CatalogOutcome) -> None:
        with self._changing:
            self._open_files.retried(lambda: self._current().record(origin, outcome))

    def addition(self, name: str, request: CreateCollection) -> AddCollection:
        """The command that creates a collection, with a new uid and the current time resolved.

        Raises ValidationError or BadInput for an invalid request.
        """
        return AddCollection(name, new_config(request, self._defaults), uuid4().hex, time())

    def create(self, name: str, request: CreateCollection) -> Collection:
        """Create a collection, and return it."""
        self.apply(self.addition(name, request))
        return self.get(name)

    def delete(self, name: str) -> bool:
        """Delete a collection."""
        return self.apply(DropCollection(name))

    def update_aliases(self, actions: Sequence[AliasAction]) -> None:
        """Change aliases."""
        self.apply(UpdateAliases(actions))

    def _add(self, command: AddCollection, origin: Origin | None) -> None:
        name = command.name
        with self._changing:
            self._check_free(name)
            self._check_uid(command.uid)
            collection = self._made(command, origin)
            self._collections = {**self._collections, name: collection}

    def _drop(self, command: DropCollection, origin: Origin | None) -> bool:
        name = command.name
        collection = self._collections.get(name)
        if collection is None or command.uid not in (None, collection.directory):
            return self._nothing_to_drop(origin)
        collection = self._retired(collection)
        with self._changing:
            is_there = self.has(collection)
            if is_there:
                path = self._ended(collection, origin)
        if not is_there:
            # Another thread deleted it meanwhile.
            return self._nothing_to_drop(origin)
        try:
            collection.remove(path)
        except OSError as error:
            log.warning("%s is removed at the next start: %s", path, error)
        return True

    def _nothing_to_drop(self, origin: Origin | None) -> bool:
        if origin is not None:
            self._record(origin, False)
        return False

    def _ended(self, collection: Held, origin: Origin | None) -> Path:
        """Remove a collection from the catalog; returns the directory, still to be removed."""
        name = collection.name
        try:
            path = self._open_files.retried(lambda: self._current().delete(name, origin))
        except BaseException:
            # The collection still exists.
            self._collections = {**self._collections, name: collection.renewed()}
            raise
        self._aliases = dict(self._current().contents.aliases)
        self._collections = {n: c for n, c in self._collections.items() if n != name}
        return path

    def _update_aliases(self, actions: Sequence[AliasAction], origin: Origin | None) -> None:
        with self._changing:
            aliases = dict(self._aliases)
            for action in actions:
                self._act(aliases, action)
            self._open_files.retried(lambda: self._current().replace_aliases(aliases, origin))
            self._aliases = aliases

    def _act(self, aliases: dict[str, str], action: AliasAction) -> None:
        if isinstance(action, CreateAlias):
            self._check_alias(action.alias_name)
            if action.collection_name not in self._collections:
                raise unknown_collection(action.collection_name)
            aliases[action.alias_name] = action.collection_name
        elif isinstance(action, DeleteAlias):
            aliases.pop(action.alias_name, None)
        else:
            self._check_alias(action.new_alias_name)
            target = aliases.pop(action.old_alias_name, None)
            if target is None:
                raise NotFound(f"Alias {action.old_alias_name} does not exists!")
            aliases[action.new_alias_name] = target

    def _check_free(self, name: str) -> None:
        if name in self._collections:
            raise AlreadyExists(f"Collection `{name}` already exists!")
        if name in self._aliases:
            raise BadInput(
                f"Can't create collection with name {name}. Alias with the same name already exists"
            )

    def _check_uid(self, uid: str) -> None:
        entries = self._current().contents.collections.values()
        if fullmatch("[0-9a-f]{32}", uid) is None or any(uid == e.directory for e in entries):
            raise BadInput(f"`{uid}` cannot be the uid of a new collection")

    def _check_alias(self, alias: str) -> None:
        if alias in self._collections:
            raise AlreadyExists(f"Collection `{alias}` already exists!")

    def _made(self, command: AddCollection, origin: Origin | None) -> Collection:
        """Create a collection, and open it."""
        inventory, name = self._current(), command.name
        entry, before = CatalogEntry(command.uid, command.created), inventory.contents.outcomes
        path = self._open_files.retried(
            lambda: inventory.create(name, command.config, entry, origin)
        )
        try:
            with storage_errors(path):
                identity = identity_of(name, entry)
                return self._open_files.retried(lambda: self._open(identity, path))
        except BaseException:
            begun = self._open_files.retried(lambda: inventory.undo_creation(name, before))
            shutil.rmtree(begun, ignore_errors=True)
            raise

    def _retired(self, held: Held) -> Held:
        """A collection once its background work has ended, or what it was opened as meanwhile."""
        held.retire()
        now = self._collections.get(held.name)
        if now is None or now is held or now.directory != held.directory:
            return held
        now.retire()
        return now

    def _opened_or_quarantined(
        self, held: UnopenedCollection
    ) -> Collection | QuarantinedCollection:
        name, path = held.name, held.path
        try:
            found = check_tables(path, every=not self._folder.was_stopped)
            if found:
                return quarantined(name, path, found)
            return self._open(held.identity, path)
        # Tables with arbitrary bytes in them fail in any way.
        except Exception as error:
            damage = damage_of(error, path)
            if damage is None:
                raise
            return quarantined(name, path, [damage])

    def _open(self, identity: Identity, path: Path) -> Collection:
        log = None if self._log_of is None else self._log_of(identity)
        collection = Collection.open(identity.name, path, self._open_files, self.accelerators, log)
        collection.on_unsafe = self.quarantine
        return collection

    def _current(self) -> Inventory:
        if self._inventory is None:
            raise RuntimeError("the catalog is not open")
        return self._inventory
