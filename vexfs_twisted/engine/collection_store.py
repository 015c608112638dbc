"""A collection on disk: opening it, reading one moment of it, and committing the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType

import attrs
import lmdb
import numpy as np
from numpy.typing import NDArray

from ..model.collection import CollectionConfig
from ..model.collection_params import VectorParams
from ..model.errors import StorageFull, as_value
from ..model.updates import Update
from .draft import Draft, Outcome
from .errors import UnusableDataFolder
from .store.access import Access, OpenTables
from .store.advice import placed
from .store.bits import LIVE_SLOT, read_bitmap
from .store.files import remove_directory, storage_errors
from .store.forms import Form, form_of
from .store.moments import HeldMoment, MomentLost
from .store.openfiles import OpenFiles
from .store.segments import Segments, read_segments, remove_strays, write_segments
from .store.state import (
    Slot,
    State,
    read_config,
    read_fields,
    read_state,
    write_config,
    write_state,
)
from .store.tables import (
    TableReader,
    Transaction,
    grow_map,
    open_environment,
    open_tables,
    sync_environment,
)
from .store.touchtable import read_touches
from .store.vectorfile import VectorFile
from .store.view import Snapshot, VectorSpace, View
from .store.views import Views

PATIENCE_S = 5.0
"""How long a commit that needs more room waits for held moments to end by themselves."""


class CollectionStore:
    """The files of one collection. Any thread may read; writers take turns.

    What has descriptors is opened when it is needed, and closed again while it is idle as
    `open_files` says; the view and what it shows of the vectors stays.

    LMDB is the truth. A view is filed under the number of the transaction that made it before that
    transaction commits, so a reader finds the view that belongs to what its own transaction sees.
    """

    def __init__(self, path: Path, open_files: OpenFiles | None = None) -> None:
        """Open the store in the directory `path`. Raises EngineStartError."""
        self._path = path
        self._files: dict[str, VectorFile] = {}
        self._access = Access(path, self._let_go, open_files or OpenFiles())
        try:
            with self._access.turn:
                self._views = Views(*self._read_view(self._access.open()))
                self._access.take(len(self._files))
                segments = (space.segments for space in self.view.spaces.values())
                remove_strays(path, chain.from_iterable(segments))
        except BaseException as error:
            self._abandon()
            if isinstance(error, lmdb.Error | OSError):
                raise UnusableDataFolder(path, f"the tables do not open: {error}") from error
            raise

    @staticmethod
    def create(path: Path, config: CollectionConfig) -> None:
        """Make an empty store in the directory `path`, all durable that is in there."""
        slots: dict[str, Slot] = {}
        for number, (name, params) in enumerate(_dense(config), LIVE_SLOT + 1):
            slots[name] = Slot(number)
            form = form_of(params.datatype)
            VectorFile.create(_vector_path(path, number, form), form, params.size)
        environment = open_environment(path, create=True)
        try:
            tables = open_tables(environment, create=True)
            with environment.begin(write=True) as transaction:
                write_config(transaction, tables, config)
                write_state(transaction, tables, State(slots=slots))
        finally:
            environment.close()
        sync_environment(path)

    @property
    def path(self) -> Path:
        """The directory of the store."""
        return self._path

    @property
    def view(self) -> View:
        """The newest view. For reads that need no tables."""
        return self._views.newest

    def read(self) -> Reading:
        """A context in which one thread reads one moment. Must not be nested in a thread."""
        return Reading(self._access, self._views)

    def hold(self) -> HeldMoment:
        """The moment now, for as long as its reader wants it. Raises GateClosed after `close`.

        It is lost, and its reads raise MomentLost, when the tables must grow and it has not been
        ended after PATIENCE_S.
        """
        reading = self.read()
        with reading as snapshot:
            return self._access.moments.hold(snapshot, reading.take_transaction())

    def commit(self, sequences: Sequence[Sequence[Update]]) -> list[list[Outcome]]:
        """Carry out sequences of checked updates in one transaction.

        Answers for each sequence what `Draft.apply` does: a sequence ends with its first error.
        When something unexpected breaks, every update is tried in a transaction of its own, so
        that only the sequence that breaks fails. Raises GateClosed after `close`.
        """
        with self._access.writing():
            try:
                return self._commit_together(sequences)
            except StorageFull as error:
                return [[as_value(error)] for _ in sequences]
            except Exception:
                return [self._commit_singly(sequence) for sequence in sequences]

    def change_config(self, change: Callable[[CollectionConfig], CollectionConfig]) -> None:
        """Replace the configuration durably. Raises GateClosed after `close`."""
        with self._access.writing() as opened:
            config = change(self.view.config)

            def write(transaction: Transaction) -> View:
                write_config(transaction, opened.tables, config)
                spaces = {
                    name: attrs.evolve(space, params=config.params.vectors[name])
                    for name, space in self.view.spaces.items()
                }
                return attrs.evolve(self.view, config=config, spaces=spaces)

            self._publish(write)

    def change_segments(self, change: Callable[[View], Mapping[str, Segments]]) -> None:
        """Replace the segments of the vector names that `change` answers with, durably.

        It is given the newest view, which stays so until the commit. Files of segments that are
        gone are removed; who maps them still reads them. Raises GateClosed after `close`.
        """
        with self._access.writing() as opened:
            before = self.view
            after = _with_segments(before, change(before))

            def write(transaction: Transaction) -> View:
                write_segments(transaction, opened.tables, _segments_of(after))
                return after

            self._publish(write)
            for name in _files_of(before) - _files_of(after):
                (self._path / name).unlink(missing_ok=True)

    def trust_segments(self, change: Callable[[View], Mapping[str, Segments]]) -> None:
        """Let readers see the same segments with other things at hand, which no commit notes."""
        with self._access.turn:
            self._access.gate.check_open()
            self._views.swap(_with_segments(self.view, change(self.view)))

    def alive_views(self) -> list[View]:
        """All views that somebody may be reading."""
        with self._access.turn:
            return self._views.alive()

    def give_back(self, name: str, first: int, is_free: NDArray[np.bool_]) -> None:
        """Give back the room of free rows among those from `first` on, which no view may read."""
        # Its descriptor is closed with the tables, which are open and counted for a reader.
        with self.read():
            self._files[name].give_back(first, is_free)

    def close(self) -> None:
        """Close all files, after the reads that are under way. Later reads raise GateClosed."""
        with self._access.turn:
            self._end()

    def remove(self, path: Path) -> None:
        """Close as `close` does, and remove the directory while reads under way finish.

        `path` is where it lies since it was marked as deleted.
        """
        with self._access.turn:
            self._access.gate.close()
            try:
                remove_directory(path)
            except OSError:
                self._end()
                # That may have been for want of the descriptors which are free now.
                remove_directory(path)
            else:
                self._end()

    def _commit_together(self, sequences: Sequence[Sequence[Update]]) -> list[list[Outcome]]:
        outcomes: list[list[Outcome]] = []

        def write(transaction: Transaction) -> View:
            draft = Draft(self.view, transaction, self._access.opened.tables, self._files)
            outcomes[:] = map(draft.apply, sequences)
            return draft.finish()

        self._publish(write)
        return outcomes

    def _commit_singly(self, sequence: Sequence[Update]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for update in sequence:
            outcomes.append(self._commit_one(update))
            if isinstance(outcomes[-1], Exception):
                break
        return outcomes

    def _commit_one(self, update: Update) -> Outcome:
        try:
            return self._commit_together([[update]])[0][0]
        except Exception as error:
            return as_value(error)

    def _publish(self, write: Callable[[Transaction], View]) -> None:
        """Run `write` in a transaction, commit it, and let readers see the view it returns."""
        is_relieved = False
        while True:
            try:
                with storage_errors(self._path):
                    self._publish_once(write)
                return
            except lmdb.MapFullError:
                # Before the gate is held, so that other reads go on meanwhile.
                self._access.moments.wait(PATIENCE_S)
                with self._access.gate.held():
                    self._access.moments.end_all(MomentLost)
                    grow_map(self._access.opened.environment)
            except OSError as error:
                # Once: others may open files as fast as these are closed.
                if is_relieved or not self._access.open_files.relieves(error):
                    raise
                is_relieved = True
            except StorageFull:
                for file in self._files.values():
                    file.drop_after(self.view.next_row)
                raise

    def _publish_once(self, write: Callable[[Transaction], View]) -> None:
        transaction = self._access.opened.environment.begin(write=True)
        try:
            view = write(transaction)
            number = transaction.id()
            self._views.file(number, view)
            try:
                transaction.commit()
            except BaseException:
                self._views.withdraw(number)
                raise
        except BaseException:
            transaction.abort()
            raise
        self._views.publish(number, view)

    def _read_view(self, opened: OpenTables) -> tuple[int, View]:
        tables = opened.tables
        with opened.environment.begin() as transaction:
            config = read_config(transaction, tables, self._path)
            state = read_state(transaction, tables)
            segments = read_segments(transaction, tables, self._path)
            spaces: dict[str, VectorSpace] = {}
            rows = state.next_row
            for name, params in config.params.vectors.items():
                slot = state.slots.get(name)
                if slot is None:
                    continue
                form = form_of(params.datatype)
                path = _vector_path(self._path, slot.number, form)
                memory = placed(params.memory, params.on_disk)
                present = read_bitmap(transaction, tables, slot.number).with_room(rows)
                end = present.end
                self._files[name] = file = VectorFile.open(path, form, params.size, end, memory)
                file.fill(end)
                file.make_room(rows)
                spaces[name] = VectorSpace(
                    params,
                    slot.number,
                    present,
                    file.matrix,
                    slot.norm_bound,
                    segments.get(name, ()),
                )
            live = read_bitmap(transaction, tables, LIVE_SLOT).with_room(rows)
            fields = read_fields(transaction, tables)
            touches = read_touches(transaction, tables, state.touches_begin)
            view = View(config, rows, state.next_operation, live, spaces, fields, touches)
            return transaction.id(), view

    def _let_go(self) -> None:
        """Close what has descriptors beside the tables. Nobody uses it."""
        for file in self._files.values():
            file.let_go()

    def _end(self) -> None:
        """Close everything for good, and let go of what the view shows. By who has the turn."""
        self._access.end()
        self._views.release()
        self._close_files()

    def _abandon(self) -> None:
        """Close what has been opened of a store that cannot be."""
        self._access.end()
        self._close_files()

    def _close_files(self) -> None:
        for file in self._files.values():
            file.close()


class Reading:
    """The time in which a thread reads one moment of a collection."""

    def __init__(self, access: Access, views: Views) -> None:
        self._access = access
        self._views = views
        self._transaction: Transaction | None = None

    def __enter__(self) -> Snapshot:
        opened = self._access.enter()
        try:
            while True:
                transaction = opened.environment.begin()
                view = self._views.get(transaction.id())
                if view is not None:
                    self._transaction = transaction
                    self._reader = TableReader(transaction, opened.tables)
                    return Snapshot(view, self._reader)
                # Two commits came between the lines above, and the view is gone by now.
                transaction.abort()
        except BaseException:
            self._access.leave()
            raise

    def take_transaction(self) -> Transaction:
        """The transaction, which now outlives the context and is the caller's to end."""
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        return transaction

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            transaction, self._transaction = self._transaction, None
            if transaction is not None:
                transaction.abort()
                # An error keeps what its frames hold, and there are few transactions.
                self._reader.release()
        finally:
            self._access.leave()


def _dense(config: CollectionConfig) -> Iterator[tuple[str, VectorParams]]:
    """The vectors that have a file: one row a point."""
    for name, params in config.params.vectors.items():
        if params.multivector_config is None:
            yield name, params


def _with_segments(view: View, segments: Mapping[str, Segments]) -> View:
    changed = {
        name: attrs.evolve(view.spaces[name], segments=own) for name, own in segments.items()
    }
    return attrs.evolve(view, spaces={**view.spaces, **changed})


def _segments_of(view: View) -> dict[str, Segments]:
    return {name: space.segments for name, space in view.spaces.items()}


def _files_of(view: View) -> set[str]:
    segments = chain.from_iterable(_segments_of(view).values())
    return {name for segment in segments for name in segment.files}


def _vector_path(directory: Path, slot: int, form: Form) -> Path:
    return directory / f"vectors-{slot}.{form.suffix}"
