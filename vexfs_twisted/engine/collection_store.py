"""A collection on disk: opening it, reading one moment of it, and committing the next."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from threading import Lock
from types import TracebackType

import attrs
import lmdb
import numpy as np
from numpy.typing import NDArray

from ..model.collection import CollectionConfig
from ..model.collection_params import VectorParams
from ..model.errors import StorageFull
from ..model.updates import Update
from .draft import Draft, Outcome
from .errors import UnusableDataFolder
from .store.advice import placed
from .store.bits import LIVE_SLOT, read_bitmap
from .store.files import storage_errors, sync_directory
from .store.forms import Form, form_of
from .store.gate import Gate, GateClosed
from .store.moments import HeldMoment, MomentLost, Moments
from .store.segments import Segments, read_segments, remove_strays, write_segments
from .store.state import (
    Slot,
    State,
    read_config,
    read_fields,
    read_state,
    upgrade,
    write_config,
    write_state,
)
from .store.tables import (
    TableReader,
    Tables,
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

    LMDB is the truth. A view is filed under the number of the transaction that made it before that
    transaction commits, so a reader finds the view that belongs to what its own transaction sees.
    """

    def __init__(self, path: Path) -> None:
        """Open the store in the directory `path`. Raises EngineStartError."""
        self._path = path
        self._gate = Gate()
        self._moments = Moments()
        self._writing = Lock()
        self._files: dict[str, VectorFile] = {}
        try:
            self._environment = open_environment(path)
        except (lmdb.Error, OSError) as error:
            raise UnusableDataFolder(path, f"the tables do not open: {error}") from error
        try:
            upgrade(self._environment, path)
            self._tables = open_tables(self._environment)
            self._views = Views(*self._read_view())
            segments = (space.segments for space in self.view.spaces.values())
            remove_strays(path, chain.from_iterable(segments))
        except lmdb.Error as error:
            self._close_files()
            raise UnusableDataFolder(path, f"the tables are damaged: {error}") from error
        except OSError as error:
            self._close_files()
            raise UnusableDataFolder(path, str(error)) from error
        except BaseException:
            self._close_files()
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
        return Reading(self._gate, self._environment, self._tables, self._views)

    def hold(self) -> HeldMoment:
        """The moment now, for as long as its reader wants it. Raises GateClosed after `close`.

        It is lost, and its reads raise MomentLost, when the tables must grow and it has not been
        ended after PATIENCE_S.
        """
        reading = self.read()
        with reading as snapshot:
            return self._moments.hold(snapshot, reading.take_transaction())

    def commit(self, sequences: Sequence[Sequence[Update]]) -> list[list[Outcome]]:
        """Carry out sequences of checked updates in one transaction.

        Answers for each sequence what `Draft.apply` does: a sequence ends with its first error.
        When something unexpected breaks, every update is tried in a transaction of its own, so
        that only the sequence that breaks fails. Raises GateClosed after `close`.
        """
        with self._writing:
            self._gate.check_open()
            try:
                return self._commit_together(sequences)
            except StorageFull as error:
                return [[error] for _ in sequences]
            except Exception:
                return [self._commit_singly(sequence) for sequence in sequences]

    def change_config(self, change: Callable[[CollectionConfig], CollectionConfig]) -> None:
        """Replace the configuration durably. Raises GateClosed after `close`."""
        with self._writing:
            self._gate.check_open()
            config = change(self.view.config)

            def write(transaction: Transaction) -> View:
                write_config(transaction, self._tables, config)
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
        with self._writing:
            self._gate.check_open()
            before = self.view
            after = _with_segments(before, change(before))

            def write(transaction: Transaction) -> View:
                write_segments(transaction, self._tables, _segments_of(after))
                return after

            self._publish(write)
            for name in _files_of(before) - _files_of(after):
                (self._path / name).unlink(missing_ok=True)

    def trust_segments(self, change: Callable[[View], Mapping[str, Segments]]) -> None:
        """Let readers see the same segments with other things at hand, which no commit notes."""
        with self._writing:
            self._gate.check_open()
            self._views.swap(_with_segments(self.view, change(self.view)))

    def alive_views(self) -> list[View]:
        """All views that somebody may be reading."""
        with self._writing:
            return self._views.alive()

    def give_back(self, name: str, first: int, is_free: NDArray[np.bool_]) -> None:
        """Give back the room of free rows among those from `first` on, which no view may read."""
        self._gate.enter()
        try:
            self._files[name].give_back(first, is_free)
        finally:
            self._gate.leave()

    def close(self) -> None:
        """Close all files, after the reads that are under way. Later reads raise GateClosed."""
        with self._writing:
            self._gate.close()
            with self._gate.held():
                self._moments.end_all(GateClosed())
                self._close_files()

    def remove(self, path: Path) -> None:
        """Close as `close` does, and remove the directory while reads under way finish.

        `path` is where it lies since it was marked as deleted.
        """
        with self._writing:
            self._gate.close()
            try:
                shutil.rmtree(path)
                sync_directory(path.parent)
            finally:
                with self._gate.held():
                    self._moments.end_all(GateClosed())
                    self._close_files()

    def _commit_together(self, sequences: Sequence[Sequence[Update]]) -> list[list[Outcome]]:
        outcomes: list[list[Outcome]] = []

        def write(transaction: Transaction) -> View:
            draft = Draft(self.view, transaction, self._tables, self._files)
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
            return error

    def _publish(self, write: Callable[[Transaction], View]) -> None:
        """Run `write` in a transaction, commit it, and let readers see the view it returns."""
        while True:
            try:
                with storage_errors(self._path):
                    self._publish_once(write)
                return
            except lmdb.MapFullError:
                # Before the gate is held, so that other reads go on meanwhile.
                self._moments.wait(PATIENCE_S)
                with self._gate.held():
                    self._moments.end_all(MomentLost())
                    grow_map(self._environment)
            except StorageFull:
                for file in self._files.values():
                    file.drop_after(self.view.next_row)
                raise

    def _publish_once(self, write: Callable[[Transaction], View]) -> None:
        transaction = self._environment.begin(write=True)
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

    def _read_view(self) -> tuple[int, View]:
        with self._environment.begin() as transaction:
            config = read_config(transaction, self._tables, self._path)
            state = read_state(transaction, self._tables)
            segments = read_segments(transaction, self._tables, self._path)
            spaces: dict[str, VectorSpace] = {}
            rows = state.next_row
            for name, params in config.params.vectors.items():
                slot = state.slots.get(name)
                if slot is None:
                    continue
                form = form_of(params.datatype)
                path = _vector_path(self._path, slot.number, form)
                memory = placed(params.memory, params.on_disk)
                present = read_bitmap(transaction, self._tables, slot.number).with_room(rows)
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
            live = read_bitmap(transaction, self._tables, LIVE_SLOT).with_room(rows)
            fields = read_fields(transaction, self._tables)
            touches = read_touches(transaction, self._tables, state.touches_begin)
            view = View(config, rows, state.next_operation, live, spaces, fields, touches)
            return transaction.id(), view

    def _close_files(self) -> None:
        self._environment.close()
        for file in self._files.values():
            file.close()


class Reading:
    """The time in which a thread reads one moment of a collection."""

    def __init__(
        self,
        gate: Gate,
        environment: lmdb.Environment,
        tables: Tables,
        views: Views,
    ) -> None:
        self._gate = gate
        self._environment = environment
        self._tables = tables
        self._views = views
        self._transaction: Transaction | None = None

    def __enter__(self) -> Snapshot:
        self._gate.enter()
        try:
            while True:
                transaction = self._environment.begin()
                view = self._views.get(transaction.id())
                if view is not None:
                    self._transaction = transaction
                    self._reader = TableReader(transaction, self._tables)
                    return Snapshot(view, self._reader)
                # Two commits came between the lines above, and the view is gone by now.
                transaction.abort()
        except BaseException:
            self._gate.leave()
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
            self._gate.leave()


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
