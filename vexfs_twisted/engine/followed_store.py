"""A collection on disk that another process writes: follows its commits, and reads snapshots."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from threading import Lock

import lmdb

from .errors import UnusableDataFolder
from .mvcc.indexes import Indexes, IndexRegistry
from .mvcc.pinned import PATIENCE_S, PinnedSnapshot
from .mvcc.published import PublishedStates
from .mvcc.snapshot_read import SnapshotRead
from .mvcc.state import CollectionState, Snapshot, segments_of
from .mvcc.table_access import OpenTables, TableAccess
from .read_bounds import expect
from .state_reading import StateReader
from .storage.latch import WAIT_S, LatchClosed
from .storage.open_files import OpenFiles
from .storage.tables import Transaction, follow_growth, is_outgrown
from .vector_index.segments import Graphs
from .vector_storage.followed import FollowedVectors


class FollowedStore:
    """The files of one collection, written by another process on this machine. Thread-safe.

    A read begins a transaction and so has all that was committed before. If its state is not filed,
    it is made from the tables as of that very transaction. What the other process frees meanwhile
    stays for as long as it sees the transaction in LMDB's table of readers; a file that it has
    removed belongs to an older state than that of the next transaction.
    """

    def __init__(self, path: Path, open_files: OpenFiles | None = None) -> None:
        """Open the store in the directory `path`. Raises EngineStartError."""
        self._path = path
        self._vectors = FollowedVectors(path)
        self._reader = StateReader(path, self._vectors.space)
        self._indexes = IndexRegistry()
        self._catching_up = Lock()
        self._access = TableAccess(path, _nothing, open_files or OpenFiles(), follows=True)
        try:
            self._states = self._opened_states()
        except BaseException as error:
            self.close_tables()
            if isinstance(error, lmdb.Error | OSError):
                raise UnusableDataFolder(path, f"the tables do not open: {error}") from error
            raise

    @property
    def path(self) -> Path:
        """The directory of the store."""
        return self._path

    @property
    def state(self) -> CollectionState:
        """The newest state, once it has been made; the last one after `close`."""
        with suppress(LatchClosed), self.read() as snapshot:
            return snapshot.state
        return self._states.newest

    @property
    def indexes(self) -> Indexes:
        """The indexes in memory that new snapshots get."""
        return self._indexes.current

    def read(self) -> SnapshotRead:
        """A context in which a thread reads one snapshot. Must not be nested."""
        return _FollowedRead(self, self._access, self._states, self._indexes)

    def pin(self) -> PinnedSnapshot:
        """Pin the current snapshot until its reader releases it. Raises LatchClosed after `close`.

        It is ended as that of a CollectionStore is, and keeps the other process from freeing.
        """
        reading = self.read()
        with reading as snapshot:
            return self._access.pinned.pin(snapshot, reading.take_transaction())

    def add_graphs(self, graphs: Graphs) -> None:
        """Let new snapshots use opened graphs. Raises LatchClosed after `close`."""
        with self._access.turn:
            self._access.latch.check_open()
            self._indexes.add_graphs(graphs)

    def caught_up(self, opened: OpenTables) -> tuple[Transaction, CollectionState]:
        """A new transaction and its state, which is made unless it is filed."""
        with self._catching_up:
            return self._begun(opened, lambda own: self._states.get(own.id()) or self._made(own))

    def _begun(
        self, opened: OpenTables, state_of: Callable[[Transaction], CollectionState]
    ) -> tuple[Transaction, CollectionState]:
        """A new transaction and its state, which `state_of` reads from the files."""
        failed = -1
        while True:
            transaction = opened.environment.begin()
            number = transaction.id()
            try:
                return transaction, state_of(transaction)
            except BaseException as error:
                transaction.abort()
                # Files of a dropped vector name are removed after the commit that dropped it.
                if not isinstance(error, UnusableDataFolder) or failed == number:
                    raise
            failed = number

    def follow_growth(self) -> None:
        """Map the tables anew, which the other process has grown; waits for reads in progress."""
        expect(WAIT_S)
        with self._access.writing() as opened:
            if not is_outgrown(opened.environment):
                # Another thread has done it meanwhile.
                return
            self._access.pinned.wait(PATIENCE_S)
            self._access.change_map(follow_growth)

    def close(self) -> None:
        """Close all files after the reads in progress. Later reads raise LatchClosed."""
        self.close_tables()
        self._states.release()
        self._indexes.release()
        self._vectors.keep(())

    def close_tables(self) -> None:
        """Close the tables after the reads in progress."""
        with self._access.turn:
            self._access.end()

    def _opened_states(self) -> PublishedStates:
        opened = self._access.open()
        if is_outgrown(opened.environment):
            follow_growth(opened.environment)
        transaction, state = self._begun(opened, self._read)
        try:
            return PublishedStates(transaction.id(), state)
        finally:
            transaction.abort()

    def _made(self, transaction: Transaction) -> CollectionState:
        state, former = self._read(transaction), self._states.newest
        if state.base != former.base:
            self._indexes.recount(segments_of(former), segments_of(state))
        number = transaction.id()
        self._states.file(number, state)
        self._states.publish(number, state)
        self._vectors.keep({space.slot for space in state.spaces.values()})
        self._drop_graphs()
        return state

    def _read(self, transaction: Transaction) -> CollectionState:
        return self._reader.read(transaction, self._access.opened.tables)

    def _drop_graphs(self) -> None:
        """Drop the graphs of segments that no state in use has."""
        spaces = chain.from_iterable(state.spaces.values() for state in self._states.known())
        self._indexes.keep_graphs({own.key for space in spaces for own in space.segments})


class _FollowedRead(SnapshotRead):
    """See SnapshotRead. The newest state is made if another process has committed it."""

    def __init__(
        self,
        store: FollowedStore,
        access: TableAccess,
        states: PublishedStates,
        indexes: IndexRegistry,
    ) -> None:
        super().__init__(access, states, indexes)
        self._store = store

    def __enter__(self) -> Snapshot:
        while True:
            try:
                return super().__enter__()
            except lmdb.MapResizedError:
                self._store.follow_growth()

    def _begun(self, opened: OpenTables) -> tuple[Transaction, CollectionState]:
        transaction = opened.environment.begin()
        state = self._states.get(transaction.id())
        if state is not None:
            return transaction, state
        transaction.abort()
        return self._store.caught_up(opened)


def _nothing() -> None:
    """No descriptors are held beside those of the tables."""
