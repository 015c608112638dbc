"""The writing of one group of updates inside one LMDB transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..model.collection_params import Distance
from ..model.updates import DeletePoints, Update, Upsert
from ..model.vectors import VectorColumn
from .filtering.rows import select_rows
from .norms import normalised, squared_norms
from .store.bitmap import BitmapDraft, Rows
from .store.bits import LIVE_SLOT, write_changes
from .store.keys import decode_rows, encode_ids, encode_rows
from .store.rowvalue import encode_values, key_of
from .store.state import Slot, State, write_state
from .store.tables import TableReader, Tables, Transaction
from .store.vectorfile import Matrix, VectorFile
from .store.view import VectorSpace, View


class Draft:
    """The next moment of a collection while it is being written. Used by the one writer alone.

    Dropped when the transaction aborts: vectors written by then lie in rows that nothing refers to
    and that the next draft overwrites.
    """

    def __init__(
        self,
        view: View,
        transaction: Transaction,
        tables: Tables,
        files: Mapping[str, VectorFile],
    ) -> None:
        self._view = view
        self._transaction = transaction
        self._tables = tables
        self._files = files
        self._next_row = view.next_row
        self._next_operation = view.next_operation
        self._live = BitmapDraft(view.live)
        self._spaces = {
            name: _SpaceDraft(space, files[name]) for name, space in view.spaces.items()
        }

    def apply(self, update: Update) -> int:
        """Carry out one update, already checked, and return its operation id."""
        operation = self._next_operation
        if isinstance(update, Upsert):
            self._upsert(update, operation)
        else:
            self._delete(update)
        self._next_operation += 1
        return operation

    def finish(self) -> View:
        """Sync the vectors, write bitmaps and counters, and return the view of the result."""
        write_changes(self._transaction, self._tables, LIVE_SLOT, self._live)
        for space in self._spaces.values():
            write_changes(self._transaction, self._tables, space.slot, space.present)
            space.sync()
        view = self._freeze()
        slots = {name: Slot(s.slot, s.norm_bound) for name, s in view.spaces.items()}
        state = State(view.next_row, view.next_operation, slots)
        write_state(self._transaction, self._tables, state)
        return view

    def _freeze(self) -> View:
        return View(
            config=self._view.config,
            next_row=self._next_row,
            next_operation=self._next_operation,
            live=self._live.freeze(self._next_row),
            spaces={name: space.freeze(self._next_row) for name, space in self._spaces.items()},
        )

    def _upsert(self, upsert: Upsert, operation: int) -> None:
        keys = encode_ids(upsert.ids)
        payloads: Sequence[bytes] = upsert.payloads
        kept = _last_of_each(keys)
        if kept is not None:
            keys = [keys[position] for position in kept]
            payloads = [payloads[position] for position in kept]
        self._forget(self._reader().find(keys))
        rows = np.arange(self._next_row, self._next_row + len(keys))
        row_keys = encode_rows(rows)
        with self._transaction.cursor(self._tables.points) as cursor:
            # In the order of keys, neighbours share pages of the tree.
            cursor.putmulti(sorted(zip(keys, row_keys, strict=True)))
        values = encode_values(operation, keys, payloads)
        with self._transaction.cursor(self._tables.rows) as cursor:
            cursor.putmulti(zip(row_keys, values, strict=True), append=True)
        self._next_row += len(keys)
        self._live.add(rows)
        for name, column in upsert.vectors.items():
            self._spaces[name].write(*_placed(column, rows, len(upsert.ids), kept))

    def _delete(self, update: DeletePoints) -> None:
        reader = self._reader()
        if update.ids is not None:
            found = reader.find(encode_ids(list(dict.fromkeys(update.ids))))
        elif update.filter is None or update.filter.is_empty:
            self._clear()
            return
        else:
            rows = select_rows(update.filter, reader, self._live.freeze(self._next_row))
            found = list(zip(map(key_of, reader.values(rows)), encode_rows(rows), strict=True))
        self._forget(found)
        for key, _ in found:
            self._transaction.delete(key, db=self._tables.points)

    def _forget(self, found: Sequence[tuple[bytes, bytes]]) -> None:
        """Drop the rows of the points `found`, id keys and row keys, but not the points."""
        if not found:
            return
        for _, row_key in found:
            self._transaction.delete(row_key, db=self._tables.rows)
        rows = decode_rows([row_key for _, row_key in found])
        self._live.discard(rows)
        for space in self._spaces.values():
            space.present.discard(rows)

    def _clear(self) -> None:
        self._transaction.drop(self._tables.points, delete=False)
        self._transaction.drop(self._tables.rows, delete=False)
        self._live.clear()
        for space in self._spaces.values():
            space.present.clear()

    def _reader(self) -> TableReader:
        return TableReader(self._transaction, self._tables)


class _SpaceDraft:
    """The next moment of the vectors of one name."""

    def __init__(self, space: VectorSpace, file: VectorFile) -> None:
        self._space = space
        self._file = file
        self._norm_bound = space.norm_bound
        self._is_written = False
        self.slot = space.slot
        self.present = BitmapDraft(space.present)

    def write(self, rows: Rows, data: Matrix) -> None:
        """Write the vectors of `rows`, ascending, shape [n, dim]."""
        if not len(rows):
            return
        if self._space.params.distance is Distance.COSINE:
            data = normalised(data)
        norm = float(np.sqrt(squared_norms(data).max()))
        self._norm_bound = max(self._norm_bound, norm)
        first, span = int(rows[0]), int(rows[-1] - rows[0]) + 1
        if span != len(rows):
            # One write with zeros in the gaps is cheaper than one for every run of rows.
            spread = np.zeros((span, data.shape[1]), dtype=np.float32)
            spread[rows - first] = data
            data = spread
        self._file.write(first, np.ascontiguousarray(data))
        self._is_written = True
        self.present.add(rows)

    def sync(self) -> None:
        """Wait until what was written is on disk."""
        if self._is_written:
            self._file.sync()

    def freeze(self, rows: int) -> VectorSpace:
        """The space after the changes."""
        return VectorSpace(
            params=self._space.params,
            slot=self.slot,
            present=self.present.freeze(rows),
            matrix=self._file.matrix,
            norm_bound=self._norm_bound,
        )


def _last_of_each(keys: Sequence[bytes]) -> list[int] | None:
    """The ascending positions of the last of equal keys; None when all differ."""
    last = dict(zip(keys, range(len(keys)), strict=True))
    return None if len(last) == len(keys) else sorted(last.values())


def _placed(
    column: VectorColumn, rows: Rows, points: int, kept: Sequence[int] | None
) -> tuple[Rows, NDArray[np.float32]]:
    """The rows that the vectors of a column go to, and those vectors.

    `rows` are given to the points at the positions `kept` of the request, which holds `points`.
    """
    if kept is None:
        return (rows if column.positions is None else rows[column.positions]), column.data
    row_of = np.full(points, -1, dtype=np.int64)
    row_of[kept] = rows
    placed = row_of if column.positions is None else row_of[column.positions]
    chosen = placed >= 0
    return placed[chosen], column.data[chosen]
