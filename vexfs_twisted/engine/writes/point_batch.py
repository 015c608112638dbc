"""The points of a collection during a write batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from ...model.errors import NotFound
from ...model.filters import Filter
from ...model.ids import PointId
from ..errors import NoRowsLeft
from ..filtering.row_filter import RowFilter, select_rows
from ..mvcc.indexes import Indexes
from ..mvcc.state import CollectionState, Snapshot
from ..storage.bitmap import MOST_ROWS, BitmapBuilder, Rows
from ..storage.bitmap_table import LIVE_SLOT, drop_bitmap, write_changes
from ..storage.keys import encode_ids, encode_rows
from ..storage.payload_changelog import PayloadChange
from ..storage.payload_changelog_table import write_payload_changes
from ..storage.record_checksums import seal_each, seal_rows
from ..storage.row_checksum_table import drop_row_checksums
from ..storage.row_values import encode_values, key_of, payload_of, version_of
from ..storage.table_reader import TableReader
from ..storage.tables import Tables, Transaction
from ..vector_index.space import AnySpace
from ..vector_storage.storage import AnyStorage
from .vector_batch import VectorBatch

Found = Sequence[tuple[bytes, bytes]]
"""Records of existing points, for `PointBatch.rows_of`."""

_BATCH = 4096


class PointBatch:
    """The next state of the points and their vectors. Used by the writer only."""

    def __init__(
        self,
        state: CollectionState,
        transaction: Transaction,
        tables: Tables,
        storages: Mapping[int, AnyStorage],
        indexes: Indexes,
    ) -> None:
        self._state = state
        self._indexes = indexes
        self._transaction = transaction
        self._tables = tables
        self._payload_changes = state.payload_changes
        self._live = BitmapBuilder(state.live)
        self.next_row = state.next_row
        self.reader = TableReader(transaction, tables, state.base)
        self.rows_of = self.reader.rows_of
        self._sums_of = self.reader.row_checksums
        self.spaces = {
            name: VectorBatch(space, storages[space.slot], self._sums_of)
            for name, space in state.spaces.items()
        }

    def find_all(self, ids: Sequence[PointId]) -> Found:
        """The points with distinct `ids`, in their order. Raises NotFound if one is missing."""
        keys = encode_ids(ids)
        found = self.reader.find(keys)
        if len(found) < len(keys):
            existing = {key for key, _ in found}
            missing = next(i for i, key in zip(ids, keys, strict=True) if key not in existing)
            raise NotFound(f"No point with id {missing} found")
        return found

    def chosen(self, ids: Sequence[PointId] | None, filter_: Filter | None) -> Rows:
        """The rows, ascending, of the points `ids`; if that is None, of those that pass `filter_`.

        Raises NotFound if one of `ids` is missing.
        """
        if ids is not None:
            found = self.find_all(list(dict.fromkeys(ids)))
            return np.sort(self.rows_of(found))
        return self.select(filter_ or Filter())

    def find_any(self, keys: Sequence[bytes]) -> Found:
        """Those of the points with distinct id `keys` that exist, in their order."""
        return [] if self._are_after_all(keys) else self.reader.find(keys)

    def select(self, filter_: Filter) -> Rows:
        """The rows that pass `filter_`, ascending."""
        snapshot = self._snapshot()
        live = snapshot.state.live
        return live.rows() if filter_.is_empty else select_rows(filter_, snapshot, live)

    def passing(self, filter_: Filter, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows`, live and in any order, pass `filter_`."""
        return RowFilter(filter_, self._snapshot()).mask(rows)

    def append(
        self, versions: Sequence[int], keys: Sequence[bytes], payloads: Sequence[bytes]
    ) -> Rows:
        """Write points with distinct id keys at new rows, without vectors, and return the rows.

        `versions` has for each of them the operation that writes it. Their earlier rows, if any,
        are not deleted: see `drop_rows`. Raises NoRowsLeft where not all points could be moved once
        more, for then rows would never be fewer.
        """
        added = self.next_row + len(keys) - self._state.next_row
        if self.next_row + len(keys) + self._state.live.count + added > MOST_ROWS:
            raise NoRowsLeft
        return self._append(versions, keys, payloads)

    def _append(
        self, versions: Sequence[int], keys: Sequence[bytes], payloads: Sequence[bytes]
    ) -> Rows:
        if self.next_row + len(keys) > MOST_ROWS:
            raise NoRowsLeft
        rows = np.arange(self.next_row, self.next_row + len(keys))
        numbers = rows + self._state.base
        row_keys = encode_rows(numbers)
        is_appended = self._are_after_all(keys)
        with self._transaction.cursor(self._tables.points) as cursor:
            # Sorted keys share pages of the B-tree.
            entries = sorted(zip(keys, seal_each(keys, row_keys), strict=True))
            cursor.putmulti(entries, append=is_appended)
        values = encode_values(numbers, versions, keys, payloads)
        with self._transaction.cursor(self._tables.rows) as cursor:
            cursor.putmulti(zip(row_keys, values, strict=True), append=True)
        self.next_row += len(keys)
        self._live.add(rows)
        return rows

    def move(self, rows: Rows) -> None:
        """Move the points at live `rows`, ascending, to new rows; they stay what they are.

        Raises NoRowsLeft.
        """
        values = self.reader.values(rows)
        keys = list(map(key_of, values))
        new = self._append(list(map(version_of, values)), keys, list(map(payload_of, values)))
        for space in self.spaces.values():
            space.rewrite(rows, new, None)
        self._drop(rows)

    def rewrite(self, rows: Rows, change: Callable[[bytes], bytes]) -> None:
        """Replace the value of each of the live `rows` by the data that `change(value)` returns."""
        for start in range(0, len(rows), _BATCH):
            some = rows[start : start + _BATCH]
            numbers = some + self._state.base
            values = seal_rows(numbers, list(map(change, self.reader.values(some))))
            with self._transaction.cursor(self._tables.rows) as cursor:
                cursor.putmulti(zip(encode_rows(numbers), values, strict=True))

    def drop_rows(self, found: Found) -> None:
        """Delete the rows of the points `found`, but not their id keys."""
        if found:
            self._drop(self.rows_of(found))

    def _drop(self, rows: Rows) -> None:
        for row_key in encode_rows(rows + self._state.base):
            self._transaction.delete(row_key, db=self._tables.rows)
        self._live.discard(rows)
        for space in self.spaces.values():
            space.present.discard(rows)

    def delete(self, ids: Sequence[PointId]) -> None:
        """Delete those of the points `ids` that exist."""
        found = self.reader.find(encode_ids(list(dict.fromkeys(ids))))
        self._delete([key for key, _ in found], self.rows_of(found))

    def delete_rows(self, rows: Rows) -> None:
        """Delete the points at live `rows`."""
        self._delete(list(map(key_of, self.reader.values(rows))), rows)

    def clear(self) -> None:
        """Delete all points."""
        self._transaction.drop(self._tables.points, delete=False)
        self._transaction.drop(self._tables.rows, delete=False)
        self._transaction.drop(self._tables.sums, delete=False)
        self._live.clear()
        for space in self.spaces.values():
            space.present.clear()

    def touch(self, operation: int, rows: Rows) -> None:
        """Log that `operation` changed the payloads of `rows`, distinct and in any order."""
        if len(rows):
            self._payload_changes = self._payload_changes.extended(
                PayloadChange(operation, np.sort(rows))
            )

    def add_space(self, name: str, space: AnySpace, storage: AnyStorage) -> None:
        """Add a new vector name, of which no point has a vector."""
        self.spaces[name] = VectorBatch(space, storage, self._sums_of)

    def drop_space(self, name: str) -> int:
        """Drop the vectors of a name, and return their slot."""
        slot = self.spaces.pop(name).slot
        drop_bitmap(self._transaction, self._tables, slot)
        drop_row_checksums(self._transaction, self._tables, slot)
        return slot

    def finish(self) -> None:
        """Sync the vectors, and write the bitmaps and the payload changelog."""
        transaction, tables, base = self._transaction, self._tables, self._state.base
        write_changes(transaction, tables, LIVE_SLOT, self._live, base)
        before = self._state.payload_changes
        write_payload_changes(transaction, tables, before, self._payload_changes, base)
        for space in self.spaces.values():
            write_changes(transaction, tables, space.slot, space.present, base)
            space.sync()

    def freeze(self) -> CollectionState:
        """The state with the points as of now; invalid once they change again."""
        rows = self.next_row
        return attrs.evolve(
            self._state,
            next_row=rows,
            live=self._live.freeze(rows),
            spaces={name: space.freeze(rows) for name, space in self.spaces.items()},
            payload_changes=self._payload_changes,
        )

    def _are_after_all(self, keys: Sequence[bytes]) -> bool:
        """Whether `keys` come after those of all points, as in bulk loads with ascending ids."""
        last = self.reader.last_key()
        return last is None or min(keys, default=last) > last

    def _snapshot(self) -> Snapshot:
        return Snapshot(self.freeze(), self.reader, self._indexes, is_uncommitted=True)

    def _delete(self, keys: Sequence[bytes], rows: Rows) -> None:
        self._drop(rows)
        for key in keys:
            self._transaction.delete(key, db=self._tables.points)
