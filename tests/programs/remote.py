"""Serves a data folder, or follows one, for a test in another process: see tests/remote.py.

`python -m tests.programs.remote [NAME=VALUE...]` reads pickled calls from its standard input, and
writes their pickled results to its standard output. The arguments set constants of the tables, or
let points be moved and rows be counted from later ones all the time: `recounts=1`.
"""

from __future__ import annotations

import logging
import pickle
import sys
from pathlib import Path
from typing import Any

from tests.small_chunks import eager_moves, small_chunks
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.cursor import Cursor
from vexfs_twisted.engine.followed_catalog import FollowedCatalog
from vexfs_twisted.engine.storage import tables
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.commands import Command, Outcome
from vexfs_twisted.model.queries import Scroll

logging.getLogger("vexfs").addHandler(logging.NullHandler())


class Server:
    """What can be called. Folders are named by their paths, and open until `close`."""

    def __init__(self) -> None:
        self._written: dict[Path, Catalog] = {}
        self._followed: dict[Path, FollowedCatalog] = {}
        self._cursors: list[Cursor[Any]] = []

    def open(self, home: Path) -> None:
        """Open a folder to write it."""
        self._written[home] = catalog = Catalog(home)
        catalog.open()

    def follow(self, home: Path) -> None:
        """Open a folder that another process writes."""
        self._followed[home] = catalog = FollowedCatalog(home)
        catalog.open()

    def close(self, home: Path) -> None:
        """Close a folder that is written."""
        self._written.pop(home).close()

    def create(self, home: Path, name: str, request: CreateCollection) -> None:
        """Create a collection."""
        self._written[home].create(name, request)

    def delete(self, home: Path, name: str) -> bool:
        """Delete a collection."""
        return self._written[home].delete(name)

    def update_aliases(self, home: Path, actions: list[Any]) -> None:
        """Change aliases."""
        self._written[home].update_aliases(actions)

    def apply(self, home: Path, name: str, commands: list[Command]) -> list[Outcome]:
        """Apply commands to a collection."""
        return [_plain(outcome) for outcome in self._written[home].get(name).apply(commands)]

    def optimize(self, home: Path, name: str) -> bool:
        """Do what the optimizer would do; whether nothing is left."""
        collection = self._written[home].get(name)
        collection.checkpoint()
        collection.optimize()
        return not collection.is_optimizer_due()

    def read(self, home: Path, name: str, request: Any) -> Any:
        """Read a followed collection."""
        return self._followed[home].get(name).read(request)

    def hold(self, home: Path, name: str) -> None:
        """Hold a snapshot of a followed collection."""
        self._cursors.append(self._followed[home].get(name).open_cursor(Scroll(limit=1)))

    def let_go(self) -> None:
        """Let all snapshots go that are held."""
        for cursor in self._cursors:
            cursor.close()
        self._cursors = []


def _plain(outcome: Outcome) -> Outcome:
    """An outcome without a traceback, which cannot be pickled."""
    return outcome.with_traceback(None) if isinstance(outcome, Exception) else outcome


def main() -> None:
    """Answer calls until the input ends."""
    for setting in sys.argv[1:]:
        name, _, value = setting.partition("=")
        if name == "recounts":
            for patched in (*small_chunks(), *eager_moves()):
                setattr(*patched)
            continue
        setattr(tables, name, int(value))
    server = Server()
    while True:
        try:
            method, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: Any = (True, getattr(server, method)(*arguments))
        except Exception as error:
            answer = (False, error.with_traceback(None))
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
