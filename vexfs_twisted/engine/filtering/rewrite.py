"""Rewrites filters to equivalent simpler ones: many matches of one field become one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from attrs import evolve

from ...model.filters import Condition, FieldCondition, Filter, MatchAny, MatchValue, Nested
from ...model.payload_path import PayloadPath

MANY = 8
"""Fewer conditions than this are not worth rewriting."""


def rewritten(filter_: Filter) -> Filter:
    """An equivalent filter: it passes the same points."""
    if not any(map(_may_change, (filter_.must, filter_.should, filter_.must_not))):
        return filter_
    should = _joined(map(_of_condition, filter_.should))
    must_not = _joined(map(_of_condition, filter_.must_not))
    must = tuple(map(_of_condition, filter_.must))
    return evolve(filter_, must=must, should=should, must_not=must_not)


def _may_change(conditions: Sequence[Condition]) -> bool:
    """Whether there are many conditions, or nested filters."""
    if len(conditions) >= MANY:
        return True
    return any(isinstance(condition, Filter | Nested) for condition in conditions)


def _of_condition(condition: Condition) -> Condition:
    if isinstance(condition, Filter):
        return rewritten(condition)
    if isinstance(condition, Nested):
        return evolve(condition, filter=rewritten(condition.filter))
    return condition


def _joined(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Conditions whose disjunction is equivalent to that of `conditions`."""
    each = tuple(conditions)
    if len(each) < MANY:
        return each
    others: list[Condition] = []
    texts: dict[PayloadPath, set[str]] = {}
    numbers: dict[PayloadPath, set[int]] = {}
    for condition in each:
        wanted = _wanted(condition)
        if wanted is None:
            others.append(condition)
            continue
        key, values = wanted
        for value in values:
            if isinstance(value, str):
                texts.setdefault(key, set()).add(value)
            else:
                numbers.setdefault(key, set()).add(value)
    others += [FieldCondition(key, MatchAny(frozenset(found))) for key, found in texts.items()]
    others += [FieldCondition(key, MatchAny(frozenset(found))) for key, found in numbers.items()]
    # Without any value left nothing passes, whereas an empty disjunction is no condition at all.
    return tuple(others) or each[:1]


def _wanted(condition: Condition) -> tuple[PayloadPath, Collection[str | int]] | None:
    """The field and the values of a match condition; None for any other condition."""
    if not isinstance(condition, FieldCondition):
        return None
    predicate = condition.predicate
    if isinstance(predicate, MatchAny):
        return condition.key, predicate.values
    if isinstance(predicate, MatchValue) and not isinstance(predicate.value, bool):
        return condition.key, [predicate.value]
    return None
