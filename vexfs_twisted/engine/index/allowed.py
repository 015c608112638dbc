"""The rows that a search may find."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..store.bitmap import Bitmap, Rows

_KEPT_ROWS = 1 << 16
"""No longer list of rows is remembered: it takes less to make it again than to hold it."""


class Allowed:
    """The rows in `present`, or those of them, `passing` and ascending, that pass a filter.

    What is asked of it is worked out then, and only once. Any thread may use it.
    """

    def __init__(self, present: Bitmap, passing: Rows | None = None) -> None:
        self._present = present
        self._passing = passing
        self._mask: NDArray[np.bool_] | None = None
        self._counts: dict[tuple[int, int], int] = {}
        self._parts: dict[tuple[int, int], Rows] = {}

    @property
    def is_filtered(self) -> bool:
        """Whether a filter had a say."""
        return self._passing is not None

    @property
    def room(self) -> int:
        """A multiple of 64 that all of them are below."""
        return len(self._present.bits) * 8

    @property
    def count(self) -> int:
        """How many there are."""
        return self._present.count if self._passing is None else len(self._passing)

    def rows(self) -> Rows:
        """All of them, ascending."""
        return self._present.rows() if self._passing is None else self._passing

    def count_between(self, start: int, stop: int) -> int:
        """How many lie from row `start` to before `stop`, multiples of 64."""
        count = self._counts.get((start, stop))
        if count is None:
            if self._passing is None:
                count = self._present.count_between(start, stop)
            else:
                first, last = np.searchsorted(self._passing, (start, stop)).tolist()
                count = int(last - first)
            self._counts[start, stop] = count
        return count

    def rows_between(self, start: int, stop: int) -> Rows:
        """Those from row `start` to before `stop`, multiples of 64, ascending."""
        rows = self._parts.get((start, stop))
        if rows is None:
            if self._passing is None:
                bits = self._present.bits[start // 8 : stop // 8]
                rows = np.flatnonzero(np.unpackbits(bits, bitorder="little")) + start
            else:
                first, last = np.searchsorted(self._passing, (start, stop)).tolist()
                rows = self._passing[first:last]
            if len(rows) <= _KEPT_ROWS:
                self._parts[start, stop] = rows
        return rows

    def has(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of `rows`, any shape, are among them."""
        if self._passing is None:
            return self._present.has(rows)
        if self._mask is None:
            self._mask = np.zeros(self.room, dtype=np.bool_)
            self._mask[self._passing] = True
        return self._mask[rows]
