"""Access to the tables of one collection: opened on demand, closed while idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic

import lmdb
from attrs import frozen

from ..read_bounds import expect
from ..storage.counters import check_format
from ..storage.latch import WAIT_S, Latch, LatchClosed
from ..storage.open_files import OpenFiles
from ..storage.table_upgrade import upgrade
from ..storage.tables import (
    Tables,
    close_environment,
    follow_environment,
    open_environment,
    open_tables,
)
from .pinned import PinnedSnapshots, SnapshotLost

_OF_TABLES = 3
"""Descriptors of an environment: the data file, twice (once for commits), and the lock file."""


@frozen
class OpenTables:
    """The tables of a collection while they are open."""

    environment: lmdb.Environment
    tables: Tables


class TableAccess:
    """The tables in the directory `path`, opened on demand. Thread-safe.

    Readers share the latch; writers hold the lock `turn`. While there is no reader, no writer and
    no pinned snapshot, `open_files` may close the tables; `let_go` then closes whatever else has
    descriptors. The next reader or writer opens them again, and others wait until they are open.
    With `follows`, another process writes the tables, and they are opened read-only.
    """

    def __init__(
        self,
        path: Path,
        let_go: Callable[[], None],
        open_files: OpenFiles,
        *,
        follows: bool = False,
    ) -> None:
        self.latch = Latch()
        self.turn = Lock()
        self.pinned = PinnedSnapshots()
        self.descriptors = _OF_TABLES
        self.last_used = 0.0
        self._path = path
        self._let_go = let_go
        self._follows = follows
        self.open_files = open_files
        self._changing = Lock()
        self._opened: OpenTables | None = None

    @property
    def opened(self) -> OpenTables:
        """The open tables. The caller must hold `turn`, or the latch shared."""
        opened = self._opened
        assert opened is not None
        return opened

    def take(self, descriptors: int) -> None:
        """Count `descriptors` in addition to those of the tables, which must be open."""
        self.descriptors = _OF_TABLES + descriptors
        self.open_files.opened(self)

    def open(self) -> OpenTables:
        """Open the tables if they are not open.

        Raises UnknownFormat, lmdb.Error or OSError, and LatchClosed after `close`.
        """
        with self._changing:
            if self._opened is None:
                self.latch.check_open()
                self.open_files.make_room(self.descriptors)
                self._opened = self.open_files.retried(self._made)
                self.last_used = monotonic()
                self.open_files.opened(self)
            return self._opened

    def enter(self) -> OpenTables:
        """Begin a read: acquires the latch shared and opens the tables. Raises LatchClosed.

        Waits while the latch is held exclusively. Raises Outgrown for a read that has no time to
        wait or to open them; other exceptions are those of `open`.
        """
        while True:
            self.latch.enter()
            opened = self._opened
            if opened is not None:
                self.last_used = monotonic()
                return opened
            self.latch.leave()
            expect(WAIT_S)
            self.open()

    def leave(self) -> None:
        """End a read: releases the latch."""
        self.latch.leave()

    @contextmanager
    def writing(self) -> Iterator[OpenTables]:
        """Hold the writer lock and the open tables for the block. Raises LatchClosed."""
        with self.turn:
            self.latch.check_open()
            opened = self.open()
            self.last_used = monotonic()
            yield opened

    def clear_readers(self) -> None:
        """Clear the slots of processes that have ended, if the tables are open."""
        with self.turn:
            if self._opened is not None:
                self._opened.environment.reader_check()

    def close_idle(self) -> bool:
        """Close the tables if they are idle; returns whether they were open and are now closed."""
        if not self.turn.acquire(blocking=False):
            return False
        try:
            # A thread that is opening them may be waiting for others to close idle files: do not
            # wait for it.
            if not self._changing.acquire(blocking=False):
                return False
            try:
                with self.latch.held_if_empty() as is_held:
                    is_idle = is_held and self._opened is not None and self.pinned.is_empty
                    if is_idle:
                        self._close_tables()
                    return is_idle
            finally:
                self._changing.release()
        finally:
            self.turn.release()

    def change_map(self, change: Callable[[lmdb.Environment], object]) -> None:
        """Change the size of the map while nobody reads; ends pinned snapshots.

        The caller holds `turn`. If it fails, an environment has no map: the tables are closed then,
        and opened again on demand. Raises lmdb.Error.
        """
        with self.latch.held():
            self.pinned.end_all(SnapshotLost)
            environment = self.opened.environment
            try:
                # Pages that are free but for a process that was killed are used from now on.
                environment.reader_check()
                change(environment)
            except lmdb.Error:
                with self._changing:
                    self._close_tables()
                raise

    def renew(self, failed: OpenTables) -> None:
        """Close tables whose environment is unusable since a commit failed in its last step.

        They are opened again on demand. Pinned snapshots are ended. The caller holds `turn`.
        """
        with self.latch.held():
            self.pinned.end_all(SnapshotLost)
            with self._changing:
                if self._opened is failed:
                    self._close_tables()

    def end(self) -> None:
        """Close the tables for good, after the reads in progress. The caller holds `turn`."""
        self.latch.close()
        with self.latch.held():
            self.pinned.end_all(LatchClosed)
            with self._changing:
                self._close_tables()
        # A method of whoever owns this: a cycle would keep both until garbage collection, and for
        # ever where they were frozen at the start of the server.
        self._let_go = _nothing

    def _made(self) -> OpenTables:
        is_ours = not self._follows
        environment = (open_environment if is_ours else follow_environment)(self._path)
        try:
            (upgrade if is_ours else check_format)(environment, self._path)
            return OpenTables(environment, open_tables(environment))
        except BaseException:
            close_environment(environment)
            raise

    def _close_tables(self) -> None:
        if self._opened is not None:
            close_environment(self._opened.environment)
            self._opened = None
            self.open_files.closed(self)
        self._let_go()


def _nothing() -> None:
    """There is nothing to let go of."""
