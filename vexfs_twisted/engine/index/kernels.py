"""Scores of single pairs of vectors, by native code, the same bit for bit however they are asked.

A score is what a client sees: for Cosine and Dot the inner product, for Euclid the distance (not
its square), for Manhattan the sum of absolute differences. All float32.
"""

from __future__ import annotations

import threading
from typing import Any

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from ...model.collection_params import Distance

Matrix = NDArray[np.float32]
Rows = NDArray[np.int64]
Scores = NDArray[np.float32]

# The stubs that faiss ships leave out the kernels.
faiss: Any = _faiss

_MANHATTAN_BATCH = 1 << 20

_thread = threading.local()


def use_one_thread() -> None:
    """Keep faiss from starting threads of its own in this thread; OpenMP asks for it in each."""
    if not getattr(_thread, "is_set", False):
        faiss.omp_set_num_threads(1)
        _thread.is_set = True


def scores_of(distance: Distance, query: Matrix, matrix: Matrix, rows: Rows) -> Scores:
    """The scores of `rows` of `matrix`, shape [n, dim], against `query`, shape [dim]."""
    use_one_thread()
    rows = np.ascontiguousarray(rows)
    if distance is Distance.MANHATTAN:
        return _manhattan(query, matrix, rows)
    scores = np.empty(len(rows), dtype=np.float32)
    is_euclid = distance is Distance.EUCLID
    kernel = faiss.fvec_L2sqr_by_idx if is_euclid else faiss.fvec_inner_products_by_idx
    kernel(
        faiss.swig_ptr(scores),
        faiss.swig_ptr(query),
        faiss.swig_ptr(matrix),
        faiss.swig_ptr(rows),
        matrix.shape[1],
        1,
        len(rows),
    )
    return np.sqrt(scores) if is_euclid else scores


def _manhattan(query: Matrix, matrix: Matrix, rows: Rows) -> Scores:
    scores = np.empty(len(rows), dtype=np.float32)
    step = max(1, _MANHATTAN_BATCH // matrix.shape[1])
    for start in range(0, len(rows), step):
        batch = matrix[rows[start : start + step]]
        np.subtract(batch, query, out=batch)
        np.abs(batch, out=batch)
        batch.sum(axis=1, out=scores[start : start + step])
    return scores
