"""The vectors of one file: a collection of the engine with one vector a point, and its id."""

from __future__ import annotations

import errno
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import attrs
import numpy as np

from ..device.uapi import InsertFlag
from ..engine.collection_store import CollectionStore
from ..engine.index.exact import nearest
from ..engine.norms import Matrix
from ..engine.store.bitmap import Rows
from ..engine.store.files import storage_errors, sync_directory
from ..engine.store.rowvalue import heads_of
from ..engine.store.view import VectorSpace, View
from ..model.collection import CollectionConfig, CreateCollection, new_config
from ..model.collection_params import Distance, VectorParams
from ..model.device import DeviceMetric, Neighbours
from ..model.vectors import UNNAMED
from .cosine import Cosines
from .errors import Refusal
from .inserts import Insert, Inserts

_SPARED_BYTES = 16 << 20
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

    def __init__(self, path: Path) -> None:
        """Open the store in the directory `path`. Raises EngineStartError."""
        self._store = CollectionStore(path)
        self._inserts = Inserts(self._store)
        self._cosines = Cosines()
        self._listed: tuple[View, Rows] | None = None

    @staticmethod
    def create(path: Path, dimensions: int) -> None:
        """Make the directory `path` with an empty store in it, durably; nothing if it fails."""
        vectors = {UNNAMED: VectorParams(size=dimensions, distance=Distance.EUCLID)}
        request = CreateCollection(vectors=vectors)
        try:
            with storage_errors(path.parent):
                CollectionStore.create(path, new_config(request, CollectionConfig()))
                sync_directory(path.parent)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    @property
    def count(self) -> int:
        """How many ids have a vector."""
        return self._store.view.live.count

    @property
    def is_loose(self) -> bool:
        """Whether vectors that were overwritten take more room than all others, and much of it."""
        view = self._store.view
        loose = view.next_row - view.live.count
        return loose > view.live.count and loose * self._row_size(view) > _SPARED_BYTES

    def insert(self, insert: Insert) -> None:
        """Store vectors, as `Inserts.run` says."""
        self._check_length(insert.vectors)
        self._inserts.run(insert)

    def search(self, query: Matrix, k: int, metric: DeviceMetric) -> Neighbours:
        """The k vectors nearest to `query`, shape [1, dim]; all when there are fewer. Exact."""
        self._check_length(query)
        with self._store.read() as snapshot:
            space = snapshot.view.spaces[UNNAMED]
            rows = space.present.rows()
            limit = min(k, len(rows))
            if metric is DeviceMetric.COSINE:
                hits = self._cosines.nearest(space, rows, query, limit)
            else:
                measured = _measured_by(space, _DISTANCES[metric])
                hits = nearest(measured, rows, query, np.array([limit]))[0]
            _, ids = heads_of(snapshot.tables.values(hits.rows))
        return Neighbours(np.array(ids, dtype=np.uint64), hits.scores)

    def read(self, offset: int, size: int) -> bytes:
        """Bytes of the vectors, row after row in the order they were written, from `offset` on."""
        view = self._store.view
        space = view.spaces[UNNAMED]
        rows = self._rows(view)
        row_size = self._row_size(view)
        first = offset // row_size
        block = space.matrix[rows[first : -(-(offset + size) // row_size)]]
        start = offset - first * row_size
        return block.tobytes()[start : start + size]

    def paused(self) -> AbstractContextManager[None]:
        """A context in which no insert is carried out; those that come wait for its end."""
        return self._inserts.paused()

    def copy_to(self, target: VectorStore) -> None:
        """Insert all vectors into an empty store, in the order they are read in."""
        with self._store.read() as snapshot:
            space = snapshot.view.spaces[UNNAMED]
            rows = space.present.rows()
            step = max(1, _COPIED_BYTES // self._row_size(snapshot.view))
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                _, ids = heads_of(snapshot.tables.values(part))
                numbers = np.array(ids, dtype=np.uint64)
                target.insert(Insert(numbers, space.matrix[part], InsertFlag.OVERWRITE))

    def close(self) -> None:
        """Close the files, after what is under way."""
        self._store.close()

    def remove(self) -> None:
        """Remove the files; searches that are under way finish."""
        self._store.remove()

    def _row_size(self, view: View) -> int:
        return view.spaces[UNNAMED].params.size * view.spaces[UNNAMED].matrix.itemsize

    def _check_length(self, vectors: Matrix) -> None:
        dimensions = self._store.view.spaces[UNNAMED].params.size
        if vectors.shape[1] != dimensions:
            raise Refusal(errno.EINVAL, f"{vectors.shape[1]} dimensions, not {dimensions}")

    def _rows(self, view: View) -> Rows:
        """The rows of all vectors. Reads of a whole file come in pieces, so they are kept."""
        listed = self._listed
        if listed is None or listed[0] is not view:
            self._listed = listed = (view, view.spaces[UNNAMED].present.rows())
        return listed[1]


def _measured_by(space: VectorSpace, distance: Distance) -> VectorSpace:
    return attrs.evolve(space, params=attrs.evolve(space.params, distance=distance))
