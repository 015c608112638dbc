"""Searches whose scores may overflow float32.

The kernels compute in float32, where the square of a component is infinite from about 2e19 on, and
the sum of an infinite and a negative infinite product is NaN. Whether that is possible is decided
by the norms of the query and of the longest vector; it nearly always is not. If it happens, scores
are computed again in float64, which no sum of products of float32 overflows. The answer is ranked
by those, and scores beyond the range of float32 are clipped to it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ..read_bounds import checkpoint
from ..storage.bitmap import Rows
from ..vectors.norms import squared_norms
from .candidates import CandidateSet
from .doubles import clipped, scores_in_double
from .hits import Hits, no_hits
from .kernels import Matrix
from .scan import by_scan, scan_scores
from .search import Limits
from .search import search_space as search
from .search_parameters import ResolvedParameters
from .segments import Graphs
from .space import VectorSpace

_SAFE = 2.0**126
_SAFE_SQUARE = 2.0**124
_BLOCK_BYTES = 8 << 20


def may_overflow(space: VectorSpace, queries: Matrix) -> NDArray[np.bool_] | None:
    """Which of `queries`, shape [q, dim], may have scores that overflow; None if none may."""
    bound = space.norm_bound
    if np.vdot(queries, queries) < _SAFE_SQUARE and bound * bound < _SAFE_SQUARE:
        return None
    norms = np.sqrt(squared_norms(queries))
    if space.params.distance is Distance.DOT:
        largest = norms * bound
    elif space.params.distance is Distance.MANHATTAN:
        largest = (norms + bound) * np.sqrt(space.params.size)
    else:
        largest = np.square(norms + bound)
    doubtful: NDArray[np.bool_] = largest >= _SAFE
    return doubtful if doubtful.any() else None


def search_overflowing(
    space: VectorSpace,
    candidates: CandidateSet,
    queries: Matrix,
    limits: Limits,
    parameters: ResolvedParameters,
    graphs: Graphs,
    doubtful: NDArray[np.bool_],
) -> list[Hits]:
    """Like `search.search_space`, for when the scores of the `doubtful` queries may overflow."""
    found = [no_hits()] * len(queries)
    # A distance that overflows is infinite, and so sorts after all others. A product may be NaN,
    # and then its row is not found at all.
    is_product = space.params.distance is Distance.DOT
    tried = np.flatnonzero(~doubtful) if is_product else np.arange(len(queries))
    if len(tried):
        with np.errstate(over="ignore"):
            hits = search(space, candidates, queries[tried], limits[tried], parameters, graphs)
        for place, own in zip(tried.tolist(), hits, strict=True):
            found[place] = own
    for place in np.flatnonzero(doubtful).tolist():
        if is_product or not np.isfinite(found[place].scores).all():
            one = slice(place, place + 1)
            found[place] = _by_true_scores(space, candidates.rows(), queries[one], limits[one])
    return found


def _by_true_scores(space: VectorSpace, rows: Rows, query: Matrix, limit: Limits) -> Hits:
    """The nearest of `rows` to one query, shape [1, dim], ranked by float64 scores."""
    if not len(rows):
        return no_hits()
    (hits,) = by_scan(space, rows, query, limit, _true_scores)
    return Hits(hits.rows, clipped(hits.scores))


def _true_scores(space: VectorSpace, rows: Rows, queries: Matrix) -> NDArray[np.float64]:
    """The scores of `rows`, shape [q, n]: the kernel's where finite, else float64 ones."""
    with np.errstate(over="ignore", invalid="ignore"):
        scores = scan_scores(space, rows, queries).astype(np.float64)
    step = max(1, _BLOCK_BYTES // (8 * space.params.size))
    for query, own in zip(queries.astype(np.float64), scores, strict=True):
        beyond = np.flatnonzero(~np.isfinite(own))
        for start in range(0, len(beyond), step):
            checkpoint()
            places = beyond[start : start + step]
            vectors = space.floats(rows[places]).astype(np.float64)
            own[places] = scores_in_double(space.params.distance, query, vectors)
    return scores
