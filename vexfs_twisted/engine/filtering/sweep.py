"""Filters as masks over all live rows at once, by columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import orjson

from ...model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    HasVector,
    MinShould,
    Nested,
    TextMatch,
)
from ..columns.answers import matching_terms, passing, spelled_match
from ..columns.cache import Moment, Steps
from ..columns.column import Column, Part
from ..columns.sorting import Mask
from ..store.bitmap import Rows
from ..store.rowvalue import payload_of
from .payloads import IndexAt, RowCondition, nested_test
from .predicates import plain_text_test
from .uuids import matches_uuids

RowsWhere = Callable[[RowCondition, Rows], Mask]
"""Which of live rows satisfy a condition that needs no payload."""

_BATCH = 1024


def paths_of(filter_: Filter) -> frozenset[Steps]:
    """The paths of the columns that the filter needs."""
    return frozenset(_paths(filter_))


def _paths(filter_: Filter) -> Iterator[Steps]:
    least = () if filter_.min_should is None else filter_.min_should.conditions
    for condition in (*filter_.must, *filter_.should, *filter_.must_not, *least):
        if isinstance(condition, FieldCondition):
            yield condition.key.steps
        elif isinstance(condition, Filter):
            yield from _paths(condition)


class Sweep:
    """One evaluation of filters on columns, which must be those of `paths_of`.

    What columns cannot tell, nested filters and slices of ids, is looked up for the rows that the
    other conditions have left.
    """

    def __init__(
        self,
        columns: Mapping[Steps, Column],
        moment: Moment,
        rows_where: RowsWhere,
        index_at: IndexAt,
    ) -> None:
        self._columns = columns
        self._moment = moment
        self._rows_where = rows_where
        self._index_at = index_at

    def passing(self, filter_: Filter) -> Mask:
        """Which live rows pass, shape [next_row]; wrong for rows newer than the columns."""
        return self._filter(filter_, self._moment.live_mask())

    def _filter(self, filter_: Filter, within: Mask) -> Mask:
        """Which of the rows `within` pass."""
        left = within
        for condition in sorted(filter_.must, key=_cost):
            left = left & self._condition(condition, left)
        for condition in sorted(filter_.must_not, key=_cost):
            left = left & ~self._condition(condition, left)
        if filter_.should:
            left = left & self._any(filter_.should, left)
        if filter_.min_should is not None:
            left = left & self._at_least(filter_.min_should, left)
        return left

    def _any(self, conditions: Sequence[Condition], within: Mask) -> Mask:
        found = np.zeros(len(within), dtype=np.bool_)
        for condition in sorted(conditions, key=_cost):
            found |= self._condition(condition, within & ~found if _cost(condition) else within)
        return found

    def _at_least(self, wanted: MinShould, within: Mask) -> Mask:
        counts = np.zeros(len(within), dtype=np.uint32)
        for condition in wanted.conditions:
            counts += self._condition(condition, within)
        enough: Mask = counts >= wanted.min_count
        return enough

    def _condition(self, condition: Condition, within: Mask) -> Mask:
        """Which of the rows `within` satisfy the condition, and maybe others that do."""
        if isinstance(condition, Filter):
            return self._filter(condition, within)
        if isinstance(condition, FieldCondition):
            return self._field(condition, len(within))
        rows = np.flatnonzero(within)
        found = np.zeros(len(within), dtype=np.bool_)
        if isinstance(condition, Nested):
            found[rows] = self._nested(condition, rows)
        else:
            found[rows] = self._rows_where(condition, rows)
        return found

    def _field(self, condition: FieldCondition, size: int) -> Mask:
        column, predicate = self._columns[condition.key.steps], condition.predicate
        index = self._index_at(condition.key.steps)
        if not isinstance(predicate, TextMatch):
            if matches_uuids(index, predicate):
                predicate = spelled_match(column, predicate)
            return passing(column, predicate, size)
        found = np.zeros(size, dtype=np.bool_)
        options = None if index is None else index.text
        if options is None:
            found[matching_terms(column, plain_text_test(predicate))] = True
        else:
            found[column.read_by(options).rows(predicate, column.parts[Part.STRINGS])] = True
        return found

    def _nested(self, condition: Nested, rows: Rows) -> Mask:
        test = nested_test(condition, self._index_at)
        passed: list[bool] = []
        for start in range(0, len(rows), _BATCH):
            values = self._moment.tables.values(rows[start : start + _BATCH])
            passed.extend(test(orjson.loads(payload_of(value))) for value in values)
        return np.array(passed, dtype=np.bool_)


def _cost(condition: Condition) -> int:
    if isinstance(condition, FieldCondition | HasId | HasVector):
        return 0
    return 1 if isinstance(condition, Filter) else 2
