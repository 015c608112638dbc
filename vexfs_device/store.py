"""The vectors of one file: a collection of the engine with one vector a point, and its id."""

from __future__ import annotations

import errno
import shutil
from contextlib import AbstractContextManager
from uuid import uuid4

import attrs
import numpy as np

from vexfs_twisted.device.uapi import InsertFlag
from vexfs_twisted.engine.collection_store import CollectionStore
from vexfs_twisted.engine.mvcc.state import CollectionState
from vexfs_twisted.engine.storage.bitmap import Rows
from vexfs_twisted.engine.storage.directories import MarkedDirectories
from vexfs_twisted.engine.storage.files import storage_errors, sync_directory
from vexfs_twisted.engine.storage.row_values import heads_of
from vexfs_twisted.engine.vector_index.exact import search_exact
from vexfs_twisted.engine.vector_index.space import VectorSpace
from vexfs_twisted.engine.vectors.norms import Matrix
from vexfs_twisted.model.collection import CollectionConfig, CreateCollection, new_config
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.device import DeviceMetric, Neighbours
from vexfs_twisted.model.vectors import UNNAMED

from .cosine import Cosines
from .errors import Refusal
from .inserts import Insert, Inserts

_SPARED_BYTES = 16 << 20
_ITEM_SIZE = 4
_COPIED_BYTES = 8 << 20

# Cosine is not among them: the engine would keep its vectors scaled to length one.
_DISTANCES = {
    DeviceMetric.EUCLIDEAN: Distance.EUCLID,
    DeviceMetric.DOT_PRODUCT: Distance.DOT,
}


class VectorStore:
    """Open vectors of one length, as they came. Any thread may call, several at once.

    `insert` and `search` raise GateClosed once it is closed or removed.
    """

    def __init__(self, stores: MarkedDirectories, name: str, *, is_begun: bool = False) -> None:
        """Open the store `name`, which may be one that is not complete. Raises EngineStartError."""
        self.name = name
        self._stores = stores
        self._is_begun = is_begun
        self._is_ended = False
        path = stores.begun(name) if is_begun else stores.whole(name)
        self._store = CollectionStore(path)
        self._inserts = Inserts(self._store)
        self._cosines = Cosines()
        self._listed: tuple[CollectionState, Rows] | None = None

    @classmethod
    def begin(cls, stores: MarkedDirectories, dimensions: int) -> VectorStore:
        """Make an empty store, which is gone at the next start unless an entry names it."""
        vectors = {UNNAMED: VectorParams(size=dimensions, distance=Distance.EUCLID)}
        config = new_config(CreateCollection(vectors=vectors), CollectionConfig())
        name = uuid4().hex
        path = stores.begun(name)
        try:
            with storage_errors(path.parent):
                path.mkdir()
                CollectionStore.create(path, config)
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
        """The length of its vectors."""
        return self._store.state.spaces[UNNAMED].params.size

    @property
    def count(self) -> int:
        """How many ids have a vector."""
        return self._store.state.live.count

    @property
    def is_loose(self) -> bool:
        """Whether vectors that were overwritten take more room than all others, and much of it."""
        state = self._store.state
        loose = state.next_row - state.live.count
        return loose > state.live.count and loose * self._row_size(state) > _SPARED_BYTES

    def insert(self, insert: Insert) -> None:
        """Store vectors, as `Inserts.run` says."""
        self._check_length(insert.vectors)
        self._inserts.run(insert)

    def search(self, query: Matrix, k: int, metric: DeviceMetric) -> Neighbours:
        """The k vectors nearest to `query`, shape [1, dim]; all when there are fewer. Exact."""
        self._check_length(query)
        with self._store.read() as snapshot:
            space = snapshot.state.spaces[UNNAMED]
            rows = space.present.rows()
            limit = min(k, len(rows))
            if metric is DeviceMetric.COSINE:
                hits = self._cosines.nearest(space, rows, query, limit)
            else:
                measured = _measured_by(space, _DISTANCES[metric])
                hits = search_exact(measured, rows, query, np.array([limit]))[0]
            _, ids = heads_of(snapshot.tables.values(hits.rows))
        return Neighbours(np.array(ids, dtype=np.uint64), hits.scores)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the vectors, row after row in the order they were written, from `offset` on."""
        state = self._store.state
        space = state.spaces[UNNAMED]
        rows = self._rows(state)
        row_size = self._row_size(state)
        first = offset // row_size
        block = space.floats(rows[first : -(-(offset + size) // row_size)])
        start = offset - first * row_size
        return block.tobytes()[start : start + size]

    def paused(self) -> AbstractContextManager[None]:
        """A context in which no insert is carried out; those that come wait for its end."""
        return self._inserts.paused()

    def copy_to(self, target: VectorStore) -> None:
        """Insert all vectors into an empty store, in the order they are read in."""
        with self._store.read() as snapshot:
            space = snapshot.state.spaces[UNNAMED]
            rows = space.present.rows()
            step = max(1, _COPIED_BYTES // self._row_size(snapshot.state))
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                _, ids = heads_of(snapshot.tables.values(part))
                numbers = np.array(ids, dtype=np.uint64)
                target.insert(Insert(numbers, space.floats(part), InsertFlag.OVERWRITE))

    def close(self) -> None:
        """Close the files, after what is under way."""
        self._store.close()

    def complete(self) -> None:
        """An entry names it by now: it is there for good."""
        self._stores.complete(self.name)
        self._is_begun = False

    def end(self) -> None:
        """Mark it as one that is deleted, whenever `remove` is called; it can still be used."""
        if not self._is_begun and not self._is_ended:
            self._stores.end(self.name)
            self._is_ended = True

    def restore(self) -> None:
        """Take back `end`."""
        if self._is_ended:
            self._stores.restore(self.name)
            self._is_ended = False

    def remove(self) -> None:
        """Remove the files; searches that are under way finish."""
        self.end()
        where = self._stores.begun if self._is_begun else self._stores.ended
        self._store.remove(where(self.name))

    def _row_size(self, state: CollectionState) -> int:
        return state.spaces[UNNAMED].params.size * _ITEM_SIZE

    def _check_length(self, vectors: Matrix) -> None:
        dimensions = self.dimensions
        if vectors.shape[1] != dimensions:
            raise Refusal(errno.EINVAL, f"{vectors.shape[1]} dimensions, not {dimensions}")

    def _rows(self, state: CollectionState) -> Rows:
        """The rows of all vectors. Reads of a whole file come in pieces, so they are kept."""
        listed = self._listed
        if listed is None or listed[0] is not state:
            self._listed = listed = (state, state.spaces[UNNAMED].present.rows())
        return listed[1]


def _measured_by(space: VectorSpace, distance: Distance) -> VectorSpace:
    return attrs.evolve(space, params=attrs.evolve(space.params, distance=distance))
