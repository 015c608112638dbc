"""The collections and aliases of one data folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
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
from ..model.errors import AlreadyExists, BadInput, NotFound, unknown_collection
from .collection import Collection
from .collection_store import CollectionStore
from .folder import DataFolder
from .register import Register
from .store.files import storage_errors, sync_directory


class Catalog:
    """All collections of a data folder, by their real names. Safe in any number of threads.

    `names`, `aliases`, `get` and `resolve` answer from memory at once. The others wait for the
    disk, and for each other. `defaults` is what new collections take where their request says
    nothing.
    """

    def __init__(
        self, path: str | os.PathLike[str], defaults: CollectionConfig | None = None
    ) -> None:
        self._folder = DataFolder(Path(path))
        self._defaults = defaults or CollectionConfig()
        self._changing = Lock()
        self._register: Register | None = None
        self._collections: dict[str, Collection] = {}
        self._aliases: dict[str, str] = {}

    def open(self) -> None:
        """Open the folder, made where it is missing, and all it holds. Raises EngineStartError."""
        self._folder.open()
        try:
            self._register = register = Register(self._folder.catalog_path)
            directories = register.collections()
            self._folder.remove_strays(frozenset(directories.values()))
            for name, directory in directories.items():
                path = self._folder.collections_path / directory
                self._collections[name] = Collection.open(name, path)
            self._aliases = register.aliases()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close everything, after the reads and writes that are under way; twice is harmless."""
        with self._changing:
            for collection in self._collections.values():
                collection.close()
            self._collections = {}
            if self._register is not None:
                self._register.close()
                self._register = None
            self._folder.close()

    def names(self) -> list[str]:
        """The names of all collections, sorted."""
        return sorted(self._collections)

    def aliases(self) -> list[Alias]:
        """All aliases, sorted by name."""
        return [Alias(alias, target) for alias, target in sorted(self._aliases.items())]

    def get(self, name: str) -> Collection:
        """The collection `name`. Raises NotFound."""
        collection = self._collections.get(name)
        if collection is None:
            raise unknown_collection(name)
        return collection

    def resolve(self, name: str) -> str:
        """The real name of the collection that `name`, real or an alias, stands for.

        Raises NotFound.
        """
        real = name if name in self._collections else self._aliases.get(name)
        if real is None:
            raise unknown_collection(name)
        return real

    def create(self, name: str, request: CreateCollection) -> Collection:
        """Create a collection; it exists, durably, when this returns.

        Raises AlreadyExists, BadInput when an alias has the name, and ValidationError or BadInput
        for what is wrong with the request.
        """
        config = new_config(request, self._defaults)
        with self._changing:
            self._check_free(name)
            collection = self._made(name, config)
            self._collections = {**self._collections, name: collection}
            return collection

    def delete(self, name: str) -> bool:
        """Delete a collection and the aliases that point to it; False when there is none."""
        with self._changing:
            collection = self._collections.get(name)
            if collection is None:
                return False
            aliases = {a: target for a, target in self._aliases.items() if target != name}
            self._opened().remove(name, aliases)
            self._aliases = aliases
            self._collections = {n: c for n, c in self._collections.items() if n != name}
        collection.remove()
        return True

    def update_aliases(self, actions: Sequence[AliasAction]) -> None:
        """Carry out the actions in order; none takes effect when one fails.

        Raises AlreadyExists for an alias named like a collection, and NotFound for a target or an
        alias that does not exist.
        """
        with self._changing:
            aliases = dict(self._aliases)
            for action in actions:
                self._act(aliases, action)
            self._opened().replace_aliases(aliases)
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

    def _check_alias(self, alias: str) -> None:
        if alias in self._collections:
            raise AlreadyExists(f"Collection `{alias}` already exists!")

    def _made(self, name: str, config: CollectionConfig) -> Collection:
        """Build a collection in a directory of its own, and enter it in the register."""
        directory = uuid4().hex
        path = self._folder.collections_path / directory
        collection: Collection | None = None
        try:
            with storage_errors(path.parent):
                CollectionStore.create(path, config)
                sync_directory(path.parent)
                collection = Collection.open(name, path)
                self._opened().add(name, directory)
        except BaseException:
            if collection is not None:
                collection.close()
            shutil.rmtree(path, ignore_errors=True)
            raise
        return collection

    def _opened(self) -> Register:
        if self._register is None:
            raise RuntimeError("the catalog is not open")
        return self._register
