"""Candidate sets: the rows that a search may return."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..storage.bitmap import Bitmap, Rows
from ..storage.row_sets import RowSet

_KEPT_ROWS = 1 << 16
"""Longer lists of rows are not cached: recomputing them is cheaper than keeping them."""


class CandidateSet:
    """The rows in `present`, or `passing`, those of them that pass a filter.

    Results are computed on demand and cached. Thread-safe only without a filter.
    """

    def __init__(self, present: Bitmap, passing: RowSet | None = None) -> None:
        self._present = present
        self._passing = passing
        self._counts: dict[tuple[int, int], int] = {}
        self._parts: dict[tuple[int, int], Rows] = {}

    @property
    def is_filtered(self) -> bool:
        """Whether a filter was applied."""
        return self._passing is not None

    @property
    def room(self) -> int:
        """An upper bound, exclusive, of the rows."""
        return len(self._present.bits) * 8

    @cached_property
    def count(self) -> int:
        """The number of candidates."""
        return self._present.count if self._passing is None else len(self._passing)

    def rows(self) -> Rows:
        """All candidates, ascending."""
        return self._present.rows() if self._passing is None else self._passing.numbers()

    def count_between(self, start: int, stop: int) -> int:
        """The number of candidates in [start, stop); cached."""
        count = self._counts.get((start, stop))
        if count is None:
            if self._passing is None:
                count = self._present.count_between(start, stop)
            elif self._passing.is_few:
                count = len(self.rows_between(start, stop))
            else:
                count = int(np.count_nonzero(self._passing.mask()[start:stop]))
            self._counts[start, stop] = count
        return count

    def rows_between(self, start: int, stop: int) -> Rows:
        """The candidates in [start, stop), ascending; cached unless there are many."""
        rows = self._parts.get((start, stop))
        if rows is None:
            rows = self._between(start, stop)
            if len(rows) <= _KEPT_ROWS:
                self._parts[start, stop] = rows
        return rows

    def has(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows`, any shape, are candidates."""
        return self._present.has(rows) if self._passing is None else self._passing.has(rows)

    def _between(self, start: int, stop: int) -> Rows:
        if self._passing is None:
            return self._present.rows_between(start, stop)
        if self._passing.is_few:
            numbers = self._passing.numbers()
            first, last = np.searchsorted(numbers, (start, stop)).tolist()
            return numbers[first:last]
        return np.flatnonzero(self._passing.mask()[start:stop]) + start
