"""Faiss graphs over borrowed memory: links and vectors that faiss does not own.

Faiss does not document this, so its version is pinned, and it is tested once per process (see
trial.py).
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....model.collection_params import Distance
from ...native_library import faiss, metric_of
from .coarse import Scale
from .links import Links

Elements = NDArray[np.float32] | NDArray[np.float16] | NDArray[np.uint8]
"""Vectors as stored, shape [n, dim], C-contiguous."""

_QUANTIZERS = {np.dtype(np.float16): "QT_fp16", np.dtype(np.uint8): "QT_8bit_direct"}
_FLOAT32 = np.dtype(np.float32)


def empty_storage(distance: Distance, dimension: int, dtype: np.dtype[Any]) -> Any:
    """An empty faiss index for vectors of this dtype and metric, stored contiguously."""
    metric = metric_of(distance)
    if dtype == _FLOAT32:
        return faiss.IndexFlat(dimension, metric)
    quantizer = getattr(faiss.ScalarQuantizer, _QUANTIZERS[dtype])
    return faiss.IndexScalarQuantizer(dimension, quantizer, metric)


def borrowed_storage(distance: Distance, vectors: Elements) -> Any:
    """A faiss index over `vectors` without a copy; they must outlive it."""
    storage = empty_storage(distance, vectors.shape[1], vectors.dtype)
    lend(storage, vectors)
    return storage


def empty_coarse_storage(distance: Distance, scale: Scale) -> Any:
    """An empty faiss index for coarse copies; vectors must be padded before they are added."""
    quantizer = faiss.ScalarQuantizer.QT_8bit
    storage = faiss.IndexScalarQuantizer(scale.width, quantizer, metric_of(distance))
    faiss.copy_array_to_vector(scale.values, storage.sq.trained)
    storage.is_trained = True
    return storage


def borrowed_coarse_storage(distance: Distance, scale: Scale, codes: NDArray[np.uint8]) -> Any:
    """A faiss index over the copies `codes`, shape [n, width], which must outlive it."""
    storage = empty_coarse_storage(distance, scale)
    lend(storage, codes)
    return storage


def codes_of(storage: Any) -> NDArray[np.uint8]:
    """The codes that a storage owns, shape [n, bytes of a code]; a view."""
    codes = faiss.rev_swig_ptr(storage.codes.data(), storage.codes.size())
    return np.asarray(codes).reshape(-1, storage.code_size)


def borrowed_graph(storage: Any, links: Links) -> Any:
    """A faiss graph on `storage` with the neighbors of `links`; both must outlive it."""
    graph = empty_graph(storage, links.m)
    graph.hnsw.neighbors = faiss.MaybeOwnedVectorInt32.create_view(
        faiss.swig_ptr(links.neighbors), links.neighbors.size, _owner()
    )
    _set_levels(graph, links)
    return graph


def empty_graph(storage: Any, m: int) -> Any:
    """A faiss graph without nodes on `storage`, which must outlive it."""
    graph = faiss.IndexHNSW(storage, m)
    graph.own_fields = False
    return graph


def reorder(graph: Any, order: NDArray[np.int64]) -> None:
    """Renumber the i-th node of `order` to i; the vectors are not moved."""
    graph.hnsw.permute_entries(faiss.swig_ptr(np.ascontiguousarray(order, dtype=np.int64)))


def set_links(graph: Any, links: Links) -> None:
    """Copy `links`, all of whose numbers have a node, into a graph without nodes."""
    graph.hnsw.neighbors.resize(links.neighbors.size)
    faiss.memcpy(
        graph.hnsw.neighbors.data(), faiss.swig_ptr(links.neighbors), links.neighbors.nbytes
    )
    _set_levels(graph, links)


def links_of(graph: Any, m: int) -> Links:
    """The links of a graph built by faiss; the neighbors are a view of its memory."""
    hnsw = graph.hnsw
    levels = faiss.vector_to_array(hnsw.levels).astype(np.uint8)
    slots = hnsw.neighbors.size()
    neighbors = (
        faiss.rev_swig_ptr(hnsw.neighbors.data(), slots) if slots else np.zeros(0, dtype=np.int32)
    )
    return Links(m, hnsw.entry_point, levels, neighbors)


def lend(storage: Any, vectors: Elements) -> None:
    """Make a storage use the memory of `vectors`, or of codes, which must outlive it."""
    codes = vectors.reshape(-1).view(np.uint8)
    storage.codes = faiss.MaybeOwnedVectorUInt8.create_view(
        faiss.swig_ptr(codes), codes.size, _owner()
    )
    storage.ntotal = len(vectors)


def _set_levels(graph: Any, links: Links) -> None:
    hnsw = graph.hnsw
    # A number without a node has no slots and is unreachable; its level must only be valid.
    faiss.copy_array_to_vector(np.maximum(links.levels, 1).astype(np.int32), hnsw.levels)
    faiss.copy_array_to_vector(links.offsets(), hnsw.offsets)
    hnsw.entry_point = links.entry
    hnsw.max_level = int(links.levels.max(initial=0)) - 1
    graph.ntotal = len(links.levels)


def _owner() -> Any:
    """An owner object for borrowed memory, which faiss requires: that of a mapped index's codes.

    The borrowed memory does not really belong to it.
    """
    return _mapped_index().codes.owner


@cache
def _mapped_index() -> Any:
    """A small memory-mapped index, kept for the life of the process: the owner points into it."""
    descriptor = os.memfd_create("faiss-owner", os.MFD_CLOEXEC)
    try:
        tiny = faiss.IndexFlat(1)
        tiny.add(np.zeros((1, 1), dtype=np.float32))
        path = f"/proc/self/fd/{descriptor}"
        faiss.write_index(tiny, path)
        return faiss.read_index(path, faiss.IO_FLAG_MMAP_IFC)
    finally:
        os.close(descriptor)
