"""A store of dense vectors under integer ids, without payloads: the engine for other programs.

Public: the userspace device keeps each of its files in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from attrs import frozen

from ..model.collection import CollectionConfig, CreateCollection, new_config
from ..model.collection_params import Distance, VectorParams
from ..model.commands import CommandBatch
from ..model.device import Ids
from ..model.updates import Upsert
from ..model.vectors import UNNAMED, VectorColumn
from .acceleration import Matrix, VectorView, view_of
from .collection_store import CollectionStore
from .mvcc.state import Snapshot
from .storage.bitmap import Rows
from .storage.keys import decode_id, encode_ids
from .storage.latch import LatchClosed
from .storage.row_values import heads_of

__all__ = ["LatchClosed", "PlainSnapshot", "PlainVectorStore"]

_NO_PAYLOAD = b"{}"


@frozen(eq=False)
class PlainSnapshot:
    """A snapshot of a store. Used by one thread."""

    vectors: VectorView
    _snapshot: Snapshot

    def ids_of(self, rows: Rows) -> Ids:
        """The ids of rows that have a vector, shape [n], in their order."""
        _, ids = heads_of(self._snapshot.tables.values(rows))
        return np.array(ids, dtype=np.uint64)


class PlainVectorStore:
    """An open store. Any thread may read; one at a time writes.

    Vectors are kept as given, whatever their length: Cosine would scale them. Every method that
    reads or writes raises LatchClosed after `close` or `remove`.
    """

    def __init__(self, path: Path) -> None:
        """Open the store in the directory `path`. Raises EngineStartError."""
        self._store = CollectionStore(path)

    @classmethod
    def create(cls, path: Path, dimensions: int) -> None:
        """Make an empty store in the empty directory `path`, durably. Raises OSError."""
        vectors = {UNNAMED: VectorParams(size=dimensions, distance=Distance.EUCLID)}
        CollectionStore.create(
            path, new_config(CreateCollection(vectors=vectors), CollectionConfig())
        )

    @property
    def vectors(self) -> VectorView:
        """The vectors as of the last commit, from memory at once."""
        return view_of(self._store.state, UNNAMED)

    @property
    def count(self) -> int:
        """The number of vectors as of the last commit; known after `close` as well."""
        return self._store.state.live.count

    @contextmanager
    def read(self) -> Iterator[PlainSnapshot]:
        """A context in which one thread reads one snapshot."""
        with self._store.read() as snapshot:
            yield PlainSnapshot(view_of(snapshot.state, UNNAMED), snapshot)

    def commit(self, groups: Sequence[tuple[Ids, Matrix]]) -> list[Exception | None]:
        """Write vectors, each group's ids, shape [n], and vectors, [n, dim], in one commit.

        The last vector of an id counts. Returns for each group its error, if there was one, and
        then nothing of it was written. Raises StorageFull.
        """
        outcomes = self._store.commit([CommandBatch([_upsert(*group)]) for group in groups])
        return [outcome if isinstance(outcome, Exception) else None for (outcome,) in outcomes]

    def has_any(self, ids: Ids) -> bool:
        """Whether one of `ids` has a vector."""
        with self._store.read() as snapshot:
            return bool(snapshot.tables.find(encode_ids(ids.tolist())))

    def largest_id(self) -> int | None:
        """The largest id; None if there are no vectors."""
        with self._store.read() as snapshot:
            key = snapshot.tables.last_key()
        if key is None:
            return None
        largest = decode_id(key)
        assert isinstance(largest, int)
        return largest

    def close(self) -> None:
        """Close the files after the reads in progress."""
        self._store.close()

    def remove(self, path: Path) -> None:
        """Close the store and remove its directory, which is at `path` by now.

        Reads in progress finish.
        """
        self._store.remove(path)


def _upsert(ids: Ids, vectors: Matrix) -> Upsert:
    column = VectorColumn.of(vectors)
    return Upsert(ids.tolist(), {UNNAMED: column}, [_NO_PAYLOAD] * len(ids))
