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
from ...read_bounds import in_slices
from ...storage.bitmap import Rows
from ..kernels import Scores
from ..space import SparseSpace

_ROWS = 4096
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
