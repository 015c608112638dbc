"""Exact search: the nearest of a set of rows, by comparing with every one of them.

One query or few are scored against every row by the kernel whose scores are returned. Many are
first matched by matrix products, which are several times faster but round otherwise; their
candidates, some more than asked for, are scored by the kernel again, and a query whose candidates
are not proven to contain its answer is scanned like a single one. So an answer never depends on
what else was asked along with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ..norms import squared_norms
from ..store.bitmap import Rows
from ..store.view import VectorSpace
from .kernels import Matrix, Scores, approximate_nearest, rows_block, scores_of

Limits = NDArray[np.int64]

_LEAST_BATCH = 8
_LARGEST_BATCH_LIMIT = 512
_SPARE_CANDIDATES = 16
_SCAN_ROWS = 1 << 18
_SCAN_QUERIES = 16
_CACHED_BYTES = 2 << 20
_GATHERED_BYTES = 8 << 20
_LONG_RUN = 4096
_GROUP = 64
_ROUNDING = 2.0**-24
_SAFE_SQUARE = 1e30


class Hits(NamedTuple):
    """The nearest rows of one query and their scores, the best first, equal ones by row."""

    rows: Rows
    scores: Scores

    def where(self, mask: NDArray[np.bool_]) -> Hits:
        """The hits that `mask`, shape [n], keeps."""
        return Hits(self.rows[mask], self.scores[mask])

    def between(self, start: int, stop: int) -> Hits:
        """The hits from place `start` to before `stop`."""
        return Hits(self.rows[start:stop], self.scores[start:stop])


def nearest(space: VectorSpace, rows: Rows, queries: Matrix, limits: Limits) -> list[Hits]:
    """For each of `queries`, shape [q, dim], the nearest of `rows`, as many as its limit.

    `rows` are ascending and have a vector; `limits` are at most as large as there are rows.
    """
    if not len(rows):
        return [_none()] * len(queries)
    found: list[Hits | None] = [None] * len(queries)
    batch = np.flatnonzero(limits <= _LARGEST_BATCH_LIMIT)
    if _gains_by_products(space, rows, queries, limits, batch):
        proven = _by_products(space, rows, queries[batch], limits[batch])
        for position, hits in zip(batch.tolist(), proven, strict=True):
            found[position] = hits
    left = np.array([i for i, hits in enumerate(found) if hits is None], dtype=np.int64)
    for start in range(0, len(left), _SCAN_QUERIES):
        part = left[start : start + _SCAN_QUERIES]
        scanned = _by_scan(space, rows, queries[part], limits[part])
        for position, hits in zip(part.tolist(), scanned, strict=True):
            found[position] = hits
    return [hits for hits in found if hits is not None]


def _none() -> Hits:
    return Hits(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))


def _by_scan(space: VectorSpace, rows: Rows, queries: Matrix, limits: Limits) -> list[Hits]:
    """Score every row; bounded memory, whatever the number of rows."""
    distance = space.params.distance
    found = [_none()] * len(queries)
    for start in range(0, len(rows), _SCAN_ROWS):
        part = rows[start : start + _SCAN_ROWS]
        scores = _scan(space, part, queries)
        for position, limit in enumerate(limits.tolist()):
            hits = _best(distance, part, scores[position], limit)
            found[position] = _merged(distance, found[position], hits, limit)
    return found


def _scan(space: VectorSpace, rows: Rows, queries: Matrix) -> Scores:
    """The scores of `rows` against `queries`, shape [q, n]."""
    distance = space.params.distance
    if len(queries) == 1 and distance is not Distance.MANHATTAN:
        return scores_of(distance, queries, space.matrix, rows)
    # Rows that are in the cache for the first query are there for the others.
    step = max(_GROUP, _CACHED_BYTES // (4 * space.params.size))
    scores = np.empty((len(queries), len(rows)), dtype=np.float32)
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        scores[:, start : start + step] = scores_of(distance, queries, space.matrix, part)
    return scores


def _best(distance: Distance, rows: Rows, scores: Scores, limit: int) -> Hits:
    """The best `limit` of scored rows, in order."""
    badness = _badness(distance, scores)
    chosen = np.flatnonzero(~(badness > _bound(badness, limit))) if limit < len(rows) else None
    if chosen is not None:
        rows, scores, badness = rows[chosen], scores[chosen], badness[chosen]
    order = np.lexsort((rows, badness))[:limit]
    return Hits(rows[order], scores[order])


def _merged(distance: Distance, old: Hits, new: Hits, limit: int) -> Hits:
    if not len(old.rows):
        return new
    rows = np.concatenate([old.rows, new.rows])
    return _best(distance, rows, np.concatenate([old.scores, new.scores]), limit)


def _bound(badness: Scores, limit: int) -> np.float32:
    """A value that at least `limit` of `badness` do not exceed, and few others."""
    groups = len(badness) // _GROUP
    if limit < groups:
        # The least of each group suffice: `limit` of them lie below the bound already.
        badness = np.fmin.reduce(badness[: groups * _GROUP].reshape(groups, _GROUP), axis=1)
    bound: np.float32 = np.partition(badness, limit - 1)[limit - 1]
    return bound


def _badness(distance: Distance, scores: Scores) -> Scores:
    """Scores turned so that smaller is nearer."""
    return -scores if distance.larger_is_nearer else scores


def _gains_by_products(
    space: VectorSpace, rows: Rows, queries: Matrix, limits: Limits, batch: NDArray[np.int64]
) -> bool:
    if len(batch) < _LEAST_BATCH or space.params.distance is Distance.MANHATTAN:
        return False
    longest = float(np.sqrt(squared_norms(queries).max())) + space.norm_bound
    wanted = int(limits[batch].max()) + _SPARE_CANDIDATES
    return longest * longest < _SAFE_SQUARE and len(rows) > 4 * wanted


def _by_products(
    space: VectorSpace, rows: Rows, queries: Matrix, limits: Limits
) -> list[Hits | None]:
    """The nearest rows of each query; None where its candidates may not contain all of them."""
    distance = space.params.distance
    wanted = int(limits.max()) + _SPARE_CANDIDATES
    candidates, farthest = _candidates(space, rows, queries, wanted)
    scores = scores_of(distance, queries, space.matrix, candidates)
    order = np.lexsort((candidates, _badness(distance, scores)), axis=1)
    candidates = np.take_along_axis(candidates, order, axis=1)
    scores = np.take_along_axis(scores, order, axis=1)
    last = np.take_along_axis(scores, (limits - 1)[:, np.newaxis], axis=1)[:, 0]
    proven = _is_proven(space, queries, last.astype(np.float64), farthest)
    return [
        Hits(candidates[i, :limit], scores[i, :limit]) if proven[i] else None
        for i, limit in enumerate(limits.tolist())
    ]


def _is_proven(
    space: VectorSpace, queries: Matrix, last: NDArray[np.float64], farthest: Scores
) -> NDArray[np.bool_]:
    """Whether no row outside the candidates can be as near as the `last` score wanted.

    Every row outside is at least as far, as products tell, as the `farthest` candidate. The bounds
    on rounding are those of sums of `dim` products (Higham, Accuracy and Stability of Numerical
    Algorithms, 3.1), of the kernel and of the product together.
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
    """The nearest `wanted` rows of each query as products tell, shape [q, wanted], unordered.

    Also the product of the farthest of them, shape [q].
    """
    distance = space.params.distance
    found: list[tuple[Scores, NDArray[np.int64]]] = []
    for part in _parts(rows, space.params.size):
        block = rows_block(space.matrix, part)
        products, places = approximate_nearest(distance, queries, block, min(wanted, len(part)))
        found.append((products, part[places]))
    products = np.concatenate([products for products, _ in found], axis=1)
    candidates = np.concatenate([candidates for _, candidates in found], axis=1)
    badness = _badness(distance, products)
    chosen = np.argpartition(badness, wanted - 1, axis=1)[:, :wanted]
    farthest = products[np.arange(len(products)), chosen[:, wanted - 1]]
    return np.take_along_axis(candidates, chosen, axis=1), farthest


def _parts(rows: Rows, dimension: int) -> Iterator[Rows]:
    """`rows` in parts: long runs of consecutive rows whole, what lies between in pieces."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(rows) != 1) + 1, [len(rows)]])
    lengths = np.diff(starts)
    is_long = lengths >= _LONG_RUN
    for start, length in zip(starts[:-1][is_long], lengths[is_long], strict=True):
        yield rows[start : start + length]
    scattered = rows[~np.repeat(is_long, lengths)]
    step = max(_LONG_RUN // 4, _GATHERED_BYTES // (4 * dimension))
    for start in range(0, len(scattered), step):
        yield scattered[start : start + step]
