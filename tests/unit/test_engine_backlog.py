"""How many rows may be written before writes wait for the optimizer."""

from __future__ import annotations

import attrs

from tests.engine_support import EngineTestCase, column, write
from tests.engine_support import upsert as points
from tests.unit.test_engine_optimizer import EAGER, change, links, random_rows, wanted
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.optimizer import backlog
from vexfs_twisted.engine.optimizer.building import Building
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import SparseVectorParams
from vexfs_twisted.model.updates import DeletePoints

LIMITED = attrs.evolve(EAGER, prevent_unoptimized=True)
THRESHOLD = 64


class Room(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.collection = self.limited("things", wanted(LIMITED))
        self.written = 0

    def limited(self, name: str, request: CreateCollection) -> Collection:
        self.catalog.create(name, request)
        return self.catalog.get(name)

    def add(self, count: int) -> None:
        first = self.written
        self.written += count
        write(self.collection, points(range(first, self.written), random_rows(count, first)))

    def assert_room(self, room: int | None) -> None:
        self.assertEqual(self.collection.room_for_rows(), room)

    def test_rows_without_a_graph_count(self) -> None:
        self.assert_room(THRESHOLD)
        self.add(60)
        self.assert_room(4)
        write(self.collection, DeletePoints([1, 2, 3]))
        self.assert_room(7)
        self.add(17)
        self.assert_room(-10)
        self.collection.optimize()
        self.assert_room(THRESHOLD)
        self.add(100)
        self.assert_room(-36)

    def test_without_the_setting(self) -> None:
        self.assertTrue(self.collection.prevents_unoptimized)
        self.add(100)
        change(self.collection, prevent_unoptimized=False)
        self.assertFalse(self.collection.prevents_unoptimized)
        self.assert_room(None)

    def test_graphs_that_are_not_to_be_made(self) -> None:
        self.add(100)
        for off, on in (
            ({"indexing_threshold": 0}, {"indexing_threshold": 8}),
            ({"max_optimization_threads": 0}, {"max_optimization_threads": "auto"}),
        ):
            change(self.collection, **off)
            self.assert_room(None)
            change(self.collection, **on)
            self.assert_room(-36)
        links(self.collection, 0)
        self.assert_room(None)

    def test_an_optimizer_that_fails(self) -> None:
        self.add(100)
        patched = self.patch(Building, "save", _fail)
        self.assertRaises(RuntimeError, self.collection.optimize)
        self.assert_room(None)
        patched.restore()
        # It is tried again, and others wait for it once that has succeeded.
        self.collection._optimizer.wake()
        self.assert_room(None)
        self.collection.optimize()
        self.assert_room(THRESHOLD)

    def test_an_optimizer_that_has_stopped(self) -> None:
        self.add(100)
        self.collection.stop_optimizer()
        self.assert_room(None)

    def test_the_name_with_the_least_room_counts(self) -> None:
        self.collection = self.limited("two", wanted(LIMITED, "a", "b"))
        write(
            self.collection,
            points(range(30), {"a": column(*random_rows(30))}),
            points(range(30, 70), {"b": column(*random_rows(40))}),
        )
        self.assert_room(THRESHOLD - 40)

    def test_sparse_vectors_need_no_graph(self) -> None:
        request = CreateCollection(
            vectors={}, sparse_vectors={"s": SparseVectorParams()}, optimizers_config=LIMITED
        )
        self.collection = self.limited("sparse", request)
        self.assert_room(None)

    def test_rows_that_no_job_links_are_not_waited_with(self) -> None:
        self.add(100)
        self.patch(backlog, "plan", lambda *_, **__: [])
        self.assert_room(None)


def _fail(*_: object) -> None:
    raise RuntimeError("no graph")
