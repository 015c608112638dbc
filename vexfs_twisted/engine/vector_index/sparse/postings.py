"""Postings of the sparse vectors of a range of rows: the rows and values of each term.

Rows never change, so postings stay valid: a row that has been deleted since is not a candidate any
more.
"""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from ....model import ragged
from ...storage.bitmap import Bitmap, Rows
from ..space import SparseSpace

Terms = NDArray[np.uint32]


@frozen(eq=False)
class Postings:
    """The postings of the `count` vectors among the rows in [start, stop). Immutable.

    `terms`, shape [t], ascend. Term i has the elements offsets[i] to offsets[i + 1] of `rows`,
    int32, relative to `start` and ascending, and of `values`, float32. `elements` is their number.
    """

    start: int
    stop: int
    count: int
    terms: Terms
    offsets: NDArray[np.int64]
    rows: NDArray[np.int32]
    values: NDArray[np.float32] = field(repr=False)

    @classmethod
    def of(cls, space: SparseSpace, start: int, stop: int) -> Postings:
        """The postings of the present rows in [start, stop)."""
        own = space.everything.rows_between(start, stop)
        lengths, indices, values = space.elements(own)
        rows = (own[ragged.row_of_each(lengths)] - start).astype(np.int32)
        # Elements are in the order of rows, which a stable sort keeps within each term.
        order = np.argsort(indices, kind="stable")
        sorted_indices = indices[order]
        is_first = np.ones(len(sorted_indices), dtype=np.bool_)
        is_first[1:] = sorted_indices[1:] != sorted_indices[:-1]
        begins = np.flatnonzero(is_first)
        offsets = np.append(begins, len(sorted_indices)).astype(np.int64)
        return cls(
            start, stop, len(own), sorted_indices[begins], offsets, rows[order], values[order]
        )

    @property
    def elements(self) -> int:
        """The number of elements of all vectors."""
        return len(self.rows)

    def spans(self, terms: Terms) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ranges of the elements of `terms`, ascending: begins and ends, shape [n]."""
        places = np.searchsorted(self.terms, terms)
        is_known = places < len(self.terms)
        is_known[is_known] = self.terms[places[is_known]] == terms[is_known]
        known = np.where(is_known, places, 0)
        begins = np.where(is_known, self.offsets[known], 0)
        ends = np.where(is_known, self.offsets[known + 1], 0) if len(self.terms) else begins
        return begins, ends

    def frequencies(self, terms: Terms, present: Bitmap) -> NDArray[np.int64]:
        """How many of the rows in `present` have each of `terms`, shape [n]."""
        begins, ends = self.spans(terms)
        if present.count_between(self.start, self.stop) == self.count:
            return ends - begins
        return np.array(
            [
                np.count_nonzero(present.has(self._rows(begin, end)))
                for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
            ],
            dtype=np.int64,
        )

    def _rows(self, begin: int, end: int) -> Rows:
        return self.rows[begin:end].astype(np.int64) + self.start
