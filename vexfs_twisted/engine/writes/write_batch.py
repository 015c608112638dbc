"""The writing of one group of updates inside one LMDB transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from ...model.errors import DomainError, as_value
from ...model.payload_index import CreateFieldIndex, DeleteFieldIndex
from ...model.updates import DeletePoints, DeleteVectors, Update, UpdateVectors, Upsert
from ..mvcc.state import CollectionState
from ..storage.counters import Counters, Slot, write_counters, write_fields
from ..storage.tables import Tables, Transaction
from ..vectors.vector_file import VectorFile
from .payload_updates import delete_vectors, edit_payloads
from .point_batch import PointBatch
from .upserts import update_vectors, upsert

Outcome = int | Exception
"""The operation id of an update, or what kept it from taking effect."""


class WriteBatch:
    """The next moment of a collection while it is being written. Used by the one writer alone.

    Dropped when the transaction aborts: vectors written by then lie in rows that nothing refers to
    and that the next draft overwrites.
    """

    def __init__(
        self,
        state: CollectionState,
        transaction: Transaction,
        tables: Tables,
        files: Mapping[str, VectorFile],
    ) -> None:
        self._state = state
        self._transaction = transaction
        self._tables = tables
        self._points = PointBatch(state, transaction, tables, files)
        self._next_operation = state.next_operation
        self._fields = dict(state.fields)

    def apply(self, updates: Sequence[Update]) -> list[Outcome]:
        """Carry out updates, already checked, in order up to the first that is refused.

        Answers for each its operation id, and at the end the error of the one refused, of which
        nothing has taken effect.
        """
        outcomes: list[Outcome] = []
        for update in updates:
            try:
                self._carry_out(update, self._next_operation)
            except DomainError as error:
                outcomes.append(as_value(error))
                break
            outcomes.append(self._next_operation)
            self._next_operation += 1
        return outcomes

    def finish(self) -> CollectionState:
        """Sync the vectors, write all that is left, and return the state of the result."""
        self._points.finish()
        state = attrs.evolve(
            self._points.freeze(), next_operation=self._next_operation, fields=self._fields
        )
        if state.fields != self._state.fields:
            write_fields(self._transaction, self._tables, state.fields)
        slots = {name: Slot(s.slot, s.norm_bound) for name, s in state.spaces.items()}
        counters = Counters(state.next_row, state.next_operation, slots, state.touches.begin)
        write_counters(self._transaction, self._tables, counters)
        return state

    def _carry_out(self, update: Update, operation: int) -> None:
        """Apply one update. A DomainError is raised before anything is written."""
        if isinstance(update, Upsert):
            upsert(self._points, update, operation)
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
