"""What collections do with sparse vectors and multivectors on disk and in memory."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

import attrs
import numpy as np

from tests.engine_support import EVERYTHING, EngineTestCase, write
from tests.suites.values import Point, plain_vector, sparse, upsert
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.memory_quota import MemoryQuota
from vexfs_twisted.engine.optimizer import dead_rows
from vexfs_twisted.engine.query import records
from vexfs_twisted.engine.storage.counters import read_counters, write_counters
from vexfs_twisted.engine.storage.hole_punching import may_have_holes
from vexfs_twisted.engine.vector_storage.files import remove_storage
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    Datatype,
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseIndexParams,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.commands import DeleteVectorName
from vexfs_twisted.model.queries import Retrieve, Scroll
from vexfs_twisted.model.scored_points import AnswerTooLarge
from vexfs_twisted.model.updates import DeletePoints, Upsert
from vexfs_twisted.model.vector_kinds import MultiVectors
from vexfs_twisted.model.vectors import VectorColumn

DENSE = VectorParams(Distance.DOT, 2)
MULTI = attrs.evolve(DENSE, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM))
REQUEST = CreateCollection({"": DENSE, "m": MULTI}, sparse_vectors={"s": SparseVectorParams()})
VECTORS: dict[str, Any] = {"": [1, 2], "m": [[1, 2], [3, 4]], "s": sparse({5: 1})}


class KindsTests(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("a", REQUEST)

    def vectors(self, point_id: int) -> object:
        (record,) = self.collection.read(Retrieve([point_id], EVERYTHING))
        return {name: plain_vector(own) for name, own in (record.vectors or {}).items()}

    def files(self) -> set[str]:
        return {path.name for path in self.collection.path.glob("vectors-*")}

    def test_points_outlive_a_restart(self) -> None:
        write(self.collection, upsert(Point(1, VECTORS)), upsert(Point(2, {"s": sparse({})})))
        for _ in range(2):
            self.collection = self.reopen().get("a")
            self.assertEqual(self.vectors(1), VECTORS)
            self.assertEqual(self.vectors(2), {"s": sparse({})})
        write(self.collection, upsert(Point(3, VECTORS)), DeletePoints([1]))
        self.collection = self.reopen().get("a")
        self.assertEqual(self.vectors(3), VECTORS)

    def test_the_datatype_of_an_index_may_change(self) -> None:
        vectors: dict[str, Any] = {"s": sparse({3: 0.30000001192092896, 9: -700})}
        write(self.collection, upsert(Point(1, vectors)))
        for number, datatype in enumerate([Datatype.UINT8, Datatype.FLOAT16], 2):
            index = SparseIndexParams(datatype=datatype)
            change = UpdateCollection(sparse_vectors={"s": SparseVectorParams(index)})
            write(self.collection, change)
            write(self.collection, upsert(Point(number, vectors)))
            self.collection = self.reopen().get("a")
            self.assertEqual(self.collection.config.params.sparse_vectors, change.sparse_vectors)
            for point_id in range(1, number + 1):
                self.assertEqual(self.vectors(point_id), vectors)

    def test_dropped_names_leave_no_files(self) -> None:
        before = self.files()
        self.assertEqual(len(before), 6)
        write(self.collection, upsert(Point(1, VECTORS)), DeleteVectorName("s"))
        self.assertEqual(len(self.files()), 3)
        write(self.collection, DeleteVectorName("m"))
        self.assertEqual(self.files(), {"vectors-1.f32"})
        self.assertEqual(self.vectors(1), {"": [1, 2]})

    def test_names_that_an_earlier_version_did_not_store(self) -> None:
        write(self.collection, upsert(Point(1, [1, 2])))
        without_storages(self.collection, "m", "s")
        self.collection = self.reopen().get("a")
        self.assertEqual(self.vectors(1), {"": [1, 2]})
        write(self.collection, upsert(Point(2, VECTORS)))
        self.assertEqual(self.vectors(2), VECTORS)
        self.collection = self.reopen().get("a")
        self.assertEqual(self.vectors(2), VECTORS)
        slots = [space.slot for space in self.collection.state.spaces.values()]
        self.assertEqual(sorted(slots), [1, 4, 5])

    def test_dead_rows_take_no_room(self) -> None:
        if not may_have_holes(self.collection.path):
            raise SkipTest("needs a file system whose holes can be read at any time")
        self.patch(dead_rows, "LEAST_ROWS", 10)
        write(self.collection, long_multivectors(100, 1000))
        before = self.blocks("m")
        self.collection.optimize()
        self.assertEqual(self.blocks("m"), before)
        with self.collection._store.read() as snapshot:
            write(self.collection, DeletePoints(list(range(10, 100))))
            self.collection.optimize()
            self.assertEqual(self.blocks("m"), before)
            space = snapshot.state.spaces["m"]
            self.assertEqual(space.read(np.array([50])).nbytes, 8008)
        del snapshot, space
        write(self.collection, DeletePoints([9]))
        self.collection.optimize()
        self.assertLess(self.blocks("m"), before // 5)
        page = self.collection.read(Scroll(limit=100, selection=EVERYTHING))
        self.assertEqual([record.id for record in page.records], list(range(9)))
        for record in page.records:
            rows = np.asarray(plain_vector((record.vectors or {})["m"]))
            self.assertTrue((rows == record.id).all())

    def blocks(self, name: str) -> int:
        """The disk space of the vectors of a name."""
        slot = self.collection.state.spaces[name].slot
        files = self.collection.path.glob(f"vectors-{slot}.*")
        return sum(path.stat().st_blocks for path in files)

    def test_the_sizes_of_answers_are_those_of_their_vectors(self) -> None:
        write(self.collection, long_multivectors(20, 1000))
        write(self.collection, upsert(*(Point(i, {"m": [[1, 2]]}) for i in range(20, 40))))
        self.patch(records, "_STEP_VECTOR_BYTES", 20_000)
        page = Scroll(limit=40, selection=EVERYTHING)
        with MemoryQuota(210_000):
            self.assertEqual(len(self.collection.read(page).records), 40)
        with self.assertRaises(AnswerTooLarge), MemoryQuota(150_000):
            self.collection.read(page)
        with MemoryQuota(30_000):
            self.collection.read(Scroll(limit=20, offset=20, selection=EVERYTHING))
        cursor = self.collection.open_cursor(page)
        self.addCleanup(cursor.close)
        counts = []
        while (batch := cursor.next(100, 50_000)) is not None:
            counts.append(len(batch.points))
            self.assertLess(batch.size, 60_000)
        self.assertEqual(counts[0], 6)
        self.assertEqual(sum(counts), 40)


def long_multivectors(points: int, rows: int) -> Upsert:
    """Points whose multivectors have so many rows of two numbers, equal to the id."""
    data = np.repeat(np.arange(points, dtype=np.float32), 2 * rows).reshape(-1, 2)
    column = MultiVectors.from_arrays(np.full(points, rows), data)
    return Upsert(list(range(points)), {"m": VectorColumn(column)}, [b"{}"] * points)


def without_storages(collection: Collection, *names: str) -> None:
    """Leave a collection as earlier versions did, which stored only some kinds of vectors."""
    store = collection._store
    with store._access.writing() as opened, opened.environment.begin(write=True) as transaction:
        counters = read_counters(transaction, opened.tables)
        slots = dict(counters.slots)
        for name in names:
            remove_storage(store.path, slots.pop(name).number)
        changed = attrs.evolve(counters, slots=slots)
        write_counters(transaction, opened.tables, changed)
