"""Compiles predicates to tests of the values that a path selects in one payload."""

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
    Range,
    TextMatch,
    ValuesCount,
)
from ...model.payload_path import Step
from .geo import Area, is_inside, place_of
from .paths import reached

Payload = dict[str, Any]
ValueTest = Callable[[Any], bool]
StringTest = Callable[[str], bool]
PayloadTest = Callable[[Payload], bool]
Bounds = Range | DatetimeRange | ValuesCount


def empty_test(steps: Sequence[Step], _: IsEmpty) -> PayloadTest:
    """Whether there is no value at the path of a payload."""
    return lambda payload: all(map(is_empty, reached(payload, steps)))


def null_test(steps: Sequence[Step], _: IsNull) -> PayloadTest:
    """Whether a value at the path of a payload is null itself."""
    return lambda payload: any(value is None for value in reached(payload, steps))


def null_within_test(steps: Sequence[Step], _: HoldsNull) -> PayloadTest:
    """Whether a value at the path of a payload is null, or an array with a null in it."""
    return lambda payload: any(map(holds_null, reached(payload, steps)))


def values_count_test(steps: Sequence[Step], bounds: ValuesCount) -> PayloadTest:
    """Whether a value at the path of a payload counts for as many values as it should."""
    passes_without = lies_within(bounds, 0)

    def test(payload: Payload) -> bool:
        values = reached(payload, steps)
        if not values:
            return passes_without
        return any(lies_within(bounds, count_of(value)) for value in values)

    return test


def equal_test(predicate: MatchValue) -> ValueTest:
    """Whether a value is the one that is wanted."""
    # The type is compared because to Python True, 1 and 1.0 are equal.
    wanted, kind = predicate.value, type(predicate.value)
    return lambda value: type(value) is kind and bool(value == wanted)


def any_test(predicate: MatchAny) -> ValueTest:
    """Whether a value is one of those that are wanted."""
    return _is_one_of(predicate.values)


def except_test(predicate: MatchExcept) -> ValueTest:
    """Whether a value is none of those that are listed."""
    is_listed = _is_one_of(predicate.values)
    return lambda value: value is not None and not is_listed(value)


def text_test(predicate: TextMatch) -> ValueTest:
    """Whether a value is a string that matches, without a text index."""
    return _on_strings(plain_text_test(predicate))


def prefix_test(predicate: MatchPrefix) -> ValueTest:
    """Whether a value is a string with that beginning."""
    prefix = predicate.prefix
    return _on_strings(lambda value: value.startswith(prefix))


def range_test(bounds: Range) -> ValueTest:
    """Whether a value is a number within the bounds."""
    return lambda value: type(value) in (int, float) and lies_within(bounds, value)


def datetime_test(bounds: DatetimeRange) -> ValueTest:
    """Whether a value is a string that spells a time within the bounds."""

    def test(value: str) -> bool:
        moment = parse_datetime(value)
        return moment is not None and lies_within(bounds, moment)

    return _on_strings(test)


def area_test(area: Area) -> ValueTest:
    """Whether a value is a place in the area."""

    def test(value: Any) -> bool:
        place = place_of(value)
        if place is None:
            return False
        lon, lat = place
        return bool(is_inside(area, np.array([lon]), np.array([lat]))[0])

    return test


def plain_text_test(predicate: TextMatch) -> StringTest:
    """Compile a text match on a field without a text index: case-sensitive substrings."""
    if isinstance(predicate, MatchTextAny):
        words = predicate.text.split()
        return lambda value: any(word in value for word in words)
    wanted = predicate.text
    if isinstance(predicate, MatchPhrase) and not wanted:
        return lambda value: False
    return lambda value: wanted in value


def is_empty(value: Any) -> bool:
    """Whether a value at the end of a path is empty: null or an empty array."""
    return value is None or value == []


def holds_null(value: Any) -> bool:
    """Whether a value at the end of a path is null, or an array with a null in it."""
    return value is None or (isinstance(value, list) and None in value)


def count_of(value: Any) -> int:
    """The number of values that a value at the end of a path counts as."""
    if isinstance(value, list):
        return len(value)
    return 0 if value is None else 1


def lies_within(bounds: Bounds, value: Number) -> bool:
    """Whether a number is within all given bounds."""
    return (
        (bounds.lt is None or value < bounds.lt)
        and (bounds.gt is None or value > bounds.gt)
        and (bounds.lte is None or value <= bounds.lte)
        and (bounds.gte is None or value >= bounds.gte)
    )


def _is_one_of(wanted: frozenset[str] | frozenset[int]) -> ValueTest:
    kind = type(next(iter(wanted), None))
    return lambda value: type(value) is kind and value in wanted


def _on_strings(test: StringTest) -> ValueTest:
    return lambda value: type(value) is str and test(value)
