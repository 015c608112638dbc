"""Evaluates filters on the columns of payload indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import orjson

from ...model.filters import Condition, FieldCondition, Filter, Nested
from ..payload_index.builder import Steps
from ..payload_index.column import Column
from ..payload_index.postings import (
    NOTHING,
    AtLeastOf,
    Complement,
    Postings,
    TestedRows,
    intersection,
    union,
)
from ..payload_index.row_snapshot import RowSnapshot
from ..predicates.value_tests import PayloadTest
from ..read_bounds import checkpoint, in_slices
from ..storage.bitmap import Rows
from ..storage.row_sets import Mask
from ..storage.row_values import payloads_of
from .evaluators import column_rows
from .nested_bounds import nested_bound
from .payload_tests import IndexAt, RowCondition, nested_test

OnRows = Callable[[RowCondition], Postings]
"""Evaluates a condition that needs no payload."""

_BATCH = 1024


def paths_of(filter_: Filter) -> tuple[frozenset[Steps], int]:
    """The paths of the columns that the filter needs, and the number of conditions on them."""
    each = list(_paths(filter_))
    return frozenset(each), len(each)


def _paths(filter_: Filter) -> Iterator[Steps]:
    least = () if filter_.min_should is None else filter_.min_should.conditions
    for condition in (*filter_.must, *filter_.should, *filter_.must_not, *least):
        if isinstance(condition, FieldCondition):
            yield condition.key.steps
        elif isinstance(condition, Filter):
            yield from _paths(condition)
        elif isinstance(condition, Nested):
            yield from _paths(nested_bound(condition))


class IndexEvaluator:
    """Evaluates filters on the rows of one snapshot by the columns of `paths_of`.

    For rows that are new or changed since the columns were built, the result is undefined. Nested
    filters cannot be decided by columns: for these, the payloads of the rows that satisfy the other
    conditions are read.
    """

    def __init__(
        self,
        columns: Mapping[Steps, Column],
        snapshot: RowSnapshot,
        on_rows: OnRows,
        index_at: IndexAt,
    ) -> None:
        self._columns = columns
        self._snapshot = snapshot
        self._on_rows = on_rows
        self._index_at = index_at

    def find(self, filter_: Filter) -> Postings:
        """The postings of the rows that pass the filter."""
        found = [self._of(condition) for condition in filter_.must]
        found += [self._other_than(self._of(condition)) for condition in filter_.must_not]
        if filter_.should:
            found.append(union(map(self._of, filter_.should)))
        least = filter_.min_should
        if least is not None and least.min_count > 0:
            each = list(map(self._of, least.conditions))
            found.append(AtLeastOf(each, least.min_count))
        return intersection(found) if found else self._other_than(NOTHING)

    def _other_than(self, found: Postings) -> Postings:
        return Complement(found, self._snapshot.next_row)

    def _of(self, condition: Condition) -> Postings:
        checkpoint()
        if isinstance(condition, FieldCondition):
            return self._of_field(condition)
        if isinstance(condition, Filter):
            return self.find(condition)
        if isinstance(condition, Nested):
            return self._of_nested(condition)
        return self._on_rows(condition)

    def _of_field(self, condition: FieldCondition) -> Postings:
        steps = condition.key.steps
        index = self._index_at(steps)
        return column_rows(
            self._columns[steps], condition.predicate, index, self._snapshot.next_row
        )

    def _of_nested(self, condition: Nested) -> Postings:
        candidates = self.find(nested_bound(condition))
        test = partial(self._tested, nested_test(condition, self._index_at))
        return intersection([candidates, TestedRows(test, candidates.count)])

    def _tested(self, test: PayloadTest, rows: Rows) -> Mask:
        """Which of live `rows` pass a test of their payloads, which are read."""
        passed: list[bool] = []
        for some in in_slices(rows, _BATCH):
            for payload in payloads_of(self._snapshot.tables.values(some)):
                checkpoint()
                passed.append(test(orjson.loads(payload)))
        return np.array(passed, dtype=np.bool_)
