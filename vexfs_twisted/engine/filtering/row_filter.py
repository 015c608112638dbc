"""The rows that pass a filter: few are tested by their payloads, many are found by columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial

import numpy as np
import orjson
from numpy.typing import NDArray

from ...model.filters import Filter, HasId, HasVector, Slice
from ...model.ids import PointId
from ...model.payload_index import FieldSchema
from ...model.payload_path import Step
from ..mvcc.state import Snapshot
from ..payload_index.postings import NOTHING, BitmapRows, ListedRows, Postings, TestedRows
from ..predicates.paths import array_steps
from ..read_bounds import checkpoint, expect, in_slices
from ..storage.bitmap import Bitmap, Rows
from ..storage.keys import encode_ids
from ..storage.row_sets import RowSet
from ..storage.row_values import key_of, payload_of
from ..storage.table_reader import TableReader
from .index_evaluation import IndexEvaluator, paths_of
from .payload_tests import RowCondition, Test, filter_test
from .rewrite import rewritten
from .slices import slice_of

Mask = NDArray[np.bool_]

FEW_ROWS = 1000
"""Up to this many rows are tested by their payloads; for more, columns are built."""

_BATCH = 1024

_ROW_S = 4e-6
_CONDITION_S = 4e-7
_FOUND_S = 2e-5
_ID_S = 2e-6
"""Estimated seconds to read a row, to test it, to look up in a column, and to look up an id."""


def select_rows(filter_: Filter, snapshot: Snapshot, among: Bitmap) -> Rows:
    """The rows of `among`, all live, that pass the filter; ascending."""
    return selected(filter_, snapshot, among).numbers()


def count_rows(filter_: Filter, snapshot: Snapshot) -> int:
    """The number of live rows that pass the filter."""
    return len(selected(filter_, snapshot, snapshot.state.live))


def passing_mask(filter_: Filter, snapshot: Snapshot) -> Mask:
    """The mask of live rows that pass the filter, shape [next_row]."""
    return selected(filter_, snapshot, snapshot.state.live).mask()


def selected(filter_: Filter, snapshot: Snapshot, among: Bitmap) -> RowSet:
    """The rows of `among`, all live, that pass the filter, in the representation found."""
    rows, size = RowFilter(filter_, snapshot), snapshot.state.next_row
    named = rows.named()
    passing = rows.passing(among.count if named is None else len(named))
    if passing is not None:
        is_whole = among is snapshot.state.live
        return passing if is_whole else passing & RowSet.of_bitmap(among, size)
    candidates = among.rows() if named is None else named[among.has(named)]
    return RowSet.of_numbers(candidates[rows.tested(candidates)], size)


def found_rows(tables: TableReader, ids: Sequence[PointId]) -> Rows:
    """The rows of those of `ids` whose points exist, in their order."""
    if len(ids) <= _BATCH:
        return tables.find_rows(encode_ids(ids))
    return np.concatenate([tables.find_rows(encode_ids(some)) for some in in_slices(ids, _BATCH)])


class RowFilter:
    """A filter prepared for one snapshot. Used by one thread."""

    def __init__(self, filter_: Filter, snapshot: Snapshot) -> None:
        self._filter = rewritten(filter_)
        self._snapshot = snapshot
        self._paths, self._conditions = paths_of(self._filter)
        self._named: dict[HasId, Rows] = {}
        self._batch_masks: dict[RowCondition, list[bool]] = {}
        self._tested = 0
        self._all: RowSet | None = None

    def named(self) -> Rows | None:
        """The rows of the smallest required set of ids, ascending; None if no ids are required."""
        sets = [self._rows_of(c) for c in self._filter.must if isinstance(c, HasId)]
        return min(sets, key=len, default=None)

    def mask(self, rows: Rows) -> Mask:
        """Which of `rows`, live and in any order, pass."""
        passing = self.passing(len(rows))
        return self.tested(rows) if passing is None else passing.has(rows)

    def passing(self, wanted: int = 0) -> RowSet | None:
        """All live rows that pass, by columns; None if columns are not to be used.

        They are used if they exist already, or if more than `FEW_ROWS` rows have been tested,
        counting the `wanted` rows that would be tested next, so that building them pays.
        """
        self._tested += wanted
        is_due = self._tested > FEW_ROWS or self._snapshot.indexes.columns.has(self._paths)
        if self._all is None and is_due:
            self._all = self._found()
        return self._all

    def tested(self, rows: Rows) -> Mask:
        """Which of `rows` pass, by their payloads."""
        # Compiling the test registers the masks that a batch needs.
        test = self._test
        expect(len(rows) * (_ROW_S + self._conditions * _CONDITION_S))
        passed: list[bool] = []
        for batch in in_slices(rows, _BATCH):
            values = self._snapshot.tables.values(batch)
            for condition, held in self._batch_masks.items():
                held[:] = self._row_mask(condition, batch, values).tolist()
            for position, value in enumerate(values):
                checkpoint()
                passed.append(test(position, orjson.loads(payload_of(value))))
        return np.array(passed, dtype=np.bool_)

    @cached_property
    def _test(self) -> Test:
        return filter_test(self._filter, self._row_test, self._index_at)

    def _found(self) -> RowSet | None:
        """All live rows that pass, by columns; None if there are no columns for the snapshot."""
        snapshot = self._snapshot.rows
        current = self._snapshot.indexes.columns.at(self._paths, snapshot)
        if current is None:
            return None
        expect(self._conditions * _FOUND_S)
        finder = IndexEvaluator(current.columns, snapshot, self._on_rows, self._index_at)
        live = RowSet.of_bitmap(snapshot.live, snapshot.next_row)
        found, fresh = finder.find(self._filter).of(live), current.fresh
        if not len(fresh):
            return found
        changed = RowSet.of_numbers(fresh, snapshot.next_row)
        return (found - changed) | changed.where(self.tested(fresh))

    def _on_rows(self, condition: RowCondition) -> Postings:
        """The postings of a condition that needs no payload."""
        state = self._snapshot.state
        if isinstance(condition, HasId):
            return ListedRows([self._rows_of(condition)], is_ordered=True)
        if isinstance(condition, HasVector):
            space = state.spaces.get(condition.name)
            return NOTHING if space is None else BitmapRows(space.present)
        return TestedRows(partial(self._sliced, condition), state.live.count // condition.total)

    def _sliced(self, condition: Slice, rows: Rows) -> Mask:
        """Which of live `rows` are in a slice."""
        return self._row_mask(condition, rows, self._snapshot.tables.values(rows))

    def _row_mask(self, condition: RowCondition, rows: Rows, values: Sequence[bytes]) -> Mask:
        """Which of `rows` satisfy the condition; `values` are their table values."""
        if isinstance(condition, HasId):
            return np.isin(rows, self._rows_of(condition))
        if isinstance(condition, HasVector):
            space = self._snapshot.state.spaces.get(condition.name)
            return np.zeros(len(rows), np.bool_) if space is None else space.present.has(rows)
        found: Mask = slice_of(list(map(key_of, values)), condition.total) == condition.index
        return found

    def _index_at(self, steps: Sequence[Step]) -> FieldSchema | None:
        return self._snapshot.state.schemas.get(array_steps(steps))

    def _row_test(self, condition: RowCondition) -> Callable[[int], bool]:
        held = self._batch_masks.setdefault(condition, [])
        return lambda position: held[position]

    def _rows_of(self, condition: HasId) -> Rows:
        rows = self._named.get(condition)
        if rows is None:
            ids, tables = list(condition.ids), self._snapshot.tables
            expect(len(ids) * _ID_S)
            rows = np.sort(found_rows(tables, ids))
            self._named[condition] = rows
        return rows
