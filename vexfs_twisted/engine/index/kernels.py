"""Scores of pairs of vectors, by native code, the same bit for bit however they are asked for.

A score is what a client sees: for Cosine and Dot the inner product, for Euclid the distance (not
its square), for Manhattan the sum of absolute differences. All float32, and none is NaN unless the
vectors overflow. The kernels release the GIL and run in the calling thread alone.
"""

from __future__ import annotations

import threading
from typing import Any

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance

Matrix = NDArray[np.float32]
RowMatrix = NDArray[np.int64]
Scores = NDArray[np.float32]

# The stubs that faiss ships leave out the kernels.
faiss: Any = _faiss

_thread = threading.local()


def use_one_thread() -> None:
    """Keep faiss from starting threads of its own in this thread; OpenMP asks for it in each."""
    if not getattr(_thread, "is_set", False):
        faiss.omp_set_num_threads(1)
        _thread.is_set = True


def scores_of(distance: Distance, queries: Matrix, matrix: Matrix, rows: RowMatrix) -> Scores:
    """The scores of rows of `matrix`, shape [n, dim], against `queries`, shape [q, dim].

    `rows` has shape [q, m], or [m] when they are the same for every query; the scores [q, m].
    """
    use_one_thread()
    if distance is Distance.MANHATTAN:
        return _manhattan(queries, matrix, rows)
    shape = (len(queries), rows.shape[-1])
    pairs = np.ascontiguousarray(np.broadcast_to(rows, shape), dtype=np.int64)
    scores = np.empty(shape, dtype=np.float32)
    is_euclid = distance is Distance.EUCLID
    kernel = faiss.fvec_L2sqr_by_idx if is_euclid else faiss.fvec_inner_products_by_idx
    kernel(
        faiss.swig_ptr(scores),
        faiss.swig_ptr(queries),
        faiss.swig_ptr(matrix),
        faiss.swig_ptr(pairs),
        matrix.shape[1],
        *shape,
    )
    return np.sqrt(scores, out=scores) if is_euclid else scores


def _manhattan(queries: Matrix, matrix: Matrix, rows: RowMatrix) -> Scores:
    if rows.ndim == 2:
        pairs = zip(queries, rows, strict=True)
        return np.stack([_manhattan(query[np.newaxis], matrix, own)[0] for query, own in pairs])
    block = rows_block(matrix, rows)
    scores = np.empty((len(queries), len(rows)), dtype=np.float32)
    # -1: the rows of each array follow each other without gaps.
    faiss.pairwise_extra_distances(
        matrix.shape[1],
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


def rows_block(matrix: Matrix, rows: RowMatrix) -> Matrix:
    """The `rows` of `matrix`, ascending, shape [m, dim]: a slice where they are consecutive."""
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return matrix[rows[0] : rows[-1] + 1]
    return matrix[rows]


def approximate_nearest(
    distance: Distance, queries: Matrix, block: Matrix, limit: int
) -> tuple[Scores, RowMatrix]:
    """The nearest `limit` rows of `block` by matrix products: shapes [q, limit], the best first.

    Inner products for Cosine and Dot, squared distances for Euclid, off by rounding that depends
    on how rows and queries were grouped. `limit` is at most the number of rows.
    """
    use_one_thread()
    # By itself faiss takes the products only for larger batches than those that gain by them.
    faiss.cvar.distance_compute_blas_threshold = 1
    is_euclid = distance is Distance.EUCLID
    metric = faiss.METRIC_L2 if is_euclid else faiss.METRIC_INNER_PRODUCT
    found: tuple[Scores, RowMatrix] = faiss.knn(queries, block, limit, metric=metric)
    return found
