"""A device with the behaviour of the published VexFS kernel module: fabricated results."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import MutableMapping

import numpy as np
from attrs import evolve
from numpy.typing import NDArray
from zope.interface import implementer

from vexfs_twisted.interfaces import IVectorDevice, IVectorFile
from vexfs_twisted.model.device import (
    DeviceDenied,
    DeviceKind,
    DeviceMetric,
    DeviceRefused,
    FileMeta,
    FileTaken,
    Ids,
    Neighbours,
    NoSuchFile,
)


@implementer(IVectorDevice)
class MadeUpDevice:
    """Counts inserted vectors and stores none. Its files are not listed and cannot be deleted."""

    path = "(made up)"
    kind = DeviceKind.DIRECTORY

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._metas: dict[str, FileMeta] = {}

    def create(self, name: str, dimensions: int) -> IVectorFile:
        """Create a vector file."""
        self.calls["create"] += 1
        if name in self._metas:
            raise FileTaken(name, errno.EEXIST)
        self._metas[name] = FileMeta(dimensions)
        return MadeUpFile(self._metas, name)

    def open(self, name: str) -> IVectorFile:
        """Open a vector file."""
        self._known(name)
        return MadeUpFile(self._metas, name)

    def list_files(self) -> list[str]:
        """Always empty."""
        return []

    def delete(self, name: str) -> None:
        """Raises DeviceDenied, as the module refuses to unlink a file."""
        self._known(name)
        raise DeviceDenied(f"deleting {name}: Operation not permitted (EPERM)", errno.EPERM)

    def close(self) -> None:
        """No-op."""

    def _known(self, name: str) -> None:
        if name not in self._metas:
            raise NoSuchFile(name, errno.ENOENT)


@implementer(IVectorFile)
class MadeUpFile:
    """A vector file whose metadata is correct, and whose search results are fabricated."""

    def __init__(self, metas: MutableMapping[str, FileMeta], name: str) -> None:
        self.name = name
        self._metas = metas

    def insert(self, ids: Ids, vectors: NDArray[np.float32]) -> None:
        """Count the vectors."""
        self._check(vectors.shape[1])
        meta = self.meta()
        self._metas[self.name] = evolve(meta, vector_count=meta.vector_count + len(ids))

    def search(self, query: NDArray[np.float32], k: int, metric: DeviceMetric) -> Neighbours:
        """The ids 0, 1, 2… with scores near 1, whatever the query and the metric."""
        self._check(len(query))
        ids = np.arange(min(k, self.meta().vector_count), dtype=np.uint64)
        return Neighbours(ids, (1.0 - 0.001 * ids).astype(np.float32))

    def meta(self) -> FileMeta:
        """Its metadata."""
        return self._metas[self.name]

    def close(self) -> None:
        """No-op."""

    def _check(self, dimensions: int) -> None:
        if dimensions != self.meta().dimensions:
            raise DeviceRefused(f"{self.name} holds no such vectors", errno.EINVAL)
