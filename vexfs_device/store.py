"""The vectors of one file, in a PlainVectorStore of the engine."""

from __future__ import annotations

import errno
import shutil
from contextlib import AbstractContextManager
from uuid import uuid4

import numpy as np

from vexfs_twisted.device.uapi import InsertFlag
from vexfs_twisted.engine.acceleration import Matrix, Rows, VectorView
from vexfs_twisted.engine.data_folder import MarkedDirectories, storage_errors, sync_directory
from vexfs_twisted.engine.plain_store import PlainVectorStore
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.device import DeviceMetric, Neighbours

from .cosine import Cosines
from .errors import Refusal
from .inserts import Insert, Inserts

_SPARED_BYTES = 16 << 20
_ITEM_SIZE = 4
_COPIED_BYTES = 8 << 20

# Without Cosine, for which the engine would store normalised vectors.
_DISTANCES = {
    DeviceMetric.EUCLIDEAN: Distance.EUCLID,
    DeviceMetric.DOT_PRODUCT: Distance.DOT,
}


class VectorStore:
    """An open store of vectors of one length, kept as given. Thread-safe.

    `insert` and `search` raise LatchClosed once it is closed or removed.
    """

    def __init__(self, stores: MarkedDirectories, name: str, *, is_begun: bool = False) -> None:
        """Open the store `name`; `is_begun`: it is not complete yet. Raises EngineStartError."""
        self.name = name
        self._stores = stores
        self._is_begun = is_begun
        self._is_ended = False
        path = stores.begun(name) if is_begun else stores.whole(name)
        self._store = PlainVectorStore(path)
        self._inserts = Inserts(self._store)
        self._cosines = Cosines()
        self._listed: tuple[int, Rows] | None = None

    @classmethod
    def begin(cls, stores: MarkedDirectories, dimensions: int) -> VectorStore:
        """Create an empty store, which the next start removes unless an entry refers to it."""
        name = uuid4().hex
        path = stores.begun(name)
        try:
            with storage_errors(path.parent):
                path.mkdir()
                PlainVectorStore.create(path, dimensions)
                sync_directory(path.parent)
                return cls(stores, name, is_begun=True)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    @classmethod
    def dimensions_of(cls, stores: MarkedDirectories, name: str) -> int:
        """The length of the vectors in a store. Raises EngineStartError."""
        store = cls(stores, name)
        try:
            return store.dimensions
        finally:
            store.close()

    @property
    def dimensions(self) -> int:
        """The dimension of its vectors."""
        return self._store.vectors.params.size

    @property
    def count(self) -> int:
        """The number of ids with a vector."""
        return self._store.count

    @property
    def is_loose(self) -> bool:
        """Whether overwritten vectors take more space than the others, and a lot of it."""
        vectors = self._store.vectors
        loose = vectors.next_row - vectors.count
        return loose > vectors.count and loose * _row_size(vectors) > _SPARED_BYTES

    def insert(self, insert: Insert) -> None:
        """Store vectors, see `Inserts.run`."""
        self._check_length(insert.vectors)
        self._inserts.run(insert)

    def search(self, query: Matrix, k: int, metric: DeviceMetric) -> Neighbours:
        """The k vectors nearest to `query`, shape [1, dim]; all when there are fewer. Exact."""
        self._check_length(query)
        with self._store.read() as snapshot:
            vectors = snapshot.vectors
            rows = vectors.rows()
            limit = min(k, len(rows))
            if metric is DeviceMetric.COSINE:
                hits = self._cosines.nearest(vectors, rows, query, limit)
            else:
                measured = vectors.measured_by(_DISTANCES[metric])
                (hits,) = measured.nearest(rows, query, np.array([limit]))
            return Neighbours(snapshot.ids_of(hits.rows), hits.scores)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the vectors, row after row in the order they were written, from `offset` on."""
        vectors = self._store.vectors
        rows = self._rows(vectors)
        row_size = _row_size(vectors)
        first = offset // row_size
        block = vectors.floats(rows[first : -(-(offset + size) // row_size)])
        start = offset - first * row_size
        return block.tobytes()[start : start + size]

    def paused(self) -> AbstractContextManager[None]:
        """A context in which inserts block."""
        return self._inserts.paused()

    def copy_to(self, target: VectorStore) -> None:
        """Insert all vectors into an empty store, in the order of `read`."""
        with self._store.read() as snapshot:
            vectors = snapshot.vectors
            rows = vectors.rows()
            step = max(1, _COPIED_BYTES // _row_size(vectors))
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                ids = snapshot.ids_of(part)
                target.insert(Insert(ids, vectors.floats(part), InsertFlag.OVERWRITE))

    def close(self) -> None:
        """Close the files after the operations in progress."""
        self._store.close()

    def complete(self) -> None:
        """Mark the store as complete, as an entry refers to it now."""
        self._stores.complete(self.name)
        self._is_begun = False

    def end(self) -> None:
        """Mark the store as deleted, before `remove`; it can still be used."""
        if not self._is_begun and not self._is_ended:
            self._stores.end(self.name)
            self._is_ended = True

    def restore(self) -> None:
        """Undo `end`."""
        if self._is_ended:
            self._stores.restore(self.name)
            self._is_ended = False

    def remove(self) -> None:
        """Remove the files; searches in progress finish."""
        self.end()
        where = self._stores.begun if self._is_begun else self._stores.ended
        self._store.remove(where(self.name))

    def _check_length(self, vectors: Matrix) -> None:
        dimensions = self.dimensions
        if vectors.shape[1] != dimensions:
            raise Refusal(errno.EINVAL, f"{vectors.shape[1]} dimensions, not {dimensions}")

    def _rows(self, vectors: VectorView) -> Rows:
        """The rows of all vectors, cached, as whole files are read in pieces."""
        listed = self._listed
        if listed is None or listed[0] != vectors.operation:
            self._listed = listed = (vectors.operation, vectors.rows())
        return listed[1]


def _row_size(vectors: VectorView) -> int:
    return vectors.params.size * _ITEM_SIZE
