"""What a column finds for the predicates of each kind.

The functions of kinds take the column, the predicate and a size; they answer rows below that size.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...model.filters import (
    DatetimeRange,
    HoldsNull,
    IsEmpty,
    IsNull,
    MatchAny,
    MatchExcept,
    MatchPrefix,
    MatchValue,
    Range,
    TextMatch,
    ValuesCount,
)
from ..predicates.geo import Area, is_inside
from ..predicates.uuids import canonical
from ..predicates.value_tests import StringTest, lies_within, plain_text_test
from ..read_bounds import in_slices
from ..storage.row_sets import RowNumbers
from .column import Column, ColumnPart, ColumnVersion
from .postings import Complement, ListedRows, Postings, ValueSpan, union

_SLICE = 1024
_NUMBERS = (ColumnPart.INTEGERS, ColumnPart.LARGE, ColumnPart.FLOATS)


def null_rows(column: Column, _: IsNull, size: int) -> Postings:
    """The rows where a value is null itself."""
    return _listed([column.parts[ColumnPart.MARKS].equal(ColumnVersion.NULL_ALONE)])


def null_within_rows(column: Column, _: HoldsNull, size: int) -> Postings:
    """The rows where a value is null, or an array with a null in it."""
    return _listed([column.parts[ColumnPart.MARKS].equal(ColumnVersion.NULL)])


def empty_rows(column: Column, _: IsEmpty, size: int) -> Postings:
    """The rows without a value."""
    return Complement(_listed([column.parts[ColumnPart.MARKS].equal(ColumnVersion.FILLED)]), size)


def values_count_rows(column: Column, bounds: ValuesCount, size: int) -> Postings:
    """The rows where a value counts for as many values as it should."""
    counts = column.parts[ColumnPart.COUNTS]
    found: Postings = ValueSpan(counts, counts.span(bounds))
    if not lies_within(bounds, 0):
        return found
    return union([found, Complement(ListedRows([counts.rows]), size)])


def equal_rows(column: Column, predicate: MatchValue, size: int) -> Postings:
    """The rows with the value that is wanted."""
    return _listed(_rows_of(column, [predicate.value]))


def any_rows(column: Column, predicate: MatchAny, size: int) -> Postings:
    """The rows with one of the values that are wanted."""
    values = list(predicate.values)
    pieces = _rows_of(column, values)
    return ListedRows(pieces, is_ordered=len(values) == len(pieces) == 1)


def except_rows(column: Column, predicate: MatchExcept, size: int) -> Postings:
    """The rows with a value that is not listed."""
    return ListedRows(_beside(column, predicate.values))


def text_rows(column: Column, predicate: TextMatch, size: int) -> Postings:
    """The rows with a string that matches, without a text index."""
    return _matching_terms(column, plain_text_test(predicate))


def prefix_rows(column: Column, predicate: MatchPrefix, size: int) -> Postings:
    """The rows with a string of that beginning."""
    terms, prefix = column.terms, predicate.prefix
    start = bisect_left(terms, prefix)
    end = bisect_right(terms, prefix, start, key=lambda term: term[: len(prefix)])
    strings = column.parts[ColumnPart.STRINGS]
    return ValueSpan(strings, slice(*np.searchsorted(strings.values, [start, end]).tolist()))


def range_rows(column: Column, bounds: Range, size: int) -> Postings:
    """The rows with a number within the bounds."""
    parts = [column.parts[part] for part in _NUMBERS if len(column.parts[part].rows)]
    return union(ValueSpan(part, part.span(bounds)) for part in parts)


def datetime_rows(column: Column, bounds: DatetimeRange, size: int) -> Postings:
    """The rows with a time within the bounds."""
    return ValueSpan(column.datetimes, column.datetimes.span(bounds))


def area_rows(column: Column, area: Area, size: int) -> Postings:
    """The rows with a place in the area."""
    places = column.parts[ColumnPart.PLACES]
    return ListedRows([places.rows[is_inside(area, places.values.real, places.values.imag)]])


def _matching_terms(column: Column, test: StringTest) -> Postings:
    """The rows that have a string which passes `test`."""
    found: list[bool] = []
    for terms in in_slices(column.terms, _SLICE):
        found += map(test, terms)
    strings = column.parts[ColumnPart.STRINGS]
    return ListedRows([strings.rows[np.array(found, dtype=np.bool_)[strings.values]]])


def spelled_match(column: Column, predicate: Any) -> MatchAny | MatchExcept:
    """Rewrite a match of UUIDs to a match of strings: every spelling in the column."""
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


def _listed(pieces: Sequence[RowNumbers]) -> ListedRows:
    """Postings of pieces that are each ascending."""
    return ListedRows(pieces, is_ordered=len(pieces) == 1)


def _rows_of(column: Column, wanted: Sequence[Any]) -> list[RowNumbers]:
    """The rows of each of `wanted`, which all have the same type."""
    parts = column.parts
    if not wanted:
        return []
    if isinstance(wanted[0], bool):
        return parts[ColumnPart.BOOLEANS].among(wanted)
    if isinstance(wanted[0], str):
        return parts[ColumnPart.STRINGS].among(_codes(column, wanted))
    found = []
    for part in (ColumnPart.INTEGERS, ColumnPart.LARGE):
        if len(parts[part].rows):
            found += parts[part].among(_held_by(part, wanted))
    return found


def _held_by(part: ColumnPart, numbers: Sequence[int]) -> list[int]:
    """Those of `numbers` that the dtype of the part can represent."""
    limits = np.iinfo(part.value)
    least, most = int(limits.min), int(limits.max)
    return [number for number in numbers if least <= number <= most]


def _codes(column: Column, wanted: Sequence[str]) -> list[int]:
    """The codes of those of `wanted` that are terms."""
    terms, codes = column.terms, []
    for text in wanted:
        place = bisect_left(terms, text)
        if place < len(terms) and terms[place] == text:
            codes.append(place)
    return codes


def _beside(column: Column, listed: frozenset[str] | frozenset[int]) -> list[RowNumbers]:
    """The rows that have a non-null value that is not one of `listed`."""
    parts = column.parts
    numbers = [value for value in listed if isinstance(value, int)]
    excepted: dict[ColumnPart, Sequence[Any]] = {
        ColumnPart.STRINGS: _codes(column, [value for value in listed if isinstance(value, str)]),
        ColumnPart.INTEGERS: _held_by(ColumnPart.INTEGERS, numbers),
        ColumnPart.LARGE: _held_by(ColumnPart.LARGE, numbers),
    }
    found = [parts[ColumnPart.MARKS].equal(ColumnVersion.COMPOUND)]
    for part in (ColumnPart.STRINGS, *_NUMBERS, ColumnPart.BOOLEANS):
        found += parts[part].beside(excepted.get(part, ()))
    return found
