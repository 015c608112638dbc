"""What a column finds for a predicate."""

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
    Predicate,
    Range,
    ValuesCount,
)
from ..predicates.geo import is_inside
from ..predicates.uuids import canonical
from ..predicates.value_tests import StringTest, lies_within
from ..read_bounds import in_slices
from ..storage.row_sets import RowNumbers
from .column import Column, ColumnPart, ColumnVersion
from .postings import Complement, ListedRows, Postings, ValueSpan, union

_SLICE = 1024
_NUMBERS = (ColumnPart.INTEGERS, ColumnPart.LARGE, ColumnPart.FLOATS)


def satisfying(column: Column, predicate: Predicate, size: int) -> Postings:
    """The rows, of those below `size`, that satisfy `predicate`, as far as the column has them.

    Predicates on text are left to `matching_terms` and to the tokens of the column.
    """
    parts = column.parts
    if isinstance(predicate, IsNull):
        return _listed([parts[ColumnPart.MARKS].equal(ColumnVersion.NULL_ALONE)])
    if isinstance(predicate, HoldsNull):
        return _listed([parts[ColumnPart.MARKS].equal(ColumnVersion.NULL)])
    if isinstance(predicate, IsEmpty):
        return Complement(_listed([parts[ColumnPart.MARKS].equal(ColumnVersion.FILLED)]), size)
    if isinstance(predicate, ValuesCount):
        counts = parts[ColumnPart.COUNTS]
        found: Postings = ValueSpan(counts, counts.span(predicate))
        if not lies_within(predicate, 0):
            return found
        return union([found, Complement(ListedRows([counts.rows]), size)])
    return _with_value(column, predicate)


def matching_terms(column: Column, test: StringTest) -> Postings:
    """The rows that have a string which passes `test`."""
    found: list[bool] = []
    for terms in in_slices(column.terms, _SLICE):
        found += map(test, terms)
    strings = column.parts[ColumnPart.STRINGS]
    return ListedRows([strings.rows[np.array(found, dtype=np.bool_)[strings.values]]])


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


def _with_value(column: Column, predicate: Any) -> Postings:
    """The rows that have a value which satisfies the predicate."""
    parts = column.parts
    if isinstance(predicate, MatchValue):
        return _listed(_rows_of(column, [predicate.value]))
    if isinstance(predicate, MatchAny):
        return _listed(_rows_of(column, list(predicate.values)))
    if isinstance(predicate, MatchExcept):
        return ListedRows(_beside(column, predicate.values))
    if isinstance(predicate, MatchPrefix):
        return _with_prefix(column, predicate.prefix)
    if isinstance(predicate, Range):
        return _within(column, predicate)
    if isinstance(predicate, DatetimeRange):
        return ValueSpan(column.datetimes, column.datetimes.span(predicate))
    places = parts[ColumnPart.PLACES]
    return ListedRows([places.rows[is_inside(predicate, places.values.real, places.values.imag)]])


def _listed(pieces: Sequence[RowNumbers]) -> ListedRows:
    """Rows that are ascending in each of the pieces."""
    return ListedRows(pieces, is_ordered=len(pieces) == 1)


def _rows_of(column: Column, wanted: Sequence[Any]) -> list[RowNumbers]:
    """The rows of each of `wanted`, which are all of one type."""
    parts = column.parts
    if not wanted:
        return []
    if isinstance(wanted[0], bool):
        return parts[ColumnPart.BOOLEANS].among(wanted)
    if isinstance(wanted[0], str):
        return parts[ColumnPart.STRINGS].among(_codes(column, wanted))
    found = []
    for part in (ColumnPart.INTEGERS, ColumnPart.LARGE):
        found += parts[part].among(_held_by(part, wanted))
    return found


def _held_by(part: ColumnPart, numbers: Sequence[int]) -> list[int]:
    """Those of `numbers` that the part may have."""
    limits = np.iinfo(part.value)
    least, most = int(limits.min), int(limits.max)
    return [number for number in numbers if least <= number <= most]


def _within(column: Column, predicate: Range) -> Postings:
    parts = [column.parts[part] for part in _NUMBERS if len(column.parts[part].rows)]
    return union(ValueSpan(part, part.span(predicate)) for part in parts)


def _codes(column: Column, wanted: Sequence[str]) -> list[int]:
    """The codes of those of `wanted` that are terms."""
    terms, codes = column.terms, []
    for text in wanted:
        place = bisect_left(terms, text)
        if place < len(terms) and terms[place] == text:
            codes.append(place)
    return codes


def _with_prefix(column: Column, prefix: str) -> Postings:
    start = bisect_left(column.terms, prefix)
    end = bisect_right(column.terms, prefix, start, key=lambda term: term[: len(prefix)])
    strings = column.parts[ColumnPart.STRINGS]
    return ValueSpan(strings, slice(*np.searchsorted(strings.values, [start, end]).tolist()))


def _beside(column: Column, listed: frozenset[str] | frozenset[int]) -> list[RowNumbers]:
    """The rows that have a value, not null, that is not one of `listed`."""
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
