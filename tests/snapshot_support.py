"""What tests of snapshots share: collections whose points all tell when they were written."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

import numpy as np

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    payload_of,
    upsert,
)
from vexfs_twisted.engine import snapshot_archives as archives
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.snapshots.byte_ranges import FileRange
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.queries import Scroll
from vexfs_twisted.model.snapshots import SnapshotOwner
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vector_kinds import MultiVectors, SparseVectors
from vexfs_twisted.model.vectors import VectorColumn

SIZE = 4
TOGETHER = 20
"""Points that every commit writes anew, all with the same number."""

EVERY_KIND = CreateCollection(
    vectors={
        "dense": VectorParams(Distance.EUCLID, SIZE),
        "lines": VectorParams(
            Distance.DOT, SIZE, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        ),
    },
    sparse_vectors={"words": SparseVectorParams()},
)


def nothing() -> None:
    """No check."""


def round_of(number: int) -> Upsert:
    """Points whose vectors of every kind and whose payloads all tell the same number.

    The first are written anew by every round; the last is a new one.
    """
    ids = [*range(TOGETHER), 1000 + number]
    own = np.full((len(ids), SIZE), number, dtype=np.float32)
    offsets = np.arange(len(ids) + 1, dtype=np.int64)
    words = SparseVectors(offsets, np.full(len(ids), number % 50, np.uint32), own[:, 0].copy())
    columns = {
        "dense": VectorColumn.of(own),
        "lines": VectorColumn(MultiVectors(2 * offsets, own.repeat(2, axis=0)), None),
        "words": VectorColumn(words, None),
    }
    return upsert(ids, columns, [{"round": number}] * len(ids))


class SnapshotCase(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = archives.SnapshotFolder(self.path / "snapshots")

    def take(self, collection: Collection) -> str:
        """The name of a new snapshot."""
        owner = SnapshotOwner(collection.name)
        return archives.write_collection(self.folder, owner, collection, nothing).name

    def restore(self, taken_of: str, name: str, into: str) -> Collection:
        """Restore a snapshot as the collection `into`."""
        file, _ = self.folder.open(SnapshotOwner(taken_of), name)
        with file:
            return self.restore_file(file, into)

    def restore_file(self, file: BinaryIO, into: str) -> Collection:
        archive = FileRange(file.fileno(), os.fstat(file.fileno()).st_size)
        return archives.restore_collection(self.catalog, into, archive, nothing).collection

    def assert_of_one_round(self, collection: Collection) -> int:
        """Everything in a collection is of the same round, which is returned."""
        records = collection.read(Scroll(limit=100_000, selection=EVERYTHING)).records
        numbers = {payload_of(record)["round"] for record in records[:TOGETHER]}
        self.assertEqual(len(numbers), 1, numbers)
        (number,) = numbers
        self.assertEqual(len(records), TOGETHER + number + 1)
        for record in records:
            told = payload_of(record)["round"]
            vectors: Any = record.vectors
            dense, lines, words = (vectors[name] for name in ("dense", "lines", "words"))
            self.assertEqual(np.unique(dense).tolist(), [told])
            self.assertEqual(np.unique(lines.rows).tolist(), [told])
            self.assertEqual((words.indices.tolist(), words.values.tolist()), ([told % 50], [told]))
        return int(number)
