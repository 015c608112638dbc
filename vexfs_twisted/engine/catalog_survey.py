"""The survey of a data folder: differences between its catalog and its directories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path

from attrs import frozen

from .catalog_files import CatalogContents
from .collection_identity import Identity, read_identity
from .storage.checksummed import Damaged
from .storage.tables import TABLES_FILE


class Standing(Enum):
    """What can be done about a directory that is not in the catalog."""

    OWN = "it can be taken in under its own name"
    TAKEN = "its name is taken"
    COPY = "it is a copy of another one"
    NAMELESS = "its name cannot be read"


@frozen
class Unknown:
    """A directory that has tables and is not in the catalog."""

    directory: str
    identity: Identity | None
    standing: Standing

    def __str__(self) -> str:
        shown = self.directory if self.identity is None else f"{self.directory} `{self.name}`"
        return f"{shown} ({self.standing.value})"

    @property
    def name(self) -> str:
        """The name in its identity; empty if that cannot be read."""
        return "" if self.identity is None else self.identity.name


@frozen
class Survey:
    """The differences. `missing` maps names of collections to directories that do not exist.

    `unknown` are directories of collections that are not in the catalog; `foreign` are directories
    without tables.
    """

    missing: Mapping[str, str]
    unknown: tuple[Unknown, ...]
    foreign: tuple[str, ...]

    @property
    def fitting(self) -> list[Unknown]:
        """The unknown directories that can be added to the catalog automatically."""
        return [one for one in self.unknown if one.standing is Standing.OWN]

    @property
    def copies(self) -> list[Unknown]:
        """The unknown directories that are copies of others, so that no data is missing."""
        return [one for one in self.unknown if one.standing is Standing.COPY]

    @property
    def doubtful(self) -> list[Unknown]:
        """The unknown directories that need a decision by the operator."""
        return [one for one in self.unknown if one.standing in (Standing.TAKEN, Standing.NAMELESS)]


def survey(path: Path, whole: Iterable[str], contents: CatalogContents) -> Survey:
    """Compare the directories `whole` in the directory `path` with the catalog.

    Raises UnknownFormat for an identity of another version.
    """
    there = frozenset(whole)
    named = {entry.directory for entry in contents.collections.values()}
    missing = {
        name: entry.directory
        for name, entry in sorted(contents.collections.items())
        if entry.directory not in there
    }
    strangers = sorted(there - named)
    holding = [directory for directory in strangers if (path / directory / TABLES_FILE).exists()]
    identities = {directory: _identity(path / directory) for directory in holding}
    claims = Counter(
        identity.name
        for directory, identity in identities.items()
        if identity is not None and not _is_copy(directory, identity, there)
    )
    # The name of a collection whose directory is missing is free too.
    taken = (contents.collections.keys() - missing.keys()) | contents.aliases.keys()
    taken |= {name for name, count in claims.items() if count > 1}
    unknown = tuple(
        Unknown(directory, identity, _standing(directory, identity, there, taken))
        for directory, identity in identities.items()
    )
    return Survey(missing, unknown, tuple(sorted(set(strangers) - set(holding))))


def _standing(
    directory: str, identity: Identity | None, there: frozenset[str], taken: set[str]
) -> Standing:
    if identity is None:
        return Standing.NAMELESS
    if _is_copy(directory, identity, there):
        return Standing.COPY
    return Standing.TAKEN if identity.name in taken else Standing.OWN


def _is_copy(directory: str, identity: Identity, there: frozenset[str]) -> bool:
    return identity.directory != directory and identity.directory in there


def _identity(path: Path) -> Identity | None:
    try:
        return read_identity(path)
    except Damaged:
        return None
