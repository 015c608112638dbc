"""Upper bounds of nested filters, which columns can evaluate to leave few payloads to read."""

from __future__ import annotations

from collections.abc import Sequence

from ...model.filters import Condition, FieldCondition, Filter, IsEmpty, Nested, ValuesCount
from ...model.payload_path import EachElement, PayloadPath, Step
from ..predicates.paths import array_steps
from ..predicates.value_tests import lies_within

_EVERYTHING = Filter()


def nested_bound(condition: Nested) -> Filter:
    """A filter that passes all rows which satisfy the condition, and possibly others."""
    return _of_nested(condition, ())


def _of_nested(condition: Nested, base: Sequence[Step]) -> Filter:
    inner = (*base, *array_steps(condition.key.steps), EachElement())
    return _of_filter(condition.filter, inner)


def _of_filter(filter_: Filter, base: Sequence[Step]) -> Filter:
    """A bound on the payload, implied if an element at `base` passes the filter.

    `must_not` gives no bound: another element than the one that passes may satisfy it.
    """
    must = [_of_condition(condition, base) for condition in filter_.must]
    should = [_of_condition(condition, base) for condition in filter_.should]
    return Filter(
        must=tuple(condition for condition in must if condition != _EVERYTHING),
        should=() if _EVERYTHING in should else tuple(should),
    )


def _of_condition(condition: Condition, base: Sequence[Step]) -> Condition:
    if isinstance(condition, FieldCondition):
        return _EVERYTHING if _is_absence(condition) else _of_field(condition, base)
    if isinstance(condition, Filter):
        return _of_filter(condition, base)
    return _of_nested(condition, base) if isinstance(condition, Nested) else _EVERYTHING


def _of_field(condition: FieldCondition, base: Sequence[Step]) -> FieldCondition:
    # Columns are looked up by the steps; the text is for display only.
    path = PayloadPath(condition.key.text, (*base, *condition.key.steps))
    return FieldCondition(path, condition.predicate)


def _is_absence(condition: FieldCondition) -> bool:
    """Whether a payload without the field can satisfy the condition."""
    predicate = condition.predicate
    if isinstance(predicate, ValuesCount):
        return lies_within(predicate, 0)
    return isinstance(predicate, IsEmpty)
