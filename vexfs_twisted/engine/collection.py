"""The public API of a collection: reads, updates, configuration, and what the optimizer reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import lmdb

from ..model.collection import CollectionConfig, UpdateCollection
from ..model.commands import Command, CommandBatch, Outcome
from ..model.errors import (
    DomainError,
    Interrupted,
    TooMany,
    Unavailable,
    as_value,
    unknown_collection,
)
from ..model.payload_index import CreateFieldIndex
from ..model.queries import PointsRequest, Query, Record, Retrieve, ScoredPoint
from ..model.reads import Answer, ReadRequest
from ..model.streams import P
from .acceleration import Accelerators, SearchAccelerator, VectorView, view_of
from .checkpoints import Checkpoints
from .collection_store import CollectionStore
from .cursor import Cursor
from .mvcc.indexes import Indexes
from .mvcc.pinned import SnapshotLost
from .mvcc.state import CollectionState, Snapshot
from .optimizer.journal import Journal
from .optimizer.optimizer import Optimizer
from .query.cursor_sources import CURSOR_SOURCES, CursorSource
from .query.fields import build_fields
from .query.nearest import answer
from .query.scrolling import retrieve_each
from .read_bounds import UNBOUNDED, ReadBoundsOfEach
from .reads import READS
from .storage.files import storage_errors
from .storage.latch import LatchClosed
from .storage.open_files import OpenFiles


class Collection:
    """An open collection. Reads run in any number of threads while one writes.

    A read sees one snapshot, from its start to its end. Every method that does not say otherwise
    blocks on the disk, and raises NotFound once the collection has been deleted and Unavailable
    once it has been closed.

    The accelerator that `accelerators` has of its directory, if any, is asked before the engine for
    the nearest rows of all.
    """

    def __init__(
        self,
        name: str,
        store: CollectionStore,
        checkpoints: Checkpoints,
        accelerators: Accelerators,
    ) -> None:
        self.name = name
        self._store = store
        self._accelerators = accelerators
        self._checkpoints = checkpoints
        self._optimizer = Optimizer(store)
        self._is_removed = False

    @classmethod
    def open(
        cls,
        name: str,
        path: Path,
        open_files: OpenFiles | None = None,
        accelerators: Accelerators | None = None,
    ) -> Collection:
        """Open the collection in the directory `path`. Raises EngineStartError.

        Its files are among the `open_files`, and its accelerator among the `accelerators`.
        """
        store = CollectionStore(path, open_files)
        checkpoints = Checkpoints(path)
        checkpoints.load(store.state, store.indexes.columns)
        return cls(name, store, checkpoints, accelerators or Accelerators())

    @property
    def config(self) -> CollectionConfig:
        """The configuration now, from memory at once."""
        return self._store.state.config

    @property
    def state(self) -> CollectionState:
        """The newest state, from memory at once; its arrays stay good for as long as it is held."""
        return self._store.state

    def vectors(self) -> dict[str, VectorView]:
        """The vectors of each name as of the newest state, from memory at once."""
        state = self._store.state
        return {name: view_of(state, name) for name in state.spaces}

    @property
    def indexes(self) -> Indexes:
        """The indexes in memory."""
        return self._store.indexes

    @property
    def directory(self) -> str:
        """The name of its directory, which no other collection ever has."""
        return self._store.path.name

    @property
    def accelerator(self) -> SearchAccelerator | None:
        """What is asked before the engine for the nearest rows of all, if there is something."""
        return self._accelerators.get(self.directory)

    @property
    def path(self) -> Path:
        """Its directory."""
        return self._store.path

    @property
    def journal(self) -> Journal:
        """What background work has done and is doing, from memory at once."""
        return self._optimizer.journal

    @property
    def last_command(self) -> int:
        """The number of the last command applied, from 1; from memory at once.

        It counts commands carried out, and refused ones of batches that came with an origin.
        """
        return self._store.state.last_command

    def last_counter(self, source: str) -> int | None:
        """The counter of the last batch that was applied of a source; None where none was."""
        with self._errors():
            return self._store.last_counter(source)

    def apply(self, commands: Sequence[Command]) -> list[Outcome]:
        """Carry out commands in order, in one durable commit.

        Answers for each its outcome: an operation id, or what kept it from taking effect, which is
        a DomainError that the client caused, or whatever broke. The others take effect all the
        same.
        """
        batches = [CommandBatch([command]) for command in commands]
        return [outcome for (outcome,) in self.apply_each(batches)]

    def apply_each(self, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
        """Carry out batches of commands in order, in one durable commit.

        A batch ends with its first error, which keeps what comes after it in the batch from being
        tried; nothing of the command that failed takes effect. Answers for each batch the outcomes
        of its commands and, where it has failed, the error last.

        A batch with an origin that was applied before is answered with the outcomes recorded then,
        or with AlreadyApplied where they are not kept any more, and changes nothing. Its refusals
        are recorded too. Any other error leaves it unapplied: the source is to submit it again
        before those that follow it, none of which is applied in the same call.
        """
        commands = [command for batch in batches for command in batch.commands]
        if any(isinstance(command, UpdateCollection) for command in commands):
            self._optimizer.wake()
        if not commands and all(batch.origin is None for batch in batches):
            return [[] for _ in batches]
        done = self._commit(batches)
        if any(isinstance(command, CreateFieldIndex) for command in commands):
            self._build_indexes()
        return done

    def read(self, request: ReadRequest[Answer]) -> Answer:
        """The answer to a request, all on one snapshot. Raises DomainError as its kind says."""
        answer: Answer = READS[type(request)](self, request)
        return answer

    def retrieve_each(self, requests: Sequence[Retrieve]) -> list[list[Record] | DomainError]:
        """The answer to each request or its own error, all on one snapshot."""
        with self.snapshot() as snapshot:
            return retrieve_each(snapshot, requests)

    def query_each(
        self, queries: Sequence[Query], bounds: ReadBoundsOfEach = UNBOUNDED
    ) -> list[Sequence[ScoredPoint] | Exception]:
        """The answer to each query or its own error, all on one snapshot.

        For queries of several clients that are put together: one bad query fails alone, and so
        does one that its bounds stop.
        """
        with self.snapshot() as snapshot:
            return answer(snapshot, queries, self.accelerator, bounds)

    def open_cursor(self, request: PointsRequest[Any, P]) -> Cursor[P]:
        """A cursor over what `read` answers. A query is ranked before this returns.

        The limit of a scroll is that of all that is read through the cursor.
        """
        with self._errors():
            pinned = self._store.pin()
            try:
                with pinned.reading() as snapshot:
                    make = CURSOR_SOURCES[type(request)]
                    source: CursorSource[P] = make(snapshot, request, self.accelerator)
            except BaseException:
                pinned.end()
                raise
        return Cursor(pinned, source, self._errors)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """A context with a snapshot, which reads in this thread are answered from."""
        with self._errors(), self._store.read() as snapshot:
            yield snapshot

    def is_optimizer_due(self) -> bool:
        """Whether there is enough for `optimize` to do. Answers from memory at once."""
        return self.optimizer_due_in() == 0

    def optimize(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Do all that is due of what makes reads and the next opening faster.

        No answer changes by it but in how near approximate search comes. Reads and writes go on
        meanwhile. Ends early when `should_stop`, asked about every 0.15 seconds, says so. Raises
        what goes wrong, such as OSError when files cannot be written.
        """
        if self.is_checkpoint_due():
            self.checkpoint()
        with self._errors():
            self._optimizer.work(should_stop)

    def optimizer_due_in(self) -> float | None:
        """In how many seconds something will be due as things are; None for never. At once."""
        return 0.0 if self.is_checkpoint_due() else self._optimizer.due_in()

    def optimizer_step(self) -> None:
        """Do one of the things that `optimize` does, the most urgent."""
        if self.is_checkpoint_due():
            self.checkpoint()
            return
        with self._errors():
            self._optimizer.work(at_most=1)

    def stop_optimizer(self) -> None:
        """Ask the optimizer to stop soon and not to start again. Does not wait."""
        self._optimizer.stop()

    def is_checkpoint_due(self) -> bool:
        """Whether `checkpoint` is worth it. Answers from memory at once."""
        return not self._is_removed and self._checkpoints.is_due(self._store.state)

    def checkpoint(self) -> None:
        """Write the columns of payload indexes that have changed since they were written.

        Raises StorageFull and OSError.
        """
        with storage_errors(self._store.path):
            self._checkpoints.save(self.snapshot)

    def close(self) -> None:
        """Close the files, after the reads and writes that are under way. Optimizer is given up."""
        self._optimizer.halt()
        try:
            # Where there is no room for them, the next start reads more payloads.
            with suppress(OSError, lmdb.Error, DomainError):
                # Else tables that are closed would be opened for nothing.
                if not self._checkpoints.is_current(self._store.state):
                    self._checkpoints.save(self.snapshot)
        finally:
            self._checkpoints.close()
            self._store.close()

    def retire(self) -> None:
        """Write nothing behind reads and writes any more: the collection is to be deleted."""
        self._is_removed = True
        self._checkpoints.close()
        self._optimizer.halt()

    def renewed(self) -> Collection:
        """The collection after `retire`, where it is not to be deleted after all. Opens nothing."""
        checkpoints = Checkpoints(self._store.path)
        checkpoints.load(self._store.state, self._store.indexes.columns)
        return Collection(self.name, self._store, checkpoints, self._accelerators)

    def remove(self, path: Path) -> None:
        """Remove the files, which lie in the directory `path` by now; reads under way finish."""
        self.retire()
        self._store.remove(path)

    def _commit(self, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
        try:
            with self._errors():
                done = self._store.commit(batches)
        except DomainError as error:
            return [[as_value(error)] for _ in batches]
        if self._is_removed:
            done = [list(map(self._of_removed, outcomes)) for outcomes in done]
        return done

    def _of_removed(self, outcome: Outcome) -> Outcome:
        """What became of an update while the collection was being removed."""
        is_gone = isinstance(outcome, OSError | lmdb.Error)
        return unknown_collection(self.name) if is_gone else outcome

    def _build_indexes(self) -> None:
        """Make all declared indexes, which further ones are then made from."""
        with self.snapshot() as snapshot:
            build_fields(snapshot)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except LatchClosed:
            if self._is_removed:
                raise unknown_collection(self.name) from None
            raise Unavailable("the collection is closed") from None
        except SnapshotLost:
            raise Interrupted(
                "the moment that was read could not be kept any longer, begin again"
            ) from None
        except lmdb.ReadersFullError:
            raise TooMany("as many reads of the collection are held as there may be") from None
        except (OSError, lmdb.Error):
            # Tables are opened where they lay, and they lie elsewhere once they are to be removed.
            if self._is_removed:
                raise unknown_collection(self.name) from None
            raise
