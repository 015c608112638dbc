"""Scores of chosen rows of a sparse space: products over the terms that row and query share.

Products and sums are computed in float64, in the order of the terms, then rounded to float32 and
clipped to its range, so that a score does not depend on how its row was found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....model import ragged
from ....model.vector_kinds import SparseVector, SparseVectors
from ...read_bounds import checkpoint, in_slices
from ...storage.bitmap import Rows
from ..kernels import Scores
from ..space import SparseSpace

_ROWS = 4096
_TERM_BITS = np.uint64(32)
LARGEST = float(np.finfo(np.float32).max)

Mask = NDArray[np.bool_]


def score_rows(space: SparseSpace, query: SparseVector, rows: Rows) -> tuple[Scores, Mask]:
    """The scores of present `rows`, shape [n], and which of them share a term with the query."""
    scores = np.zeros(len(rows), dtype=np.float32)
    is_sharing = np.zeros(len(rows), dtype=np.bool_)
    start = 0
    for some in in_slices(rows, _ROWS):
        part = slice(start, start + len(some))
        scores[part], is_sharing[part] = _score(SparseVectors(*space.elements(some)), query)
        start += len(some)
    return scores, is_sharing


def score_pairs(
    space: SparseSpace,
    queries: Sequence[SparseVector],
    numbers: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> Scores:
    """The scores, shape [n], of present rows, in any order, each for the query of that number.

    0 where they share no term.
    """
    if len(queries) == 1:
        return score_rows(space, queries[0], rows)[0]
    lengths = [query.size for query in queries]
    keys = np.repeat(np.arange(len(queries), dtype=np.uint64) << _TERM_BITS, lengths)
    keys |= np.concatenate([query.indices for query in queries])
    weights = np.concatenate([query.values for query in queries]).astype(np.float64)
    scores = np.zeros(len(rows), dtype=np.float32)
    for start in range(0, len(rows) if len(keys) else 0, _ROWS):
        checkpoint()
        some = slice(start, min(start + _ROWS, len(rows)))
        offsets, indices, values = space.elements(rows[some])
        owners = ragged.row_of_each(offsets)
        wanted = numbers[some].astype(np.uint64)[owners] << _TERM_BITS | indices
        places = np.searchsorted(keys, wanted)
        places[places == len(keys)] = 0
        shared = np.flatnonzero(keys[places] == wanted)
        products = values[shared] * weights[places[shared]]
        sums = np.bincount(owners[shared], products, some.stop - some.start)
        scores[some] = rounded(sums.astype(np.float64, copy=False))
    return scores


def score_each(vectors: SparseVectors, queries: Sequence[SparseVector]) -> Scores:
    """The scores, shape [q, n], of vectors for queries; 0 where they share no term."""
    if not queries:
        return np.zeros((0, len(vectors)), dtype=np.float32)
    return np.stack([_score(vectors, query)[0] for query in queries])


def rounded(sums: NDArray[np.float64]) -> Scores:
    """Sums of any shape as scores, which are finite."""
    with np.errstate(over="ignore"):
        scores = sums.astype(np.float32)
    return np.clip(scores, -LARGEST, LARGEST, out=scores)


def _score(vectors: SparseVectors, query: SparseVector) -> tuple[Scores, Mask]:
    count = len(vectors)
    if not len(query.indices):
        return np.zeros(count, dtype=np.float32), np.zeros(count, dtype=np.bool_)
    places = np.searchsorted(query.indices, vectors.indices)
    places[places == len(query.indices)] = 0
    shared = np.flatnonzero(query.indices[places] == vectors.indices)
    rows = ragged.row_of_each(vectors.offsets)[shared]
    weights = query.values.astype(np.float64)[places[shared]]
    sums = np.bincount(rows, vectors.values[shared] * weights, count)
    is_sharing = np.bincount(rows, minlength=count) > 0
    return rounded(sums.astype(np.float64, copy=False)), is_sharing
