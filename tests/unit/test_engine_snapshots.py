"""Archives of collections: of one moment while writes go on, and restored."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from itertools import count
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import Any

import numpy as np

from tests.engine_support import field, to_vector, upsert, write
from tests.small_device import fill, make_room, mounted
from tests.snapshot_support import EVERY_KIND, SIZE, TOGETHER, SnapshotCase, nothing, round_of
from vexfs_twisted.engine import collection_store
from vexfs_twisted.engine import snapshot_archives as archives
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.errors import UnusableDataFolder
from vexfs_twisted.engine.mvcc import pinned
from vexfs_twisted.engine.snapshots.byte_ranges import FileRange
from vexfs_twisted.engine.storage import tables
from vexfs_twisted.model.collection import CreateAlias, CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    VectorParams,
)
from vexfs_twisted.model.commands import DeleteVectorName
from vexfs_twisted.model.errors import BadInput, BadRequest, Interrupted, NotFound, StorageFull
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.snapshots import SnapshotOwner
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.model.vectors import VectorColumn


class Moments(SnapshotCase):
    def test_everything_is_of_one_moment_while_writes_go_on(self) -> None:
        collection = self.catalog.create("a", EVERY_KIND)
        index = CreateFieldIndex(PayloadPath.parse("round"), FieldSchema(FieldType.INTEGER))
        write(collection, round_of(0), index)
        stop, failures, last = Event(), [], [0]

        def keep_writing() -> None:
            try:
                for number in count(1):
                    write(collection, round_of(number))
                    last[0] = number
                    if number % 7 == 0:
                        collection.checkpoint()
                    if stop.is_set():
                        return
            except Exception as error:
                failures.append(error)

        writer = Thread(target=keep_writing)
        writer.start()
        taken = []
        try:
            for _ in range(6):
                before = last[0]
                taken.append((before, self.take(collection), last[0]))
        finally:
            stop.set()
            writer.join()
        self.assertEqual(failures, [])
        for before, name, after in taken:
            restored = self.restore("a", name, "b")
            number = self.assert_of_one_round(restored)
            self.assertLessEqual(before, number)
            self.assertLessEqual(number, after + 1)
            self.assertEqual(restored.read(Count()), TOGETHER + number + 1)
            of_round = Filter(must=(field("round", MatchValue(number)),))
            self.assertEqual(restored.read(Count(filter=of_round)), TOGETHER + 1)
        self.assertEqual(self.assert_of_one_round(collection), last[0])

    def test_a_snapshot_that_was_cut_short_by_growing_tables_is_begun_again(self) -> None:
        self.patch(tables, "FIRST_MAP_SIZE", 1 << 20)
        self.patch(pinned, "PATIENCE_S", 0.01)
        self.patch(collection_store, "PATIENCE_S", 0.01)
        self.patch(collection_store, "is_half_used", lambda _: False)
        collection = self.catalog.create("a", CreateCollection(vectors={}))
        write(collection, upsert([1], {}, [{"long": "x" * (3 << 20)}]))
        owner, larger = SnapshotOwner("a"), [40 << 20, 12 << 20]

        def grow_at(piece: int, at: Iterator[int]) -> Callable[[], None]:
            def check() -> None:
                if next(at) == piece:
                    write(collection, upsert([1], {}, [{"long": "x" * larger.pop()}]))

            return check

        self.patch(archives, "_TRIES", 1)
        with self.assertRaises(Interrupted):
            archives.write_collection(self.folder, owner, collection, grow_at(3, count()))
        self.assertEqual(self.folder.list(owner), [])
        self.patch(archives, "_TRIES", 2)
        archives.write_collection(self.folder, owner, collection, grow_at(3, count()))
        self.assertEqual(larger, [])
        self.assertEqual(len(self.folder.list(owner)), 1)
        self.assertEqual(self.left(), [])

    def left(self) -> list[str]:
        """Incomplete files."""
        return [path.name for path in self.folder.path.rglob("*.vexfs-partial")]

    def test_rows_that_are_given_back_meanwhile_and_names_that_are_dropped(self) -> None:
        collection = self.catalog.create("a", EVERY_KIND)
        write(collection, *map(round_of, range(20)))
        with collection.hold() as held, TemporaryFile() as file:
            write(collection, DeleteVectorName("lines"), DeletePoints(list(range(TOGETHER))))
            collection.optimize()
            for piece in held.pieces():
                file.write(piece)
            file.flush()
            self.assert_of_one_round(self.restore_file(file, "b"))

    def test_graphs_codes_and_columns_come_along(self) -> None:
        request = CreateCollection(
            vectors={"dense": VectorParams(Distance.COSINE, SIZE)},
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
            quantization_config=QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
        )
        collection = self.catalog.create("a", request)
        rows = np.random.default_rng(3).random((3000, SIZE)).astype(np.float32)
        points = upsert(list(range(3000)), {"dense": VectorColumn.of(rows)}, [{"n": 1}] * 3000)
        index = CreateFieldIndex(PayloadPath.parse("n"), FieldSchema(FieldType.INTEGER))
        write(collection, points, index)
        collection.optimize()
        restored = self.restore("a", self.take(collection), "b")
        kinds = {name.partition("-")[0] for name in os.listdir(restored.path)}
        self.assertLessEqual({"graph", "codes", "column"}, kinds)
        restored.optimize()
        self.assertEqual(
            [segment.uuid for segment in restored.state.dense["dense"].segments],
            [segment.uuid for segment in collection.state.dense["dense"].segments],
        )
        query = to_vector(rows[17], using="dense", limit=5)
        self.assertEqual(
            [hit.id for hit in restored.read(query)], [hit.id for hit in collection.read(query)]
        )
        write(restored, DeletePoints([17]), UpdateCollection())
        self.assertNotIn(17, [hit.id for hit in self.reopen().get("b").read(query)])


class Restores(SnapshotCase):
    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("a", EVERY_KIND)
        write(self.collection, *map(round_of, range(10)))
        self.name = self.take(self.collection)

    def test_a_collection_is_replaced_and_keeps_its_aliases(self) -> None:
        self.catalog.update_aliases([CreateAlias("a", "other")])
        write(self.collection, *map(round_of, range(10, 15)))
        reading = self.collection.open_cursor(Scroll(limit=100))
        restored = self.restore("a", self.name, "a")
        self.assertEqual(self.assert_of_one_round(restored), 9)
        self.assertIs(self.catalog.get(self.catalog.resolve("other")), restored)
        reading.close()
        with self.assertRaises(NotFound):
            write(self.collection, round_of(15))
        write(restored, round_of(10))
        self.assertEqual(len(os.listdir(self.path / "collections")), 1)
        self.assertEqual(self.assert_of_one_round(self.reopen().get("a")), 10)
        self.assertEqual(self.catalog.resolve("other"), "a")

    def test_the_name_of_an_alias_is_not_taken(self) -> None:
        self.catalog.update_aliases([CreateAlias("a", "other")])
        with self.assertRaises(BadInput):
            self.restore("a", self.name, "other")
        self.assertEqual(len(os.listdir(self.path / "collections")), 1)
        self.assert_of_one_round(self.catalog.get("a"))

    def test_a_failed_write_of_the_catalog_leaves_the_collection(self) -> None:
        def fail(*_: object) -> None:
            raise StorageFull("no room left on the device")

        inventory: Any = self.catalog._inventory
        self.patch(inventory._register, "write", fail)
        with self.assertRaises(StorageFull):
            self.restore("a", self.name, "a")
        again = self.catalog.get("a")
        write(again, round_of(10))
        self.assertEqual(self.assert_of_one_round(again), 10)
        self.assertEqual(self.assert_of_one_round(self.reopen().get("a")), 10)

    def test_a_collection_that_does_not_open_in_its_place_leaves_the_former(self) -> None:
        def fail(*_: object) -> None:
            raise UnusableDataFolder(self.path, "no descriptors")

        self.patch(self.catalog, "_open", fail)
        with self.assertRaises(UnusableDataFolder):
            self.restore("a", self.name, "a")
        again = self.catalog.get("a")
        write(again, round_of(10))
        self.assertEqual(len(os.listdir(self.path / "collections")), 1)
        self.assertEqual(self.assert_of_one_round(self.reopen().get("a")), 10)
        self.assertEqual(self.restore("a", self.name, "a").read(Count()), TOGETHER + 10)

    def test_all_at_once(self) -> None:
        write(self.catalog.create("b", EVERY_KIND), round_of(0))
        self.catalog.update_aliases([CreateAlias("b", "other")])
        full = archives.write_storage(self.folder, self.catalog, nothing)
        self.assertEqual(self.folder.list(SnapshotOwner()), [full])
        self.catalog.delete("b")
        write(self.collection, round_of(10))
        file, _ = self.folder.open(SnapshotOwner(), full.name)
        with file:
            archive = FileRange(file.fileno(), full.size)
            with self.assertRaises(BadRequest):
                archives.restore_storage(self.catalog, archive, nothing, replace=False)
            self.assertEqual(self.catalog.names(), ["a"])
            names = archives.restore_storage(self.catalog, archive, nothing, replace=True)
        self.assertEqual(names, ["a", "b"])
        self.assertEqual(self.assert_of_one_round(self.catalog.get("a")), 9)
        self.assertEqual(self.catalog.resolve("other"), "b")

    def test_a_device_that_is_full(self) -> None:
        root = mounted(self, "tmpfs", 8)
        folder = archives.SnapshotFolder(root / "snapshots")
        owner = SnapshotOwner("a")
        first = archives.write_collection(folder, owner, self.collection, nothing)
        fill(root)
        with self.assertRaises(StorageFull):
            archives.write_collection(folder, owner, self.collection, nothing)
        self.assertEqual(folder.list(owner), [first])
        self.assertEqual(
            sorted(os.listdir(root / "snapshots" / "a"))[1:], [f"{first.name}.checksum"]
        )
        make_room(root)
        archives.write_collection(folder, owner, self.collection, nothing)
        small = Catalog(root / "data")
        small.open()
        self.addCleanup(small.close)
        fill(root)
        path = folder.path_of(owner, first.name)
        with self.assertRaises(StorageFull):
            archives.restore_file(small, path, replace=False)
        self.assertEqual((small.names(), os.listdir(root / "data" / "collections")), ([], []))
        make_room(root)
        self.assertEqual(archives.restore_file(small, path, replace=False), ["a"])
        self.assert_of_one_round(small.get("a"))

    def test_the_folder(self) -> None:
        owner = SnapshotOwner("a")
        (first,) = self.folder.list(owner)
        path = self.folder.path / "a" / first.name
        self.assertEqual(path.stat().st_size, first.size)
        again = self.take(self.collection)
        self.assertNotEqual(again, first.name)
        left, running = path.with_name(".x.vexfs-partial"), path.with_name(".y.vexfs-partial")
        left.write_bytes(b"x")
        kept = path.with_name("kept.txt")
        kept.write_bytes(b"x")
        with running.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.folder.sweep()
        self.assertFalse(left.exists())
        self.assertTrue(running.exists())
        self.assertTrue(kept.exists())
        self.folder.delete(owner, first.name)
        self.assertEqual([one.name for one in self.folder.list(owner)], [again])
        for name in (first.name, "../a", "/etc/passwd", "x\0.snapshot", "y" * 300 + ".snapshot"):
            with self.assertRaises(NotFound):
                self.folder.open(owner, name)
        path.with_name("link.snapshot").symlink_to("/etc/passwd")
        with self.assertRaises(NotFound):
            self.folder.open(owner, "link.snapshot")
        strange = SnapshotOwner("n" * 300)
        self.assertEqual(self.folder.list(strange), [])
