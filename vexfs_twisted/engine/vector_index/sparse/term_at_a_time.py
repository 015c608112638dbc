"""The best rows of one range of postings.

The products of all terms are added up at once, unless there are very many. Then terms are taken one
at a time, the rarest first: most rows of common terms cannot be among the best, as these weigh
little. Once the best rows by the rarer terms are known, and the remaining terms alone cannot raise
another row above them, the remaining terms are looked up for the rows that still can be among the
best only ("MaxScore": Turtle and Flood, Query evaluation: strategies and optimizations, 1995).
Whichever way, scores are sums in float64 in the order of the terms: see `scores`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ....model.vector_kinds import SparseVector
from ...read_bounds import expect
from ...storage.bitmap import Rows
from ..candidates import CandidateSet
from ..doubles import LARGEST, clipped
from ..hits import Hits, best_of, no_hits
from .postings import Postings

_POSTING_S = 4e-9
_LEAST_SAVED = 1 << 19
"""The least number of postings left for which it pays to look for the best rows so far."""

_FEW = 16
"""The rows found are sorted if there are fewer postings than one in this many rows."""

_ROUNDING = 1e-9

Numbers = NDArray[np.float64]


def best_rows(
    postings: Postings, candidates: CandidateSet, query: SparseVector, limit: int, floor: float
) -> Hits:
    """The best candidates that share a term with the query, as many as `limit`.

    Rows with a score below `floor` may be left out.
    """
    places = postings.places(query.indices)
    is_known = places < len(postings.terms)
    if not is_known.any():
        return no_hits()
    places, weights = places[is_known], query.values[is_known].astype(np.float64)
    lengths = postings.lengths[places]
    expect(int(lengths.sum()) * _POSTING_S)
    products = weights * np.stack((postings.least[places], postings.largest[places]))
    # What a term adds to a score lies between these; a row without the term gets 0.
    lowest, highest = np.minimum(products.min(axis=0), 0), np.maximum(products.max(axis=0), 0)
    left = int(lengths.sum())
    if left < 2 * _LEAST_SAVED:
        is_positive = bool(products.min() > 0)
        return _best_of_all(postings, candidates, places, weights, limit, is_positive)
    order = np.argsort(lengths, kind="stable")
    found = _Sums(postings, candidates)
    for place, term in enumerate(order.tolist()):
        found.add(places[term], weights[term])
        left -= int(lengths[term])
        if left >= _LEAST_SAVED:
            others = order[place + 1 :]
            rows = found.contenders(
                limit, floor, float(lowest[others].sum()), float(highest[others].sum())
            )
            if rows is not None and len(rows) * len(places) < left:
                scores = np.zeros(len(rows))
                for own, weight in zip(places.tolist(), weights.tolist(), strict=True):
                    _look_up(postings, own, weight, rows, scores)
                return _ranked(postings, rows, scores, limit)
    # Sums depend on the order of the terms in their last bits.
    is_positive = bool(products.min() > 0)
    return _best_of_all(postings, candidates, places, weights, limit, is_positive)


def _best_of_all(
    postings: Postings,
    candidates: CandidateSet,
    places: NDArray[np.int64],
    weights: Numbers,
    limit: int,
    is_positive: bool,
) -> Hits:
    """The best rows by the sums of all terms. With `is_positive`, all products are above 0."""
    terms = [postings.term(place) for place in places.tolist()]
    rows = np.concatenate([own for own, _ in terms])
    parts = [
        own * np.float64(weight) for (_, own), weight in zip(terms, weights.tolist(), strict=True)
    ]
    size = postings.stop - postings.start
    if len(rows) * _FEW < size:
        found, numbers = np.unique(rows, return_inverse=True)
        sums: Numbers = np.bincount(numbers, np.concatenate(parts), len(found)).astype(np.float64)
        is_candidate = candidates.has(found + postings.start)
        return _ranked(postings, found[is_candidate], sums[is_candidate], limit)
    # One pass in the order of the terms, several times faster than an indexed addition for each.
    sums = np.bincount(rows, np.concatenate(parts), size).astype(np.float64, copy=False)
    is_whole = not candidates.is_filtered and (
        candidates.count_between(postings.start, postings.stop) == postings.count
    )
    if is_whole and is_positive and np.count_nonzero(sums) >= limit:
        # To choose among all rows takes less than to gather those that were found.
        every = np.arange(postings.start, postings.stop)
        best = best_of(Distance.DOT, every, clipped(sums), limit)
        # A sum that is rounded to 0 ties with those of rows that have none of the terms.
        if best.scores[-1] > 0:
            return best
    is_found = sums > 0 if is_positive else np.bincount(rows, minlength=size) > 0
    found = np.flatnonzero(is_found)
    if not is_whole:
        found = found[candidates.has(found + postings.start)]
    return _ranked(postings, found, sums[found], limit)


class _Sums:
    """The sums of some terms for all rows of the range, and which rows have one of the terms."""

    def __init__(self, postings: Postings, candidates: CandidateSet) -> None:
        self._postings = postings
        self._candidates = candidates
        self.sums = np.zeros(postings.stop - postings.start, dtype=np.float64)
        self._is_found = np.zeros(len(self.sums), dtype=np.bool_)

    def add(self, place: int, weight: float) -> None:
        """Add a term. It has each row once, so that none of the sums is lost."""
        rows, values = self._postings.term(place)
        self.sums[rows] += values * np.float64(weight)
        self._is_found[rows] = True

    def candidates(self) -> Rows:
        """The candidates found, relative to the start of the range, ascending."""
        rows = np.flatnonzero(self._is_found)
        return rows[self._candidates.has(rows + self._postings.start)]

    def contenders(self, limit: int, floor: float, lowest: float, highest: float) -> Rows | None:
        """The rows that can still be among the best; None if rows not found yet can.

        The terms to come add between `lowest` and `highest` to a score.
        """
        rows = self.candidates()
        sums = self.sums[rows]
        if len(rows) >= limit:
            bound = float(np.partition(sums, len(sums) - limit)[len(sums) - limit]) + lowest
            floor = max(floor, bound)
        # Scores are rounded to float32 and clipped before they are compared.
        floor = min(floor, LARGEST)
        floor -= abs(floor) * 1e-6 + _ROUNDING
        if highest >= floor:
            return None
        return rows[sums + highest >= floor]


def _look_up(postings: Postings, place: int, weight: float, rows: Rows, scores: Numbers) -> None:
    """Add a term to the scores of `rows`, ascending and relative to the start of the range."""
    own, values = postings.term(place)
    places = np.searchsorted(own, rows.astype(np.int32))
    places[places == len(own)] = 0
    has_term = own[places] == rows
    scores[has_term] += values[places[has_term]] * np.float64(weight)


def _ranked(postings: Postings, rows: Rows, scores: Numbers, limit: int) -> Hits:
    return best_of(Distance.DOT, rows + postings.start, clipped(scores), min(limit, len(rows)))
