"""Which collections and aliases exist: a small LMDB environment whose commits are their making."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from time import time
from typing import TypeAlias

import lmdb
import orjson

from ..model.errors import StorageFull
from .errors import UnusableDataFolder
from .store.files import reserve, storage_errors, sync_directory

_MAP_SIZE = 1 << 30
_RESERVED = 1 << 20
_COLLECTIONS = b"collections"
_ALIASES = b"aliases"

_Write: TypeAlias = "lmdb.Transaction[bytes]"


class Register:
    """The names of collections with their directories, and the aliases. One writer at a time.

    A name may be longer than a key may be, so entries lie under the hash of their name. The file
    has room in advance, so that a collection can be deleted when there is none left on the device.
    """

    def __init__(self, path: Path) -> None:
        """Open the register in the directory `path`, empty when new. Raises EngineStartError."""
        self._path = path
        try:
            self._environment = lmdb.open(os.fspath(path), map_size=_MAP_SIZE, max_dbs=2)
            self._collections = self._environment.open_db(_COLLECTIONS)
            self._aliases = self._environment.open_db(_ALIASES)
            reserve(path / "data.mdb", _RESERVED)
            sync_directory(path)
        except (lmdb.Error, OSError) as error:
            raise UnusableDataFolder(path, str(error)) from error

    def collections(self) -> dict[str, str]:
        """The directory of each collection, by name."""
        return {entry["name"]: entry["directory"] for entry in self._entries(self._collections)}

    def aliases(self) -> dict[str, str]:
        """The collection that each alias points to."""
        return {entry["alias"]: entry["collection"] for entry in self._entries(self._aliases)}

    def add(self, name: str, directory: str) -> None:
        """Make the collection `name` exist."""
        entry = {"name": name, "directory": directory, "created": time()}
        with self._writing() as transaction:
            transaction.put(_key(name), orjson.dumps(entry), db=self._collections)

    def remove(self, name: str, aliases: Mapping[str, str]) -> None:
        """Make the collection `name` not exist, and only `aliases` be left."""
        with self._writing() as transaction:
            transaction.delete(_key(name), db=self._collections)
            self._write_aliases(transaction, aliases)

    def replace_aliases(self, aliases: Mapping[str, str]) -> None:
        """Make `aliases` be all there are."""
        with self._writing() as transaction:
            self._write_aliases(transaction, aliases)

    def close(self) -> None:
        """Close the environment."""
        self._environment.close()

    def _entries(self, table: lmdb._Database) -> Iterator[dict[str, str]]:
        with self._environment.begin() as transaction, transaction.cursor(table) as cursor:
            for _, value in cursor:
                yield orjson.loads(value)

    def _write_aliases(self, transaction: _Write, aliases: Mapping[str, str]) -> None:
        transaction.drop(self._aliases, delete=False)
        for alias, collection in aliases.items():
            entry = {"alias": alias, "collection": collection}
            transaction.put(_key(alias), orjson.dumps(entry), db=self._aliases)

    @contextmanager
    def _writing(self) -> Iterator[_Write]:
        try:
            with storage_errors(self._path), self._environment.begin(write=True) as transaction:
                yield transaction
        except lmdb.MapFullError as error:
            raise StorageFull("too many collections") from error


def _key(name: str) -> bytes:
    return sha256(name.encode()).digest()
