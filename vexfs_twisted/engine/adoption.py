"""Manual repair: reconciles the catalog of a data folder with the directories in it.

Public.
"""

from __future__ import annotations

from pathlib import Path

from ..model.errors import ValidationError
from ..model.names import check_new_collection_name
from .catalog_survey import Survey, Unknown
from .collection_store import CollectionStore
from .data_folder import DataFolder
from .errors import EngineStartError, UnusableDataFolder
from .inventory import Inventory

__all__ = ["Adoption", "CannotAdopt", "Survey"]


class CannotAdopt(EngineStartError):
    """The requested repair is not possible."""


class Adoption:
    """Repairs of a data folder, which is locked meanwhile. Used by one thread."""

    def __init__(self, path: Path) -> None:
        """Open and lock the folder, which must exist. Raises EngineStartError."""
        self._folder = DataFolder(path)
        if not self._folder.is_there:
            raise UnusableDataFolder(path, "it is no data folder")
        self._folder.open()
        try:
            self._inventory = Inventory(self._folder)
        except BaseException:
            self._folder.close()
            raise

    @property
    def collections(self) -> list[str]:
        """The names of the collections in the catalog, sorted."""
        return sorted(self._inventory.contents.collections)

    def survey(self) -> Survey:
        """The differences between the catalog and the directories."""
        return self._inventory.survey()

    def adopt(self, directory: str, name: str | None = None) -> str:
        """Add an unknown directory to the catalog, by its own name or as `name`; returns the name.

        Raises CannotAdopt, and UnusableDataFolder if the tables in it do not open.
        """
        unknown = self._unknown(directory)
        wanted = name or unknown.name
        if not wanted:
            raise CannotAdopt(f"the name of {directory} cannot be read, so one must be given")
        found, contents = self.survey(), self._inventory.contents
        taken = (contents.collections.keys() - found.missing.keys()) | contents.aliases.keys()
        if wanted in taken:
            raise CannotAdopt(f"the name `{wanted}` is taken, so {directory} needs another one")
        try:
            check_new_collection_name(wanted)
        except ValidationError as error:
            raise CannotAdopt(error.message) from None
        CollectionStore(self._folder.collections_path / directory).close()
        with self._folder.errors():
            self._inventory.adopt(directory, wanted)
        return wanted

    def forget(self, name: str) -> None:
        """Remove a collection whose directory is missing, with its aliases, from the catalog.

        Raises CannotAdopt.
        """
        if name not in self.survey().missing:
            raise CannotAdopt(f"the catalog has no collection `{name}` whose directory is missing")
        with self._folder.errors():
            self._inventory.forget(name)

    def close(self) -> None:
        """Close and unlock the folder."""
        self._folder.close()

    def _unknown(self, directory: str) -> Unknown:
        for unknown in self.survey().unknown:
            if unknown.directory == directory:
                return unknown
        path = self._folder.collections_path / directory
        raise CannotAdopt(f"{path} is no directory of a collection that the catalog does not know")
