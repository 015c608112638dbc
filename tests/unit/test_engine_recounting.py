"""Rows are counted from a later one once those before it are dead: nothing else changes."""

from __future__ import annotations

import io
import resource
import sys
from unittest.mock import patch

import numpy as np

from tests.engine_support import EngineTestCase, column, field, unnamed, upsert, write
from tests.rewritten import COLD, HOT, Rewritten
from tests.small_chunks import ROWS, patch_small_chunks
from tests.small_device import mounted
from vexfs_twisted.engine.acceleration import view_of
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.engine.optimizer import dead_rows, settings
from vexfs_twisted.engine.payload_index import row_ids
from vexfs_twisted.engine.vector_index.space import SparseSpace
from vexfs_twisted.engine.writes import point_batch
from vexfs_twisted.model.collection import CollectionInfoRequest, CollectionStatus, UpdateCollection
from vexfs_twisted.model.collection_params import OptimizersConfigDiff, SparseVectorParams
from vexfs_twisted.model.commands import CreateVectorName
from vexfs_twisted.model.errors import StorageFull
from vexfs_twisted.model.filters import Filter, MatchValue, Range
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Scroll
from vexfs_twisted.model.updates import DeletePayload, DeletePoints
from vexfs_twisted.model.vectors import UNNAMED
from vexfs_twisted.repair_command import run_repair
from vexfs_twisted.verify_command import run_verify

ANY_NUMBER = field("number", Range(gte=0))


class Recounting(Rewritten):
    """Chunks of bitmaps have 64 rows here."""

    def eagerly(self) -> None:
        super().eagerly()
        patch_small_chunks(self.patch)
        self.patch(row_ids, "_LEAST_ROOM", 0)
        self.patch(row_filter, "FEW_ROWS", 0)
        self.patch(dead_rows, "LEAST_ROWS", 0)

    def use_up(self) -> None:
        """Use up rows, and let rows be counted from a later one."""
        self.rewrite(20)
        self.collection.optimize()

    def status(self) -> CollectionStatus:
        return self.collection.read(CollectionInfoRequest()).status

    def count(self, number: int) -> object:
        return self.collection.read(Count(Filter(must=(field("number", MatchValue(number)),))))

    def test_nothing_changes_but_the_rows(self) -> None:
        self.assertEqual(self.count(7), 1)
        self.rewrite(20)
        before, end = self.told(), self.collection.state.end
        with self.collection._store.read() as snapshot:
            self.collection.optimize()
            # An older moment has its rows, and its graphs.
            self.assertEqual(snapshot.state.live.rows()[:COLD].tolist(), list(range(COLD)))
            self.assertEqual(len(snapshot.tables.values(snapshot.state.live.rows())), COLD + HOT)
        state = self.collection.state
        self.assertEqual(state.end, end + COLD)
        self.assertEqual(state.base % ROWS, 0)
        self.assertLess(state.next_row, 4 * (COLD + HOT))
        self.assertLessEqual(len(state.live.bits), state.next_row // 8 + ROWS)
        self.assertEqual(self.told(), before)
        self.assertEqual([self.count(n) for n in (7, COLD + 7, 1000)], [1, 1, 0])
        for space in state.linkable.values():
            for segment in space.segments:
                self.assertIn(segment.key, self.collection._store.indexes.graphs)
        self.collection = self.reopen().get("a")
        self.assertEqual(self.collection.state.base, state.base)
        self.assertEqual(self.told(), before)
        self.assertEqual(self.count(7), 1)

    def test_it_goes_on_and_on(self) -> None:
        """Neither the tables nor what is in memory grow with the rows ever written."""
        sizes: list[tuple[int, ...]] = []
        for _ in range(6):
            self.use_up()
            self.collection.checkpoint()
            self.told()
            page = self.collection.read(Scroll(filter=Filter(must=(ANY_NUMBER,)), limit=COLD + HOT))
            self.assertEqual(len(page.records), COLD + HOT)
            state, columns = self.collection.state, self.collection.indexes.columns
            with self.collection._store.read() as snapshot:
                chunks = len(snapshot.tables.records("bits", b"", 1 << 30))
                sums = len(snapshot.tables.records("sums", b"", 1 << 30))
            memory = columns.nbytes, columns.row_bytes
            sizes.append((chunks, sums, len(state.live.bits), state.next_row, *memory))
        self.assertGreater(self.collection.state.base, 3000)
        first, last = sizes[1], sizes[-1]
        self.assertTrue(all(last), last)
        for before, after in zip(first, last, strict=True):
            self.assertLess(after, 2 * before)
        before_all = self.told()
        self.collection = self.reopen().get("a")
        self.assertEqual(self.told(), before_all)

    def test_a_name_without_vectors_for_long_and_a_new_one(self) -> None:
        write(self.collection, CreateVectorName("late", SparseVectorParams()))
        self.use_up()
        write(self.collection, CreateVectorName("later", SparseVectorParams()))
        self.use_up()
        before = self.told()
        for name in ("late", "later"):
            space = self.collection.state.spaces[name]
            assert isinstance(space, SparseSpace)
            self.assertEqual((space.rows, space.base), (0, self.collection.state.base))
        self.collection = self.reopen().get("a")
        self.assertEqual(self.told(), before)
        self.use_up()
        self.assertEqual(len(self.told()[0]), COLD + HOT)

    def test_an_empty_collection(self) -> None:
        self.rewrite(20)
        write(self.collection, DeletePoints(filter=Filter()))
        self.collection.optimize()
        state = self.collection.state
        self.assertLess(state.next_row, 2 * ROWS)
        self.assertEqual(self.told(), [[], []])
        self.collection = self.reopen().get("a")
        self.put(range(10))
        self.assertEqual(len(self.told()[0]), 10)
        self.assertEqual(self.collection.state.end, state.end + 10)

    def test_disk_space_of_the_rows_before(self) -> None:
        store = self.collection._store
        dropped: list[int] = []
        self.patch(store, "drop_before", lambda slot, row: dropped.append(row))
        with store.read() as snapshot:
            self.use_up()
            # That state may still read them.
            self.assertEqual((dropped, snapshot.state.base), ([], 0))
        del snapshot
        self.put(range(COLD, COLD + HOT))
        self.collection.optimize()
        self.assertEqual(set(dropped), {self.collection.state.base})

    def test_disk_space_where_files_have_no_holes_of_dead_rows(self) -> None:
        """Nobody reads rows before the first, so there may be holes on any file system."""
        root = mounted(self, "tmpfs", 64)
        # Before it is unmounted.
        self.addCleanup(lambda: self.catalog.close())
        self.path = root
        self.reopen()
        self.collection = self.catalog.create("a", self.request)
        self.put(range(COLD + HOT))
        sizes: list[int] = []
        for _ in range(12):
            self.rewrite(50)
            self.collection.optimize()
            files = self.collection.path.glob("vectors-*")
            sizes.append(sum(file.stat().st_blocks * 512 for file in files))
        self.assertLess(max(sizes), 2 * sizes[2])
        before = self.told()
        self.collection = self.reopen().get("a")
        self.assertEqual(self.told(), before)
        files = self.collection.path.glob("vectors-*")
        self.assertLess(sum(file.stat().st_blocks * 512 for file in files), 2 * sizes[2])

    def test_views_for_devices(self) -> None:
        self.use_up()
        state = self.collection.state
        view = view_of(state, UNNAMED)
        self.assertEqual((view.base, view.end), (state.base, state.end))

    def test_the_scrub(self) -> None:
        self.use_up()
        self.collection.scrub()
        self.assertEqual(self.status(), CollectionStatus.GREEN)
        store = self.collection._store
        space = store.state.dense[UNNAMED]
        row = int(space.present.rows()[3])
        with (store.path / f"vectors-{space.slot}.f32").open("r+b") as file:
            file.seek(4096 + (space.base + row) * 16)
            file.write(b"\1\2\3\4")
        self.collection.scrub()
        after = store.state.dense[UNNAMED]
        self.assertEqual(after.present.count, space.present.count - 1)
        self.assertFalse(after.present.has(space.present.rows()[3:4]).any())

    def test_verifying_and_repairing(self) -> None:
        self.use_up()
        before, base = self.told(), self.collection.state.base
        self.catalog.close()
        with patch.object(sys, "stdout", io.StringIO()) as out:
            self.assertEqual(run_verify([str(self.path)]), 0, out.getvalue())
            self.assertEqual(run_repair([str(self.path), "a", "--yes"]), 0)
            self.assertEqual(run_verify([str(self.path)]), 0, out.getvalue())
        self.collection = self.reopen().get("a")
        self.assertEqual(self.collection.state.base, base)
        self.assertEqual(self.told(), before)

    def test_as_many_rows_as_there_can_be(self) -> None:
        """Writes are refused as a whole, and go on once points were moved, even in a pause."""
        self.patch(point_batch, "MOST_ROWS", 800)
        self.patch(settings, "URGENT_ROWS", 200)
        paused = OptimizersConfigDiff(max_optimization_threads=0)
        write(self.collection, UpdateCollection(optimizers_config=paused))
        self.rewrite(14)
        before, end = self.told(), self.collection.state.end
        refused = upsert(range(30), {UNNAMED: column(*[[9, 9, 9, 9]] * 30)})
        number = PayloadPath.parse("number")
        kept = DeletePayload((number,), [COLD]), DeletePoints([COLD + 1])
        outcomes = self.collection.apply([refused, kept[0], refused, kept[1]])
        self.assertEqual([type(own) for own in outcomes], [StorageFull, int, StorageFull, int])
        # Nothing of those that were refused, and all of the others.
        after = [own for own in before[0] if own[0] != COLD + 1]
        after[COLD] = (COLD, b"{}", after[COLD][2])
        self.assertEqual((self.told()[0], self.collection.state.end), (after, end))
        self.put(range(COLD, COLD + 10))
        self.collection.optimize()
        self.assertGreater(self.collection.state.base, 0)
        for _ in range(20):
            self.rewrite(2)
            self.collection.optimize()
        self.assertGreater(self.collection.state.end, 2 * 800)
        self.assertEqual(len(self.told()[0]), COLD + HOT)


class LargestFiles(EngineTestCase):
    def test_a_file_that_cannot_be_larger(self) -> None:
        """The files of vectors go on from where they are, until the file system ends that."""
        collection = self.catalog.create("a", unnamed(4096))
        write(collection, upsert(range(10), np.ones((10, 4096), np.float32)))
        many = upsert(range(10, 400), np.ones((390, 4096), np.float32))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, hard))
        try:
            (outcome,) = collection.apply([many])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertIsInstance(outcome, StorageFull)
        self.assertEqual(collection.read(Count()), 10)
        write(collection, many)
        self.assertEqual(collection.read(Count()), 400)
