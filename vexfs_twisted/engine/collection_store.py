"""A collection on disk: opens it, reads snapshots of it, and commits changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import attrs
import lmdb
import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ..model.collection import CollectionConfig
from ..model.commands import CommandBatch, Outcome
from ..model.errors import StorageFull
from .commit_log import CommitLog, CommittedBatch
from .errors import UnusableDataFolder
from .group_commit import commit_group
from .mvcc.indexes import Indexes, IndexRegistry
from .mvcc.pinned import PATIENCE_S, PinnedSnapshot
from .mvcc.published import PublishedStates
from .mvcc.recounting import counted_from
from .mvcc.snapshot_read import SnapshotRead
from .mvcc.state import CollectionState, Snapshot, segments_of
from .mvcc.table_access import OpenTables, TableAccess
from .scrub_writes import Amendment
from .state_reading import StateReader
from .storage.bitmap import Rows
from .storage.bitmap_table import LIVE_SLOT
from .storage.counters import Counters, Slot, write_config, write_counters
from .storage.files import FileExtent, remove_directory, remove_drafts, storage_errors
from .storage.open_files import OpenFiles
from .storage.other_readers import oldest_elsewhere
from .storage.outcomes import OutcomeTable
from .storage.table_reader import TableReader
from .storage.tables import (
    Transaction,
    close_environment,
    grow_map,
    is_half_used,
    open_environment,
    open_tables,
    sync_environment,
    tables_extent,
)
from .vector_index.segments import (
    NO_GRAPHS,
    Graphs,
    Segments,
    remove_strays,
    write_segments,
)
from .vector_index.space import AnySpace, SparseSpace
from .vector_storage.committed import CommittedVectors
from .vector_storage.files import (
    AnyParams,
    create_storage,
    open_storage,
    remove_storage,
    remove_stray_storages,
    stored_vectors,
)
from .vector_storage.missing import add_missing_storages
from .vector_storage.storage import AnyStorage
from .writes.point_batch import PointBatch
from .writes.recounting import write_recounted
from .writes.write_batch import WriteBatch, counters_of


@frozen
class StoppedStore:
    """The newest state of a store, while nothing is written, and the extents of its files.

    The first extent is that of the tables. Later writes change nothing in it but the first `head`
    bytes, until `pinned` is released, and nothing in those of vectors while `state` is in use.
    """

    state: CollectionState
    pinned: PinnedSnapshot
    extents: Sequence[FileExtent]
    head: int


class CollectionStore:
    """The files of one collection. Any thread may read; writers take turns.

    Descriptors are opened on demand and closed while idle, as `open_files` decides; the state and
    its maps of vectors stay.

    LMDB is the source of truth. A state is filed under the number of its transaction before that
    transaction commits, so a reader finds the state that matches its own transaction.
    """

    def __init__(
        self, path: Path, open_files: OpenFiles | None = None, log: CommitLog | None = None
    ) -> None:
        """Open the store in the directory `path`. Raises EngineStartError.

        Committed batches are appended to `log`.
        """
        self._path = path
        self._storages: dict[int, AnyStorage] = {}
        self._indexes = IndexRegistry()
        self._log = log
        self._access = TableAccess(path, self._let_go, open_files or OpenFiles())
        try:
            with self._access.turn:
                self._states = PublishedStates(*self._read_state(self._access.open()))
                if log is not None:
                    log.open(self.state.last_command)
                self._access.take(self._descriptors())
                names = os.listdir(path)
                remove_drafts(path, names)
                segments = (space.segments for space in self.state.spaces.values())
                remove_strays(path, names, chain.from_iterable(segments))
                remove_stray_storages(path, names, self._storages)
        except BaseException as error:
            self._abandon()
            if isinstance(error, lmdb.Error | OSError):
                raise UnusableDataFolder(path, f"the tables do not open: {error}") from error
            raise

    @staticmethod
    def create(path: Path, config: CollectionConfig) -> None:
        """Create an empty store in the directory `path`; its contents are durable on return."""
        slots: dict[str, Slot] = {}
        for number, (name, params) in enumerate(stored_vectors(config), LIVE_SLOT + 1):
            slots[name] = Slot(number)
            create_storage(path, params, number)
        environment = open_environment(path, create=True)
        try:
            tables = open_tables(environment, create=True)
            with environment.begin(write=True) as transaction:
                write_config(transaction, tables, config)
                counters = Counters(slots=slots, next_slot=LIVE_SLOT + 1 + len(slots))
                write_counters(transaction, tables, counters)
        finally:
            close_environment(environment)
        sync_environment(path)

    @property
    def path(self) -> Path:
        """The directory of the store."""
        return self._path

    @property
    def state(self) -> CollectionState:
        """The newest state, for reads that need no tables. Does not block."""
        return self._states.newest

    @property
    def indexes(self) -> Indexes:
        """The indexes in memory that new snapshots get."""
        return self._indexes.current

    def read(self) -> SnapshotRead:
        """A context in which a thread reads one snapshot. Must not be nested."""
        return SnapshotRead(self._access, self._states, self._indexes)

    def pin(self) -> PinnedSnapshot:
        """Pin the current snapshot until its reader releases it. Raises LatchClosed after `close`.

        If the tables must grow and it is not released within PATIENCE_S, it is ended and its reads
        raise SnapshotLost.
        """
        reading = self.read()
        with reading as snapshot:
            return self._access.pinned.pin(snapshot, reading.take_transaction())

    @contextmanager
    def stopped(self) -> Iterator[StoppedStore]:
        """Keep writers waiting for the block. Raises LatchClosed after `close`.

        The caller must release the pinned snapshot, unless the block raises.
        """
        with self._access.writing() as opened:
            self._make_room_to_write(opened)
            environment, state = opened.environment, self.state
            transaction = environment.begin()
            reader = TableReader(transaction, opened.tables, state.base)
            snapshot = Snapshot(state, reader, self.indexes)
            pinned = self._access.pinned.pin(snapshot, transaction)
            try:
                extents = [tables_extent(self._path, environment)]
                for space in state.spaces.values():
                    extents += self._storages[space.slot].extents(space)
                yield StoppedStore(state, pinned, extents, 2 * environment.stat()["psize"])
            except BaseException:
                pinned.end()
                raise

    def commit(self, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
        """Execute batches of commands in one transaction.

        Returns the result of `WriteBatch.apply` for each batch: a batch ends with its first error.
        Unexpected errors are handled as in `commit_group`. Raises LatchClosed after `close`.
        """
        with self._access.writing():
            return commit_group(self._commit_together, batches)

    def last_counter(self, source: str) -> int | None:
        """The highest counter of a source whose batch was applied; None if none was."""
        with self._access.writing() as opened, opened.environment.begin() as transaction:
            return OutcomeTable(transaction, opened.tables).last_counter(source)

    def move(self, choose: Callable[[CollectionState, TableReader], Rows]) -> int:
        """Move points to new rows at the end, durably; how many.

        `choose` gets the newest state, which stays the newest until the commit, and returns live
        rows, ascending. The points, and their versions, stay as they are. An operation id is taken,
        since no two states with different rows may have the same. Raises LatchClosed after `close`.
        """
        moved = 0
        with self._access.writing() as opened:
            before = self.state

            def write(transaction: Transaction) -> CollectionState | None:
                nonlocal moved
                tables, indexes = opened.tables, self._indexes.current
                rows = choose(before, TableReader(transaction, tables, before.base))
                moved = len(rows)
                if not moved:
                    return None
                points = PointBatch(before, transaction, tables, self._storages, indexes)
                points.move(rows)
                points.finish()
                after = attrs.evolve(points.freeze(), next_operation=before.next_operation + 1)
                write_counters(transaction, tables, counters_of(after))
                return after

            self._publish(write)
        return moved

    def recount(self, row: int) -> None:
        """Count rows from `row` on, a multiple of CHUNK_ROWS, durably; see `counted_from`.

        An operation id is taken, as by `move`. Raises LatchClosed after `close`.
        """
        self._recount_postings(self.state, row)
        with self._access.writing() as opened:
            before = self.state
            after = counted_from(before, row)

            def write(transaction: Transaction) -> CollectionState:
                write_recounted(transaction, opened.tables, self._storages, before, after)
                return after

            # Before the commit, as in `change_segments`.
            self._indexes.recount(segments_of(before), segments_of(after))
            try:
                self._publish(write)
            except BaseException:
                self._drop_graphs()
                raise

    def _recount_postings(self, before: CollectionState, row: int) -> None:
        """Make postings anew where they need it, before writers have to wait."""
        after = counted_from(before, row)
        for name, space in after.spaces.items():
            former = before.spaces[name]
            if isinstance(space, SparseSpace) and isinstance(former, SparseSpace):
                self.indexes.postings.recount(former, space, before.next_operation)

    def skip_to(self, operation: int) -> None:
        """Let the next operation have the id `operation`, durably. Raises LatchClosed."""
        with self._access.writing() as opened:
            after = attrs.evolve(self.state, next_operation=operation)

            def write(transaction: Transaction) -> CollectionState:
                write_counters(transaction, opened.tables, counters_of(after))
                return after

            self._publish(write)

    def change_segments(
        self,
        change: Callable[[CollectionState], Mapping[str, Segments]],
        graphs: Graphs = NO_GRAPHS,
    ) -> None:
        """Replace the segments of the vector names that `change` returns, durably.

        `change` gets the newest state, which stays the newest until the commit. `graphs` are the
        opened graphs of new segments. Files of removed segments are removed; existing maps of them
        stay valid. Raises LatchClosed after `close`.
        """
        with self._access.writing() as opened:
            before = self.state
            after = _with_segments(before, change(before))

            def write(transaction: Transaction) -> CollectionState:
                write_segments(transaction, opened.tables, segments_of(after))
                return after

            # Before the commit, so that no reader of the new state scans their rows.
            self._indexes.add_graphs(graphs)
            try:
                self._publish(write)
            except BaseException:
                self._drop_graphs()
                raise
            for name in _files_of(before) - _files_of(after):
                (self._path / name).unlink(missing_ok=True)

    def amend(self, write: Amendment) -> None:
        """Write tables in a transaction of its own, which is no command. Raises LatchClosed."""
        with self._access.writing() as opened:
            before = self.state
            self._publish(lambda transaction: write(transaction, opened.tables, before))

    def add_graphs(self, graphs: Graphs) -> None:
        """Let new snapshots use opened graphs. Raises LatchClosed after `close`."""
        with self._access.turn:
            self._access.latch.check_open()
            self._indexes.add_graphs(graphs)

    def states_in_use(self) -> list[CollectionState]:
        """All states that a reader may use."""
        with self._access.turn:
            return self._states.alive()

    @property
    def number(self) -> int:
        """The number of the transaction that made the newest state."""
        return self._states.number

    def clear_readers(self) -> None:
        """Let go of what processes that have ended were reading."""
        self._access.clear_readers()

    def is_behind_elsewhere(self, number: int) -> bool:
        """Whether another process reads a state that is older than that of transaction `number`.

        Raises LatchClosed after `close`.
        """
        with self._access.writing() as opened:
            oldest = oldest_elsewhere(opened.environment)
        return oldest is not None and oldest < number

    def give_back(self, slot: int, first: int, is_free: NDArray[np.bool_]) -> None:
        """Free the disk space of rows of files that no state uses; see VectorStorage."""
        # The storage's descriptor is closed along with the tables, which a reader keeps open.
        with self.read():
            storage = self._storages.get(slot)
            # None: the vector name was dropped.
            if storage is not None:
                storage.give_back(first, is_free)

    def drop_before(self, slot: int, row: int) -> None:
        """Free the disk space of the rows of files before `row`, which no state uses."""
        with self.read():
            storage = self._storages.get(slot)
            if storage is not None:
                storage.drop_before(row)

    def close(self) -> None:
        """Close all files after the reads in progress. Later reads raise LatchClosed."""
        with self._access.turn:
            self._end()

    def remove(self, path: Path) -> None:
        """Close the store and remove its directory; reads in progress finish.

        `path` is the directory's path since it was marked as deleted.
        """
        with self._access.turn:
            self._access.latch.close()
            try:
                remove_directory(path)
            except OSError:
                self._end()
                # It may have failed for lack of descriptors, which are free now.
                remove_directory(path)
            else:
                self._end()

    def _make_room_to_write(self, opened: OpenTables) -> None:
        """Let writers write as much as there is, while a snapshot is pinned that keeps all pages.

        Otherwise the map might have to grow, which ends what is pinned. The caller holds `turn`.
        """
        environment = opened.environment
        while self._access.pinned.is_empty and is_half_used(environment):
            with self._access.latch.held():
                grow_map(environment)

    def _commit_together(self, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
        before = self.state
        outcomes: list[list[Outcome]] = []
        batch: WriteBatch | None = None

        def write(transaction: Transaction) -> CollectionState | None:
            nonlocal batch
            if batch is not None:
                batch.abandon()
            tables = self._access.opened.tables
            batch = WriteBatch(
                self._path, before, transaction, tables, self._storages, self._indexes.current
            )
            outcomes.clear()
            logged: list[CommittedBatch] = []
            for own in batches:
                former, begin = batch.numbers
                outcomes.append(batch.apply(own))
                after, operation = batch.numbers
                if self._log is not None and after > former:
                    logged.append(CommittedBatch(own, former, after, begin, operation))
            state = batch.finish()
            if self._log is not None and logged:
                self._log.append(logged)
            return state

        try:
            self._publish(write)
        except BaseException:
            if batch is not None:
                batch.abandon()
            if self._log is not None:
                self._log.withdraw()
            raise
        assert batch is not None
        if self._log is not None:
            self._log.keep()
        self._take_storages(batch, before)
        return outcomes

    def _take_storages(self, batch: WriteBatch, before: CollectionState) -> None:
        """Take over the storages of a committed batch, and remove those that it dropped."""
        if batch.storages.keys() == self._storages.keys() and not batch.dropped:
            return
        gone = {slot: batch.storages.pop(slot) for slot in batch.dropped}
        self._storages = batch.storages
        self._access.take(self._descriptors())
        # Files that cannot be removed now are removed when the store is opened next.
        with suppress(OSError):
            for slot, storage in gone.items():
                storage.close()
                remove_storage(self._path, slot)
            for name in _files_of(before) - _files_of(self.state):
                (self._path / name).unlink(missing_ok=True)

    def _publish(self, write: Callable[[Transaction], CollectionState | None]) -> None:
        """Commit the writes of `write`, and publish the state it returns; no commit for None."""
        self._access.open_files.retried(lambda: self._publish_growing(write))

    def _publish_growing(self, write: Callable[[Transaction], CollectionState | None]) -> None:
        """The same; grows the map of the tables as needed, and opens them again if they failed."""
        while True:
            try:
                with storage_errors(self._path):
                    self._publish_once(write)
                return
            except lmdb.MapFullError:
                # Before taking the latch, so that other reads continue meanwhile.
                self._access.pinned.wait(PATIENCE_S)
                self._access.change_map(grow_map)
            except lmdb.PanicError:
                self._access.renew(self._access.opened)
            except StorageFull:
                # What is not freed now is overwritten by the next rows.
                state = self.state
                for space in state.spaces.values():
                    storage = self._storages[space.slot]
                    with suppress(OSError):
                        storage.drop_after(space.skipped + state.next_row)
                raise

    def _publish_once(self, write: Callable[[Transaction], CollectionState | None]) -> None:
        transaction = self._access.open().environment.begin(write=True)
        try:
            state = write(transaction)
            if state is None:
                transaction.abort()
                return
            number = transaction.id()
            self._states.file(number, state)
            try:
                transaction.commit()
            except BaseException:
                self._states.withdraw(number)
                raise
        except BaseException:
            transaction.abort()
            raise
        self._states.publish(number, state)
        self._drop_graphs()

    def _read_state(self, opened: OpenTables) -> tuple[int, CollectionState]:
        tables = opened.tables
        add_missing_storages(opened.environment, tables, self._path)
        with opened.environment.begin() as transaction:
            state = StateReader(self._path, self._open_space).read(transaction, tables)
            return transaction.id(), state

    def _open_space(self, params: AnyParams, committed: CommittedVectors) -> AnySpace:
        storage, space = open_storage(self._path, params, committed)
        self._storages[committed.slot.number] = storage
        return space

    def _drop_graphs(self) -> None:
        """Drop the graphs of segments that no state in use has."""
        if not self.indexes.graphs:
            return
        states = self._states.known()
        segments = (space.segments for state in states for space in state.spaces.values())
        self._indexes.keep_graphs({segment.key for own in segments for segment in own})

    def _let_go(self) -> None:
        """Close the descriptors of the storages and of the log, which are not in use."""
        for storage in self._storages.values():
            storage.let_go()
        if self._log is not None:
            self._log.close()

    def _end(self) -> None:
        """Close everything and release the maps of the state. The caller holds `turn`."""
        self._access.end()
        self._states.release()
        self._indexes.release()
        self._close_storages()

    def _abandon(self) -> None:
        """Close the files of a store that failed to open."""
        self._access.end()
        self._close_storages()

    def _descriptors(self) -> int:
        """The most descriptors that the storages and the log have open."""
        return sum(storage.descriptors for storage in self._storages.values()) + bool(self._log)

    def _close_storages(self) -> None:
        for storage in self._storages.values():
            storage.close()
        if self._log is not None:
            self._log.close()


def _with_segments(state: CollectionState, segments: Mapping[str, Segments]) -> CollectionState:
    changed = {
        name: attrs.evolve(state.spaces[name], segments=own) for name, own in segments.items()
    }
    return attrs.evolve(state, spaces={**state.spaces, **changed})


def _files_of(state: CollectionState) -> set[str]:
    segments = chain.from_iterable(segments_of(state).values())
    return {name for segment in segments for name in segment.files}
