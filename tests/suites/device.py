"""An in-memory VexFS device with fault injection."""

from __future__ import annotations

import errno
import os
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum
from threading import Event, RLock

import numpy as np
from numpy.typing import NDArray
from zope.interface import implementer

from vexfs_twisted.interfaces import IVectorDevice, IVectorFile
from vexfs_twisted.model.device import (
    DeviceFailed,
    DeviceGone,
    DeviceKind,
    DeviceMetric,
    DeviceRefused,
    FileMeta,
    FileTaken,
    Ids,
    Neighbours,
    NoSuchFile,
)

_MAX_DIMENSIONS = 65536


class Fault(Enum):
    """A fault that MemoryDevice can have."""

    EIO = "every call fails"
    HANGS = "every call waits until it is released"
    SLOW = "every call pauses"
    STORES_NOTHING = "vectors that are inserted are lost"
    KEEPS_REPLACED = "a vector that is inserted again is added to the one before"
    WRONG_IDS = "neighbours are named by the ids of others"
    UNKNOWN_IDS = "neighbours are named by ids that were never inserted"
    CONSTANT_SCORES = "every score is the same"
    WRONG_ORDER = "neighbours come farthest first"
    MISSES_NEAREST = "every search overlooks a quarter of the vectors, the nearest ones"
    WRONG_METRIC = "every search compares by another metric"
    SHORT_COUNTS = "every search leaves out its last neighbour"
    MISCOUNTS = "the metadata tell one vector too many"


@implementer(IVectorDevice)
class MemoryDevice:
    """A device that stores in memory and searches exactly. Faults are switched on by `inject`.

    `calls` counts the calls by the names of their methods. Under Fault.HANGS a call sets `hanging`
    and then waits for `released`; under Fault.SLOW it calls `pause`.
    """

    path = "(memory)"
    kind = DeviceKind.MEMORY

    def __init__(self, pause: Callable[[], object] = lambda: time.sleep(0.2)) -> None:
        self.calls: Counter[str] = Counter()
        self.hanging = Event()
        self.released = Event()
        self.pause = pause
        self.lock = RLock()
        self._faults: frozenset[Fault] = frozenset()
        self._contents: dict[str, _Content] = {}
        self._is_closed = False

    def inject(self, *faults: Fault) -> None:
        """Enable these faults too, from the next call on."""
        self._faults |= frozenset(faults)

    def heal(self) -> None:
        """Disable all faults, and release the calls that hang."""
        self._faults = frozenset()
        self.hanging.clear()
        self.released.set()
        self.released = Event()

    def has(self, fault: Fault) -> bool:
        """Whether the fault is enabled."""
        return fault in self._faults

    def enter(self, call: str) -> None:
        """Begin a call: count it, then hang, pause or fail by the enabled faults."""
        if self._is_closed:
            raise DeviceGone("the device is closed", errno.EBADF)
        with self.lock:
            self.calls[call] += 1
        released = self.released
        if self.has(Fault.HANGS):
            self.hanging.set()
            released.wait()
        if self.has(Fault.SLOW):
            self.pause()
        if self.has(Fault.EIO):
            raise DeviceFailed(f"{call}: {os.strerror(errno.EIO)}", errno.EIO)

    def create(self, name: str, dimensions: int) -> IVectorFile:
        """Create an empty vector file."""
        self.enter("create")
        if not _is_file_name(name) or not 1 <= dimensions <= _MAX_DIMENSIONS:
            raise DeviceRefused(f"{name!r} of {dimensions} dimensions", errno.EINVAL)
        with self.lock:
            if name in self._contents:
                raise FileTaken(name, errno.EEXIST)
            self._contents[name] = _Content(dimensions)
            return MemoryFile(self, name, self._contents[name])

    def open(self, name: str) -> IVectorFile:
        """Open a vector file."""
        self.enter("open")
        with self.lock:
            return MemoryFile(self, name, self._content(name))

    def list_files(self) -> list[str]:
        """The names of all vector files."""
        self.enter("list_files")
        with self.lock:
            return sorted(self._contents)

    def delete(self, name: str) -> None:
        """Delete a vector file."""
        self.enter("delete")
        with self.lock:
            self._content(name)
            del self._contents[name]

    def close(self) -> None:
        """Close the device: later calls of it and of its files raise DeviceGone."""
        self._is_closed = True

    def _content(self, name: str) -> _Content:
        if name not in self._contents:
            raise NoSuchFile(name, errno.ENOENT)
        return self._contents[name]


class _Content:
    """The content of one vector file."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.ids: Ids = np.empty(0, dtype=np.uint64)
        self.vectors = np.empty((0, dimensions), dtype=np.float32)


@implementer(IVectorFile)
class MemoryFile:
    """A vector file of a MemoryDevice."""

    def __init__(self, device: MemoryDevice, name: str, content: _Content) -> None:
        self.name = name
        self._device = device
        self._content = content
        self._is_closed = False

    def insert(self, ids: Ids, vectors: NDArray[np.float32]) -> None:
        """Store vectors by their ids."""
        self._enter("insert")
        check_array(ids, np.uint64, 1)
        check_array(vectors, np.float32, 2)
        if len(ids) != len(vectors):
            raise ValueError("there must be one id for each vector")
        if not len(ids):
            return
        self._check_dimensions(vectors.shape[1])
        if self._device.has(Fault.STORES_NOTHING):
            return
        with self._device.lock:
            kept = self._content
            stays = ~np.isin(kept.ids, ids)
            if self._device.has(Fault.KEEPS_REPLACED):
                stays[:] = True
            kept.vectors = np.concatenate([kept.vectors[stays], vectors])
            kept.ids = np.concatenate([kept.ids[stays], ids])

    def search(self, query: NDArray[np.float32], k: int, metric: DeviceMetric) -> Neighbours:
        """The vectors nearest to `query`."""
        self._enter("search")
        check_array(query, np.float32, 1)
        if k < 1:
            raise ValueError(f"{k} neighbours cannot be asked for")
        self._check_dimensions(len(query))
        with self._device.lock:
            ids, vectors = self._content.ids, self._content.vectors
        if self._device.has(Fault.WRONG_METRIC):
            metric = DeviceMetric((metric + 1) % len(DeviceMetric))
        scores = score(vectors, query, metric)
        badness = -scores if metric.larger_is_nearer else scores
        order = np.argsort(badness, kind="stable")
        if self._device.has(Fault.MISSES_NEAREST):
            order = np.roll(order, -(len(order) // 4))
        order = order[:k]
        return self._spoiled(ids[order], scores[order].astype(np.float32))

    def meta(self) -> FileMeta:
        """Its metadata."""
        self._enter("meta")
        count = len(self._content.ids) + self._device.has(Fault.MISCOUNTS)
        return FileMeta(self._content.dimensions, count)

    def close(self) -> None:
        """Close the file: later calls raise DeviceGone."""
        self._is_closed = True

    def _enter(self, call: str) -> None:
        if self._is_closed:
            raise DeviceGone(f"{self.name} is closed", errno.EBADF)
        self._device.enter(call)

    def _check_dimensions(self, dimensions: int) -> None:
        if dimensions != self._content.dimensions:
            raise DeviceRefused(f"{self.name} holds no such vectors", errno.EINVAL)

    def _spoiled(self, ids: Ids, scores: NDArray[np.float32]) -> Neighbours:
        """The result, altered by the enabled faults."""
        has = self._device.has
        if has(Fault.WRONG_IDS):
            ids = np.roll(ids, 1)
        if has(Fault.UNKNOWN_IDS):
            ids = np.arange(len(ids), dtype=np.uint64)
        if has(Fault.CONSTANT_SCORES):
            scores = np.ones_like(scores)
        if has(Fault.WRONG_ORDER):
            ids, scores = ids[::-1].copy(), scores[::-1].copy()
        if has(Fault.SHORT_COUNTS):
            ids, scores = ids[:-1], scores[:-1]
        return Neighbours(ids, scores)


def score(
    vectors: NDArray[np.float32], query: NDArray[np.float32], metric: DeviceMetric
) -> NDArray[np.float64]:
    """The scores of vectors, shape [n, dim], to a query, by the definitions of DeviceMetric."""
    rows, wanted = vectors.astype(np.float64), query.astype(np.float64)
    if metric is DeviceMetric.EUCLIDEAN:
        distances: NDArray[np.float64] = np.linalg.norm(rows - wanted, axis=1)
        return distances
    products: NDArray[np.float64] = rows @ wanted
    if metric is DeviceMetric.DOT_PRODUCT:
        return products
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(wanted)
    cosines: NDArray[np.float64] = products / np.where(lengths > 0, lengths, 1.0)
    return cosines


def check_array(array: NDArray[np.generic], dtype: type[np.generic], axes: int) -> None:
    """Raise ValueError for an array that the interface does not accept."""
    if array.dtype != dtype or array.ndim != axes or not array.flags.c_contiguous:
        raise ValueError(f"a C-contiguous array of {axes} axes is needed")


def _is_file_name(name: str) -> bool:
    is_plain = name not in ("", ".", "..") and "/" not in name and "\0" not in name
    return is_plain and len(os.fsencode(name)) <= 255
