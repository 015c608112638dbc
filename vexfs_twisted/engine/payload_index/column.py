"""The column of one payload path: the values that it selects in every payload, by type."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import Any

import numpy as np
from attrs import define, field
from numpy.typing import NDArray

from ...model.datetimes import parse_datetime
from ...model.ids import canonical_uuid
from ...model.payload_index import TextOptions
from ..predicates.geo import place_of
from ..predicates.value_tests import count_of
from ..read_bounds import in_slices
from ..storage.row_sets import Mask
from .sorted_values import SortedValues
from .text_postings import TextPostings


class ColumnPart(Enum):
    """The parts of a column by type of value, each with the dtype of its array.

    Strings are stored as codes, positions in the sorted list of terms; geo points as complex
    numbers, longitude + latitude * i; integers beyond int64 in a part of their own. COUNTS has the
    number of values of every array or single value that the path reaches, MARKS the marks of
    `ColumnVersion`.
    """

    STRINGS = "u4"
    INTEGERS = "i8"
    LARGE = "u8"
    FLOATS = "f8"
    BOOLEANS = "b1"
    PLACES = "c16"
    COUNTS = "i4"
    MARKS = "u1"


class ColumnVersion:
    """Marks of rows: NULL, a null; COMPOUND, an object or array as a value; FILLED, not empty.

    Rows with a null that is not an element of an array have NULL_ALONE in addition to NULL.
    """

    NULL = 0
    COMPOUND = 1
    FILLED = 2
    NULL_ALONE = 3


_PAST_INTEGERS = 2.0**63
_SLICE = 1024
_BYTES_A_TERM = 64
_BYTES_A_COLUMN = 2048
_EMPTY = {part: SortedValues.of([], [], part.value) for part in ColumnPart}

_Pairs = tuple[NDArray[Any], NDArray[np.uint32]]


@define(eq=False, slots=False)
class Column:
    """The values at one path of all rows live in one snapshot. Immutable and thread-safe.

    The snapshot is the one before operation `operation`, when `next_row` was the next row, counted
    from `base` as all rows. `terms` are distinct and ascending.
    """

    operation: int
    next_row: int
    terms: Sequence[str]
    parts: Mapping[ColumnPart, SortedValues] = field(repr=False)
    _read: TextPostings | None = field(default=None, repr=False)
    base: int = 0

    def counted_from(self, base: int) -> Column:
        """The column with rows counted from `base`, without those before it, which are dead."""
        row = base - self.base
        parts = {part: values.counted_from(row) for part, values in self.parts.items()}
        read = self._read
        if read is not None:
            read = read.counted_from(row, parts[ColumnPart.STRINGS])
        next_row = max(self.next_row - row, 0)
        return Column(self.operation, next_row, self.terms, parts, read, base)

    @property
    def nbytes(self) -> int:
        """Estimated bytes of memory, including the derived arrays computed so far."""
        made = self.__dict__
        derived: int = sum(made[name].nbytes for name in ("datetimes", "numbers") if name in made)
        if "_as_integers" in made:
            derived += made["_as_integers"].parts[ColumnPart.INTEGERS].nbytes
        read = self._read
        return self._own_bytes + derived + (0 if read is None else read.nbytes)

    @cached_property
    def _own_bytes(self) -> int:
        arrays = sum(part.nbytes for part in self.parts.values())
        text = sum(map(len, self.terms)) + _BYTES_A_TERM * len(self.terms)
        return _BYTES_A_COLUMN + arrays + text

    @cached_property
    def datetimes(self) -> SortedValues:
        """The strings that are datetimes, as microseconds since 1970 UTC, int64."""
        slices = in_slices(self.terms, _SLICE)
        parsed = [parse_datetime(term) for some in slices for term in some]
        is_datetime = np.array([moment is not None for moment in parsed], dtype=np.bool_)
        of_term = np.array([moment or 0 for moment in parsed], dtype=np.int64)
        strings = self.parts[ColumnPart.STRINGS]
        chosen = is_datetime[strings.values]
        codes = strings.values[chosen]
        return SortedValues.of(of_term[codes], strings.rows[chosen], np.int64)

    @cached_property
    def odd_uuids(self) -> Mapping[str, Sequence[str]]:
        """The terms that are UUIDs in a non-canonical spelling, by canonical form."""
        found: dict[str, list[str]] = {}
        for some in in_slices(self.terms, _SLICE):
            for term in some:
                uuid = canonical_uuid(term)
                if uuid is not None and uuid != term:
                    found.setdefault(uuid, []).append(term)
        return found

    @cached_property
    def numbers(self) -> SortedValues:
        """All numbers as float64."""
        parts = [
            self.parts[part] for part in (ColumnPart.INTEGERS, ColumnPart.LARGE, ColumnPart.FLOATS)
        ]
        values = np.concatenate([part.values.astype(np.float64) for part in parts])
        return SortedValues.of(values, np.concatenate([part.rows for part in parts]), np.float64)

    @property
    def as_integers(self) -> Column:
        """The column as an integer index has it: all numbers are int64.

        Floats without a fraction become the equal integers; other numbers are left out.
        """
        others = self.parts[ColumnPart.FLOATS], self.parts[ColumnPart.LARGE]
        return self._as_integers if any(len(part.rows) for part in others) else self

    @cached_property
    def _as_integers(self) -> Column:
        integers, floats = self.parts[ColumnPart.INTEGERS], self.parts[ColumnPart.FLOATS]
        is_whole = np.trunc(floats.values) == floats.values
        is_whole &= (floats.values >= -_PAST_INTEGERS) & (floats.values < _PAST_INTEGERS)
        whole = floats.values[is_whole].astype(np.int64)
        values = np.concatenate((integers.values, whole))
        rows = np.concatenate((integers.rows, floats.rows[is_whole]))
        parts = {
            part: SortedValues.of([], [], part.value)
            for part in (ColumnPart.LARGE, ColumnPart.FLOATS)
        }
        parts[ColumnPart.INTEGERS] = SortedValues.of(values, rows, np.int64)
        parts = {**self.parts, **parts}
        return Column(self.operation, self.next_row, self.terms, parts, base=self.base)

    def read_by(self, options: TextOptions) -> TextPostings:
        """The postings of the strings' tokens by a text index's options; the last are cached."""
        read = self._read
        if read is None or read.options != options:
            strings = self.parts[ColumnPart.STRINGS]
            read = self._read = TextPostings.of(options, self.terms, strings)
        return read

    def folded(self, live: Mask, fresh: Column, rows: Any) -> Column:
        """The column updated to the snapshot of `fresh`, which has exactly `rows` of it.

        `live` is the mask of all rows live in that snapshot.
        """
        keep = live.copy()
        keep[rows] = False
        terms, old_codes, new_codes = _merged_terms(self, fresh)
        parts = {}
        for part, values in self.parts.items():
            added = fresh.parts[part]
            if part is ColumnPart.STRINGS:
                values = SortedValues(old_codes[values.values], values.rows)
                added = SortedValues(new_codes[added.values], added.rows)
            parts[part] = values.folded(keep, added)
        column = Column(fresh.operation, fresh.next_row, terms, parts, base=fresh.base)
        if self._read is not None:
            added_tokens = fresh.read_by(self._read.options)
            column._read = self._read.folded(keep, added_tokens, terms, parts[ColumnPart.STRINGS])
        return column


def _merged_terms(old: Column, new: Column) -> tuple[Sequence[str], Any, Any]:
    """The merged terms of both columns, and the mapping from the codes of each to new codes.

    Unused terms are kept until they are the majority.
    """
    terms, old_codes = _used_terms(old)
    places = [bisect_left(terms, term) for term in new.terms]
    is_new = np.array(
        [place == len(terms) or terms[place] != term
         for place, term in zip(places, new.terms, strict=True)], dtype=np.bool_,
    )  # fmt: skip
    new_codes = np.array(places, dtype=np.int64) + np.cumsum(is_new) - is_new
    if not is_new.any():
        return terms, old_codes, new_codes.astype(np.uint32)
    merged: list[str] = []
    added = np.flatnonzero(is_new).tolist()
    ends = [places[code] for code in added]
    for code, start, end in zip(added, [0, *ends], ends, strict=False):
        merged += terms[start:end]
        merged.append(new.terms[code])
    merged += terms[ends[-1] :]
    shift = np.searchsorted(ends, old_codes, "right")
    return merged, (old_codes + shift).astype(np.uint32), new_codes.astype(np.uint32)


def _used_terms(column: Column) -> tuple[Sequence[str], Any]:
    """The terms, without unused ones if those are the majority, and the codes of all in them."""
    is_used = np.zeros(len(column.terms), dtype=np.bool_)
    is_used[column.parts[ColumnPart.STRINGS].values] = True
    if 2 * is_used.sum() >= len(is_used):
        return column.terms, np.arange(len(is_used), dtype=np.uint32)
    terms = [column.terms[code] for code in np.flatnonzero(is_used).tolist()]
    return terms, np.maximum(np.cumsum(is_used) - 1, 0).astype(np.uint32)


class ColumnBuilder:
    """Collects the values that a path selects, payload by payload in the order of rows.

    Pairs are `loose`, in Python lists, until packed to arrays, which take a fraction of the memory.
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}
        self._term_bytes = 0
        self._loose: dict[ColumnPart, tuple[list[Any], list[int]]] = {
            part: ([], []) for part in ColumnPart
        }
        self._packed: dict[ColumnPart, list[_Pairs]] = {}

    @property
    def loose(self) -> int:
        """The number of pairs that are not packed."""
        return sum(len(rows) for _, rows in self._loose.values())

    @property
    def nbytes(self) -> int:
        """Estimated bytes that the packed values will take in the column."""
        pieces = [piece for pieces in self._packed.values() for piece in pieces]
        arrays = sum(values.nbytes + 2 * rows.nbytes for values, rows in pieces)
        return arrays + self._term_bytes + _BYTES_A_TERM * len(self._codes)

    def reach(self, row: int, value: Any) -> None:
        """Add a value that the path reaches in the payload of a row."""
        count = count_of(value)
        self._put(ColumnPart.COUNTS, row, count)
        if value is None:
            self._put(ColumnPart.MARKS, row, ColumnVersion.NULL_ALONE)
        if isinstance(value, list):
            for element in value:
                self._take(row, element)
        else:
            self._take(row, value)
        if count:
            self._put(ColumnPart.MARKS, row, ColumnVersion.FILLED)

    def pack(self) -> None:
        """Move loose pairs to arrays."""
        for part, (values, rows) in self._loose.items():
            if rows:
                pair = np.array(values, dtype=part.value), np.array(rows, dtype=np.uint32)
                self._packed.setdefault(part, []).append(pair)
                self._loose[part] = [], []

    def build(self, operation: int, next_row: int, base: int) -> Column:
        """The column of all added values, valid before `operation`, when `next_row` was next."""
        self.pack()
        terms = sorted(self._codes)
        parts = {part: self._sorted(part, terms) for part in ColumnPart}
        return Column(operation, next_row, terms, parts, base=base)

    def _sorted(self, part: ColumnPart, terms: Sequence[str]) -> SortedValues:
        pieces = self._packed.pop(part, [])
        if not pieces:
            return _EMPTY[part]
        values, rows = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
        if part is ColumnPart.STRINGS:
            # Map codes in order of first occurrence to positions in the sorted terms.
            places = np.empty(len(terms), dtype=np.uint32)
            places[[self._codes[term] for term in terms]] = np.arange(len(terms))
            values = places[values]
        return SortedValues.of(values, rows, part.value)

    def _take(self, row: int, value: Any) -> None:
        kind = type(value)
        if kind is str:
            self._put(ColumnPart.STRINGS, row, self._code_of(value))
        elif kind is int:
            part = ColumnPart.INTEGERS if value < _PAST_INTEGERS else ColumnPart.LARGE
            self._put(part, row, value)
        elif kind is float:
            self._put(ColumnPart.FLOATS, row, value)
        elif kind is bool:
            self._put(ColumnPart.BOOLEANS, row, value)
        elif value is None:
            self._put(ColumnPart.MARKS, row, ColumnVersion.NULL)
        else:
            self._put(ColumnPart.MARKS, row, ColumnVersion.COMPOUND)
            place = place_of(value)
            if place is not None:
                self._put(ColumnPart.PLACES, row, complex(*place))

    def _code_of(self, term: str) -> int:
        code = self._codes.get(term)
        if code is None:
            code = self._codes[term] = len(self._codes)
            self._term_bytes += len(term)
        return code

    def _put(self, part: ColumnPart, row: int, value: Any) -> None:
        values, rows = self._loose[part]
        values.append(value)
        rows.append(row)
