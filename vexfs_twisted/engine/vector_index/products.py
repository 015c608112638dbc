"""Exact search for batches of queries: matrix products, with a check that they sufficed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ..read_bounds import in_slices
from ..storage.bitmap import Rows
from ..vectors.norms import squared_norms
from .costs import threads_for
from .hits import Hits, badness_of
from .kernels import Matrix, Scores, approximate_nearest
from .pairs import is_read_in_place, score_pairs
from .space import VectorSpace

_SPARE_CANDIDATES = 16
_GATHERED_BYTES = 8 << 20
_LONG_RUN = 4096
_LEAST_RUN = 16_384
_QUERIES = 256
_PRODUCTS = 2_000_000_000
"""The most component products of one native call, which takes some tens of milliseconds."""

_ROUNDING = 2.0**-24
_SAFE_SQUARE = 1e30


def can_multiply(space: VectorSpace, rows: Rows, queries: Matrix, largest_limit: int) -> bool:
    """Whether products can be used and pay off: not for Manhattan, nor if they may overflow."""
    if space.params.distance is Distance.MANHATTAN:
        return False
    longest = float(np.sqrt(squared_norms(queries).max())) + space.norm_bound
    is_worth_it = len(rows) > 4 * (largest_limit + _SPARE_CANDIDATES)
    return is_worth_it and longest * longest < _SAFE_SQUARE


def by_products(
    space: VectorSpace, rows: Rows, queries: Matrix, limits: NDArray[np.int64]
) -> list[Hits | None]:
    """The nearest rows of each query; None if its candidates may not contain all of them."""
    distance = space.params.distance
    wanted = int(limits.max()) + _SPARE_CANDIDATES
    candidates, farthest = _candidates(space, rows, queries, wanted)
    scores = score_pairs(space, queries, candidates)
    order = np.lexsort((candidates, badness_of(distance, scores)), axis=1)
    candidates = np.take_along_axis(candidates, order, axis=1)
    scores = np.take_along_axis(scores, order, axis=1)
    last = np.take_along_axis(scores, (limits - 1)[:, np.newaxis], axis=1)[:, 0]
    is_proven = _is_proven(space, queries, last.astype(np.float64), farthest).tolist()
    return [
        Hits(own_rows[:limit], own_scores[:limit]) if proven else None
        for own_rows, own_scores, limit, proven in zip(
            candidates, scores, limits.tolist(), is_proven, strict=True
        )
    ]


def _is_proven(
    space: VectorSpace, queries: Matrix, last: NDArray[np.float64], farthest: Scores
) -> NDArray[np.bool_]:
    """Whether no row outside the candidates can be as near as the `last` score wanted, per query.

    By the products, every row outside is at least as far as the `farthest` candidate. The rounding
    error bounds are those of sums of `dim` products (Higham, Accuracy and Stability of Numerical
    Algorithms, 3.1), for the kernel and the product together.
    """
    unit = 2 * (space.params.size + 8) * _ROUNDING
    norms = np.sqrt(squared_norms(queries))
    if space.params.distance is Distance.EUCLID:
        error = 2 * unit * np.square(norms + space.norm_bound)
        return np.square(last) < farthest - error
    return last > farthest + unit * norms * space.norm_bound


def _candidates(
    space: VectorSpace, rows: Rows, queries: Matrix, wanted: int
) -> tuple[NDArray[np.int64], Scores]:
    """The nearest `wanted` rows of each query by products, shape [q, wanted], unordered.

    Also the product of the farthest of them, shape [q].
    """
    distance = space.params.distance
    found: list[tuple[Scores, NDArray[np.int64]]] = []
    each = min(len(queries), _QUERIES)
    longest = max(_LEAST_RUN, _PRODUCTS * threads_for(len(queries)) // (each * space.params.size))
    for part in _parts(rows, space.params.size, longest, has_views=is_read_in_place(space)):
        block, limit = _block(space, part), min(wanted, len(part))
        nearest = [
            approximate_nearest(distance, some, block, limit) for some in in_slices(queries, each)
        ]
        places = np.concatenate([places for _, places in nearest])
        found.append((np.concatenate([products for products, _ in nearest]), part[places]))
    products = np.concatenate([products for products, _ in found], axis=1)
    candidates = np.concatenate([candidates for _, candidates in found], axis=1)
    badness = badness_of(distance, products)
    chosen = np.argpartition(badness, wanted - 1, axis=1)[:, :wanted]
    farthest = products[np.arange(len(products)), chosen[:, wanted - 1]]
    return np.take_along_axis(candidates, chosen, axis=1), farthest


def _parts(rows: Rows, dimension: int, longest: int, *, has_views: bool) -> Iterator[Rows]:
    """Partition `rows`: long runs of consecutive rows, and the rows between them in pieces.

    Runs have at most about `longest` rows. If rows cannot be read as views, all are in pieces.
    """
    starts = np.concatenate([[0], np.flatnonzero(np.diff(rows) != 1) + 1, [len(rows)]])
    lengths = np.diff(starts)
    is_long = (lengths >= _LONG_RUN) & has_views
    for start, length in zip(starts[:-1][is_long], lengths[is_long], strict=True):
        run = rows[start : start + length]
        pieces = -(-length // longest)
        yield from np.array_split(run, pieces) if pieces > 1 else (run,)
    scattered = rows[~np.repeat(is_long, lengths)]
    step = max(_LONG_RUN // 4, _GATHERED_BYTES // (4 * dimension))
    for start in range(0, len(scattered), step):
        yield scattered[start : start + step]


def _block(space: VectorSpace, rows: Rows) -> Matrix:
    """The vectors of ascending `rows`, shape [m, dim]; a slice if they are consecutive."""
    if rows[-1] - rows[0] + 1 == len(rows):
        return space.floats(slice(rows[0], rows[-1] + 1))
    return space.floats(rows)
