"""Plain ioctl system calls on a vector file, and processes that make them."""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vexfs_twisted.device.uapi import (
    BATCH_INSERT,
    GET_VECTOR_META,
    SET_VECTOR_META,
    VECTOR_SEARCH,
    BatchInsertRequest,
    VectorFileInfo,
    VectorSearchRequest,
)
from vexfs_twisted.model.device import DeviceMetric

EUCLIDEAN, COSINE, DOT_PRODUCT = DeviceMetric

Found = tuple[NDArray[np.uint64], NDArray[np.float32]]


class RawFile:
    """A descriptor of a vector file. The arguments of calls are what the interface says."""

    def __init__(self, path: Path | str, flags: int = os.O_RDWR | os.O_CREAT) -> None:
        self.fd = os.open(path, flags, 0o644)

    def __enter__(self) -> RawFile:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def set_meta(self, dimensions: int, **fields: int) -> None:
        info = VectorFileInfo(dimensions=dimensions, **{"element_type": 1, **fields})
        fcntl.ioctl(self.fd, SET_VECTOR_META, info)

    def meta(self) -> dict[str, int]:
        info = VectorFileInfo()
        # Every byte must come from the device.
        ctypes.memset(ctypes.byref(info), 0xEE, ctypes.sizeof(info))
        fcntl.ioctl(self.fd, GET_VECTOR_META, info)
        return {name: getattr(info, name) for name, _ in info._fields_}

    def count(self) -> int:
        return self.meta()["vector_count"]

    def insert(
        self, vectors: NDArray[Any], ids: NDArray[Any] | None = None, flags: int = 1, **fields: int
    ) -> None:
        data = np.ascontiguousarray(vectors, dtype="<f4")
        numbers = None if ids is None else np.ascontiguousarray(ids, dtype="<u8")
        given = {
            "vectors_bits": data.ctypes.data,
            "vector_count": data.shape[0],
            "dimensions": data.shape[1],
            "vector_ids": 0 if numbers is None else numbers.ctypes.data,
            "flags": flags,
        }
        fcntl.ioctl(self.fd, BATCH_INSERT, BatchInsertRequest(**{**given, **fields}))

    def search(
        self, query: NDArray[Any], limit: int, metric: int = EUCLIDEAN, **fields: int
    ) -> Found:
        data = np.ascontiguousarray(query, dtype="<f4")
        scores, ids = np.full(limit, np.nan, dtype="<f4"), np.full(limit, 2**64 - 1, dtype="<u8")
        given = {
            "query_vector_bits": data.ctypes.data,
            "dimensions": len(data),
            "k": limit,
            "search_type": metric,
            "results_bits": scores.ctypes.data,
            "result_ids": ids.ctypes.data,
        }
        request = VectorSearchRequest(**{**given, **fields})
        fcntl.ioctl(self.fd, VECTOR_SEARCH, request)
        return ids[: request.result_count], scores[: request.result_count]


def vectors(count: int, dimensions: int, seed: int = 0) -> NDArray[np.float32]:
    """Vectors that tests insert, shape [count, dimensions]."""
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype("<f4")


def exact(
    data: NDArray[np.float32], query: NDArray[np.float32], metric: int
) -> NDArray[np.float64]:
    """The score of each row of `data`, in double precision."""
    wide, target = data.astype(np.float64), query.astype(np.float64)
    if metric == EUCLIDEAN:
        return np.linalg.norm(wide - target, axis=1)
    products = wide @ target
    if metric == DOT_PRODUCT:
        return products
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(target)
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def nearest(scores: NDArray[np.float64], k: int, metric: int) -> NDArray[np.int64]:
    """The places of the best `k` of `scores`."""
    return np.argsort(scores if metric == EUCLIDEAN else -scores, kind="stable")[:k]


def in_processes(count: int, work: Callable[..., Any], *arguments: object) -> list[Any]:
    """What `work` answers in so many processes at once; it is given its number first."""
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        running: list[Future[Any]] = [
            pool.submit(work, number, *arguments) for number in range(count)
        ]
        return [future.result(timeout=120) for future in running]


def insert_and_search(number: int, path: str, rounds: int, dimensions: int) -> int:
    """Insert batches under own ids, and find each at once. Answers how many were found."""
    data = vectors(rounds * 10, dimensions, seed=number + 1)
    found = 0
    with RawFile(path) as file:
        for start in range(0, len(data), 10):
            batch = data[start : start + 10]
            ids = np.arange(start, start + 10) + number * 1_000_000
            file.insert(batch, ids)
            own, scores = file.search(batch[3], 1)
            found += int(own[0] == ids[3] and scores[0] < 1e-3)
    return found


def insert_until_it_fails(path: str, acknowledged: str, dimensions: int) -> None:
    """Insert batches of ten under ids from 0 on, telling after each how many there are."""
    with suppress(OSError), open(acknowledged, "w") as told, RawFile(path) as file:
        start = 0
        while True:
            batch = vectors(10, dimensions, seed=start)
            file.insert(batch, np.arange(start, start + 10))
            start += 10
            told.seek(0)
            told.write(f"{start:12d}")
            told.flush()
