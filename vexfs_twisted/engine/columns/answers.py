"""The rows of a column that satisfy a predicate."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...model.filters import (
    DatetimeRange,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchValue,
    Predicate,
    Range,
    ValuesCount,
)
from ..filtering.areas import inside
from ..filtering.predicates import StringTest, lies_within
from ..filtering.uuids import canonical
from .column import Column, Mark, Part
from .sorting import Mask, RowNumbers

_NUMBERS = (Part.INTEGERS, Part.LARGE, Part.FLOATS)


def passing(column: Column, predicate: Predicate, size: int) -> Mask:
    """Which of the rows below `size` satisfy `predicate`, as far as the column has them.

    Predicates on text are left to `matching_terms`.
    """
    parts = column.parts
    if isinstance(predicate, IsNull):
        return _mask(size, parts[Part.MARKS].equal(Mark.NULL))
    if isinstance(predicate, IsEmpty):
        return ~_mask(size, parts[Part.MARKS].equal(Mark.FILLED))
    if isinstance(predicate, ValuesCount):
        counts = parts[Part.COUNTS]
        found = _mask(size, counts.between(predicate))
        return found | ~_mask(size, counts.rows) if lies_within(predicate, 0) else found
    if isinstance(predicate, MatchExcept):
        return _beside(column, predicate.values, size)
    return _mask(size, *_value_rows(column, predicate))


def matching_terms(column: Column, test: StringTest) -> RowNumbers:
    """The rows that have a string which passes `test`."""
    terms = column.terms
    found = np.fromiter(map(test, terms), dtype=np.bool_, count=len(terms))
    strings = column.parts[Part.STRINGS]
    rows: RowNumbers = strings.rows[found[strings.values]]
    return rows


def spelled_match(column: Column, predicate: Any) -> MatchAny | MatchExcept:
    """The match of plain strings that a match of UUIDs is: of every spelling in the column."""
    is_value = isinstance(predicate, MatchValue)
    values = [predicate.value] if is_value else predicate.values
    kind = MatchAny if is_value else type(predicate)
    found: MatchAny | MatchExcept = kind(
        frozenset(spelling for value in values for spelling in _spellings(column, value))
    )
    return found


def _spellings(column: Column, value: Any) -> Sequence[Any]:
    plain = canonical(value)
    return [plain, *column.odd_uuids.get(plain, ())]


def _value_rows(column: Column, predicate: Any) -> Sequence[RowNumbers]:
    parts = column.parts
    if isinstance(predicate, MatchValue):
        return _rows_of(column, [predicate.value])
    if isinstance(predicate, MatchAny):
        return _rows_of(column, list(predicate.values))
    if isinstance(predicate, MatchPrefix):
        return [_prefix_rows(column, predicate.prefix)]
    if isinstance(predicate, Range):
        bounds = predicate.lt, predicate.gt, predicate.lte, predicate.gte
        if any(bound != bound for bound in bounds):
            return []
        return [parts[part].between(predicate) for part in _NUMBERS]
    if isinstance(predicate, DatetimeRange):
        return [column.moments.between(predicate)]
    places = parts[Part.PLACES]
    return [places.rows[inside(predicate, places.values.real, places.values.imag)]]


def _rows_of(column: Column, wanted: Sequence[Any]) -> Sequence[RowNumbers]:
    """The rows that have one of `wanted`, which are all of one type."""
    parts = column.parts
    if not wanted:
        return []
    if isinstance(wanted[0], bool):
        return [parts[Part.BOOLEANS].among(wanted)]
    if isinstance(wanted[0], str):
        return [parts[Part.STRINGS].among(_codes(column, wanted))]
    found = []
    for part in (Part.INTEGERS, Part.LARGE):
        limits = np.iinfo(part.value)
        held = [number for number in wanted if limits.min <= number <= limits.max]
        found.append(parts[part].among(held))
    return found


def _codes(column: Column, wanted: Sequence[str]) -> list[int]:
    """The codes of those of `wanted` that are terms."""
    terms, codes = column.terms, []
    for text in wanted:
        place = bisect_left(terms, text)
        if place < len(terms) and terms[place] == text:
            codes.append(place)
    return codes


def _prefix_rows(column: Column, prefix: str) -> RowNumbers:
    start = bisect_left(column.terms, prefix)
    end = bisect_right(column.terms, prefix, start, key=lambda term: term[: len(prefix)])
    strings = column.parts[Part.STRINGS]
    first, last = np.searchsorted(strings.values, [start, end])
    return strings.rows[first:last]


def _beside(column: Column, listed: frozenset[str] | frozenset[int], size: int) -> Mask:
    """Which rows have a value, not null, that is not one of `listed`."""
    parts = column.parts
    found = _mask(size, parts[Part.MARKS].equal(Mark.COMPOUND))
    codes = _codes(column, [value for value in listed if isinstance(value, str)])
    numbers = [value for value in listed if isinstance(value, int)]
    for part in (Part.STRINGS, *_NUMBERS, Part.BOOLEANS):
        values = parts[part]
        if part is Part.STRINGS:
            excepted = np.isin(values.values, codes)
        elif part in (Part.INTEGERS, Part.LARGE):
            limits = np.iinfo(part.value)
            held = [number for number in numbers if limits.min <= number <= limits.max]
            excepted = np.isin(values.values, np.array(held, dtype=part.value))
        else:
            excepted = np.zeros(len(values.values), dtype=np.bool_)
        found[values.rows[~excepted]] = True
    return found


def _mask(size: int, *rows: RowNumbers) -> Mask:
    mask = np.zeros(size, dtype=np.bool_)
    for numbers in rows:
        mask[numbers] = True
    return mask
