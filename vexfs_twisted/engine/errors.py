"""Errors of opening a data folder. Each message is one line for the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..model.damage import Damage


class EngineStartError(Exception):
    """The engine cannot open its data folder."""


class DataFolderInUse(EngineStartError):
    """Another process has the data folder open."""

    def __init__(self, path: Path, holder: str) -> None:
        by = f"process {holder}" if holder else "another process"
        super().__init__(f"data folder {path} is in use by {by}")


class UnusableDataFolder(EngineStartError):
    """The folder, or one in it, cannot be created, read or written, or its contents are damaged.

    `damage` is the place in the folder, if that is known.
    """

    def __init__(self, path: Path, reason: str, damage: Damage | None = None) -> None:
        super().__init__(f"folder {path} cannot be used: {reason}")
        self.damage = damage


class DamagedFile(UnusableDataFolder):
    """A file in the folder is not what was written."""

    def __init__(self, path: Path, offset: int | None, text: str) -> None:
        damage = Damage(path.name, offset, text)
        super().__init__(path.parent, str(damage), damage)


class DamagedRecord(Exception):
    """A record of a table is not what was written, or is missing where there must be one."""

    def __init__(self, table: str, key: bytes) -> None:
        super().__init__(f"table {table}: the record {key.hex()} is not what was written")
        self.table = table
        self.key = key


class DamagedRows(Exception):
    """Rows of a file are not what was written."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(str(damage))
        self.damage = damage


class NoRowsLeft(Exception):
    """A collection cannot have more rows until the optimizer has moved its points."""

    def __init__(self) -> None:
        super().__init__("no rows are left until the optimizer has moved points: it is behind")


class UnknownFormat(EngineStartError):
    """A file was written by another version of this software, or by something else."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(f"{path} has an unknown format: {found}")
        self.path = path
        self.found = found


class SnapshotNotRestored(EngineStartError):
    """A snapshot that was to be restored at the start cannot be."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"snapshot {file} is not restored: {reason}")


class UndecidedCollections(EngineStartError):
    """The catalog and the collection directories do not match, and the operator must decide."""

    def __init__(self, path: Path, unknown: Sequence[str], missing: Mapping[str, str]) -> None:
        problems = []
        if unknown:
            problems.append(f"the catalog does not know {', '.join(unknown)}")
        if missing:
            named = ", ".join(f"{directory} `{name}`" for name, directory in missing.items())
            problems.append(f"of the collections in the catalog there is no {named}")
        super().__init__(
            f"folder {path / 'collections'} is not what the catalog says: {'; '.join(problems)}. "
            "Nothing was removed. Put back what is missing, or see "
            f"`vexfs-qdrant adopt --storage-path {path}`"
        )
