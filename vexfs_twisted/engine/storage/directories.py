"""Sibling directories of tables; incomplete and deleted ones are marked by a suffix of the name.

A rename sets or clears the mark, so this is atomic and takes no disk space. A directory without a
mark is never removed, whether or not anything else refers to it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from attrs import frozen

from .files import open_directory, sync_directory

_BEGUN = ".creating"
_ENDED = ".deleting"


@frozen
class MarkedEntry:
    """The existing directories by their mark: complete, being created, deleted. Names lack it."""

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
        """List the directories."""
        names = [entry.name for entry in os.scandir(self.path) if entry.is_dir()]
        begun = {name.removesuffix(_BEGUN) for name in names if name.endswith(_BEGUN)}
        ended = {name.removesuffix(_ENDED) for name in names if name.endswith(_ENDED)}
        whole = {name for name in names if not name.endswith((_BEGUN, _ENDED))}
        return MarkedEntry(frozenset(whole), frozenset(begun), frozenset(ended))

    def whole(self, name: str) -> Path:
        """The path of a directory without a mark."""
        return self.path / name

    def begun(self, name: str) -> Path:
        """The path of a directory while it is being created."""
        return self.path / (name + _BEGUN)

    def ended(self, name: str) -> Path:
        """The path of a directory that is marked as deleted."""
        return self.path / (name + _ENDED)

    def complete(self, name: str) -> None:
        """Clear the mark of a directory that has been created; its contents must be durable."""
        self._move(self.begun(name), self.whole(name))

    def undo_complete(self, name: str) -> None:
        """Undo `complete`."""
        self._move(self.whole(name), self.begun(name))

    def end(self, name: str) -> None:
        """Mark a directory as deleted. Its open files stay open."""
        self._move(self.whole(name), self.ended(name))

    def restore(self, name: str) -> None:
        """Undo `end`. If this raises, the mark is cleared, but perhaps not durably."""
        os.rename(self.ended(name), self.whole(name))
        sync_directory(self.path)

    def rename(self, old: str, new: str) -> None:
        """Rename a directory."""
        self._move(self.whole(old), self.whole(new))

    def remove_begun(self, name: str) -> None:
        """Remove a directory that has not been completed."""
        shutil.rmtree(self.begun(name))
        sync_directory(self.path)

    def remove_ended(self, name: str) -> None:
        """Remove a directory that is marked as deleted."""
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
        """Rename a directory durably, or not at all."""
        with open_directory(self.path) as sync:
            os.rename(source, target)
            try:
                sync()
            except BaseException:
                os.rename(target, source)
                raise
