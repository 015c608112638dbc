"""Exact search of a multivector space.

Every candidate is compared. For products that is done by matrix products first, which are several
times faster than the kernels but round differently; the best of those, some more than are wanted,
are scored by the kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....model.vector_kinds import MultiVector, MultiVectors
from ...read_bounds import checkpoint, expect
from ...storage.bitmap import Rows
from ..candidates import CandidateSet
from ..hits import Hits, best_of, no_hits
from ..kernels import Matrix, Scores
from ..space import MultiSpace
from .max_sim import blocks, score_rows, summed

_COMPONENT_S = 2e-10
_FEW = 64
"""Up to this many candidates are scored by the kernels at once."""

_MARGIN = 16


def search_multi(
    space: MultiSpace,
    candidates: CandidateSet,
    queries: Sequence[MultiVector],
    limits: NDArray[np.int64],
) -> list[Hits]:
    """For each query, the nearest candidates, as many as its limit, which is at most their number.

    Exact.
    """
    rows = candidates.rows()
    if not len(rows):
        return [no_hits()] * len(queries)
    compared = space.queries(MultiVectors.of(queries))
    lengths = space.offsets[rows + 1] - space.offsets[rows]
    components = int(lengths.sum()) * space.params.size * len(compared.data)
    expect(components * _COMPONENT_S)
    return [
        _nearest(space, rows, lengths, compared.vector(place).rows, limit)
        for place, limit in enumerate(limits.tolist())
    ]


def _nearest(
    space: MultiSpace, rows: Rows, lengths: NDArray[np.int64], query: Matrix, limit: int
) -> Hits:
    distance = space.params.distance
    wanted = limit + _MARGIN
    if distance.larger_is_nearer and len(rows) > max(_FEW, 2 * wanted):
        with np.errstate(over="ignore", invalid="ignore"):
            scores = _products(space, rows, lengths, query)
        if np.isfinite(scores).all():
            rows = np.sort(best_of(distance, rows, scores, wanted).rows)
    return best_of(distance, rows, score_rows(space, query, rows), limit)


def _products(space: MultiSpace, rows: Rows, lengths: NDArray[np.int64], query: Matrix) -> Scores:
    """The scores of `rows`, shape [n], by matrix products."""
    scores = np.zeros(len(rows), dtype=np.float32)
    for part in blocks(lengths):
        checkpoint()
        offsets, lines = space.lines(rows[part])
        scores[part] = summed(space.params.distance, query @ lines.T, offsets)
    return scores
