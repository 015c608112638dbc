"""Exact search: the nearest of a set of rows, by comparing with every one of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from .kernels import Matrix, Rows, Scores, scores_of


class Hits(NamedTuple):
    """The nearest rows of one query and their scores, the best first, equal ones by row."""

    rows: Rows
    scores: Scores


def nearest(
    distance: Distance, queries: Matrix, matrix: Matrix, rows: Rows, limits: NDArray[np.int64]
) -> list[Hits]:
    """For each of `queries`, shape [q, dim], the nearest `limits` of `rows` of `matrix`."""
    return [
        _best(distance, scores_of(distance, query, matrix, rows), rows, int(limit))
        for query, limit in zip(queries, limits, strict=True)
    ]


def _best(distance: Distance, scores: Scores, rows: Rows, limit: int) -> Hits:
    limit = min(limit, len(rows))
    badness = -scores if distance.larger_is_nearer else scores
    if limit < len(rows):
        worst = np.partition(badness, limit - 1)[limit - 1] if limit else 0
        chosen = np.flatnonzero(badness <= worst)
    else:
        chosen = np.arange(len(rows))
    order = np.lexsort((rows[chosen], badness[chosen]))[:limit]
    best = chosen[order]
    return Hits(rows[best], scores[best])
