"""A device without room: the write is refused, and nothing of it is there."""

from __future__ import annotations

import os

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import EVERYTHING, unnamed, upsert, write
from tests.small_device import fill, make_room, mounted
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.storage.page_check import check_pages
from vexfs_twisted.engine.storage.tables import TABLES_FILE
from vexfs_twisted.model.commands import CommandBatch, Origin
from vexfs_twisted.model.errors import StorageFull
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import DeletePoints

SIZE = 256


class FullDeviceTests(SynchronousTestCase):
    """A small file system in memory."""

    def setUp(self) -> None:
        self.path = mounted(self, "tmpfs", 6)
        self.catalog = Catalog(self.path / "data")
        self.catalog.open()
        self.addCleanup(lambda: self.catalog.close())

    def fill(self, payload: str) -> int:
        """Upsert a hundred points at a time until there is no room; how many went in."""
        collection = self.catalog.get("a")
        generator = np.random.default_rng(1)
        for start in range(0, 100_000, 100):
            ids = range(start, start + 100)
            vectors = generator.random((100, SIZE), dtype=np.float32)
            (outcome,) = collection.apply([upsert(ids, vectors, [{"text": payload}] * 100)])
            if isinstance(outcome, StorageFull):
                return start
            self.assertIsInstance(outcome, int)
        raise AssertionError("the device never became full")

    def check(self, payload: str) -> None:
        collection = self.catalog.create("a", unnamed(SIZE))
        stored = self.fill(payload)
        self.assertGreater(stored, 0)
        for _ in range(2):
            self.assertEqual(collection.read(Count()), stored)
            page = collection.read(Scroll(limit=10_000, selection=EVERYTHING))
            self.assertEqual([record.id for record in page.records], list(range(stored)))
            expected = np.random.default_rng(1).random((stored, SIZE), dtype=np.float32)
            found = np.array([(record.vectors or {})[""] for record in page.records])
            np.testing.assert_array_equal(found, expected)
            self.catalog.close()
            self.catalog = Catalog(self.path / "data")
            self.catalog.open()
            collection = self.catalog.get("a")

    def test_when_vectors_find_no_room(self) -> None:
        self.check("")

    def test_when_payloads_find_no_room(self) -> None:
        self.check("x" * 5000)

    def test_a_batch_that_finds_no_room_is_not_recorded(self) -> None:
        collection = self.catalog.create("a", unnamed(SIZE))
        write(collection, upsert([1]))
        vectors = np.ones((4000, SIZE), dtype=np.float32)
        batches = [
            CommandBatch([upsert(range(4000), vectors)], Origin("log", 1)),
            CommandBatch([DeletePoints([1])], Origin("log", 2)),
        ]
        fill(self.path)
        outcomes = collection.apply_each(batches)
        self.assertEqual([[type(o) for o in own] for own in outcomes], [[StorageFull]] * 2)
        self.assertIsNone(collection.last_counter("log"))
        self.assertEqual((collection.read(Count()), collection.last_command), (1, 1))
        make_room(self.path)
        for _ in range(2):
            self.assertEqual(collection.apply_each(batches), [[1], [2]])
            self.assertEqual((collection.read(Count()), collection.last_command), (3999, 3))

    def test_a_start_where_free_pages_are_missing(self) -> None:
        """LMDB does not write pages that a commit takes and gives back, at the end of the file."""
        collection = self.catalog.create("a", unnamed(SIZE))
        write(collection, upsert([1]))
        write(collection, upsert(range(2, 300), payloads=[{"text": "x" * 5000}] * 298))
        write(collection, DeletePoints(list(range(2, 300))))
        # Pages that are free for two commits are used again, the first ones first.
        for _ in range(10):
            write(collection, upsert([2]))
        self.catalog.close()
        file = collection.path / TABLES_FILE
        whole, needed = file.read_bytes(), 0
        while not check_pages(file, every=True):
            needed = file.stat().st_size
            os.truncate(file, needed - 4096)
        self.assertLess(needed, len(whole) - 10 * 4096)
        file.write_bytes(whole[:needed])
        fill(self.path)
        self.catalog = Catalog(self.path / "data")
        self.catalog.open()
        self.assertEqual(self.catalog.get("a").read(Count()), 2)
        make_room(self.path)
        write(self.catalog.get("a"), upsert(range(300)))
        self.assertEqual(self.catalog.get("a").read(Count()), 300)

    def test_a_collection_that_finds_no_room_is_not_made(self) -> None:
        self.catalog.create("a", unnamed(SIZE))
        self.fill("")
        fill(self.path)
        with self.assertRaises(StorageFull):
            self.catalog.create("b", unnamed(SIZE))
        self.assertEqual(self.catalog.names(), ["a"])
        self.assertEqual(len(list((self.path / "data" / "collections").iterdir())), 1)
        make_room(self.path)
        self.catalog.delete("a")
        write(self.catalog.create("b", unnamed(SIZE)), upsert([1]), DeletePoints([1]))
