"""Filters as masks over rows: few rows by their payloads, many by columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from ...model.filters import Filter, HasId, HasVector
from ...model.payload_index import FieldSchema
from ...model.payload_path import Step
from ..columns.declared import schemas_by_path
from ..store.bitmap import Bitmap, Rows
from ..store.keys import encode_ids
from ..store.rowvalue import key_of, payload_of
from ..store.view import Snapshot
from .payloads import RowCondition, filter_test
from .slices import slice_of
from .sweep import Sweep, paths_of
from .values import array_steps

Mask = NDArray[np.bool_]

FEW_ROWS = 1000
"""As many rows are tested by their payloads before columns are built to test all at once."""

_BATCH = 1024


def select_rows(filter_: Filter, snapshot: Snapshot, among: Bitmap) -> Rows:
    """The rows of `among`, all live, that pass `filter_`; ascending."""
    rows = RowFilter(filter_, snapshot)
    named = rows.named()
    candidates = among.rows() if named is None else named[among.has(named)]
    return candidates[rows.mask(candidates)]


def count_rows(filter_: Filter, snapshot: Snapshot) -> int:
    """How many live rows pass `filter_`."""
    passing = RowFilter(filter_, snapshot).passing()
    if passing is not None:
        return int(np.count_nonzero(passing))
    return len(select_rows(filter_, snapshot, snapshot.view.live))


def passing_mask(filter_: Filter, snapshot: Snapshot) -> Mask:
    """Which rows are live and pass `filter_`, shape [next_row]."""
    mask = np.zeros(snapshot.view.next_row, dtype=np.bool_)
    mask[select_rows(filter_, snapshot, snapshot.view.live)] = True
    return mask


class RowFilter:
    """A filter made ready for one moment. Used by one thread."""

    def __init__(self, filter_: Filter, snapshot: Snapshot) -> None:
        self._filter = filter_
        self._snapshot = snapshot
        self._paths = paths_of(filter_)
        self._named: dict[HasId, Rows] = {}
        self._batch_masks: dict[RowCondition, list[bool]] = {}
        self._schemas = schemas_by_path(snapshot.view.fields)
        self._test = filter_test(filter_, self._row_test, self._index_at)
        self._tested = 0
        self._all: Mask | None = None

    def named(self) -> Rows | None:
        """The rows of the fewest points that ids narrow the filter to, ascending; None: any."""
        sets = [self._rows_of(c) for c in self._filter.must if isinstance(c, HasId)]
        return min(sets, key=len, default=None)

    def mask(self, rows: Rows) -> Mask:
        """Which of `rows`, live and in any order, pass."""
        self._tested += len(rows)
        passing = self.passing()
        return self.tested(rows) if passing is None else passing[rows]

    def passing(self) -> Mask | None:
        """Which of all rows are live and pass, shape [next_row]; None unless columns tell.

        That is when there are columns already, or when so many rows were tested that they pay.
        """
        is_due = self._tested > FEW_ROWS or self._snapshot.view.columns.has(self._paths)
        if self._all is None and is_due:
            self._all = self._swept()
        return self._all

    def tested(self, rows: Rows) -> Mask:
        """Which of `rows` pass, by their payloads."""
        passed: list[bool] = []
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            values = self._snapshot.tables.values(batch)
            for condition, held in self._batch_masks.items():
                held[:] = self._row_mask(condition, batch, values).tolist()
            passed.extend(
                self._test(position, orjson.loads(payload_of(value)))
                for position, value in enumerate(values)
            )
        return np.array(passed, dtype=np.bool_)

    def _swept(self) -> Mask | None:
        """Which of all live rows pass, by columns; None when there are none for the moment."""
        moment = self._snapshot.moment
        current = self._snapshot.view.columns.at(self._paths, moment)
        if current is None:
            return None
        sweep = Sweep(current.columns, moment, self._rows_where, self._index_at)
        found = sweep.passing(self._filter)
        found[current.fresh] = self.tested(current.fresh)
        return found

    def _rows_where(self, condition: RowCondition, rows: Rows) -> Mask:
        """Which of live `rows` satisfy a condition on rows."""
        if isinstance(condition, HasId | HasVector):
            return self._row_mask(condition, rows, ())
        return self._row_mask(condition, rows, self._snapshot.tables.values(rows))

    def _row_mask(self, condition: RowCondition, rows: Rows, values: Sequence[bytes]) -> Mask:
        """The same, given the table values of `rows` where the condition is on ids alone."""
        if isinstance(condition, HasId):
            return np.isin(rows, self._rows_of(condition))
        if isinstance(condition, HasVector):
            space = self._snapshot.view.spaces.get(condition.name)
            return np.zeros(len(rows), np.bool_) if space is None else space.present.has(rows)
        found: Mask = slice_of(list(map(key_of, values)), condition.total) == condition.index
        return found

    def _index_at(self, steps: Sequence[Step]) -> FieldSchema | None:
        return self._schemas.get(array_steps(steps))

    def _row_test(self, condition: RowCondition) -> Callable[[int], bool]:
        held = self._batch_masks.setdefault(condition, [])
        return lambda position: held[position]

    def _rows_of(self, condition: HasId) -> Rows:
        rows = self._named.get(condition)
        if rows is None:
            rows = np.sort(self._snapshot.tables.find_rows(encode_ids(list(condition.ids))))
            self._named[condition] = rows
        return rows
