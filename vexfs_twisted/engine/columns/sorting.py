"""Values in order with the rows that have them: what every kind of column is made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from ...model.filters import DatetimeRange, Range, ValuesCount

RowNumbers: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]
Bounds = Range | DatetimeRange | ValuesCount


@frozen(eq=False)
class SortedValues:
    """Pairs of a value and a row, each pair once, ascending by value: two arrays of shape [n]."""

    values: NDArray[Any]
    rows: RowNumbers

    @classmethod
    def of(cls, values: Any, rows: Any, dtype: Any) -> SortedValues:
        """The pairs of `values` and `rows`, in any order and some maybe more than once."""
        pairs = np.array(values, dtype=dtype), np.array(rows, dtype=np.uint32)
        order = np.lexsort(pairs[::-1])
        ordered, of_rows = pairs[0][order], pairs[1][order]
        is_new = np.ones(len(order), dtype=np.bool_)
        is_new[1:] = (ordered[1:] != ordered[:-1]) | (of_rows[1:] != of_rows[:-1])
        return cls(ordered[is_new], of_rows[is_new])

    @property
    def nbytes(self) -> int:
        """The memory that the arrays take."""
        return int(self.values.nbytes + self.rows.nbytes)

    def equal(self, value: Any) -> RowNumbers:
        """The rows that have `value`."""
        return self.among([value])

    def among(self, values: Sequence[Any]) -> RowNumbers:
        """The rows that have one of `values`, a row as often as it has them."""
        wanted = np.array(values, dtype=self.values.dtype)
        starts = np.searchsorted(self.values, wanted, "left").tolist()
        ends = np.searchsorted(self.values, wanted, "right").tolist()
        found = [self.rows[start:end] for start, end in zip(starts, ends, strict=True)]
        return np.concatenate(found) if found else self.rows[:0]

    def between(self, bounds: Bounds) -> RowNumbers:
        """The rows with a value within every bound given."""
        return self.rows[self.span(bounds)]

    def span(self, bounds: Bounds) -> slice:
        """Where the values lie that are within every bound given."""
        start, end = 0, len(self.values)
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
        """The pairs of the rows in `keep`, and those of `fresh`, which has other rows."""
        kept = keep[self.rows]
        values, rows = self.values[kept], self.rows[kept]
        places = np.searchsorted(values, fresh.values, "right")
        return SortedValues(
            np.insert(values, places, fresh.values), np.insert(rows, places, fresh.rows)
        )

    def _before(self, bound: float) -> int:
        """The position of the first value not below `bound`."""
        if self.values.dtype.kind == "f":
            return int(np.searchsorted(self.values, bound, "left"))
        return self._integer_position(bound, math.ceil)

    def _after(self, bound: float) -> int:
        """The position of the first value above `bound`."""
        if self.values.dtype.kind == "f":
            return int(np.searchsorted(self.values, bound, "right"))
        return self._integer_position(bound, lambda number: math.floor(number) + 1)

    def _integer_position(self, bound: float, limit_of: Any) -> int:
        """The position of the first integer not below the limit; exact where floats are not."""
        if math.isinf(bound):
            return len(self.values) if bound > 0 else 0
        limit, range_ = limit_of(bound), np.iinfo(self.values.dtype)
        if limit > range_.max:
            return len(self.values)
        if limit < range_.min:
            return 0
        return int(np.searchsorted(self.values, np.array(limit, dtype=self.values.dtype)))
