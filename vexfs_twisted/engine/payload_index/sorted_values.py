"""Sorted pairs of values and rows: the structure of every part of a column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ...model.filters import DatetimeRange, Number, Range, ValuesCount
from ..storage.row_sets import Mask, RowNumbers

Places: TypeAlias = NDArray[np.uint32]
_FEW = 16
"""The rows of more values than this are copied rather than listed value by value."""

Bounds = Range | DatetimeRange | ValuesCount


@frozen(eq=False)
class SortedValues:
    """Distinct pairs of a value and a row, sorted by both: two arrays of shape [n]."""

    values: NDArray[Any]
    rows: RowNumbers

    @classmethod
    def of(cls, values: Any, rows: Any, dtype: Any) -> SortedValues:
        """Sort pairs, which may be in any order and have duplicates."""
        pairs = np.array(values, dtype=dtype), np.array(rows, dtype=np.uint32)
        order = np.lexsort(pairs[::-1])
        ordered, of_rows = pairs[0][order], pairs[1][order]
        is_new = np.ones(len(order), dtype=np.bool_)
        is_new[1:] = (ordered[1:] != ordered[:-1]) | (of_rows[1:] != of_rows[:-1])
        return cls(ordered[is_new], of_rows[is_new])

    @property
    def nbytes(self) -> int:
        """Bytes of memory of the arrays, and of `last_places` if that has as many rows."""
        return int(self.values.nbytes + 2 * self.rows.nbytes)

    @cached_property
    def last_places(self) -> Places:
        """The position of each row's last value, or `len(rows)` for none.

        Shape [last row + 1].
        """
        count = len(self.rows)
        size = int(self.rows.max()) + 1 if count else 0
        places = np.full(size, count, dtype=np.uint32)
        places[self.rows] = np.arange(count, dtype=np.uint32)
        return places

    @cached_property
    def places(self) -> Places | None:
        """See `last_places`; None if a row has several values."""
        last = self.last_places
        own = np.arange(len(self.rows), dtype=np.uint32)
        return last if bool((last[self.rows] == own).all()) else None

    def equal(self, value: Any) -> RowNumbers:
        """The rows that have `value`, ascending."""
        (span,) = self.spans([value])
        return self.rows[span]

    def among(self, values: Sequence[Any]) -> list[RowNumbers]:
        """The rows of each of `values` that occurs, ascending; those of many values as one array.

        In that, the rows of each value are ascending, one value after the other.
        """
        if len(values) <= _FEW:
            return [self.rows[span] for span in self.spans(values) if span.start < span.stop]
        starts, stops = self._bounds(values)
        counts = stops - starts
        # The position of each row: the first of its value, and how many rows of that came before.
        before = np.cumsum(counts) - counts
        return [self.rows[np.repeat(starts - before, counts) + np.arange(counts.sum())]]

    def beside(self, values: Sequence[Any]) -> list[RowNumbers]:
        """The rows that have values other than `values`: those before, between and after them."""
        spans = sorted((span.start, span.stop) for span in self.spans(values))
        starts = [0, *(stop for _, stop in spans)]
        stops = [*(start for start, _ in spans), len(self.rows)]
        pairs = zip(starts, stops, strict=True)
        return [self.rows[start:stop] for start, stop in pairs if start < stop]

    def spans(self, values: Sequence[Any]) -> list[slice]:
        """The span of positions of each of `values`; empty if it does not occur."""
        starts, stops = self._bounds(values)
        return list(map(slice, starts.tolist(), stops.tolist()))

    def _bounds(self, values: Sequence[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The positions of the first of each of `values`, and those behind the last of each."""
        wanted = np.array(values, dtype=self.values.dtype)
        return self.values.searchsorted(wanted, "left"), self.values.searchsorted(wanted, "right")

    def span(self, bounds: Bounds) -> slice:
        """The span of the values within all given bounds; empty if a bound is NaN."""
        start, end = 0, len(self.values)
        if any(bound != bound for bound in (bounds.lt, bounds.gt, bounds.lte, bounds.gte)):
            return slice(0, 0)
        if bounds.gt is not None:
            start = max(start, self._after(bounds.gt))
        if bounds.gte is not None:
            start = max(start, self._before(bounds.gte))
        if bounds.lt is not None:
            end = min(end, self._before(bounds.lt))
        if bounds.lte is not None:
            end = min(end, self._after(bounds.lte))
        return slice(start, max(start, end))

    def folded(self, keep: Mask, fresh: SortedValues) -> SortedValues:
        """The pairs of the rows in the mask `keep`, merged with those of `fresh`, of other rows."""
        kept = keep[self.rows]
        values, rows = self.values[kept], self.rows[kept]
        places = _places(values, rows, fresh)
        return SortedValues(
            np.insert(values, places, fresh.values), np.insert(rows, places, fresh.rows)
        )

    def counted_from(self, row: int) -> SortedValues:
        """The same pairs with rows counted from `row`, without those of rows before it."""
        is_kept = self.rows >= row
        return SortedValues(self.values[is_kept], self.rows[is_kept] - np.uint32(row))

    def _before(self, bound: Number) -> int:
        """The position of the first value not below `bound`."""
        if self.values.dtype.kind == "f":
            return self._float_position(bound, "left")
        return self._integer_position(bound, math.ceil)

    def _after(self, bound: Number) -> int:
        """The position of the first value above `bound`."""
        if self.values.dtype.kind == "f":
            return self._float_position(bound, "right")
        return self._integer_position(bound, lambda number: math.floor(number) + 1)

    def _float_position(self, bound: Number, side: Literal["left", "right"]) -> int:
        """The position of `bound` among floats, on the given side of equal ones."""
        nearest = float(bound)
        if nearest != bound:
            # No float equals that integer; those equal to the nearest are all below or all above.
            side = "left" if nearest > bound else "right"
        return int(np.searchsorted(self.values, nearest, side))

    def _integer_position(self, bound: Number, limit_of: Any) -> int:
        """The position of the first integer not below the limit; exact beyond 2**53 too."""
        if math.isinf(bound):
            return len(self.values) if bound > 0 else 0
        limit, range_ = limit_of(bound), np.iinfo(self.values.dtype)
        if limit > range_.max:
            return len(self.values)
        if limit < range_.min:
            return 0
        return int(np.searchsorted(self.values, np.array(limit, dtype=self.values.dtype)))


def _places(values: NDArray[Any], rows: RowNumbers, fresh: SortedValues) -> NDArray[np.intp]:
    """Insertion points of the pairs of `fresh` in the sorted pairs of `values` and `rows`.

    A vectorized bisection by row among the pairs of equal value.
    """
    low = np.searchsorted(values, fresh.values, "left")
    high = np.searchsorted(values, fresh.values, "right")
    while (is_open := low < high).any():
        middle = (low + high) // 2
        is_before = is_open.copy()
        is_before[is_open] = rows[middle[is_open]] < fresh.rows[is_open]
        high = np.where(is_open & ~is_before, middle, high)
        low = np.where(is_before, middle + 1, low)
    return low
