"""The rows of a range of postings that can be among the best of a query, by float32 sums.

Sums of all rows are computed in float32 in any order: the common terms of a range, as whole arrays
of its rows, and the others by their postings. The bound of their error is small, so that few rows
but the best remain, which are then scored exactly (see `scores`).
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from ....model.vector_kinds import SparseVector
from ...read_bounds import expect
from ...storage.bitmap import Rows
from ..candidates import CandidateSet
from .postings import COLUMN, Postings

_POSTING_S = 5e-9
_ROW_S = 2e-10

_CROWDED = 4
"""There must be this many times as many columns as rows wanted: the best share few columns."""

_MANY_CONTENDERS = 64
"""A contender takes as long as this many postings to score."""

_LARGEST_SUM = 1e30
_SMALLEST_STEP = 1e-37

_add_product: Any = faiss.fvec_madd  # type: ignore[attr-defined]
"""Of n numbers a and b, a factor, and c: sets c to a + factor * b, in one pass."""

Singles = NDArray[np.float32]


class ContenderSearch:
    """Finds contenders among the candidates in a range of postings. Used by one thread.

    The arrays that it needs are made once for all queries of a batch.
    """

    def __init__(self, postings: Postings, candidates: CandidateSet) -> None:
        self._postings = postings
        width = postings.dense.shape[1]
        self._columns = width // COLUMN
        self._sums: Singles = np.empty(width, dtype=np.float32)
        self._by_column = self._sums.reshape(COLUMN, self._columns)
        self._pointer = faiss.swig_ptr(self._sums)
        self._start = self._first_sums(candidates)

    def _first_sums(self, candidates: CandidateSet) -> Singles | None:
        """What the sums begin with: 0 for candidates, -inf for other rows; None if all are."""
        own = self._postings
        count = candidates.count_between(own.start, own.stop)
        if not candidates.is_filtered and count == own.count:
            return None
        start = np.full(len(self._sums), -np.inf, dtype=np.float32)
        start[candidates.rows_between(own.start, own.stop) - own.start] = 0
        return start

    def find(self, query: SparseVector, limit: int, floor: float) -> tuple[Rows, float] | None:
        """The rows, and a bound that the `limit`-th best score is not below, at least `floor`.

        All of the best `limit` candidates are among the rows, but for those with scores below
        `floor`; each of the rows shares a term with the query. None if this is not the way to
        find them: rows may have to be returned with scores of at most 0, or there are too many.
        """
        own = self._postings
        if limit * _CROWDED > self._columns:
            return None
        places, is_known = own.find(query.indices)
        if not len(places):
            return np.zeros(0, dtype=np.int64), floor
        begins, ends = own.offsets[places], own.offsets[places + 1]
        lengths = ends - begins
        total = int(lengths.sum())
        expect(total * _POSTING_S + len(self._sums) * _ROW_S)
        if total < self._columns:
            return None
        weights = query.values[is_known]
        largest = np.maximum(own.largest[places], -own.least[places]).astype(np.float64)
        reach = float(np.abs(weights.astype(np.float64)) @ largest)
        if not reach < _LARGEST_SUM:
            return None
        # Twice what the roundings of products, of their sums and of the score add up to.
        error = len(places) * _SMALLEST_STEP + (len(places) + 2) * 2.0**-23 * reach
        self._add_up(places, begins, lengths, weights)
        best = np.maximum.reduce(self._by_column, axis=0)
        place = self._columns - limit
        floor = max(floor, float(np.partition(best, place)[place]) - error)
        bound = floor - error
        if not bound > 0:
            return None
        columns = np.flatnonzero(best >= bound)
        lines, found = np.nonzero(self._by_column.take(columns, axis=1) >= bound)
        if len(lines) > limit and (len(lines) - limit) * _MANY_CONTENDERS > total:
            return None
        return lines * self._columns + columns[found] + own.start, floor

    def _add_up(
        self,
        places: NDArray[np.int64],
        begins: NDArray[np.int64],
        lengths: NDArray[np.int64],
        weights: Singles,
    ) -> None:
        """Compute the sums of the terms at `places`."""
        own, sums = self._postings, self._sums
        if self._start is None:
            sums.fill(0)
        else:
            np.copyto(sums, self._start)
        if len(own.common):
            lines = np.minimum(np.searchsorted(own.common, places), len(own.common) - 1)
            is_common = own.common[lines] == places
            common = lines[is_common].tolist()
            for line, weight in zip(common, weights[is_common].tolist(), strict=True):
                values = faiss.swig_ptr(own.dense[line])
                _add_product(len(sums), self._pointer, weight, values, self._pointer)
            is_rare = ~is_common
            begins, lengths, weights = begins[is_rare], lengths[is_rare], weights[is_rare]
        if len(begins):
            ends = begins + lengths
            spans = [slice(*span) for span in zip(begins.tolist(), ends.tolist(), strict=True)]
            products = np.concatenate([own.values[span] for span in spans])
            products *= np.repeat(weights, lengths)
            np.add.at(sums, np.concatenate([own.rows[span] for span in spans]), products)
