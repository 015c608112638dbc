"""A vector file accessed by ioctl(2).

The device reads and writes the memory of the arrays; nothing is copied or converted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from zope.interface import implementer

from ..interfaces import IVectorFile
from ..model.device import (
    BadAnswer,
    DeviceError,
    DeviceFull,
    DeviceMetric,
    FileMeta,
    Ids,
    Neighbours,
)
from . import uapi
from .descriptor import Descriptor

MAX_INSERT_BYTES = 16 << 20
"""The largest size in bytes of the vectors of one insert call; a device copies them."""

_MAX_K = 2**32 - 1
_FLOAT32 = np.dtype("<f4")
_UINT64 = np.dtype("<u8")


@implementer(IVectorFile)
class KernelFile:
    """The IVectorFile of a file descriptor of its own, closed at the latest when unreferenced."""

    def __init__(self, path: str, name: str, flags: int = 0) -> None:
        self.name = name
        self._descriptor = Descriptor(path, flags, path)
        finalize(self, self._descriptor.close).atexit = False

    def insert(self, ids: Ids, vectors: NDArray[np.float32]) -> None:
        """Insert vectors with their ids, in as many calls as the limits of the interface need."""
        _check(ids, _UINT64, 1)
        _check(vectors, _FLOAT32, 2)
        count, dimensions = vectors.shape
        if len(ids) != count:
            raise ValueError(f"{len(ids)} ids for {count} vectors")
        for part in insert_parts(count, dimensions):
            request = uapi.BatchInsertRequest(
                vectors_bits=_address(vectors[part]),
                vector_count=part.stop - part.start,
                dimensions=dimensions,
                vector_ids=_address(ids[part]),
                flags=uapi.InsertFlag.OVERWRITE,
            )
            self._descriptor.ioctl(uapi.BATCH_INSERT, request, "inserting into")

    def search(self, query: NDArray[np.float32], k: int, metric: DeviceMetric) -> Neighbours:
        """The vectors nearest to `query`."""
        _check(query, _FLOAT32, 1)
        if not 1 <= k <= _MAX_K:
            raise ValueError(f"{k} neighbours cannot be asked for")
        ids = np.zeros(k, dtype=_UINT64)
        scores = np.zeros(k, dtype=_FLOAT32)
        request = uapi.VectorSearchRequest(
            query_vector_bits=_address(query),
            dimensions=len(query),
            k=k,
            search_type=metric,
            results_bits=_address(scores),
            result_ids=_address(ids),
        )
        self._descriptor.ioctl(uapi.VECTOR_SEARCH, request, "searching")
        found: int = request.result_count
        if found > k:
            raise BadAnswer(f"searching {self.name}: {found} neighbours, where {k} were asked for")
        return Neighbours(ids[:found], scores[:found])

    def meta(self) -> FileMeta:
        """Its metadata."""
        info = uapi.VectorFileInfo()
        self._descriptor.ioctl(uapi.GET_VECTOR_META, info, "asking for the metadata of")
        return FileMeta(
            dimensions=info.dimensions,
            vector_count=info.vector_count,
            data_offset=info.data_offset,
            index_offset=info.index_offset,
            alignment=info.alignment_bytes,
        )

    def begin(self, dimensions: int) -> None:
        """Set the metadata of an empty file, and verify that the device stores it."""
        info = uapi.VectorFileInfo(
            dimensions=dimensions,
            element_type=uapi.ElementType.FLOAT32,
            storage_format=uapi.StorageFormat.DENSE,
            compression_type=uapi.Compression.NONE,
        )
        self._descriptor.ioctl(uapi.SET_VECTOR_META, info, "setting the metadata of")
        told = self.meta()
        if told.vector_count:
            raise DeviceFull(f"{self.name} holds {told.vector_count} vectors from before")
        if told.dimensions != dimensions:
            raise BadAnswer(
                f"{self.name} says it has {told.dimensions} dimensions, where {dimensions} were set"
            )

    def empty(self) -> None:
        """Remove all vectors, if the device supports that."""
        if self.meta().vector_count:
            with suppress(DeviceError):
                self._descriptor.truncate()

    def close(self) -> None:
        """Close the descriptor. Idempotent."""
        self._descriptor.close()


def insert_parts(count: int, dimensions: int) -> Iterator[slice]:
    """Splits `count` vectors into slices, each within the limits of one insert call."""
    within_bytes = MAX_INSERT_BYTES // (_FLOAT32.itemsize * max(1, dimensions))
    step = max(1, min(uapi.MAX_INSERT_COUNT, within_bytes))
    for start in range(0, count, step):
        yield slice(start, min(count, start + step))


def _check(array: NDArray[np.generic], dtype: np.dtype[np.generic], axes: int) -> None:
    """Raise ValueError for another layout, because the device accesses the memory as it is."""
    if array.dtype != dtype or array.ndim != axes or not array.flags.c_contiguous:
        raise ValueError(f"a C-contiguous {dtype} array of {axes} axes is needed")


def _address(array: NDArray[np.generic]) -> int:
    """The address of the array. The caller must keep the array alive during the call."""
    address: int = array.__array_interface__["data"][0]
    return address
