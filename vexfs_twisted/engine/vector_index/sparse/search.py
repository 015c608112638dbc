"""Search of a sparse space: exact, over postings, other rows one by one.

Rows that share no term with a query are not found, however few others there are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Datatype, Distance
from ....model.vector_kinds import SparseVector
from ...read_bounds import checkpoint, expect
from ...storage.bitmap import Rows
from ..candidates import CandidateSet
from ..hits import Hits, best_of, merged_hits, no_hits
from ..space import SparseSpace
from .contenders import ContenderSearch
from .postings import Postings, Terms
from .scores import score_pairs, score_rows
from .term_at_a_time import best_rows

_ROW_S = 1e-6

_NO_ROWS = np.zeros(0, dtype=np.int64)

_FEW = 16
"""Candidates are scored one by one if there are fewer than one in this many rows."""


def is_scan_preferred(space: SparseSpace, candidates: CandidateSet) -> bool:
    """Whether the candidates are to be scored one by one, from their vectors, without postings.

    Those below `full_scan_threshold` are. Where it is not set, those are that a filter leaves few.
    """
    index = space.params.index
    if index is not None and index.full_scan_threshold is not None:
        return candidates.count < index.full_scan_threshold
    return candidates.is_filtered and candidates.count * _FEW < space.rows


def search_sparse(
    space: SparseSpace,
    postings: Sequence[Postings],
    candidates: CandidateSet,
    queries: Sequence[SparseVector],
    limits: NDArray[np.int64],
    ranges: Sequence[Postings],
) -> list[Hits]:
    """For each query, the best candidates by product, as many as its limit, largest first.

    `postings` cover the rows from 0 on without gaps; rows after them are scanned. Rows that are
    in one of `ranges` have the weights that it stores, however they are found. The values of the
    queries have been weighted.
    """
    coded = [own for own in ranges if own.datatype is not Datatype.FLOAT32]
    covered = postings[-1].stop if postings else 0
    rest = candidates.rows_between(covered, max(candidates.room, covered))
    searches = [ContenderSearch(own, candidates, queries) for own in postings if queries]
    found: list[Hits] = []
    contenders: list[Rows] = []
    for number, (query, limit) in enumerate(zip(queries, limits.tolist(), strict=True)):
        hits, rows = _search(searches, number, candidates, query, limit)
        if len(rest) and limit:
            best = _scanned(space, coded, rest, query, limit)
            hits = merged_hits(Distance.DOT, hits, best, limit)
        found.append(hits)
        contenders.append(rows)
    return _with_contenders(space, coded, queries, limits, found, contenders)


def term_frequencies(
    space: SparseSpace, postings: Sequence[Postings], corpus: CandidateSet, terms: Terms
) -> NDArray[np.int64]:
    """How many vectors of the corpus have each of `terms`, ascending, shape [n]."""
    found = np.zeros(len(terms), dtype=np.int64)
    covered = 0
    if not corpus.is_filtered:
        for own in postings:
            known = space.frequencies.get(own)
            if known is None:
                known = space.frequencies[own] = own.no_frequencies(space.present)
            found += own.frequencies(terms, space.present, known)
            covered = own.stop
    if not corpus.is_filtered and covered >= space.rows:
        return found
    rows = corpus.rows_between(covered, max(corpus.room, covered))
    if not len(rows) or not len(terms):
        return found
    expect(len(rows) * _ROW_S)
    _, indices, _ = space.elements(rows)
    places = np.searchsorted(terms, indices)
    places[places == len(terms)] = 0
    found += np.bincount(places[terms[places] == indices], minlength=len(terms))
    return found


def _search(
    searches: Sequence[ContenderSearch],
    number: int,
    candidates: CandidateSet,
    query: SparseVector,
    limit: int,
) -> tuple[Hits, Rows]:
    """The best rows of some ranges, and rows of the others that are still to be scored."""
    found, contenders, floor = no_hits(), [], -np.inf
    if not limit:
        return found, _NO_ROWS
    for search in searches:
        checkpoint()
        some = search.find(number, limit, floor)
        if some is not None:
            rows, floor = some
            contenders.append(rows)
            continue
        best = best_rows(search.postings, candidates, query, limit, floor)
        found = merged_hits(Distance.DOT, found, best, limit)
        if len(found.rows) == limit:
            floor = max(floor, float(found.scores[-1]))
    if len(contenders) == 1:
        return found, contenders[0]
    return found, np.concatenate(contenders) if contenders else _NO_ROWS


def _scanned(
    space: SparseSpace, coded: Sequence[Postings], rows: Rows, query: SparseVector, limit: int
) -> Hits:
    """The best of `rows`, which are scored one by one."""
    expect(len(rows) * _ROW_S)
    scores, is_sharing = score_rows(space, query, rows, coded)
    rows = rows[is_sharing]
    return best_of(Distance.DOT, rows, scores[is_sharing], min(limit, len(rows)))


def _with_contenders(
    space: SparseSpace,
    coded: Sequence[Postings],
    queries: Sequence[SparseVector],
    limits: NDArray[np.int64],
    found: list[Hits],
    contenders: Sequence[Rows],
) -> list[Hits]:
    """The best of what was found for each query and of its contenders, which share a term."""
    counts = [len(rows) for rows in contenders]
    if not any(counts):
        return found
    rows = contenders[0] if len(queries) == 1 else np.concatenate(contenders)
    numbers = np.arange(len(queries)).repeat(counts)
    scores = score_pairs(space, queries, numbers, rows, coded)
    order = np.lexsort((rows, -scores, numbers))
    rows, scores = rows[order], scores[order]
    end = 0
    for place, (count, limit) in enumerate(zip(counts, limits.tolist(), strict=True)):
        start, end = end, end + count
        own = Hits(rows[start : min(end, start + limit)], scores[start : min(end, start + limit)])
        if count:
            found[place] = merged_hits(Distance.DOT, found[place], own, limit)
    return found
