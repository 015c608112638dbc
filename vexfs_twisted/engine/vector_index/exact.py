"""Exact search: the nearest of a set of rows, by comparison with every one of them.

One query or a few are scored against every row by the kernel whose scores are returned. Larger
batches are first matched by matrix products, which are several times faster but round differently;
the candidates, some more than requested, are scored by the kernel again. A query whose candidates
are not proven to contain its answer is scanned like a single one. So an answer never depends on the
other queries of its batch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..read_bounds import expect
from ..storage.bitmap import Rows
from .costs import scan_cost, threads_for
from .hits import Hits, no_hits
from .kernels import Matrix
from .products import by_products, can_multiply
from .scan import by_scan
from .space import VectorSpace

_LEAST_BATCH = 12
_LARGEST_BATCH_LIMIT = 512


def search_exact(
    space: VectorSpace, rows: Rows, queries: Matrix, limits: NDArray[np.int64]
) -> list[Hits]:
    """For each of `queries`, shape [q, dim], the nearest of `rows`, as many as its limit.

    `rows` are ascending and all have a vector; `limits`, shape [q], are at most `len(rows)`.
    """
    if not len(rows):
        return [no_hits()] * len(queries)
    scanning = scan_cost(len(rows), space.params.size, len(queries))
    expect(scanning * len(queries) / threads_for(len(queries)) * 1e-9)
    if len(queries) < _LEAST_BATCH:
        return by_scan(space, rows, queries, limits)
    found: list[Hits | None] = [None] * len(queries)
    batch = np.flatnonzero(limits <= _LARGEST_BATCH_LIMIT)
    if len(batch) >= _LEAST_BATCH:
        chosen, own_limits = queries[batch], limits[batch]
        if can_multiply(space, rows, chosen, int(own_limits.max())):
            _fill(found, batch, by_products(space, rows, chosen, own_limits))
    left = np.array([place for place, hits in enumerate(found) if hits is None], dtype=np.int64)
    _fill(found, left, by_scan(space, rows, queries[left], limits[left]))
    return [hits for hits in found if hits is not None]


def _fill(
    found: list[Hits | None], places: NDArray[np.int64], hits: list[Hits] | list[Hits | None]
) -> None:
    for place, own in zip(places.tolist(), hits, strict=True):
        found[place] = own
