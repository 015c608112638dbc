"""What conditions find, before it is put together.

To find where the rows lie is cheap, and tells how many there are. The rows themselves are put
together when a filter comes to the condition, and only as far as it still has to know.
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
"""Rows that are at least one in so many are made a mask of, though they are in order already."""

_SPARSE = 64
"""Rows that are fewer than one in so many are not sought among the values of all."""


class Postings(Protocol):
    """The rows that satisfy a condition."""

    @property
    def count(self) -> int:
        """About how many rows that are, seldom more."""

    @property
    def is_slow(self) -> bool:
        """Whether rows are looked at one by one, so that other conditions should come first."""

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that satisfy the condition."""


@frozen(eq=False)
class ListedRows:
    """Rows that are listed in `pieces`; `is_ordered` tells that there is one, which ascends."""

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
    """The rows whose values lie in one span of all values in order."""

    held: SortedValues
    span: slice
    is_slow = False

    @property
    def count(self) -> int:
        """How many values that are."""
        return int(self.span.stop - self.span.start)

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that have such a value: each is looked up where rows have one value."""
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
        # What lies before the start wraps around to numbers past the count.
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
        """How many rows that are."""
        return self.bitmap.count

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that are in the bitmap."""
        return rows & RowSet.of_bitmap(self.bitmap, rows.size)


@frozen(eq=False)
class TestedRows:
    """The rows that pass a test, about `count` at most."""

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
        """How many rows the condition leaves at least."""
        return max(self.size - self.found.count, 0)

    @property
    def is_slow(self) -> bool:
        """Whether the condition is."""
        return self.found.is_slow

    def of(self, rows: RowSet) -> RowSet:
        """`rows` without those that satisfy the condition."""
        return rows - self.found.of(rows)


@frozen(eq=False, slots=False)
class _Combined:
    """What is made of several conditions, `each`."""

    each: Sequence[Postings]

    @cached_property
    def is_slow(self) -> bool:
        """Whether one of the conditions is."""
        return any(found.is_slow for found in self.each)

    def _in_turn(self) -> list[Postings]:
        """The conditions, the fast ones first and of those the ones that fewest rows satisfy."""
        return sorted(self.each, key=lambda found: (found.is_slow, found.count))


@frozen(eq=False, slots=False)
class Intersection(_Combined):
    """The rows that satisfy every condition, of which there is at least one."""

    @cached_property
    def count(self) -> int:
        """As many as satisfy the most selective one."""
        return min(found.count for found in self.each)

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that satisfy every condition; each is held against what is left."""
        for found in self._in_turn():
            checkpoint()
            rows = found.of(rows)
        return rows


@frozen(eq=False, slots=False)
class Union(_Combined):
    """The rows that satisfy at least one condition, of which there is at least one."""

    @cached_property
    def count(self) -> int:
        """As many as satisfy each, if none satisfies two."""
        return sum(found.count for found in self.each)

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that satisfy a condition; the slow ones come to what others miss."""
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
        """As many as satisfy each, if none satisfies more than so many."""
        return sum(found.count for found in self.each) // self.least

    def of(self, rows: RowSet) -> RowSet:
        """Those of `rows` that satisfy so many."""
        counts = np.zeros(rows.size, dtype=np.uint32)
        for found in self.each:
            checkpoint()
            counts += found.of(rows).mask()
        return RowSet.of_mask(counts >= self.least)


def union(conditions: Iterable[Postings]) -> Postings:
    """The rows that satisfy at least one of the conditions; what is listed is listed together."""
    each = list(conditions)
    if len(each) == 1:
        return each[0]
    pieces = [piece for found in each if isinstance(found, ListedRows) for piece in found.pieces]
    others = [found for found in each if not isinstance(found, ListedRows)]
    if not others:
        return ListedRows(pieces)
    return Union([ListedRows(pieces), *others] if pieces else others)


def intersection(conditions: Iterable[Postings]) -> Postings:
    """The rows that satisfy every one of the conditions, of which there is at least one."""
    each = list(conditions)
    return each[0] if len(each) == 1 else Intersection(each)
