"""Why the engine cannot start on a data folder. Each message is one line for the operator."""

from __future__ import annotations

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
