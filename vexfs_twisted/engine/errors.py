"""Why the engine cannot start on a data folder. Each message is one line for the operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path


class EngineStartError(Exception):
    """The engine cannot open its data folder."""


class DataFolderInUse(EngineStartError):
    """Another process has the data folder open."""

    def __init__(self, path: Path, holder: str) -> None:
        by = f"process {holder}" if holder else "another process"
        super().__init__(f"data folder {path} is in use by {by}")


class UnusableDataFolder(EngineStartError):
    """The folder, or one in it, cannot be made, read or written, or what it holds is damaged."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"folder {path} cannot be used: {reason}")


class UnknownFormat(EngineStartError):
    """A file was written by another version of this software, or by something else."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(f"{path} has an unknown format: {found}")


class UndecidedCollections(EngineStartError):
    """Directories of collections, or the catalog, are not those that belong together."""

    def __init__(self, path: Path, unknown: Sequence[str], missing: Mapping[str, str]) -> None:
        parts = []
        if unknown:
            parts.append(
                f"the catalog does not know {', '.join(unknown)} in {path / 'collections'}"
            )
        if missing:
            lost = ", ".join(f"`{name}` ({directory})" for name, directory in missing.items())
            parts.append(f"it misses the directories of {lost} there")
        super().__init__(
            f"data folder {path} is not whole: {'; '.join(parts)}. Nothing was removed: put back "
            f"what is missing, or see `vexfs-qdrant adopt --storage-path {path}`"
        )
