"""Vector names that are created and dropped while a collection is open."""

from __future__ import annotations

import numpy as np

from tests.engine_support import (
    EVERYTHING,
    column,
    to_vector,
    upsert,
    write,
)
from tests.suites.values import dense
from tests.unit.test_engine_commands import THREE, TWO, CommandTestCase
from vexfs_twisted.model.collection import CollectionInfoRequest, UpdateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    OptimizersConfigDiff,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.commands import (
    CreateVectorName,
    DeleteVectorName,
)
from vexfs_twisted.model.errors import (
    ValidationError,
)
from vexfs_twisted.model.filters import Filter, HasVector
from vexfs_twisted.model.queries import Count, QueryBatch, Scroll
from vexfs_twisted.model.updates import (
    DeletePoints,
    UpdateVectors,
    Upsert,
)


class VectorNameTests(CommandTestCase):
    """Vector names of a collection that has points."""

    def files(self) -> list[str]:
        return sorted(path.name for path in self.directory().glob("vectors-*"))

    def test_points_lack_a_new_name_until_they_are_updated(self) -> None:
        write(self.collection, CreateVectorName("b", THREE))
        self.assertEqual(self.vectors("b"), {})
        update = UpdateVectors([2], {"b": column([1, 2, 3])})
        write(self.collection, update, upsert([4], {"b": column([4, 5, 6])}))
        for _ in range(2):
            self.assertEqual(self.vectors("b"), {2: [1, 2, 3], 4: [4, 5, 6]})
            self.assertEqual(self.vectors("a"), {1: [1, 1], 2: [2, 2], 3: [3, 3]})
            having = Count(Filter(must=(HasVector("b"),)))
            self.assertEqual(self.collection.read(having), 2)
            (found,) = self.collection.read(QueryBatch([to_vector([1, 0, 0], using="b")]))
            self.assertEqual([point.id for point in found], [4, 2])
            self.assertEqual(self.collection.config.params.vectors, {"a": TWO, "b": THREE})
            self.reopen()

    def test_a_name_that_is_removed_and_created_again(self) -> None:
        write(self.collection, DeleteVectorName("a"))
        self.assertEqual(self.files(), [])
        self.assertEqual(self.payloads(), {1: {"n": 1}, 2: {}, 3: {}})
        self.assertEqual(self.collection.config.params.vectors, {})
        write(self.collection, CreateVectorName("a", THREE))
        self.assertEqual(self.vectors("a"), {})
        write(self.collection, UpdateVectors([3], {"a": column([7, 8, 9])}))
        for _ in range(2):
            self.assertEqual(self.vectors("a"), {3: [7, 8, 9]})
            self.assertEqual(self.files(), ["vectors-2.f32"])
            self.reopen()

    def test_all_in_one_commit(self) -> None:
        write(
            self.collection,
            CreateVectorName("b", THREE),
            upsert([4], {"b": column([1, 2, 3])}),
            DeleteVectorName("b"),
            CreateVectorName("b", TWO),
            upsert([5], {"b": column([4, 5])}),
            DeletePoints(filter=Filter(must_not=(HasVector("b"),))),
        )
        self.assertEqual(self.files(), ["vectors-1.f32", "vectors-3.f32"])
        for _ in range(2):
            self.assertEqual(self.vectors("b"), {5: [4, 5]})
            self.assertEqual(self.vectors("a"), {})
            self.reopen()

    def test_a_commit_that_breaks_leaves_no_file(self) -> None:
        broken = Upsert([5], {"b": column([9, 9, 9])}, [None])  # type: ignore[list-item]
        outcomes = self.send(1, CreateVectorName("b", THREE), DeleteVectorName("a"), broken)
        self.assertEqual(list(map(type, outcomes)), [TypeError])
        self.assertEqual(self.files(), ["vectors-1.f32"])
        self.assertEqual(self.vectors("a"), {1: [1, 1], 2: [2, 2], 3: [3, 3]})
        write(self.collection, CreateVectorName("b", TWO), upsert([5], {"b": column([1, 2])}))
        self.assertEqual(self.vectors("b"), {5: [1, 2]})

    def test_what_a_crash_leaves_is_removed(self) -> None:
        for number in (2, 9):
            (self.directory() / f"vectors-{number}.f16").write_bytes(b"cut off")
        self.reopen()
        self.assertEqual(self.files(), ["vectors-1.f32"])
        (self.directory() / "vectors-2.f16").write_bytes(b"cut off")
        write(self.collection, CreateVectorName("b", TWO))
        self.assertEqual(self.files(), ["vectors-1.f32", "vectors-2.f32"])

    def test_a_cursor_goes_on_with_what_was_removed(self) -> None:
        cursor = self.collection.open_cursor(Scroll(limit=10, selection=EVERYTHING))
        first = cursor.next(1, 1 << 20)
        write(self.collection, DeleteVectorName("a"), CreateVectorName("a", THREE))
        write(self.collection, UpdateVectors([3], {"a": column([7, 8, 9])}))
        rest = cursor.next(9, 1 << 20)
        cursor.close()
        assert first is not None and rest is not None
        records = [*first.points, *rest.points]
        found = [dense(record.vectors["a"]).tolist() for record in records if record.vectors]
        self.assertEqual(found, [[1, 1], [2, 2], [3, 3]])

    def test_names_that_exist(self) -> None:
        sparse = SparseVectorParams()
        write(self.collection, CreateVectorName("s", sparse), CreateVectorName("s", sparse))
        before = self.collection.config
        same = VectorParams(Distance.EUCLID, 2, on_disk=True)
        self.assertEqual(write(self.collection, CreateVectorName("a", same)), [3])
        refused = {
            CreateVectorName(
                "a", THREE
            ): "Vector `a` already exists with a different configuration",
            CreateVectorName("a", sparse): "Vector `a` already exists as a dense vector",
            CreateVectorName("s", TWO): "Vector `s` already exists as a sparse vector",
            CreateVectorName("", sparse): "Sparse vector name cannot be empty",
        }
        outcomes = self.collection.apply(list(refused))
        texts = [f"Wrong input: {text}" for text in refused.values()]
        self.assertEqual(list(map(str, outcomes)), texts)
        (outcome,) = self.collection.apply([CreateVectorName("z", VectorParams(Distance.DOT, 0))])
        self.assertIsInstance(outcome, ValidationError)
        self.assertEqual(self.collection.config, before)
        write(self.collection, DeleteVectorName("s"), DeleteVectorName("never"))
        self.assertIsNone(self.collection.config.params.sparse_vectors)

    def test_graphs_go_with_their_name(self) -> None:
        optimizers = OptimizersConfigDiff(indexing_threshold=1)
        data = np.random.default_rng(3).random((3000, 8), np.float32)
        eight = VectorParams(Distance.EUCLID, 8)
        write(
            self.collection,
            UpdateCollection(optimizers_config=optimizers),
            CreateVectorName("b", eight),
            upsert(range(3000), {"b": column(*data.tolist())}),
        )
        self.collection.optimize()
        self.assertTrue(list(self.directory().glob("graph-*")))
        write(self.collection, DeleteVectorName("b"), CreateVectorName("b", eight))
        self.assertEqual(list(self.directory().glob("graph-*")), [])
        self.assertEqual(self.collection.read(QueryBatch([to_vector(data[0], using="b")])), [[]])
        self.reopen()
        self.collection.optimize()
        self.assertEqual(self.collection.read(CollectionInfoRequest()).points_count, 3000)
