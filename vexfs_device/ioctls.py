"""The four ioctls of a vector file: decoding of arguments, execution, encoding of results."""

from __future__ import annotations

import ctypes
import errno

import numpy as np
from attrs import frozen

from vexfs_twisted.device.uapi import (
    BATCH_INSERT,
    GET_VECTOR_META,
    MAX_DIMENSIONS,
    MAX_INSERT_COUNT,
    SET_VECTOR_META,
    VECTOR_SEARCH,
    BatchInsertRequest,
    Compression,
    ElementType,
    InsertFlag,
    StorageFormat,
    VectorFileInfo,
    VectorSearchRequest,
)
from vexfs_twisted.model.device import DeviceMetric

from .budget import Budget
from .caller_memory import CallerMemory
from .errors import Refusal
from .file import DeviceFile
from .inserts import Insert
from .registry import FileInfo

MAX_NEIGHBOURS = 1_000_000
"""The maximum number of results of one VECTOR_SEARCH."""

_WRITES = frozenset({BATCH_INSERT, SET_VECTOR_META})
_KNOWN = _WRITES | {VECTOR_SEARCH, GET_VECTOR_META}
# As a number: the complement of a flag would omit bits without a name.
_FLAGS = int(InsertFlag.OVERWRITE | InsertFlag.APPEND | InsertFlag.VALIDATE)
_ITEM_SIZE = 4
_ID_SIZE = 8


@frozen
class Caller:
    """The caller of an ioctl, and the access mode of its descriptor."""

    memory: CallerMemory
    may_read: bool
    may_write: bool


class Ioctls:
    """Executes ioctls. Thread-safe.

    Data referred to by arguments is copied before it is checked, so that a concurrent change by the
    caller has no effect. Only the results of a search are written to the caller. `budget` bounds
    the memory of the copies.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def run(self, file: DeviceFile, number: int, argument: int, caller: Caller) -> None:
        """Execute the ioctl `number` on `file`.

        `argument` is the address of a buffer in this process, of the size encoded in the number,
        for input and output. Raises Refusal: ENOTTY for an unknown number; EBADF for a descriptor
        without the access mode; EINVAL, EFAULT, EPERM, EEXIST, ENOMEM, ENOSPC by the request.
        """
        is_open_for_it = caller.may_write if number in _WRITES else caller.may_read
        if number in _KNOWN and not is_open_for_it:
            raise Refusal(errno.EBADF, "the descriptor is not open for that")
        memory = caller.memory
        if number == BATCH_INSERT:
            self._insert(file, BatchInsertRequest.from_address(argument), memory)
        elif number == VECTOR_SEARCH:
            self._search(file, VectorSearchRequest.from_address(argument), memory)
        elif number == SET_VECTOR_META:
            file.set_info(_checked_info(VectorFileInfo.from_address(argument)))
        elif number == GET_VECTOR_META:
            told = _told_info(file)
            ctypes.memmove(argument, ctypes.byref(told), ctypes.sizeof(told))
        else:
            raise Refusal(errno.ENOTTY, f"no ioctl of a vector file: {number:#x}")

    def _insert(self, file: DeviceFile, request: BatchInsertRequest, memory: CallerMemory) -> None:
        count, dimensions = request.vector_count, request.dimensions
        _check("vectors", count, MAX_INSERT_COUNT)
        _check("dimensions", dimensions, MAX_DIMENSIONS)
        if request.flags & ~_FLAGS:
            raise Refusal(errno.EINVAL, f"unknown flags {request.flags:#x}")
        _check_pointers(request.vectors_bits)
        file.check_dimensions(dimensions)
        with self._budget.taken(count * (dimensions * _ITEM_SIZE + _ID_SIZE)):
            vectors = np.empty((count, dimensions), dtype="<f4")
            memory.read(request.vectors_bits, vectors)
            ids = None
            if request.vector_ids:
                ids = np.empty(count, dtype="<u8")
                memory.read(request.vector_ids, ids)
            file.insert(Insert(ids, vectors, InsertFlag(request.flags)))

    def _search(self, file: DeviceFile, request: VectorSearchRequest, memory: CallerMemory) -> None:
        _check("dimensions", request.dimensions, MAX_DIMENSIONS)
        _check("neighbours", request.k, MAX_NEIGHBOURS)
        try:
            metric = DeviceMetric(request.search_type)
        except ValueError:
            raise Refusal(errno.EINVAL, f"unknown search type {request.search_type}") from None
        _check_pointers(request.query_vector_bits, request.results_bits, request.result_ids)
        query = np.empty((1, request.dimensions), dtype="<f4")
        memory.read(request.query_vector_bits, query)
        if not np.isfinite(query).all():
            raise Refusal(errno.EINVAL, "a query with a NaN or an infinite number")
        found = file.search(query, request.k, metric)
        memory.write(request.results_bits, np.ascontiguousarray(found.scores, dtype="<f4"))
        memory.write(request.result_ids, np.ascontiguousarray(found.ids, dtype="<u8"))
        request.result_count = len(found.ids)


def _check(what: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise Refusal(errno.EINVAL, f"{number} {what}, 1 to {most} are allowed")


def _check_pointers(*addresses: int) -> None:
    if not all(addresses):
        raise Refusal(errno.EINVAL, "a null pointer")


def _checked_info(given: VectorFileInfo) -> FileInfo:
    """The info that a caller sets. The number of vectors is counted and cannot be set."""
    kinds = (given.element_type, given.storage_format, given.compression_type)
    if kinds != (ElementType.FLOAT32, StorageFormat.DENSE, Compression.NONE):
        raise Refusal(errno.EINVAL, "vectors are dense float32, and not compressed")
    return FileInfo(given.dimensions, given.data_offset, given.index_offset, given.alignment_bytes)


def _told_info(file: DeviceFile) -> VectorFileInfo:
    info = file.entry.info
    return VectorFileInfo(
        dimensions=info.dimensions,
        element_type=ElementType.FLOAT32,
        vector_count=file.count,
        storage_format=StorageFormat.DENSE,
        data_offset=info.data_offset,
        index_offset=info.index_offset,
        compression_type=Compression.NONE,
        alignment_bytes=info.alignment,
    )
