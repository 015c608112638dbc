"""Executes one group of commands inside one LMDB transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs

from ...model.collection import CollectionConfig, UpdateCollection, changed_config
from ...model.commands import (
    Command,
    CommandBatch,
    CreateVectorName,
    DeleteVectorName,
    Outcome,
    with_vector_name,
    without_vector_name,
)
from ...model.errors import BadInput, DomainError, as_value
from ...model.payload_index import CreateFieldIndex, DeleteFieldIndex
from ...model.updates import (
    DeletePoints,
    DeleteVectors,
    SetPayload,
    Update,
    UpdateVectors,
    Upsert,
    check_update,
)
from ..mvcc.indexes import Indexes
from ..mvcc.state import CollectionState
from ..storage.bitmap_table import MOST_SLOTS
from ..storage.counters import Counters, write_config, write_counters, write_fields
from ..storage.outcomes import REFUSALS, OutcomeTable
from ..storage.row_checksum_table import write_row_checksums
from ..storage.tables import Tables, Transaction
from ..vector_index.row_checksums import checksums_of
from ..vector_index.segments import write_segments
from ..vector_storage.files import add_storage, remove_storage, stored_vectors
from ..vector_storage.storage import AnyStorage
from .payload_edits import check_depth
from .payload_updates import delete_vectors, edit_payloads
from .point_batch import PointBatch
from .upsert_queue import UpsertQueue
from .upserts import update_vectors


class WriteBatch:
    """The next state of a collection while it is being written. Used by the writer only.

    It is discarded when the transaction aborts: vectors written by then are in rows that nothing
    refers to and that the next batch overwrites, and `abandon` removes the files of new vector
    names. `storages` are the storages by slot after the batch, `dropped` the slots removed by it.
    """

    def __init__(
        self,
        directory: Path,
        state: CollectionState,
        transaction: Transaction,
        tables: Tables,
        storages: Mapping[int, AnyStorage],
        indexes: Indexes,
    ) -> None:
        self.storages = dict(storages)
        self.dropped: set[int] = set()
        self._directory = directory
        self._state = state
        self._transaction = transaction
        self._tables = tables
        self._points = PointBatch(state, transaction, tables, storages, indexes)
        self._upserts = UpsertQueue(self._points)
        self._outcomes = OutcomeTable(transaction, tables)
        self._next_operation = state.next_operation
        self._last_command = state.last_command
        self._next_slot = state.next_slot
        self._config = state.config
        self._fields = dict(state.fields)
        self._has_recorded = False

    def apply(self, batch: CommandBatch) -> list[Outcome]:
        """Execute commands in order up to the first that is refused.

        Returns the outcome of each, the last one the error of the refused command, which has had no
        effect. Returns the recorded outcomes of a batch that was applied before. Any other error is
        raised, so that no outcome is recorded for a batch with an origin.
        """
        origin = batch.origin
        if origin is None:
            return self._carry_out_each(batch.commands)
        recorded = self._outcomes.find(origin)
        if recorded is not None:
            return recorded
        outcomes = self._carry_out_each(batch.commands)
        if outcomes and isinstance(outcomes[-1], Exception):
            if not isinstance(outcomes[-1], REFUSALS):
                raise outcomes[-1]
            self._last_command += 1
        self._outcomes.record(origin, self._last_command, outcomes)
        self._has_recorded = True
        return outcomes

    @property
    def numbers(self) -> tuple[int, int]:
        """The number of the last command so far, and the id of the next operation."""
        return self._last_command, self._next_operation

    def finish(self) -> CollectionState | None:
        """Sync the vectors, write all pending tables, and return the resulting state.

        None if nothing was applied and there is nothing to commit.
        """
        if self._last_command == self._state.last_command and not self._has_recorded:
            return None
        self._upserts.flush()
        self._points.finish()
        state = attrs.evolve(
            self._points.freeze(),
            next_operation=self._next_operation,
            fields=self._fields,
            last_command=self._last_command,
            next_slot=self._next_slot,
        )
        self._write_checksums(state)
        if state.fields != self._state.fields:
            write_fields(self._transaction, self._tables, state.fields)
        if self._config is not self._state.config:
            state = _with_config(state, self._config)
            write_config(self._transaction, self._tables, state.config)
        if self.dropped:
            segments = {name: space.segments for name, space in state.spaces.items()}
            write_segments(self._transaction, self._tables, segments)
        write_counters(self._transaction, self._tables, counters_of(state))
        return state

    def _write_checksums(self, state: CollectionState) -> None:
        """Write the checksums of the vectors in new rows, as they are in the files by now."""
        for space in state.spaces.values():
            rows = space.present.rows_between(self._state.next_row, state.next_row)
            if len(rows):
                sums = checksums_of(space, rows)
                write_row_checksums(
                    self._transaction, self._tables, space.slot, rows + state.base, sums
                )

    def abandon(self) -> None:
        """Remove the files of vector names that the batch has added."""
        known = {space.slot for space in self._state.spaces.values()}
        for slot in self.storages.keys() - known:
            self.storages[slot].close()
            with suppress(OSError):
                remove_storage(self._directory, slot)

    def _carry_out_each(self, commands: Sequence[Command]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for command in commands:
            operation = self._next_operation
            try:
                self._carry_out(command, operation)
            except DomainError as error:
                outcomes.append(as_value(error))
                break
            outcomes.append(operation)
            self._next_operation += not isinstance(command, UpdateCollection)
            self._last_command += 1
        return outcomes

    def _check(self, update: Update) -> None:
        """Raise a DomainError unless the update is valid for the current configuration."""
        params = self._config.params
        check_update(update, params)
        if isinstance(update, SetPayload):
            check_depth(update)

    def _carry_out(self, command: Command, operation: int) -> None:
        """Apply one command. A DomainError is raised before anything is written."""
        if not isinstance(command, Upsert):
            self._upserts.flush()
        if isinstance(command, UpdateCollection):
            self._config = changed_config(self._config, command)
        elif isinstance(command, CreateVectorName):
            self._reconfigure(with_vector_name(self._config, command))
        elif isinstance(command, DeleteVectorName):
            self._reconfigure(without_vector_name(self._config, command))
        else:
            self._check(command)
            self._update(command, operation)

    def _update(self, update: Update, operation: int) -> None:
        if isinstance(update, Upsert):
            self._upserts.put(update, operation)
        elif isinstance(update, DeletePoints):
            self._delete(update)
        elif isinstance(update, UpdateVectors):
            update_vectors(self._points, update, operation)
        elif isinstance(update, DeleteVectors):
            delete_vectors(self._points, update, operation)
        elif isinstance(update, CreateFieldIndex):
            self._fields[update.field.text] = update.schema
        elif isinstance(update, DeleteFieldIndex):
            self._fields.pop(update.field.text, None)
        else:
            edit_payloads(self._points, update, operation)

    def _delete(self, update: DeletePoints) -> None:
        if update.ids is not None:
            self._points.delete(update.ids)
        elif update.filter is None or update.filter.is_empty:
            self._points.clear()
        else:
            self._points.delete_rows(self._points.select(update.filter))

    def _reconfigure(self, config: CollectionConfig) -> None:
        """Apply a configuration with other vector names; adds and drops their storages."""
        wanted = dict(stored_vectors(config))
        added = wanted.keys() - self._points.spaces.keys()
        if self._next_slot + len(added) > MOST_SLOTS:
            raise BadInput("No more vector names can be created in this collection")
        for name in self._points.spaces.keys() - wanted.keys():
            self.dropped.add(self._points.drop_space(name))
        for name in added:
            slot = self._next_slot
            storage, space = add_storage(self._directory, wanted[name], slot, self._state.base)
            self.storages[slot] = storage
            self._points.add_space(name, space, storage)
            self._next_slot += 1
        self._config = config


def _with_config(state: CollectionState, config: CollectionConfig) -> CollectionState:
    """The state with another configuration, of the same vector names."""
    params: Mapping[str, Any] = dict(stored_vectors(config))
    spaces = {
        name: attrs.evolve(space, params=params[name]) for name, space in state.spaces.items()
    }
    return attrs.evolve(state, config=config, spaces=spaces)


def counters_of(state: CollectionState) -> Counters:
    """The counters that are stored for a state."""
    slots = {name: space.recorded for name, space in state.spaces.items()}
    return Counters(
        next_row=state.end,
        next_operation=state.next_operation,
        slots=slots,
        touches_begin=state.payload_changes.begin,
        last_command=state.last_command,
        next_slot=state.next_slot,
        base=state.base,
    )
