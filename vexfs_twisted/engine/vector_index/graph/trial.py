"""Tests once per process whether faiss searches borrowed graphs like its own."""

from __future__ import annotations

from functools import cache

import numpy as np

from ....model.collection_params import Distance
from ...native_library import faiss
from ..kernels import use_one_thread
from .errors import GraphsUnavailable
from .native import borrowed_graph, borrowed_storage, empty_graph, empty_storage, links_of

_ROWS = 256
_DIMENSION = 8
_M = 4
_LIMIT = 10
_EF = 40


@cache
def check_borrowing() -> None:
    """Raise GraphsUnavailable unless graphs over borrowed memory return correct results."""
    try:
        is_sound = all(_borrows_soundly(np.dtype(name)) for name in ("f4", "f2", "u1"))
    except Exception as error:
        raise GraphsUnavailable(
            f"faiss {faiss.__version__} cannot search borrowed graphs: {error}"
        ) from error
    if not is_sound:
        raise GraphsUnavailable(f"faiss {faiss.__version__} gives wrong results by borrowed graphs")


def _borrows_soundly(dtype: np.dtype[np.generic]) -> bool:
    """Whether a graph returns the same when borrowed and scattered over twice as many rows."""
    use_one_thread()
    values = np.random.default_rng(0).integers(0, 200, (_ROWS, _DIMENSION))
    vectors = values.astype(np.float32)
    storage = empty_storage(Distance.EUCLID, _DIMENSION, dtype)
    own = empty_graph(storage, _M)
    own.add(vectors)
    rows = np.arange(1, 2 * _ROWS, 2)
    links = links_of(own, _M).copied().scattered(rows, 2 * _ROWS)
    spread = np.zeros((2 * _ROWS, _DIMENSION), dtype=dtype)
    spread[rows] = values
    borrowed_vectors = borrowed_storage(Distance.EUCLID, spread)
    borrowed = borrowed_graph(borrowed_vectors, links)
    parameters = faiss.SearchParametersHNSW(efSearch=_EF)
    distances, found = own.search(vectors, _LIMIT, params=parameters)
    lent_distances, lent = borrowed.search(vectors, _LIMIT, params=parameters)
    return np.array_equal(rows[found], lent) and np.array_equal(distances, lent_distances)
