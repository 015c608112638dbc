"""Collections that are listed and not open, among them those that are to be opened."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Lock

from ..model.errors import DomainError, Starting
from .collection_identity import Identity
from .storage.files import remove_directory
from .storage.tables import TABLES_FILE


class ClosedCollection:
    """A collection in the directory `path` of which no file is open. Thread-safe."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path

    @property
    def directory(self) -> str:
        """The name of its directory."""
        return self.path.name

    @property
    def error(self) -> DomainError:
        """The error of every call that cannot be answered."""
        raise NotImplementedError

    def retire(self) -> None:
        """There is no background work."""

    def renewed(self) -> ClosedCollection:
        """The collection after `retire`, if it is not deleted after all."""
        return self

    def close(self) -> None:
        """Nothing is open."""

    def clear_readers(self) -> None:
        """There are none."""

    def remove(self, path: Path) -> None:
        """Remove the files, which are in the directory `path` by now. Raises OSError."""
        remove_directory(path)


class UnopenedCollection(ClosedCollection):
    """A collection that is to be opened.

    Whoever opens it holds `opening` meanwhile, and does nothing if `is_retired`.
    """

    def __init__(self, identity: Identity, path: Path) -> None:
        super().__init__(identity.name, path)
        self.identity = identity
        self.opening = Lock()
        self.is_retired = False

    @property
    def error(self) -> Starting:
        """The error of a call that does not wait until it is open."""
        return Starting()

    @property
    def size(self) -> int:
        """The bytes of its tables; 0 if they are missing. Blocks."""
        with suppress(OSError):
            return os.path.getsize(self.path / TABLES_FILE)
        return 0

    def retire(self) -> None:
        """Wait until an opening in progress has ended, and let none begin."""
        with self.opening:
            self.is_retired = True

    def renewed(self) -> UnopenedCollection:
        """The collection after `retire`, to be opened after all."""
        return UnopenedCollection(self.identity, self.path)
