"""Native kernels for scores of pairs of vectors; bit-identical for blocks and for chosen rows.

Scores are those that clients see: for Cosine and Dot the inner product, for Euclid the distance
(not its square), for Manhattan the sum of absolute differences. All are float32, and none is NaN
unless the vectors overflow. The kernels release the GIL and run in the calling thread only.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance
from ..native_library import faiss, metric_of

Matrix = NDArray[np.float32]
RowMatrix = NDArray[np.int64]
Scores = NDArray[np.float32]

_TRIAL_ROWS = 67
_SMALL_BLOCK = 512

# Below this dimension Qdrant uses no SIMD and adds the products up in order; clients compare such
# scores to the last digit.
_IN_ORDER_BELOW = 16

_thread = threading.local()


def use_one_thread() -> None:
    """Keep faiss from using more threads in this thread; OpenMP has this setting per thread."""
    if not getattr(_thread, "is_set", False):
        faiss.omp_set_num_threads(1)
        _thread.is_set = True


class ThreadBudget:
    """Native threads that calls share. Thread-safe.

    A call gets those that others leave of `threads`, and one in any case: two large calls on two
    cores take one thread each, not two.
    """

    def __init__(self, threads: int) -> None:
        self._lock = threading.Lock()
        self._free = threads

    def take(self, wanted: int) -> int:
        """Take up to `wanted` threads; returns how many, to be given back."""
        with self._lock:
            taken = max(min(wanted, self._free), 1)
            self._free -= taken
        return taken

    def give_back(self, taken: int) -> None:
        """Return threads for others."""
        with self._lock:
            self._free += taken


_budget = ThreadBudget(os.cpu_count() or 1)


@contextmanager
def threads_of_faiss(threads: int) -> Iterator[None]:
    """Let faiss use this many threads for the calls that this thread makes in the block.

    Fewer if other calls use the cores.
    """
    use_one_thread()
    if threads == 1:
        yield
        return
    taken = _budget.take(threads)
    faiss.omp_set_num_threads(taken)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(1)
        _budget.give_back(taken)


def score_block(distance: Distance, queries: Matrix, block: Matrix) -> Scores:
    """The scores, shape [q, n], of all rows of `block`, [n, dim], against `queries`, [q, dim]."""
    use_one_thread()
    if distance is Distance.MANHATTAN:
        return _manhattan(queries, block)
    is_euclid = distance is Distance.EUCLID
    if block.shape[1] < _IN_ORDER_BELOW:
        return _in_order(is_euclid, queries, block)
    # For a few rows, a call for each query takes longer than to give all their numbers at once.
    is_small = len(block) <= _SMALL_BLOCK and len(queries) > 1
    if is_small or not _sweeps_like_pairs(is_euclid, block.shape[1]):
        rows = np.broadcast_to(np.arange(len(block)), (len(queries), len(block)))
        return score_rows(distance, queries, block, rows)
    scores = _sweep(is_euclid, queries, block)
    return np.sqrt(scores, out=scores) if is_euclid else scores


def score_rows(distance: Distance, queries: Matrix, matrix: Matrix, rows: RowMatrix) -> Scores:
    """The scores, shape [q, m], of each query's own `rows`, [q, m], of `matrix`.

    Not for Manhattan, which has no kernel that takes row numbers.
    """
    use_one_thread()
    is_euclid = distance is Distance.EUCLID
    if matrix.shape[1] < _IN_ORDER_BELOW:
        return _in_order(is_euclid, queries, matrix[rows])
    scores = _pair(is_euclid, queries, matrix, rows)
    return np.sqrt(scores, out=scores) if is_euclid else scores


def approximate_nearest(
    distance: Distance, queries: Matrix, block: Matrix, limit: int
) -> tuple[Scores, RowMatrix]:
    """The nearest `limit` rows of `block` by matrix products: shapes [q, limit], the best first.

    Inner products for Cosine and Dot, squared distances for Euclid, off by rounding that depends
    on how rows and queries were grouped. `limit` is at most the number of rows.
    """
    use_one_thread()
    # By default faiss uses BLAS only for larger batches than those that gain from it.
    faiss.cvar.distance_compute_blas_threshold = 1
    found: tuple[Scores, RowMatrix] = faiss.knn(queries, block, limit, metric=metric_of(distance))
    return found


def _in_order(is_euclid: bool, queries: Matrix, vectors: Matrix) -> Scores:
    """The scores, shape [q, n], of short vectors, with components added up in order.

    `queries` has shape [q, dim], `vectors` [n, dim], or [q, n, dim] when each query has its own.
    """
    scores = np.zeros((len(queries), vectors.shape[-2]), dtype=np.float32)
    for component in range(queries.shape[1]):
        own, theirs = queries[:, component, np.newaxis], vectors[..., component]
        terms = own - theirs if is_euclid else own * theirs
        scores += np.square(terms, out=terms) if is_euclid else terms
    return np.sqrt(scores, out=scores) if is_euclid else scores


def _pair(is_euclid: bool, queries: Matrix, matrix: Matrix, rows: RowMatrix) -> Scores:
    rows = np.ascontiguousarray(rows, dtype=np.int64)
    scores = np.empty(rows.shape, dtype=np.float32)
    kernel = faiss.fvec_L2sqr_by_idx if is_euclid else faiss.fvec_inner_products_by_idx
    kernel(
        faiss.swig_ptr(scores),
        faiss.swig_ptr(queries),
        faiss.swig_ptr(matrix),
        faiss.swig_ptr(rows),
        matrix.shape[1],
        *rows.shape,
    )
    return scores


def _sweep(is_euclid: bool, queries: Matrix, block: Matrix) -> Scores:
    scores = np.empty((len(queries), len(block)), dtype=np.float32)
    kernel = faiss.fvec_L2sqr_ny if is_euclid else faiss.fvec_inner_products_ny
    start = faiss.swig_ptr(block)
    for query, own in zip(queries, scores, strict=True):
        kernel(faiss.swig_ptr(own), faiss.swig_ptr(query), start, block.shape[1], len(block))
    return scores


@cache
def _sweeps_like_pairs(is_euclid: bool, dimension: int) -> bool:
    """Whether the block kernel rounds as the pair kernel does; tested once per dimension.

    The block kernel is faster, but for some small dimensions it sums in another order.
    """
    trial = np.random.default_rng(dimension).random((_TRIAL_ROWS, dimension), dtype=np.float32)
    rows = np.broadcast_to(np.arange(_TRIAL_ROWS), (_TRIAL_ROWS, _TRIAL_ROWS))
    pairs = _pair(is_euclid, trial, trial, rows)
    return _sweep(is_euclid, trial, trial).tobytes() == pairs.tobytes()


def _manhattan(queries: Matrix, block: Matrix) -> Scores:
    scores = np.empty((len(queries), len(block)), dtype=np.float32)
    # Strides of -1: the rows of each array are contiguous.
    faiss.pairwise_extra_distances(
        block.shape[1],
        len(queries),
        faiss.swig_ptr(queries),
        len(block),
        faiss.swig_ptr(block),
        faiss.METRIC_L1,
        0.0,
        faiss.swig_ptr(scores),
        -1,
        -1,
        -1,
    )
    return scores
