"""Collections that are listed and not open yet."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock

from ..model.errors import Starting
from .collection_identity import Identity
from .storage.files import remove_directory
from .storage.tables import TABLES_FILE


class UnopenedCollection:
    """A collection in the directory `path` that waits to be opened. Thread-safe.

    Whoever opens it holds `opening` and does nothing if `is_retired`.
    """

    def __init__(self, identity: Identity, path: Path) -> None:
        self.identity = identity
        self.path = path
        self.opening = Lock()
        self.is_retired = False

    @property
    def name(self) -> str:
        """The name of the collection."""
        return self.identity.name

    @property
    def directory(self) -> str:
        """The name of its directory."""
        return self.identity.directory

    @property
    def size(self) -> int:
        """The bytes of its tables; 0 if they are missing. Blocks."""
        with suppress(OSError):
            return os.path.getsize(self.path / TABLES_FILE)
        return 0

    @property
    def error(self) -> Starting:
        """The error of a call that does not wait until it is open."""
        return Starting()

    def renewed(self) -> UnopenedCollection:
        """The collection after `retire`, if it is not deleted after all."""
        return UnopenedCollection(self.identity, self.path)

    def retire(self) -> None:
        """Wait until an opening in progress has ended, and let none begin."""
        with self.opening:
            self.is_retired = True

    def close(self) -> None:
        """Nothing is open."""

    def clear_readers(self) -> None:
        """There are none."""

    def remove(self, path: Path) -> None:
        """Remove the files, which are in the directory `path` by now. Raises OSError."""
        remove_directory(path)
