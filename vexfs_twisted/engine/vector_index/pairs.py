"""Scores of chosen rows of a vector space, for every encoding and metric."""

from __future__ import annotations

import numpy as np

from ...model.collection_params import Datatype, Distance
from ..read_bounds import checkpoint
from .kernels import Matrix, RowMatrix, Scores, score_block, score_rows
from .space import VectorSpace

_GATHERED_BYTES = 2 << 20
_COMPONENTS = 50_000_000
"""The most components compared in one native call, which takes some tens of milliseconds."""


def is_read_in_place(space: VectorSpace) -> bool:
    """Whether rows are stored in the encoding used for computation, so that none are copied."""
    return space.params.datatype in (None, Datatype.FLOAT32)


def score_pairs(space: VectorSpace, queries: Matrix, rows: RowMatrix) -> Scores:
    """The scores, shape [q, m], of each query's own `rows`, [q, m], as clients see them."""
    distance = space.params.distance
    if is_read_in_place(space) and distance is not Distance.MANHATTAN:
        return _in_place(space, queries, rows)
    scores = np.empty(rows.shape, dtype=np.float32)
    step = max(1, _GATHERED_BYTES // (4 * space.params.size))
    for query, own_rows, own_scores in zip(queries, rows, scores, strict=True):
        for start in range(0, len(own_rows), step):
            checkpoint()
            block = space.floats(own_rows[start : start + step])
            own_scores[start : start + step] = score_block(distance, query[np.newaxis], block)[0]
    return scores


def _in_place(space: VectorSpace, queries: Matrix, rows: RowMatrix) -> Scores:
    """The same for rows read in place, by native calls of bounded duration."""
    distance = space.params.distance
    pairs = max(1, _COMPONENTS // space.params.size)
    if rows.size <= pairs:
        return score_rows(distance, queries, space.matrix, rows)
    scores = np.empty(rows.shape, dtype=np.float32)
    width = min(rows.shape[1], pairs)
    height = max(1, pairs // width)
    for top in range(0, len(rows), height):
        for left in range(0, rows.shape[1], width):
            checkpoint()
            part = slice(top, top + height), slice(left, left + width)
            scores[part] = score_rows(distance, queries[part[0]], space.matrix, rows[part])
    return scores
