"""Exact search by cosine among vectors of any length, which are not normalised."""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vexfs_twisted.engine.acceleration import (
    Hits,
    Matrix,
    Rows,
    VectorView,
    best_of,
    merged_hits,
    no_hits,
    normalised,
    score_block,
    squared_norms,
)
from vexfs_twisted.model.collection_params import Distance

_STEP = 1 << 18
_LEAST_LENGTH = 1e-15
_LARGEST_LENGTH = 1e15

Inverses = NDArray[np.float32]


class Cosines:
    """Cosine search of one store. Caches the inverse length of each row. Thread-safe.

    Committed rows never change, so the cache stays valid. Rows whose inverse length would lose
    precision in float32 are marked by NaN, and normalised when they are scored.
    """

    def __init__(self) -> None:
        self._inverses: Inverses = np.zeros(0, dtype=np.float32)
        self._growing = Lock()

    def nearest(self, vectors: VectorView, rows: Rows, query: Matrix, limit: int) -> Hits:
        """The nearest `limit` of `rows`, ascending, to `query`, shape [1, dim], by cosine.

        The score of a zero vector or a zero query is 0.
        """
        unit = np.ascontiguousarray(normalised(query))
        found = no_hits()
        for start in range(0, len(rows), _STEP):
            part = rows[start : start + _STEP]
            scores = self._scores(vectors, part, unit)
            found = merged_hits(
                Distance.COSINE, found, best_of(Distance.COSINE, part, scores, limit), limit
            )
        return found

    def _scores(self, vectors: VectorView, rows: Rows, unit: Matrix) -> NDArray[np.float32]:
        first, end = int(rows[0]), int(rows[-1]) + 1
        # Rows between are scored too and dropped: sequential reads are faster than gathers.
        is_dense = end - first <= 2 * len(rows)
        block = vectors.floats(slice(first, end) if is_dense else rows)
        inverses = self._known(vectors, end)
        own = inverses[first:end] if len(block) == end - first else inverses[rows]
        scores: NDArray[np.float32] = score_block(Distance.DOT, unit, block)[0]
        scores *= own
        odd = np.flatnonzero(np.isnan(own))
        if len(odd):
            scores[odd] = score_block(Distance.DOT, unit, normalised(block[odd]))[0]
        return scores if len(block) == len(rows) else scores[rows - first]

    def _known(self, vectors: VectorView, end: int) -> Inverses:
        """The inverse lengths of the rows below `end`, and possibly of more rows."""
        inverses = self._inverses
        if len(inverses) >= end:
            return inverses
        with self._growing:
            known = [self._inverses]
            for start in range(len(self._inverses), end, _STEP):
                known.append(_inverses(vectors.floats(slice(start, min(start + _STEP, end)))))
            self._inverses = np.concatenate(known)
            return self._inverses


def _inverses(block: Matrix) -> Inverses:
    lengths = np.sqrt(squared_norms(block))
    is_plain = (lengths > _LEAST_LENGTH) & (lengths < _LARGEST_LENGTH)
    found = np.full(len(block), np.nan, dtype=np.float32)
    found[is_plain] = 1.0 / lengths[is_plain]
    found[lengths == 0.0] = 0.0
    return found
