"""The rows of a range of postings that can be among the best of a query, by float32 sums.

Sums of all rows are computed in float32 in any order: the common terms of a range, as whole arrays
of its rows, and the others by their postings. The bound of their error is small, so that few rows
but the best remain, which are then scored exactly (see `scores`).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Finds contenders for queries among the candidates in a range. Used by one thread.

    The arrays that it needs are made, and the terms looked up, once for all queries of a batch.
    """

    def __init__(
        self, postings: Postings, candidates: CandidateSet, queries: Sequence[SparseVector]
    ) -> None:
        self.postings = postings
        self._candidates = candidates
        self._queries = queries
        self._columns = postings.dense.shape[1] // COLUMN
        self._is_prepared = False

    def _prepare(self) -> None:
        """Make what the first query needs that is not answered at once."""
        width = self._columns * COLUMN
        self._sums: Singles = np.empty(width, dtype=np.float32)
        self._by_column = self._sums.reshape(COLUMN, self._columns)
        self._pointer = faiss.swig_ptr(self._sums)
        self._start = self._first_sums(self._candidates)
        self._look_up(self._queries)
        self._is_prepared = True

    def _look_up(self, queries: Sequence[SparseVector]) -> None:
        """Look up the terms of all queries."""
        own, count = self.postings, len(queries)
        places, is_known = own.find(np.concatenate([query.indices for query in queries]))
        weights = np.concatenate([query.values for query in queries])[is_known]
        numbers = np.repeat(np.arange(count), [query.size for query in queries])[is_known]
        begins, ends = own.offsets[places], own.offsets[places + 1]
        lengths = ends - begins
        largest = np.maximum(own.largest[places], -own.least[places])
        reaches = np.abs(weights).astype(np.float64) * largest
        self._terms = np.bincount(numbers, minlength=count).tolist()
        self._totals = np.bincount(numbers, lengths, count).tolist()
        self._reaches = np.bincount(numbers, reaches, count).tolist()
        is_rare = np.ones(len(places), dtype=np.bool_)
        self._common: list[int] = []
        if len(own.common):
            lines = np.minimum(np.searchsorted(own.common, places), len(own.common) - 1)
            is_rare = own.common[lines] != places
            self._common = lines[~is_rare].tolist()
        bounds = np.arange(count + 1)
        self._common_weights = weights[~is_rare].tolist()
        self._common_bounds = np.searchsorted(numbers[~is_rare], bounds).tolist()
        spans = zip(begins[is_rare].tolist(), ends[is_rare].tolist(), strict=True)
        self._spans = [slice(*span) for span in spans]
        self._lengths, self._weights = lengths[is_rare], weights[is_rare]
        self._bounds = np.searchsorted(numbers[is_rare], bounds).tolist()

    def _first_sums(self, candidates: CandidateSet) -> Singles | None:
        """What the sums begin with: 0 for candidates, -inf for other rows; None if all are."""
        own = self.postings
        count = candidates.count_between(own.start, own.stop)
        if not candidates.is_filtered and count == own.count:
            return None
        start = np.full(len(self._sums), -np.inf, dtype=np.float32)
        start[candidates.rows_between(own.start, own.stop) - own.start] = 0
        return start

    def find(self, number: int, limit: int, floor: float) -> tuple[Rows, float] | None:
        """The rows for a query, and a bound that the `limit`-th best score is not below.

        The bound is at least `floor`. All of the best `limit` candidates are among the rows, but
        for those with scores below `floor`; each of the rows shares a term with the query. None if
        this is not the way to find them: rows may have to be returned with scores of at most 0, or
        there are too many.
        """
        if limit * _CROWDED > self._columns:
            return None
        if not self._is_prepared:
            self._prepare()
        own, terms, total = self.postings, self._terms[number], self._totals[number]
        if not terms:
            return np.zeros(0, dtype=np.int64), floor
        expect(total * _POSTING_S + len(self._sums) * _ROW_S)
        reach = self._reaches[number]
        if total < self._columns or not reach < _LARGEST_SUM:
            return None
        # Twice what the roundings of products, of their sums and of the score add up to.
        error = terms * _SMALLEST_STEP + (terms + 2) * 2.0**-23 * reach
        self._add_up(number)
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

    def _add_up(self, number: int) -> None:
        """Compute the sums of the terms of a query."""
        own, sums = self.postings, self._sums
        if self._start is None:
            sums.fill(0)
        else:
            np.copyto(sums, self._start)
        for place in range(*self._common_bounds[number : number + 2]):
            values = faiss.swig_ptr(own.dense[self._common[place]])
            weight = self._common_weights[place]
            _add_product(len(sums), self._pointer, weight, values, self._pointer)
        some = slice(*self._bounds[number : number + 2])
        spans = self._spans[some]
        if spans:
            products = np.concatenate([own.values[span] for span in spans])
            products *= np.repeat(self._weights[some], self._lengths[some])
            np.add.at(sums, np.concatenate([own.rows[span] for span in spans]), products)
