"""Directories of tables that lie side by side, each of which is there whole or bears a mark.

The mark is the end of its name, so that it is there or not at any moment, and takes no room. A
directory that bears none is never removed, whatever else there is or is not that names it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from attrs import frozen

from .files import sync_directory, synced_directory

_BEGUN = ".creating"
_ENDED = ".deleting"


@frozen
class MarkedEntry:
    """The directories that there are, by their names without a mark."""

    whole: frozenset[str]
    begun: frozenset[str]
    ended: frozenset[str]


class MarkedDirectories:
    """The directories in the directory `path`. All changes are durable when they return.

    Every method raises OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def list(self) -> MarkedEntry:
        """Which there are."""
        names = [entry.name for entry in os.scandir(self.path) if entry.is_dir()]
        begun = {name.removesuffix(_BEGUN) for name in names if name.endswith(_BEGUN)}
        ended = {name.removesuffix(_ENDED) for name in names if name.endswith(_ENDED)}
        whole = {name for name in names if not name.endswith((_BEGUN, _ENDED))}
        return MarkedEntry(frozenset(whole), frozenset(begun), frozenset(ended))

    def whole(self, name: str) -> Path:
        """Where a directory lies that bears no mark."""
        return self.path / name

    def begun(self, name: str) -> Path:
        """Where one is made."""
        return self.path / (name + _BEGUN)

    def ended(self, name: str) -> Path:
        """Where one lies that is deleted."""
        return self.path / (name + _ENDED)

    def complete(self, name: str) -> None:
        """Take the mark from one that has been made, all of it durable."""
        self._move(self.begun(name), self.whole(name))

    def end(self, name: str) -> None:
        """Mark one as deleted. What is open of it stays open."""
        self._move(self.whole(name), self.ended(name))

    def restore(self, name: str) -> None:
        """Take back `end`."""
        self._move(self.ended(name), self.whole(name))

    def rename(self, old: str, new: str) -> None:
        """Give a directory another name."""
        self._move(self.whole(old), self.whole(new))

    def remove_begun(self, name: str) -> None:
        """Remove one that has not been completed."""
        shutil.rmtree(self.begun(name))
        sync_directory(self.path)

    def remove_ended(self, name: str) -> None:
        """Remove one that is marked as deleted."""
        shutil.rmtree(self.ended(name))
        sync_directory(self.path)

    def settle_begun(self, found: MarkedEntry, named: Collection[str | None]) -> None:
        """Complete those begun that are named and not there; remove the others begun."""
        for name in found.begun:
            if name in named and name not in found.whole:
                self.complete(name)
            else:
                self.remove_begun(name)

    def _move(self, source: Path, target: Path) -> None:
        with synced_directory(self.path):
            os.rename(source, target)
