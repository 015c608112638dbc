"""The rows that a search may find."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..storage.bitmap import Bitmap, Rows
from ..storage.row_sets import RowSet

_KEPT_ROWS = 1 << 16
"""No longer list of rows is remembered: it takes less to make it again than to hold it."""


class CandidateSet:
    """The rows in `present`, or those of them, `passing`, that pass a filter.

    What is asked of it is worked out then, and only once. Any thread may use it that has no filter.
    """

    def __init__(self, present: Bitmap, passing: RowSet | None = None) -> None:
        self._present = present
        self._passing = passing
        self._counts: dict[tuple[int, int], int] = {}
        self._parts: dict[tuple[int, int], Rows] = {}

    @property
    def is_filtered(self) -> bool:
        """Whether a filter had a say."""
        return self._passing is not None

    @property
    def room(self) -> int:
        """A number that all of them are below."""
        return len(self._present.bits) * 8

    @cached_property
    def count(self) -> int:
        """How many there are."""
        return self._present.count if self._passing is None else len(self._passing)

    def rows(self) -> Rows:
        """All of them, ascending."""
        return self._present.rows() if self._passing is None else self._passing.numbers()

    def count_between(self, start: int, stop: int) -> int:
        """How many lie from row `start` to before `stop`."""
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
        """Those from row `start` to before `stop`, ascending."""
        rows = self._parts.get((start, stop))
        if rows is None:
            rows = self._between(start, stop)
            if len(rows) <= _KEPT_ROWS:
                self._parts[start, stop] = rows
        return rows

    def has(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows`, any shape, are among them."""
        return self._present.has(rows) if self._passing is None else self._passing.has(rows)

    def _between(self, start: int, stop: int) -> Rows:
        if self._passing is None:
            return self._present.rows_between(start, stop)
        if self._passing.is_few:
            numbers = self._passing.numbers()
            first, last = np.searchsorted(numbers, (start, stop)).tolist()
            return numbers[first:last]
        return np.flatnonzero(self._passing.mask()[start:stop]) + start
