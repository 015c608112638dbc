"""The rows of a range of postings that can be among the best of a query, by float32 sums.

Sums of all rows are computed in float32 in any order: the common terms of a range, as whole arrays
of its rows, and the others by their postings. The bound of their error is small, so that few rows
but the best remain, which are then scored exactly (see `scores`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Datatype
from ....model.vector_kinds import SparseVector
from ...native_library import faiss
from ...read_bounds import expect
from ...storage.bitmap import Rows
from ..candidates import CandidateSet
from .postings import COLUMN, Postings
from .weights import Singles

_POSTING_S = 5e-9
_ROW_S = 2e-10

_CROWDED = 4
"""There must be this many times as many columns as rows wanted: the best share few columns."""

_MANY_CONTENDERS = 64
"""A contender takes as long as this many postings to score."""

_LARGEST_SUM = 1e30
_SMALLEST_STEP = 1e-37

_KEPT = 1 << 20
"""The most sums whose memory a thread keeps."""

_NO_ROWS = np.zeros(0, dtype=np.int64)


class _Thread(threading.local):
    """What a thread keeps: to get new memory takes longer than to clear it."""

    def __init__(self) -> None:
        self._sums: Singles = np.empty(0, dtype=np.float32)
        self._pointer: Any = None

    def sums_of(self, size: int) -> tuple[Singles, Any]:
        """Memory for sums, until the next call, and its pointer."""
        if len(self._sums) != size:
            sums = np.empty(size, dtype=np.float32)
            if size > _KEPT:
                return sums, faiss.swig_ptr(sums)
            self._sums, self._pointer = sums, faiss.swig_ptr(sums)
        return self._sums, self._pointer


_thread = _Thread()


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
        own, queries = self.postings, self._queries
        self._sums, self._pointer = _thread.sums_of(self._columns * COLUMN)
        self._by_column = self._sums.reshape(COLUMN, self._columns)
        self._start = self._first_sums(self._candidates)
        places = own.places(_joined([query.indices for query in queries]))
        self._places: list[int] = places.tolist()
        self._spans: list[list[int]] = own.spans.take(places, axis=0).tolist()
        self._reaches: list[float] = own.reaches.take(places).tolist()
        self._weights: list[float] = _joined([query.values for query in queries]).tolist()
        self._bounds = list(accumulate([query.size for query in queries], initial=0))
        self._is_prepared = True

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
        if not self.postings.elements:
            return _NO_ROWS, floor
        if not self._is_prepared:
            self._prepare()
        some = slice(self._bounds[number], self._bounds[number + 1])
        weights = self._weights[some]
        terms, total = len(weights), sum([end - begin for begin, end, _ in self._spans[some]])
        if not total:
            return _NO_ROWS, floor
        expect(total * _POSTING_S + len(self._sums) * _ROW_S)
        reach = sum([a * abs(b) for a, b in zip(self._reaches[some], weights, strict=True)])
        if total < self._columns or not reach < _LARGEST_SUM:
            return None
        # Twice what the roundings of products, of their sums and of the score add up to.
        error = terms * _SMALLEST_STEP + (terms + 2) * 2.0**-23 * reach
        self._add_up(some)
        best = np.maximum.reduce(self._by_column, axis=0)
        place = self._columns - limit
        ordered = best.copy()
        ordered.partition(place)
        floor = max(floor, ordered.item(place) - error)
        bound = floor - error
        if not bound > 0:
            return None
        (columns,) = (best >= bound).nonzero()
        lines, found = (self._by_column[:, columns] >= bound).nonzero()
        if len(lines) > limit and (len(lines) - limit) * _MANY_CONTENDERS > total:
            return None
        lines *= self._columns
        lines += columns[found]
        lines += self.postings.start
        return lines, floor

    def _add_up(self, some: slice) -> None:
        """Compute the sums of some of the terms looked up."""
        own, sums = self.postings, self._sums
        rare: list[slice] = []
        places: list[int] = []
        lengths: list[int] = []
        weights: list[float] = []
        common: list[tuple[int, float]] = []
        every = zip(self._places[some], self._spans[some], self._weights[some], strict=True)
        for place, (begin, end, line), weight in every:
            if line >= 0:
                common.append((line, weight))
            elif begin < end:
                rare.append(slice(begin, end))
                places.append(place)
                lengths.append(end - begin)
                weights.append(weight)
        if self._start is not None:
            np.copyto(sums, self._start)
        elif common:
            line, weight = common.pop()
            np.multiply(own.dense[line], weight, out=sums)
        else:
            sums.fill(0)
        for line, weight in common:
            # Adds a product in one pass.
            faiss.fvec_madd(len(sums), self._pointer, weight, own.pointers[line], self._pointer)
        if rare:
            products = np.concatenate([own.codes[span] for span in rare])
            if own.datatype is not Datatype.FLOAT32:
                products = own.weights(products, np.array(places).repeat(lengths))
            products *= np.array(weights, dtype=np.float32).repeat(lengths)
            np.add.at(sums, np.concatenate([own.rows[span] for span in rare]), products)


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
