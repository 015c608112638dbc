"""Postings: the rows that satisfy a condition, evaluated lazily.

Locating the rows in an index is cheap and gives their number. The set of rows is materialized when
the filter evaluates the condition, and only for the rows that are still candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from attrs import frozen

from ..read_bounds import checkpoint
from ..storage.bitmap import Bitmap, Rows
from ..storage.row_sets import Mask, RowNumbers, RowSet
from .sorted_values import Places, SortedValues

_DENSE = 8
"""Ordered rows become a mask too if they are at least one in this many."""

_SPARSE = 64
"""Rows that are fewer than one in this many are gathered rather than looked up by `places`."""


class Postings(Protocol):
    """The rows that satisfy a condition."""

    @property
    def count(self) -> int:
        """An estimate of the number of rows, which is seldom exceeded."""

    @property
    def is_slow(self) -> bool:
        """Whether rows are tested one by one, so that other conditions should come first."""

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that satisfy the condition."""


@frozen(eq=False)
class ListedRows:
    """Rows listed in `pieces`, with repeats; `is_ordered`: there is one piece, and it ascends."""

    pieces: Sequence[RowNumbers | Rows]
    is_ordered: bool = False
    is_slow = False

    @property
    def count(self) -> int:
        """How many rows are listed, with repeats."""
        return sum(map(len, self.pieces))

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that are listed."""
        if self.is_ordered and _DENSE * self.count < rows.size:
            return rows & RowSet.of_numbers(self.pieces[0], rows.size)
        return rows & RowSet.gathered(self.pieces, rows.size)


NOTHING = ListedRows([])


@frozen(eq=False)
class ValueSpan:
    """The rows whose values are in one span of the sorted values."""

    held: SortedValues
    span: slice
    is_slow = False

    @property
    def count(self) -> int:
        """The number of values in the span."""
        return int(self.span.stop - self.span.start)

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` with a value in the span; looked up by row if each has one."""
        is_sparse = _SPARSE * self.count < rows.size
        places = None if is_sparse else self.held.places
        if places is None:
            return rows & RowSet.gathered([self.held.rows[self.span]], rows.size)
        if rows.is_few:
            numbers = rows.numbers()
            known = numbers[: np.searchsorted(numbers, len(places))]
            return RowSet.of_numbers(known[self._within(places[known])], rows.size)
        mask = np.zeros(rows.size, dtype=np.bool_)
        mask[: len(places)] = self._within(places)
        return rows & RowSet.of_mask(mask)

    def _within(self, places: Places) -> Mask:
        # Places before the start wrap around to numbers beyond the count.
        shifted = places - np.uint32(self.span.start) if self.span.start else places
        found: Mask = shifted < np.uint32(self.count)
        return found


@frozen(eq=False)
class BitmapRows:
    """The rows in a bitmap."""

    bitmap: Bitmap
    is_slow = False

    @property
    def count(self) -> int:
        """The number of rows in the bitmap."""
        return self.bitmap.count

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that are in the bitmap."""
        return rows & RowSet.of_bitmap(self.bitmap, rows.size)


@frozen(eq=False)
class TestedRows:
    """The rows that pass a test; `count` is an approximate upper bound."""

    test: Callable[[Rows], Mask]
    count: int
    is_slow = True

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that pass."""
        return rows.where(self.test(rows.numbers()))


@frozen(eq=False)
class Complement:
    """The rows, of all `size`, that do not satisfy a condition."""

    found: Postings
    size: int

    @property
    def count(self) -> int:
        """A lower bound: `size` less the count of the condition."""
        return max(self.size - self.found.count, 0)

    @property
    def is_slow(self) -> bool:
        """Whether the condition is slow."""
        return self.found.is_slow

    def of(self, rows: RowSet) -> RowSet:
        """`rows` without those that satisfy the condition."""
        return rows - self.found.of(rows)


@frozen(eq=False, slots=False)
class _Combined:
    """A combination of the conditions `each`."""

    each: Sequence[Postings]

    @cached_property
    def is_slow(self) -> bool:
        """Whether one of the conditions is slow."""
        return any(found.is_slow for found in self.each)

    def _in_turn(self) -> list[Postings]:
        """The conditions in order of evaluation: fast ones first, then by ascending count."""
        return sorted(self.each, key=lambda found: (found.is_slow, found.count))


@frozen(eq=False, slots=False)
class Intersection(_Combined):
    """The rows that satisfy every condition, of which there is at least one."""

    @cached_property
    def count(self) -> int:
        """The count of the most selective condition."""
        return min(found.count for found in self.each)

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that satisfy every condition; each is evaluated on the rows left."""
        for found in self._in_turn():
            checkpoint()
            rows = found.of(rows)
        return rows


@frozen(eq=False, slots=False)
class Union(_Combined):
    """The rows that satisfy at least one condition, of which there is at least one."""

    @cached_property
    def count(self) -> int:
        """The sum of the counts, which is exact if no row satisfies two conditions."""
        return sum(found.count for found in self.each)

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that satisfy a condition; slow ones only see rows not found yet."""
        first, *others = self._in_turn()
        joined = first.of(rows)
        for found in others:
            checkpoint()
            joined |= found.of(rows - joined if found.is_slow else rows)
        return joined


@frozen(eq=False, slots=False)
class AtLeastOf(_Combined):
    """The rows that satisfy `least` conditions or more, at least one."""

    least: int

    @cached_property
    def count(self) -> int:
        """The sum of the counts divided by `least`: an upper bound if the counts are exact."""
        return sum(found.count for found in self.each) // self.least

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that satisfy at least `least` conditions."""
        counts = np.zeros(rows.size, dtype=np.uint32)
        for found in self.each:
            checkpoint()
            counts += found.of(rows).mask()
        return RowSet.of_mask(counts >= self.least)


def union(conditions: Iterable[Postings]) -> Postings:
    """The rows that satisfy at least one of the conditions; listed rows are joined to one list."""
    each = list(conditions)
    if len(each) == 1:
        return each[0]
    pieces = [piece for found in each if isinstance(found, ListedRows) for piece in found.pieces]
    others = [found for found in each if not isinstance(found, ListedRows)]
    if not others:
        return ListedRows(pieces)
    return Union([ListedRows(pieces), *others] if pieces else others)


def intersection(conditions: Iterable[Postings]) -> Postings:
    """The rows that satisfy all conditions, of which there is at least one."""
    each = list(conditions)
    return each[0] if len(each) == 1 else Intersection(each)
