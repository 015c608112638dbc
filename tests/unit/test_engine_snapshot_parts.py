"""Snapshots in parts: what has not changed is stored once, and goes when nobody uses it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from tests.engine_support import EngineTestCase, unnamed, upsert, write
from vexfs_twisted.engine import snapshot_archives as archives
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.snapshots import parts
from vexfs_twisted.engine.snapshots.parts import PAGE, PartsFile, PartsIndex
from vexfs_twisted.engine.snapshots.parts_folder import parts_locked
from vexfs_twisted.model.collection import CreateAlias
from vexfs_twisted.model.errors import NotFound, Unavailable
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.snapshots import SnapshotDescription, SnapshotOwner
from vexfs_twisted.model.updates import DeletePoints

POINTS = 20_000
SIZE = 32
OWNER = SnapshotOwner("a")
EVERYTHING = SnapshotOwner()


class Parts(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = archives.SnapshotFolder(self.path / "snapshots", is_incremental=True)
        self.collection = self.catalog.create("a", unnamed(SIZE))
        self.rows = np.random.default_rng(2).random((POINTS, SIZE)).astype(np.float32)
        payloads = [{"text": f"a text of point {number}"} for number in range(POINTS)]
        write(self.collection, upsert(range(POINTS), self.rows, payloads))

    def take(self) -> SnapshotDescription:
        return archives.write_collection(self.folder, OWNER, self.collection)

    def stored(self) -> int:
        """What all snapshots take on disk, in bytes."""
        files = (self.folder.path / "a").iterdir()
        return sum(file.stat().st_blocks * 512 for file in files)

    def read(self, taken: SnapshotDescription) -> bytes:
        """The bytes of a snapshot, as they are downloaded."""
        file, found = self.folder.open(OWNER, taken.name)
        self.assertEqual(found, taken)
        with file:
            self.assertIsInstance(file, PartsFile)
            data = file.read()
            for start in (0, 511, 512, PAGE - 1, len(data) // 2, len(data) - 1):
                file.seek(start)
                found_part = file.read(100)
                self.assertEqual(found_part, data[start : start + len(found_part)])
                self.assertTrue(found_part)
        self.assertEqual((len(data), sha256(data).hexdigest()), (taken.size, taken.checksum))
        return data

    def count_of(self, taken: SnapshotDescription) -> int:
        """The points of a collection that is restored from a snapshot."""
        path = self.folder.path / "a" / taken.name
        archives.restore_file(self.catalog, path, "b", replace=True)
        return self.catalog.get("b").read(Count())

    def change(self) -> None:
        """A hundredth of the points, those that were written last, and a new one."""
        changed = range(POINTS - POINTS // 100, POINTS + 1)
        write(self.collection, upsert(changed, np.zeros((len(changed), SIZE), np.float32)))

    def test_a_second_one_takes_what_has_changed(self) -> None:
        first = self.take()
        before = self.stored()
        self.change()
        second = self.take()
        self.assertLess(self.stored() - before, before // 4)
        self.assertEqual(self.folder.list(OWNER), [first, second])
        for taken in (first, second):
            self.read(taken)
        self.assertEqual((self.count_of(first), self.count_of(second)), (POINTS, POINTS + 1))

    def test_a_snapshot_goes_without_hurting_another(self) -> None:
        taken = [self.take()]
        for _ in range(3):
            self.change()
            taken.append(self.take())
        data = [self.read(one) for one in taken]
        for gone in (1, 0, 3):
            self.folder.delete(OWNER, taken[gone].name)
            with self.assertRaises(NotFound):
                self.folder.open(OWNER, taken[gone].name)
            data[gone] = b""
            for one, kept in zip(taken, data, strict=True):
                if kept:
                    self.assertEqual(self.read(one), kept)
        file, _ = self.folder.open(OWNER, taken[2].name)
        with file:
            self.folder.delete(OWNER, taken[2].name)
            self.assertEqual(file.read(), data[2])
        self.assertEqual(self.names(".pack"), [])

    def names(self, suffix: str) -> list[str]:
        return [name for name in os.listdir(self.folder.path / "a") if name.endswith(suffix)]

    def test_what_was_dropped_gives_its_room_back(self) -> None:
        first = self.take()
        write(self.collection, DeletePoints(list(range(POINTS // 2))))
        write(self.collection, upsert(range(POINTS), self.rows))
        second = self.take()
        data, before = self.read(second), self.stored()
        self.folder.delete(OWNER, first.name)
        self.assertEqual(self.read(second), data)
        self.assertLessEqual(self.stored(), before)

    def test_one_that_fails_leaves_nothing(self) -> None:
        first = self.take()
        names = self.names("")
        pieces: Iterator[int] = iter(range(3))

        def check() -> None:
            if next(pieces, None) is None:
                raise Unavailable("stopping")

        self.change()
        with self.assertRaises(Unavailable):
            archives.write_collection(self.folder, OWNER, self.collection, check)
        self.assertEqual(self.names(""), names)
        self.read(first)

    def test_a_pack_that_no_index_names_goes_with_the_next_deletion(self) -> None:
        first, second = self.take(), self.take()
        directory = self.folder.path / "a"
        (directory / "left.pack").write_bytes(b"x")
        self.folder.sweep()
        self.assertIn("left.pack", self.names(".pack"))
        broken = directory / "x.snapshot.parts"
        broken.write_bytes(b"x")
        self.folder.delete(OWNER, first.name)
        self.assertIn("left.pack", self.names(".pack"), "an index cannot be read")
        broken.unlink()
        self.read(second)
        third = self.take()
        self.folder.delete(OWNER, third.name)
        self.assertNotIn("left.pack", self.names(".pack"))
        self.read(second)

    def test_a_damaged_chunk_is_noticed(self) -> None:
        taken = self.take()
        (pack,) = (path for path in (self.folder.path / "a").iterdir() if path.suffix == ".pack")
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
        file, _ = self.folder.open(OWNER, taken.name)
        with file, self.assertRaises(OSError):
            file.read()

    def test_snapshots_of_both_kinds(self) -> None:
        whole = archives.SnapshotFolder(self.folder.path)
        first = archives.write_collection(whole, OWNER, self.collection)
        second = self.take()
        self.assertEqual(whole.list(OWNER), [first, second])
        self.read(second)
        whole.delete(OWNER, second.name)
        self.assertEqual(whole.list(OWNER), [first])

    def test_an_index_tells_its_version(self) -> None:
        taken = self.take()
        path = self.folder.path / "a" / f"{taken.name}.parts"
        self.assertEqual(PartsIndex(path).head.size, taken.size)
        other = Path(shutil.copy(path, path.with_name("other.snapshot.parts")))
        other.write_bytes(path.read_bytes()[:-1])
        self.assertEqual(self.folder.list(OWNER), [taken])

    def test_a_head_that_is_longer_than_what_is_read_first(self) -> None:
        taken = self.take()
        self.patch(parts, "_FIRST_READ", 60)
        self.read(taken)

    def test_the_lock_is_of_all_processes(self) -> None:
        self.take()
        with parts_locked(self.folder.path / "a"):
            pass


class PartsOfEverything(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = archives.SnapshotFolder(self.path / "snapshots", is_incremental=True)
        self.rows = np.random.default_rng(2).random((POINTS, SIZE)).astype(np.float32)
        for name in "abc":
            write(self.catalog.create(name, unnamed(SIZE)), upsert(range(POINTS), self.rows))
        self.catalog.update_aliases([CreateAlias("b", "other")])

    def take(self) -> SnapshotDescription:
        return archives.write_storage(self.folder, self.catalog)

    def stored(self) -> int:
        """What all snapshots take on disk, in bytes."""
        files = (path for path in self.folder.path.iterdir() if path.is_file())
        return sum(file.stat().st_blocks * 512 for file in files)

    def counts_in(self, taken: SnapshotDescription) -> dict[str, int]:
        """The points of each collection of an empty folder into which one is restored."""
        catalog = Catalog(self.path / f"restored-{taken.name}")
        catalog.open()
        self.addCleanup(catalog.close)
        archives.restore_file(catalog, self.folder.path / taken.name, replace=False)
        self.assertEqual(catalog.resolve("other"), "b")
        return {name: catalog.get(name).read(Count()) for name in catalog.names()}

    def test_a_second_one_takes_what_has_changed(self) -> None:
        first = self.take()
        before = self.stored()
        # All others have another place in the archive then.
        self.catalog.delete("a")
        write(self.catalog.get("c"), upsert([POINTS], self.rows[:1]))
        second = self.take()
        self.assertLess(self.stored() - before, before // 10)
        self.assertEqual(self.folder.list(EVERYTHING), [first, second])
        self.assertEqual(self.counts_in(first), {"a": POINTS, "b": POINTS, "c": POINTS})
        self.assertEqual(self.counts_in(second), {"b": POINTS, "c": POINTS + 1})
        self.folder.delete(EVERYTHING, first.name)
        file, described = self.folder.open(EVERYTHING, second.name)
        with file:
            data = file.read()
        self.assertEqual((len(data), sha256(data).hexdigest()), (second.size, second.checksum))
        self.assertEqual(described, second)
        whole = self.path / "joined.snapshot"
        whole.write_bytes(data)
        self.assertEqual(archives.restore_file(self.catalog, whole, replace=True), ["b", "c"])

    def test_the_archive_is_that_of_a_whole_snapshot(self) -> None:
        """But for the times of their manifests."""
        in_parts = self.take()
        whole = archives.write_storage(archives.SnapshotFolder(self.path / "whole"), self.catalog)
        self.assertEqual(in_parts.size, whole.size)

    def test_one_that_fails_holds_nothing(self) -> None:
        first = self.take()
        names = sorted(os.listdir(self.folder.path))
        left: Iterator[int] = iter(range(9))

        def check() -> None:
            if next(left, None) is None:
                raise Unavailable("stopping")

        opened = len(os.listdir("/proc/self/fd"))
        with self.assertRaises(Unavailable):
            archives.write_storage(self.folder, self.catalog, check)
        self.assertEqual(len(os.listdir("/proc/self/fd")), opened)
        self.assertEqual(sorted(os.listdir(self.folder.path)), names)
        self.assertEqual(self.folder.list(EVERYTHING), [first])
