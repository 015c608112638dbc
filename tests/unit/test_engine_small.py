"""Small collections: all of their vectors get into graphs, and are counted one by one."""

from __future__ import annotations

import numpy as np

from tests.engine_support import EngineTestCase, Floats, to_vector, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.model.collection import (
    CollectionInfoRequest,
    CollectionStatus,
    CreateCollection,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import Distance, OptimizersConfigDiff, VectorParams
from vexfs_twisted.model.queries import QueryBatch
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

SIZE = 256
"""Of this size a vector takes a kilobyte, in which thresholds are."""


def random_rows(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((count, SIZE), dtype=np.float32)


class SmallCollectionTests(EngineTestCase):
    """Collections with a threshold of a kilobyte."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(optimizer, "QUIET_SECONDS", 0)

    def create(self, *names: str, threshold: int = 1) -> Collection:
        vectors = {name: VectorParams(Distance.EUCLID, SIZE) for name in names or (UNNAMED,)}
        optimizers = OptimizersConfigDiff(indexing_threshold=threshold)
        name = f"c{len(self.catalog.names())}"
        return self.catalog.create(name, CreateCollection(vectors, optimizers_config=optimizers))

    def assertSettled(self, collection: Collection, indexed: int) -> None:
        """After optimization so many vectors are indexed, and there is nothing left to do."""
        collection.optimize()
        info = collection.read(CollectionInfoRequest())
        self.assertEqual(info.indexed_vectors_count, indexed)
        self.assertIs(info.status, CollectionStatus.GREEN)
        self.assertFalse(collection.is_optimizer_due())

    def assertFinds(self, collection: Collection, point: int, vector: Floats) -> None:
        (answer,) = collection.read(QueryBatch([to_vector(vector, limit=1)]))
        assert not isinstance(answer, Exception)
        self.assertEqual([(hit.id, hit.score) for hit in answer], [(point, 0.0)])

    def test_any_number_of_vectors_is_counted(self) -> None:
        for count in (1, 2, 50, 63, 64, 65, 100, 127, 129, 200):
            collection = self.create()
            write(collection, upsert(range(count), random_rows(count)))
            self.assertSettled(collection, count)
            self.catalog.delete(self.catalog.names()[0])

    def test_at_once_while_others_are_written(self) -> None:
        """The first graph does not wait until it is quiet."""
        self.patch(optimizer, "QUIET_SECONDS", 1000)
        collection = self.create()
        write(collection, upsert(range(50), random_rows(50)))
        self.assertSettled(collection, 50)

    def test_growth_by_few_points(self) -> None:
        collection = self.create()
        rows = random_rows(130)
        count = 60
        write(collection, upsert(range(count), rows[:count]))
        self.assertSettled(collection, count)
        for step in (1, 1, 2, 1, 30, 5, 30):
            write(collection, upsert(range(count, count + step), rows[count : count + step]))
            count += step
            self.assertSettled(collection, count)
        self.assertEqual(len(collection._store.state.spaces[UNNAMED].segments), 1)
        for point in range(130):
            self.assertFinds(collection, point, rows[point])

    def test_what_waits_is_found_and_not_counted(self) -> None:
        collection = self.create()
        rows = random_rows(110)
        write(collection, upsert(range(60), rows[:60]))
        self.assertSettled(collection, 60)
        self.patch(optimizer, "QUIET_SECONDS", 1000)
        for point in range(60, 110):
            write(collection, upsert([point], rows[point : point + 1]))
            collection.optimize()
            self.assertEqual(collection.read(CollectionInfoRequest()).indexed_vectors_count, 60)
            self.assertFinds(collection, point, rows[point])
        self.assertIs(collection.read(CollectionInfoRequest()).status, CollectionStatus.YELLOW)

    def test_deleted_points(self) -> None:
        collection = self.create()
        write(collection, upsert(range(50), random_rows(50)))
        self.assertSettled(collection, 50)
        write(collection, DeletePoints([0, 49, 20]))
        self.assertSettled(collection, 47)
        write(collection, upsert([0, 1], random_rows(2, seed=1)))
        self.assertSettled(collection, 48)
        write(collection, DeletePoints(list(range(50))))
        self.assertSettled(collection, 0)
        write(collection, upsert(range(7), random_rows(7)))
        self.assertSettled(collection, 7)

    def test_each_name_counts(self) -> None:
        collection = self.create("one", "two")
        column = VectorColumn.of(random_rows(50))
        write(collection, upsert(range(50), {"one": column}))
        self.assertSettled(collection, 50)
        some = VectorColumn.of(random_rows(3), np.array([0, 4, 9]))
        write(collection, upsert(range(50, 60), {"two": some}))
        self.assertSettled(collection, 53)
        write(collection, DeletePoints([50, 0]))
        self.assertSettled(collection, 51)

    def test_other_thresholds(self) -> None:
        collection = self.create(threshold=51)
        write(collection, upsert(range(50), random_rows(50)))
        self.assertSettled(collection, 0)
        self.change(collection, 50)
        self.assertSettled(collection, 50)
        self.change(collection, 10_000)
        self.assertSettled(collection, 50)
        self.change(collection, 0)
        write(collection, upsert([50], random_rows(1)))
        self.assertSettled(collection, 50)
        self.change(collection, 1)
        self.assertSettled(collection, 51)

    def change(self, collection: Collection, threshold: int) -> None:
        diff = OptimizersConfigDiff(indexing_threshold=threshold)
        write(collection, UpdateCollection(optimizers_config=diff))

    def test_after_the_default_threshold(self) -> None:
        """Ten thousand kilobytes of vectors."""
        collection = self.catalog.create(
            "usual", CreateCollection({UNNAMED: VectorParams(Distance.DOT, 2048)})
        )
        rows = np.random.default_rng(3).standard_normal((1283, 2048), dtype=np.float32)
        write(collection, upsert(range(1249), rows[:1249]))
        self.assertSettled(collection, 0)
        write(collection, upsert(range(1249, 1283), rows[1249:]))
        self.assertSettled(collection, 1283)

    def test_after_a_start(self) -> None:
        collection = self.create()
        write(collection, upsert(range(50), random_rows(50)))
        self.assertSettled(collection, 50)
        (name,) = self.catalog.names()
        collection = self.reopen().get(name)
        self.assertEqual(collection.read(CollectionInfoRequest()).indexed_vectors_count, 50)
        write(collection, upsert([50, 51], random_rows(2, seed=1)))
        self.assertSettled(collection, 52)

    def test_segments_are_to_be_tiny(self) -> None:
        """They are not made of single rows, of which each would be a file."""
        diff = OptimizersConfigDiff(indexing_threshold=1, max_segment_size=1)
        params = {UNNAMED: VectorParams(Distance.EUCLID, SIZE)}
        collection = self.catalog.create("tiny", CreateCollection(params, optimizers_config=diff))
        write(collection, upsert(range(200), random_rows(200)))
        self.assertSettled(collection, 200)
        self.assertEqual(collection.read(CollectionInfoRequest()).segments_count, 5)
