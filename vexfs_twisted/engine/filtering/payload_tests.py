"""Compiles filters to tests of one payload and of its row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ...model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    HasVector,
    MinShould,
    Nested,
    Slice,
)
from ...model.payload_index import FieldSchema
from ...model.payload_path import EachElement, Step
from ..predicates.paths import array_steps, elements_at
from ..predicates.value_tests import Payload, PayloadTest
from ..read_bounds import checkpoint
from .evaluators import payload_test

Test: TypeAlias = Callable[[int, Payload], bool]
"""Tests a payload, given its position in the batch that is tested."""

_MANY = 16
"""There is a checkpoint after every so many conditions, since they may have many values."""

RowCondition = HasId | HasVector | Slice
"""A condition that needs no payload."""

RowTest = Callable[[RowCondition], Callable[[int], bool]]
"""Makes the test of a condition on rows, by the row's position in the batch."""

IndexAt = Callable[[Sequence[Step]], FieldSchema | None]
"""The index declared for a path, if any, which determines how values are compared."""


def filter_test(filter_: Filter, on_rows: RowTest, index_at: IndexAt) -> Test:
    """Compile a filter to a test."""
    maker = _Maker(on_rows, index_at, ())
    return maker.of_filter(filter_)


def nested_test(condition: Nested, index_at: IndexAt) -> PayloadTest:
    """Compile a nested condition to a test of payloads; conditions on rows never pass in it."""
    test = filter_test(Filter(must=(condition,)), _for_no_row, index_at)
    return lambda payload: test(0, payload)


class _Maker:
    """Compiles conditions on the payload, or on the elements of the array at `base`."""

    def __init__(self, on_rows: RowTest, index_at: IndexAt, base: tuple[Step, ...]) -> None:
        self._on_rows = on_rows
        self._index_at = index_at
        self._base = base

    def of_filter(self, filter_: Filter) -> Test:
        must = self._all(filter_.must)
        should = self._all(filter_.should)
        must_not = self._all(filter_.must_not)
        at_least = None if filter_.min_should is None else self._at_least(filter_.min_should)

        def test(position: int, payload: Payload) -> bool:
            for passes in must:
                if not passes(position, payload):
                    return False
            for passes in must_not:
                if passes(position, payload):
                    return False
            if at_least is not None and not at_least(position, payload):
                return False
            for passes in should:
                if passes(position, payload):
                    return True
            return not should

        return test

    def _all(self, conditions: Sequence[Condition]) -> list[Test]:
        """Compile the conditions; cheap ones come first."""
        tests = [self._of_condition(condition) for condition in sorted(conditions, key=_cost)]
        for place in range(_MANY, len(tests), _MANY):
            tests[place] = _interruptible(tests[place])
        return tests

    def _at_least(self, wanted: MinShould) -> Test:
        tests = self._all(wanted.conditions)

        def test(position: int, payload: Payload) -> bool:
            missing = wanted.min_count
            for passes in tests:
                if missing <= 0:
                    break
                missing -= passes(position, payload)
            return missing <= 0

        return test

    def _of_condition(self, condition: Condition) -> Test:
        if isinstance(condition, Filter):
            return self.of_filter(condition)
        if isinstance(condition, Nested):
            return self._of_nested(condition)
        if isinstance(condition, FieldCondition):
            return self._of_field(condition)
        on_row = self._on_rows(condition)
        return lambda position, _: on_row(position)

    def _of_field(self, condition: FieldCondition) -> Test:
        steps, predicate = condition.key.steps, condition.predicate
        test = payload_test(steps, predicate, self._index_at((*self._base, *steps)))
        return lambda _, payload: test(payload)

    def _of_nested(self, condition: Nested) -> Test:
        steps = array_steps(condition.key.steps)
        base = (*self._base, *steps, EachElement())
        test = _interruptible(_Maker(_for_no_row, self._index_at, base).of_filter(condition.filter))
        return lambda position, payload: any(
            test(position, element) for element in elements_at(payload, steps)
        )


def _interruptible(test: Test) -> Test:
    """The same test with a checkpoint before it, where a read can be stopped."""

    def checked(position: int, payload: Payload) -> bool:
        checkpoint()
        return test(position, payload)

    return checked


def _for_no_row(condition: RowCondition) -> Callable[[int], bool]:
    """The test of conditions on rows for array elements, which are not points: always false."""
    return lambda position: False


def _cost(condition: Condition) -> int:
    if isinstance(condition, FieldCondition):
        return 1
    return 2 if isinstance(condition, Filter | Nested) else 0
