"""The public API of a collection: reads, updates, configuration, and what the optimizer reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import lmdb

from ..model.collection import UpdateCollection
from ..model.commands import Command, CommandBatch, Outcome
from ..model.damage import Damage
from ..model.errors import (
    DomainError,
    as_value,
    unknown_collection,
)
from ..model.payload_index import CreateFieldIndex
from .acceleration import Accelerators, VectorView, view_of
from .checkpoints import Checkpoints
from .collection_reads import CollectionReads
from .collection_store import CollectionStore
from .commit_log import CommitLog
from .damage_log import DamageLog
from .optimizer.journal import Journal
from .optimizer.optimizer import Optimizer
from .query.fields import build_fields
from .scrub import Scrub
from .snapshots.held_collection import HeldCollection, hold
from .storage.files import storage_errors
from .storage.open_files import OpenFiles


class Collection(CollectionReads):
    """An open collection. Thread-safe: any number of threads read while one writes."""

    def __init__(
        self,
        name: str,
        store: CollectionStore,
        checkpoints: Checkpoints,
        accelerators: Accelerators,
        damages: DamageLog,
    ) -> None:
        super().__init__(name, store, accelerators, damages)
        self._store = store
        self._checkpoints = checkpoints
        self._optimizer = Optimizer(store)
        self._scrub = Scrub(store, damages)
        self.on_unsafe: Callable[[Collection, Sequence[Damage]], object] = Collection._keep_open
        self._is_retired = False
        self._is_abandoned = False

    @classmethod
    def open(
        cls,
        name: str,
        path: Path,
        open_files: OpenFiles | None = None,
        accelerators: Accelerators | None = None,
        log: CommitLog | None = None,
    ) -> Collection:
        """Open the collection in the directory `path`. Raises EngineStartError.

        Its files count towards `open_files`; its accelerator is looked up in `accelerators`. What
        changes it is appended to `log`.
        """
        store = CollectionStore(path, open_files, log)
        checkpoints = Checkpoints(path)
        checkpoints.load(store.state, store.indexes)
        damages = DamageLog(name, path)
        return cls(name, store, checkpoints, accelerators or Accelerators(), damages)

    def vectors(self) -> dict[str, VectorView]:
        """The vectors of each name as of the newest state. Does not block."""
        state = self._store.state
        return {name: view_of(state, name) for name in state.dense}

    @property
    def journal(self) -> Journal:
        """The journal of the optimizer. Does not block."""
        return self._optimizer.journal

    @property
    def last_command(self) -> int:
        """The number of the last command applied, from 1. Does not block.

        Counts executed commands, and refused ones of batches with an origin.
        """
        return self._store.state.last_command

    @property
    def next_operation(self) -> int:
        """The id of the next operation. Does not block."""
        return self._store.state.next_operation

    def skip_to(self, operation: int) -> None:
        """Let the next operation have the id `operation`, which is not below it. Durable."""
        with self._errors():
            self._store.skip_to(operation)

    def last_counter(self, source: str) -> int | None:
        """The counter of the last applied batch of a source; None if there is none."""
        with self._errors():
            return self._store.last_counter(source)

    def apply(self, commands: Sequence[Command]) -> list[Outcome]:
        """Execute commands in order, in one durable commit.

        Returns the outcome of each: an operation id, or the error that kept it from taking effect:
        a DomainError caused by the client, or an unexpected error. The other commands take effect
        regardless.
        """
        batches = [CommandBatch([command]) for command in commands]
        return [outcome for (outcome,) in self.apply_each(batches)]

    def apply_each(self, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
        """Execute batches of commands in order, in one durable commit.

        A batch ends with its first error: the failed command has no effect, and the commands after
        it are not executed. Returns for each batch the outcomes of its commands, the error last.

        For a batch with an origin that was applied before, returns the recorded outcomes, or
        AlreadyApplied if they are no longer kept; nothing changes. Refusals are recorded too. Any
        other error leaves the batch unapplied: the source must submit it again before later ones,
        none of which is applied in the same call.
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

    @contextmanager
    def hold(self) -> Iterator[HeldCollection]:
        """Hold the newest state for an archive, while reads and writes go on. Blocks.

        Raises Interrupted if it could not be kept until the tables were read, and OSError.
        """
        with self._errors(), hold(self.name, self._store, self._errors) as held:
            yield held

    def clear_readers(self) -> None:
        """Let go of what processes that have ended were reading. Blocks."""
        self._store.clear_readers()

    def is_optimizer_due(self) -> bool:
        """Whether there is work for `optimize`. Does not block."""
        is_due = self.is_checkpoint_due() or self._is_damage_unsaved()
        return is_due or self._optimizer.is_due()

    def optimize(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Do all due background work: checkpoints of columns, and jobs of the optimizer.

        Answers do not change, except for the recall of approximate search. Reads and writes
        continue meanwhile. Stops early when `should_stop`, called about every 0.15 seconds, returns
        true. Raises the error of the work, such as OSError if files cannot be written.
        """
        if self._is_damage_unsaved():
            self.damages.save()
        if self.is_checkpoint_due():
            self.checkpoint()
        with self._errors():
            self._optimizer.work(should_stop)

    def optimizer_due_in(self) -> float | None:
        """Seconds until work may be due if nothing changes; None for never. Does not block."""
        if self._is_abandoned:
            return None
        if self.is_checkpoint_due() or self._is_damage_unsaved():
            return 0.0
        waits = [self._optimizer.due_in(), self._scrub.due_in()]
        return min((seconds for seconds in waits if seconds is not None), default=None)

    @property
    def prevents_unoptimized(self) -> bool:
        """Whether writes of vectors are to wait for the optimizer. Does not block."""
        return bool(self._store.state.config.optimizer_config.prevent_unoptimized)

    def room_for_rows(self) -> int | None:
        """How many rows with vectors may be written before writes wait for the optimizer.

        Below 0, they wait until it has done a step; None: any number, as where its configuration
        does not prevent unoptimized points, or the optimizer fails or links nothing. Does not
        block; takes some 100 us once for each commit, and while writes wait.
        """
        return None if self._is_abandoned else self._optimizer.room_for_rows()

    def optimizer_step(self) -> None:
        """Do the most urgent part of the work of `optimize`."""
        if self._is_damage_unsaved():
            self.damages.save()
            return
        if self.is_checkpoint_due():
            self.checkpoint()
            return
        with self._errors():
            if self._optimizer.is_due():
                self._optimizer.work(at_most=1)
            else:
                self._scrub.step()
                self._close_if_broken()

    def scrub(self) -> None:
        """Check all data at once, see `Scrub`. Blocks for as long as reading all of it takes."""
        with self._errors():
            self._scrub.run()
            self._close_if_broken()

    def stop_optimizer(self) -> None:
        """Ask the optimizer to stop soon and not to start again. Does not wait."""
        self._optimizer.stop()

    def is_checkpoint_due(self) -> bool:
        """Whether enough has changed for a checkpoint. Does not block."""
        store = self._store
        return not self._is_removed and self._checkpoints.is_due(store.state, store.indexes)

    def checkpoint(self) -> None:
        """Write the columns of payload indexes that have changed since they were written.

        Raises StorageFull and OSError.
        """
        with storage_errors(self._store.path):
            self._checkpoints.save(self.snapshot)

    def close(self) -> None:
        """Close the files after the reads and writes in progress. Aborts the optimizer."""
        self._optimizer.halt()
        self._scrub.halt()
        try:
            # If the columns cannot be saved, the next start reads more payloads.
            with suppress(OSError, lmdb.Error, DomainError):
                # Otherwise closed tables would be opened for nothing.
                if not self._checkpoints.is_current(self._store.state):
                    self._checkpoints.save(self.snapshot)
        finally:
            self._checkpoints.close()
            self._store.close()

    def abandon(self) -> None:
        """Close the files after the reads in progress, and write nothing more to them."""
        self._is_abandoned = True
        self._checkpoints.close()
        self._optimizer.halt()
        self._scrub.stop()
        self._store.close()

    def retire(self) -> None:
        """Stop all background writes, because the collection is to be deleted."""
        self._is_retired = True
        self._checkpoints.close()
        self._optimizer.halt()
        self._scrub.halt()

    def renewed(self) -> Collection:
        """The collection after `retire`, if it is not deleted after all. Opens no files."""
        checkpoints = Checkpoints(self._store.path)
        checkpoints.load(self._store.state, self._store.indexes)
        same = Collection(self.name, self._store, checkpoints, self._accelerators, self.damages)
        same.on_unsafe = self.on_unsafe
        return same

    def remove(self, path: Path) -> None:
        """Remove the files, which are in the directory `path` by now; reads in progress finish."""
        self.retire()
        self._store.remove(path)

    @property
    def _is_removed(self) -> bool:
        return self._is_retired

    def _close_if_broken(self) -> None:
        """Tell that reading the tables is not safe, if the scrub has found that."""
        broken = self._scrub.broken
        if broken:
            self.damages.add(broken)
            self.on_unsafe(self, broken)

    def _keep_open(self, _: Sequence[Damage]) -> None:
        """Without a catalog, it is told only."""

    def _is_damage_unsaved(self) -> bool:
        return self.damages.is_unsaved and not self._is_removed

    def _commit(self, batches: Sequence[CommandBatch]) -> list[list[Outcome]]:
        try:
            with self._errors():
                done = self._store.commit(batches)
        except DomainError as error:
            return [[as_value(error)] for _ in batches]
        return [list(map(self._told, outcomes)) for outcomes in done]

    def _told(self, outcome: Outcome) -> Outcome:
        """The outcome of an update: the error for the client, if data is damaged or removed."""
        if not isinstance(outcome, Exception):
            return outcome
        if self._is_removed and isinstance(outcome, OSError | lmdb.Error):
            return unknown_collection(self.name)
        return self.damages.find(outcome) or outcome

    def _build_indexes(self) -> None:
        """Build the columns of all declared indexes."""
        with self.snapshot() as snapshot:
            build_fields(snapshot)
