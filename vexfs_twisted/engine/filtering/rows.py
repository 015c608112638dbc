"""Filters as masks over rows: what needs no payload first, then one pass over the payloads left."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

from ...model.filters import Condition, FieldCondition, Filter, HasId
from ..store.bitmap import Bitmap, Rows
from ..store.keys import encode_ids
from ..store.rowvalue import payload_of
from ..store.tables import TableReader
from .predicates import Test, filter_test

Mask = NDArray[np.bool_]

_BATCH = 1024


def select_rows(filter_: Filter, reader: TableReader, among: Bitmap) -> Rows:
    """The rows of `among`, all live, that pass `filter_`; ascending."""
    rows = RowFilter(filter_, reader)
    named = rows.named()
    candidates = among.rows() if named is None else named[among.has(named)]
    return candidates[rows.mask(candidates)]


class RowFilter:
    """A filter made ready for one transaction. Used by one thread."""

    def __init__(self, filter_: Filter, reader: TableReader) -> None:
        self._filter = filter_
        self._reader = reader
        self._named: dict[HasId, Rows] = {}
        self._rest = _needing_payload(filter_)
        self._test = None if self._rest.is_empty else filter_test(self._rest, self._row_set)

    def named(self) -> Rows | None:
        """The rows of the fewest points that ids narrow the filter to, ascending; None: any."""
        sets = [self._rows_of(c) for c in self._filter.must if isinstance(c, HasId)]
        return min(sets, key=len, default=None)

    def mask(self, rows: Rows) -> Mask:
        """Which of `rows`, live and in any order, pass."""
        mask = self._known_mask(self._filter, rows)
        if self._test is not None:
            mask[mask] = self._payload_mask(self._test, rows[mask])
        return mask

    def _known_mask(self, filter_: Filter, rows: Rows) -> Mask:
        """Which of `rows` pass, as far as that is known without payloads."""
        mask = np.ones(len(rows), dtype=np.bool_)
        for condition in filter_.must:
            if not _needs_payload(condition):
                mask &= self._condition_mask(condition, rows)
        for condition in filter_.must_not:
            if not _needs_payload(condition):
                mask &= ~self._condition_mask(condition, rows)
        if filter_.should and not any(map(_needs_payload, filter_.should)):
            mask &= np.any([self._condition_mask(c, rows) for c in filter_.should], axis=0)
        return mask

    def _condition_mask(self, condition: Condition, rows: Rows) -> Mask:
        if isinstance(condition, HasId):
            return np.isin(rows, self._rows_of(condition))
        assert isinstance(condition, Filter)
        return self._known_mask(condition, rows)

    def _payload_mask(self, test: Test, rows: Rows) -> Mask:
        passed: list[bool] = []
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            values = self._reader.values(batch)
            passed.extend(
                test(row, orjson.loads(payload_of(value)))
                for row, value in zip(batch.tolist(), values, strict=True)
            )
        return np.array(passed, dtype=np.bool_)

    def _rows_of(self, condition: HasId) -> Rows:
        rows = self._named.get(condition)
        if rows is None:
            rows = np.sort(self._reader.find_rows(encode_ids(list(condition.ids))))
            self._named[condition] = rows
        return rows

    def _row_set(self, condition: HasId) -> frozenset[int]:
        return frozenset(self._rows_of(condition).tolist())


def _needs_payload(condition: Condition) -> bool:
    if isinstance(condition, Filter):
        inner = (*condition.must, *condition.should, *condition.must_not)
        return any(map(_needs_payload, inner))
    return isinstance(condition, FieldCondition)


def _needing_payload(filter_: Filter) -> Filter:
    """What is left of `filter_` when the parts that need no payload have been settled."""

    def left(conditions: Sequence[Condition]) -> tuple[Condition, ...]:
        return tuple(filter(_needs_payload, conditions))

    should = filter_.should if left(filter_.should) else ()
    return Filter(must=left(filter_.must), should=should, must_not=left(filter_.must_not))
