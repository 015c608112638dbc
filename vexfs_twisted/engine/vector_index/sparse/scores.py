"""Scores of chosen rows of a sparse space: products over the terms that row and query share.

Products and sums are computed in float64, in the order of the terms, then rounded to float32 and
clipped to its range, so that a score does not depend on how its row was found. Values of rows in
`coded`, ranges of postings whose datatype is not float32, are taken as these store them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....model import ragged
from ....model.ragged import Offsets
from ....model.vector_kinds import SparseVector, SparseVectors
from ...read_bounds import checkpoint, in_slices
from ...storage.bitmap import Rows
from ..doubles import clipped
from ..kernels import Scores
from ..space import SparseSpace
from .postings import Postings
from .weights import Singles

_ROWS = 4096
_TERM_BITS = np.uint64(32)

Mask = NDArray[np.bool_]
Keys = NDArray[np.uint32] | NDArray[np.uint64]
Elements = tuple[Offsets, NDArray[np.uint32], Singles]


def score_rows(
    space: SparseSpace, query: SparseVector, rows: Rows, coded: Sequence[Postings]
) -> tuple[Scores, Mask]:
    """The scores of present `rows`, shape [n], and which of them share a term with the query."""
    scores = np.zeros(len(rows), dtype=np.float32)
    is_sharing = np.zeros(len(rows), dtype=np.bool_)
    start = 0
    for some in in_slices(rows, _ROWS):
        part = slice(start, start + len(some))
        elements = space.elements(some)
        if coded:
            elements = _as_stored(coded, some, elements, query.indices)
        scores[part], is_shared = _scores(elements, query.indices, query.values)
        is_sharing[part][ragged.row_of_each(elements[0])[is_shared]] = True
        start += len(some)
    return scores, is_sharing


def score_pairs(
    space: SparseSpace,
    queries: Sequence[SparseVector],
    numbers: NDArray[np.int64],
    rows: NDArray[np.int64],
    coded: Sequence[Postings],
) -> Scores:
    """The scores, shape [n], of present rows, in any order, each for the query of that number.

    0 where they share no term.
    """
    terms: Keys = queries[0].indices
    weights = queries[0].values
    if len(queries) > 1:
        terms = _joined_terms(queries)
        weights = np.concatenate([query.values for query in queries])
    scores = np.zeros(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _ROWS):
        checkpoint()
        some = slice(start, min(start + _ROWS, len(rows)))
        elements = space.elements(rows[some])
        if coded:
            every_term = np.concatenate([query.indices for query in queries])
            elements = _as_stored(coded, rows[some], elements, every_term)
        offsets, indices, values = elements
        wanted: Keys = indices
        if len(queries) > 1:
            own = numbers[some].astype(np.uint64) << _TERM_BITS
            wanted = np.repeat(own, np.diff(offsets)) | indices
        scores[some], _ = _scores((offsets, wanted, values), terms, weights)
    return scores


def score_each(vectors: SparseVectors, queries: Sequence[SparseVector]) -> Scores:
    """The scores, shape [q, n], of vectors for queries, by their values as they are.

    0 where they share no term.
    """
    if not queries:
        return np.zeros((0, len(vectors)), dtype=np.float32)
    elements = vectors.offsets, vectors.indices, vectors.values
    return np.stack([_scores(elements, query.indices, query.values)[0] for query in queries])


def _as_stored(
    coded: Sequence[Postings], rows: Rows, elements: Elements, wanted: NDArray[np.uint32]
) -> Elements:
    """The elements of rows, those of `wanted` terms with values as postings store them."""
    offsets, indices, values = elements
    places = np.flatnonzero(np.isin(indices, wanted))
    owners = rows[ragged.row_of_each(offsets)[places]]
    values = values.copy()
    for own in coded:
        some = places[(owners >= own.start) & (owners < own.stop)]
        values[some] = own.stored(indices[some], values[some])
    return offsets, indices, values


def _joined_terms(queries: Sequence[SparseVector]) -> NDArray[np.uint64]:
    """The terms of all queries, ascending, as keys that begin with the number of the query."""
    numbers = np.arange(len(queries), dtype=np.uint64) << _TERM_BITS
    terms = np.concatenate([query.indices for query in queries])
    keys: NDArray[np.uint64] = np.repeat(numbers, [query.size for query in queries]) | terms
    return keys


def _scores(
    elements: tuple[Offsets, Keys, Singles], terms: Keys, weights: Singles
) -> tuple[Scores, Mask]:
    """The scores of vectors, shape [n], and which of their elements the query has too.

    `elements` are the offsets, terms and values of the vectors; `terms` ascend, with `weights`.
    """
    offsets, wanted, values = elements
    count = len(offsets) - 1
    if not len(terms):
        return np.zeros(count, dtype=np.float32), np.zeros(len(wanted), dtype=np.bool_)
    places = terms.searchsorted(wanted)
    np.minimum(places, len(terms) - 1, out=places)
    is_shared = terms.take(places) == wanted
    # Zeros, of terms that are not shared, change no sum.
    products = weights.astype(np.float64).take(places)
    products *= values
    products *= is_shared
    sums = np.bincount(ragged.row_of_each(offsets), products, count)
    return clipped(sums.astype(np.float64, copy=False)), is_shared
