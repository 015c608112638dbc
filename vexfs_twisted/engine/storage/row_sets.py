"""Sets of rows for filters: sparse ones as row numbers, dense ones as a mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .bitmap import Bitmap, Rows

RowNumbers: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]

_SPARSE = 64
"""A set with fewer than one row in this many is stored as numbers."""

_PROBED = 256
"""Lookups of fewer than one row in this many use binary search instead of building a mask."""

FIRST_LOOK = 4096
"""The least number of rows that the first step of a search for the first rows of a set scans."""


class RowSet:
    """An immutable set of rows below `size`. Not thread-safe: it caches representations.

    At least one of `_numbers`, ascending, `_mask`, shape [size], and `_bits` is set; others are
    computed on demand and kept.
    """

    __slots__ = ("_bits", "_mask", "_numbers", "size")

    def __init__(
        self,
        size: int,
        numbers: Rows | None = None,
        mask: Mask | None = None,
        bits: Bitmap | None = None,
    ) -> None:
        self.size = size
        self._numbers = numbers
        self._mask = mask
        self._bits = bits

    @classmethod
    def of_bitmap(cls, bits: Bitmap, size: int) -> RowSet:
        """The rows of a bitmap that has no rows from `size` on and capacity for `size` rows."""
        return cls(size, bits=bits)

    @classmethod
    def of_mask(cls, mask: Mask) -> RowSet:
        """The rows whose element of the mask is true."""
        return cls(len(mask), mask=mask)

    @classmethod
    def of_numbers(cls, numbers: RowNumbers | Rows, size: int) -> RowSet:
        """The rows `numbers`, ascending and distinct."""
        return cls(size, numbers.astype(np.int64, copy=False))

    @classmethod
    def gathered(cls, pieces: Sequence[RowNumbers | Rows], size: int) -> RowSet:
        """The rows of all pieces, which may be unordered and have duplicates."""
        rows = pieces[0] if len(pieces) == 1 else np.concatenate([_NO_ROWS, *pieces])
        if _SPARSE * len(rows) < size:
            return cls.of_numbers(np.unique(rows), size)
        mask = np.zeros(size, dtype=np.bool_)
        # Indexing with another dtype than intp takes three times as long.
        mask[rows.astype(np.intp)] = True
        return cls.of_mask(mask)

    def __len__(self) -> int:
        if self._numbers is not None:
            return len(self._numbers)
        return int(np.count_nonzero(self.mask())) if self._bits is None else self._bits.count

    @property
    def is_few(self) -> bool:
        """Whether the row numbers are already computed."""
        return self._numbers is not None

    @property
    def is_everything(self) -> bool:
        """Whether the set is known to have all rows below `size`."""
        return self._bits is not None and self._bits.count == self.size

    def numbers(self) -> Rows:
        """The rows, ascending."""
        if self._numbers is None:
            self._numbers = np.flatnonzero(self.mask())
        return self._numbers

    def first(self, start: int, limit: int) -> Rows:
        """The first `limit` rows from row `start` on, ascending."""
        if self._numbers is not None:
            begin = int(self._numbers.searchsorted(start))
            return self._numbers[begin : begin + limit]
        mask, found, count = self.mask(), [_NO_ROWS.astype(np.int64)], 0
        width = max(4 * limit, FIRST_LOOK)
        while count < limit and start < self.size:
            part = np.flatnonzero(mask[start : start + width]) + start
            found.append(part[: limit - count])
            count += len(part)
            start += width
            width *= 2
        return np.concatenate(found)

    def mask(self) -> Mask:
        """Membership of each row, shape [size]. Must not be changed."""
        if self._mask is None:
            if self._bits is not None:
                self._mask = self._bits.mask(self.size)
            else:
                self._mask = np.zeros(self.size, dtype=np.bool_)
                self._mask[self.numbers()] = True
        return self._mask

    def has(self, rows: Rows) -> Mask:
        """Which of `rows`, in any order, are in the set."""
        if self._mask is None and _PROBED * len(rows) < self.size:
            if self._bits is not None:
                return self._bits.has(rows)
            return self._probed(rows)
        return self.mask()[rows]

    def where(self, chosen: Mask) -> RowSet:
        """The rows selected by `chosen`, a mask in the order of `numbers`."""
        return RowSet.of_numbers(self.numbers()[chosen], self.size)

    def __and__(self, other: RowSet) -> RowSet:
        if self.is_everything:
            return other
        if other.is_everything:
            return self
        if self.is_few and not (other.is_few and len(other) < len(self)):
            return self.where(other.has(self.numbers()))
        if other.is_few:
            return other.where(self.has(other.numbers()))
        return RowSet.of_mask(self.mask() & other.mask())

    def __sub__(self, other: RowSet) -> RowSet:
        if self.is_few:
            return self.where(~other.has(self.numbers()))
        if not other.is_few:
            return RowSet.of_mask(self.mask() & ~other.mask())
        left = self.mask().copy()
        left[other.numbers()] = False
        return RowSet.of_mask(left)

    def __or__(self, other: RowSet) -> RowSet:
        if self.is_few and other.is_few:
            return RowSet.gathered([self.numbers(), other.numbers()], self.size)
        if self.is_few or other.is_few:
            few, many = (self, other) if self.is_few else (other, self)
            joined = many.mask().copy()
            joined[few.numbers()] = True
            return RowSet.of_mask(joined)
        return RowSet.of_mask(self.mask() | other.mask())

    def _probed(self, rows: Rows) -> Mask:
        numbers = self.numbers()
        places = np.searchsorted(numbers, rows)
        places[places == len(numbers)] = 0
        found: Mask = numbers[places] == rows if len(numbers) else np.zeros(len(rows), np.bool_)
        return found


_NO_ROWS = np.zeros(0, dtype=np.uint32)
