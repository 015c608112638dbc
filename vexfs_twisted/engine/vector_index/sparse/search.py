"""Search of a sparse space: exact, over postings, other rows one by one.

Rows that share no term with a query are not found, however few others there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ....model.vector_kinds import SparseVector
from ...read_bounds import checkpoint, expect
from ...storage.bitmap import Rows
from ..candidates import CandidateSet
from ..hits import Hits, best_of, merged_hits, no_hits
from ..space import SparseSpace
from .postings import Postings, Terms
from .scores import score_rows
from .term_at_a_time import best_rows

_ROW_S = 1e-6

_FEW = 16
"""Candidates are scored one by one if there are fewer than one in this many rows."""


def search_sparse(
    space: SparseSpace,
    postings: Sequence[Postings],
    candidates: CandidateSet,
    queries: Sequence[SparseVector],
    limits: NDArray[np.int64],
) -> list[Hits]:
    """For each query, the best candidates by product, as many as its limit, largest first.

    `postings` cover the rows from 0 on without gaps; rows after them are scanned. The values of
    the queries have been weighted.
    """
    covered = postings[-1].stop if postings else 0
    if candidates.is_filtered and candidates.count * _FEW < covered:
        covered, postings = 0, ()
    rest = candidates.rows_between(covered, max(candidates.room, covered))
    return [
        _search(space, postings, candidates, rest, query, limit)
        for query, limit in zip(queries, limits.tolist(), strict=True)
    ]


def term_frequencies(
    space: SparseSpace, postings: Sequence[Postings], corpus: CandidateSet, terms: Terms
) -> NDArray[np.int64]:
    """How many vectors of the corpus have each of `terms`, ascending, shape [n]."""
    found = np.zeros(len(terms), dtype=np.int64)
    covered = 0
    if not corpus.is_filtered:
        for own in postings:
            found += own.frequencies(terms, space.present)
            covered = own.stop
    rows = corpus.rows_between(covered, max(corpus.room, covered))
    expect(len(rows) * _ROW_S)
    _, indices, _ = space.elements(rows)
    places = np.searchsorted(terms, indices)
    places[places == len(terms)] = 0
    if len(terms):
        found += np.bincount(places[terms[places] == indices], minlength=len(terms))
    return found


def _search(
    space: SparseSpace,
    postings: Sequence[Postings],
    candidates: CandidateSet,
    rest: Rows,
    query: SparseVector,
    limit: int,
) -> Hits:
    found = no_hits()
    if not limit:
        return found
    for own in postings:
        checkpoint()
        floor = float(found.scores[-1]) if len(found.rows) == limit else -np.inf
        best = best_rows(own, candidates, query, limit, floor)
        found = merged_hits(Distance.DOT, found, best, limit)
    if len(rest):
        expect(len(rest) * _ROW_S)
        scores, is_sharing = score_rows(space, query, rest)
        rows = rest[is_sharing]
        best = best_of(Distance.DOT, rows, scores[is_sharing], min(limit, len(rows)))
        found = merged_hits(Distance.DOT, found, best, limit)
    return found
