"""Predicates as functions of what a path selects in one payload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...model.datetimes import parse_datetime
from ...model.filters import (
    DatetimeRange,
    HoldsNull,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPhrase,
    MatchPrefix,
    MatchTextAny,
    MatchValue,
    Number,
    Predicate,
    Range,
    TextMatch,
    ValuesCount,
)
from ...model.payload_path import Step
from .geo import Area, is_inside, place_of
from .index_semantics import integers_seen
from .paths import reached, values_at
from .uuids import canonical, canonical_match

Payload = dict[str, Any]
ValueTest = Callable[[Any], bool]
StringTest = Callable[[str], bool]
PayloadTest = Callable[[Payload], bool]
Bounds = Range | DatetimeRange | ValuesCount


def payload_test(steps: Sequence[Step], predicate: Predicate) -> PayloadTest:
    """Whether what the path selects in a payload satisfies `predicate`, without a text index."""
    if isinstance(predicate, IsEmpty):
        return lambda payload: all(map(is_empty, reached(payload, steps)))
    if isinstance(predicate, IsNull):
        return lambda payload: any(value is None for value in reached(payload, steps))
    if isinstance(predicate, HoldsNull):
        return lambda payload: any(map(holds_null, reached(payload, steps)))
    if isinstance(predicate, ValuesCount):
        return _count_test(steps, predicate)
    passes = value_test(predicate)
    return lambda payload: any(map(passes, values_at(payload, steps)))


def uuid_test(steps: Sequence[Step], predicate: Predicate) -> PayloadTest:
    """The test of a match by a uuid index."""
    passes = value_test(canonical_match(predicate))
    return lambda payload: any(passes(canonical(value)) for value in values_at(payload, steps))


def integer_test(steps: Sequence[Step], predicate: Predicate) -> PayloadTest:
    """The test of a match or a range by an index of integers."""
    passes = value_test(predicate)
    return lambda payload: any(map(passes, integers_seen(values_at(payload, steps))))


def value_test(predicate: Any) -> ValueTest:
    """Whether one value, not an array, satisfies a predicate on values. Null satisfies none."""
    if isinstance(predicate, MatchValue):
        return _equals(predicate.value)
    if isinstance(predicate, MatchAny):
        return _is_one_of(predicate.values)
    if isinstance(predicate, MatchExcept):
        is_listed = _is_one_of(predicate.values)
        return lambda value: value is not None and not is_listed(value)
    if isinstance(predicate, TextMatch):
        return _on_strings(plain_text_test(predicate))
    if isinstance(predicate, MatchPrefix):
        prefix = predicate.prefix
        return _on_strings(lambda value: value.startswith(prefix))
    if isinstance(predicate, Range):
        return lambda value: type(value) in (int, float) and lies_within(predicate, value)
    if isinstance(predicate, DatetimeRange):
        return _on_strings(_datetime_test(predicate))
    return _place_test(predicate)


def plain_text_test(predicate: TextMatch) -> StringTest:
    """Whether a string of a field without a text index matches: substrings, by case."""
    if isinstance(predicate, MatchTextAny):
        words = predicate.text.split()
        return lambda value: any(word in value for word in words)
    wanted = predicate.text
    if isinstance(predicate, MatchPhrase) and not wanted:
        return lambda value: False
    return lambda value: wanted in value


def is_empty(value: Any) -> bool:
    """Whether a value at the end of a path is none."""
    return value is None or value == []


def holds_null(value: Any) -> bool:
    """Whether a value at the end of a path is null, or an array with a null in it."""
    return value is None or (isinstance(value, list) and None in value)


def count_of(value: Any) -> int:
    """How many values a value at the end of a path counts for."""
    if isinstance(value, list):
        return len(value)
    return 0 if value is None else 1


def lies_within(bounds: Bounds, value: Number) -> bool:
    """Whether a number lies within every bound given."""
    return (
        (bounds.lt is None or value < bounds.lt)
        and (bounds.gt is None or value > bounds.gt)
        and (bounds.lte is None or value <= bounds.lte)
        and (bounds.gte is None or value >= bounds.gte)
    )


def _count_test(steps: Sequence[Step], bounds: ValuesCount) -> PayloadTest:
    passes_without = lies_within(bounds, 0)

    def test(payload: Payload) -> bool:
        values = reached(payload, steps)
        if not values:
            return passes_without
        return any(lies_within(bounds, count_of(value)) for value in values)

    return test


def _equals(wanted: str | int | bool) -> ValueTest:
    # The type is compared because to Python True, 1 and 1.0 are equal.
    kind = type(wanted)
    return lambda value: type(value) is kind and bool(value == wanted)


def _is_one_of(wanted: frozenset[str] | frozenset[int]) -> ValueTest:
    kind = type(next(iter(wanted), None))
    return lambda value: type(value) is kind and value in wanted


def _on_strings(test: StringTest) -> ValueTest:
    return lambda value: type(value) is str and test(value)


def _datetime_test(bounds: DatetimeRange) -> StringTest:
    def test(value: str) -> bool:
        moment = parse_datetime(value)
        return moment is not None and lies_within(bounds, moment)

    return test


def _place_test(area: Area) -> ValueTest:
    def test(value: Any) -> bool:
        place = place_of(value)
        if place is None:
            return False
        lon, lat = place
        return bool(is_inside(area, np.array([lon]), np.array([lat]))[0])

    return test
