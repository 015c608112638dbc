"""Filters as functions of one row and its payload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from ...model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    MatchAny,
    MatchExcept,
    MatchValue,
    Range,
)
from ...model.payload_path import Key, PayloadPath
from .values import values_at

Payload = dict[str, Any]
ValueTest = Callable[[Any], bool]
Test: TypeAlias = Callable[[int, Payload], bool]
"""Whether the row of that number passes, given its payload."""

RowsOf = Callable[[HasId], frozenset[int]]
"""The rows of the points that a condition names."""


def filter_test(filter_: Filter, rows_of: RowsOf) -> Test:
    """The test that `filter_` spells."""
    must = _tests(filter_.must, rows_of)
    should = _tests(filter_.should, rows_of)
    must_not = _tests(filter_.must_not, rows_of)

    def test(row: int, payload: Payload) -> bool:
        for passes in must:
            if not passes(row, payload):
                return False
        for passes in must_not:
            if passes(row, payload):
                return False
        return not should or any(passes(row, payload) for passes in should)

    return test


def _tests(conditions: Sequence[Condition], rows_of: RowsOf) -> list[Test]:
    """Tests of the conditions, the cheap ones first."""
    ordered = sorted(conditions, key=_cost)
    return [_condition_test(condition, rows_of) for condition in ordered]


def _cost(condition: Condition) -> int:
    if isinstance(condition, HasId):
        return 0
    return 1 if isinstance(condition, FieldCondition) else 2


def _condition_test(condition: Condition, rows_of: RowsOf) -> Test:
    if isinstance(condition, Filter):
        return filter_test(condition, rows_of)
    if isinstance(condition, HasId):
        rows = rows_of(condition)
        return lambda row, _: row in rows
    return _field_test(condition.key, value_test(condition.predicate))


def _field_test(path: PayloadPath, passes: ValueTest) -> Test:
    steps = path.steps
    if len(steps) == 1 and isinstance(steps[0], Key):
        name = steps[0].name

        def test_member(_: int, payload: Payload) -> bool:
            value = payload.get(name)
            if isinstance(value, list):
                return any(map(passes, value))
            return passes(value)

        return test_member
    return lambda _, payload: any(map(passes, values_at(payload, steps)))


def value_test(predicate: MatchValue | MatchAny | MatchExcept | Range) -> ValueTest:
    """Whether one value, not an array, satisfies `predicate`. Null satisfies none."""
    if isinstance(predicate, MatchValue):
        return _equals(predicate.value)
    if isinstance(predicate, MatchAny):
        return _is_one_of(predicate.values)
    if isinstance(predicate, MatchExcept):
        is_listed = _is_one_of(predicate.values)
        return lambda value: value is not None and not is_listed(value)
    return _lies_within(predicate)


def _equals(wanted: str | int | bool) -> ValueTest:
    # The type is compared because to Python True, 1 and 1.0 are equal.
    kind = type(wanted)
    return lambda value: type(value) is kind and bool(value == wanted)


def _is_one_of(wanted: frozenset[str] | frozenset[int]) -> ValueTest:
    kind = type(next(iter(wanted), None))
    return lambda value: type(value) is kind and value in wanted


def _lies_within(bounds: Range) -> ValueTest:
    def test(value: Any) -> bool:
        if type(value) is not int and type(value) is not float:
            return False
        return (
            (bounds.lt is None or value < bounds.lt)
            and (bounds.gt is None or value > bounds.gt)
            and (bounds.lte is None or value <= bounds.lte)
            and (bounds.gte is None or value >= bounds.gte)
        )

    return test
