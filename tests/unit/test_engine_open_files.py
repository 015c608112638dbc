"""Files of collections that are closed while nobody uses them."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import lmdb
import numpy as np

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    field,
    floats,
    payload_of,
    to_vector,
    unnamed,
    upsert,
    write,
)
from tests.held_files import open_below
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.errors import UnusableDataFolder
from vexfs_twisted.engine.read_bounds import Outgrown, ReadBounds
from vexfs_twisted.engine.storage.open_files import OpenFiles, descriptors_for_collections
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import HnswConfigDiff, OptimizersConfigDiff
from vexfs_twisted.model.errors import NotFound
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.optimizations import OptimizationsRequest
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, QueryBatch, Scroll
from vexfs_twisted.model.read_context import ReadContext
from vexfs_twisted.model.streams import Batch
from vexfs_twisted.model.system_limits import exhausted
from vexfs_twisted.storage.at_once import AT_ONCE_S

MANY = 12
BOUND = 12
"""Descriptors: those of three collections."""


class Files:
    """Files that are open, and closed when they are asked to unless they are in use."""

    descriptors = 4

    def __init__(self, owner: OpenFiles, last_used: float, *, in_use: bool = False) -> None:
        self.last_used = last_used
        self.is_open = True
        self._owner = owner
        self._in_use = in_use

    def close_idle(self) -> bool:
        if self._in_use or not self.is_open:
            return False
        self.is_open = False
        self._owner.closed(self)
        return True


class OpenFilesTests(EngineTestCase):
    """Which are closed."""

    def test_those_that_were_used_longest_ago(self) -> None:
        owner = OpenFiles(40)
        files = [Files(owner, time) for time in (5, 1, 9, 3, 7, 2, 8, 4, 6, 0)]
        for one in files:
            owner.opened(one)
        owner.make_room(4)
        self.assertEqual({one.last_used for one in files if not one.is_open}, {0, 1, 2})
        self.assertEqual(owner.count, 28)
        owner.make_room(12)
        self.assertEqual(owner.count, 28)

    def test_none_that_is_in_use(self) -> None:
        owner = OpenFiles(8)
        busy, idle = Files(owner, 0, in_use=True), Files(owner, 1)
        owner.opened(busy)
        owner.opened(idle)
        owner.make_room(8)
        self.assertTrue(busy.is_open)
        self.assertFalse(idle.is_open)

    def test_all_when_the_system_has_no_more(self) -> None:
        owner = OpenFiles()
        files = Files(owner, 0)
        owner.opened(files)
        self.assertFalse(owner.relieves(OSError(errno.ENOSPC, "")))
        self.assertTrue(files.is_open)
        self.assertTrue(owner.relieves(OSError(errno.EMFILE, "")))
        self.assertFalse(files.is_open)
        self.assertFalse(owner.relieves(OSError(errno.EMFILE, "")))

    def test_they_leave_room_for_connections(self) -> None:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertLess(descriptors_for_collections(), most)
        self.assertGreater(descriptors_for_collections(), most // 8)


class ManyCollections(EngineTestCase):
    """More collections than may be open."""

    def setUp(self) -> None:
        super().setUp()
        self.limit(BOUND)

    def limit(self, most: int) -> None:
        self.catalog.close()
        self.open_files = OpenFiles(most)
        self.catalog = Catalog(self.path, open_files=self.open_files)
        self.catalog.open()

    def make(self, count: int = MANY) -> list[Collection]:
        made = [self.catalog.create(f"c{number}", unnamed()) for number in range(count)]
        for number, collection in enumerate(made):
            write(collection, upsert([1], floats([number, 0, 0, 1]), [{"n": number}]))
        return made

    def tables_open(self) -> int:
        names = (Path(path).name for path in open_below(self.path / "collections"))
        return sum(name == "lock.mdb" for name in names)

    def is_open(self, collection: Collection) -> bool:
        home = self.path / "collections" / collection.directory
        return bool(open_below(home))

    def test_all_of_them_work_and_few_are_open(self) -> None:
        for number, collection in enumerate(self.make()):
            query = to_vector([1, 0, 0, 0], limit=1, selection=EVERYTHING)
            (found,) = collection.read(QueryBatch([query]))
            self.assertEqual(found[0].score, number)
            self.assertEqual(payload_of(found[0]), {"n": number})
            self.assertLessEqual(len(open_below(self.path / "collections")), BOUND + 4)

    def test_all_are_there_after_a_start(self) -> None:
        self.make()
        self.limit(BOUND)
        self.assertLessEqual(self.tables_open(), 4)
        for number in range(MANY):
            self.assertEqual(self.catalog.get(f"c{number}").read(Count()), 1)

    def test_what_is_told_at_once_opens_nothing(self) -> None:
        first, *_ = self.make()
        self.assertFalse(self.is_open(first))
        self.assertEqual(first.config.params.vectors[""].size, 4)
        self.assertEqual(first.read(CollectionInfoRequest()).points_count, 1)
        first.read(OptimizationsRequest())
        first.optimizer_due_in()
        self.assertFalse(self.is_open(first))

    def test_a_read_that_has_no_time_opens_nothing(self) -> None:
        first, *_ = self.make()
        self.assertIsInstance(self.read_in_no_time(first), Outgrown)
        self.assertFalse(self.is_open(first))
        first.read(Count())
        self.assertEqual(self.read_in_no_time(first), 1)

    def test_a_read_that_has_no_time_waits_for_nothing(self) -> None:
        (first,) = self.make(1)
        found: list[object] = []
        with first._store._access.latch.held():
            # Another thread, so that a read that waits fails the test and does not stop it.
            reader = Thread(target=lambda: found.append(self.read_in_no_time(first)))
            reader.start()
            reader.join(20)
            self.assertIsInstance(found[0], Outgrown)
        reader.join()

    def read_in_no_time(self, collection: Collection) -> object:
        """What a read that must not wait finds or raises."""
        context = ReadContext()
        context.short_work = AT_ONCE_S
        try:
            with ReadBounds([context], is_short=True):
                return collection.read(Count())
        except Outgrown as error:
            return error

    def test_writes_and_settings_open_what_they_need(self) -> None:
        first, *rest = self.make()
        for round_ in range(3):
            write(first, upsert([round_ + 2], floats([0, 1, 0, 0])))
            for other in rest:
                other.read(Count())
            self.assertFalse(self.is_open(first))
        write(first, UpdateCollection(hnsw_config=HnswConfigDiff(m=8)))
        self.assertEqual(first.read(Count()), 4)
        self.limit(BOUND)
        self.assertEqual(self.catalog.get("c0").read(Count()), 4)
        self.assertEqual(self.catalog.get("c0").config.hnsw_config.m, 8)

    def test_graphs_are_searched_on_after_an_opening(self) -> None:
        request = CreateCollection(
            vectors=unnamed(8).vectors,
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
        )
        collection = self.catalog.create("graph", request)
        data = np.random.default_rng(1).standard_normal((640, 8), dtype=np.float32)
        write(collection, upsert(range(640), data))
        collection.optimize()
        (segment,) = collection.state.spaces[""].segments
        self.make()
        self.assertFalse(self.is_open(collection))
        (found,) = collection.read(QueryBatch([to_vector(data[7], limit=1)]))
        self.assertEqual(found[0].id, int(np.argmax(data @ data[7])))
        self.assertIs(collection.state.spaces[""].segments[0], segment)
        write(collection, upsert([640], data[:1]))
        self.assertEqual(collection.read(Count()), 641)

    def test_columns_are_not_read_again(self) -> None:
        collection = self.catalog.create("columns", unnamed())
        payloads = [{"k": f"v{number % 3}"} for number in range(30)]
        path = PayloadPath.parse("k")
        write(collection, CreateFieldIndex(path, FieldSchema(FieldType.KEYWORD)))
        write(collection, upsert(range(30), np.ones((30, 4), np.float32), payloads))
        request = Count(Filter(must=(field("k", MatchValue("v1")),)))
        self.assertEqual(collection.read(request), 10)
        kept = collection.indexes.columns
        self.make()
        self.assertFalse(self.is_open(collection))
        self.assertEqual(collection.read(request), 10)
        self.assertIs(collection.indexes.columns, kept)
        write(collection, upsert([1], floats([1, 1, 1, 1]), [{"k": "v2"}]))
        self.assertEqual(collection.read(request), 9)

    def test_an_open_cursor_keeps_its_collection_open(self) -> None:
        first, *rest = self.make()
        write(first, upsert(range(2, 50), np.ones((48, 4), np.float32)))
        cursor = first.open_cursor(Scroll(limit=100))
        self.assertEqual(len(points_of(cursor.next(10, 1 << 20))), 10)
        for other in rest:
            other.read(Count())
        self.assertTrue(self.is_open(first))
        self.assertEqual(len(points_of(cursor.next(100, 1 << 20))), 39)
        cursor.close()
        for other in rest:
            other.read(Count())
        self.assertFalse(self.is_open(first))

    def test_room_given_back_leaves_nothing_open(self) -> None:
        first, *rest = self.make()
        rows = 4096
        write(first, upsert(range(2, rows + 1), np.ones((rows - 1, 4), np.float32)))
        for other in rest:
            other.read(Count())
        self.assertFalse(self.is_open(first))
        first._store.give_back(1, 0, np.ones(rows, np.bool_))
        self.assertTrue(self.is_open(first))
        for other in rest:
            other.read(Count())
        self.assertFalse(self.is_open(first))

    def test_deleting_and_closing_what_is_not_open(self) -> None:
        first, second, *_ = self.make()
        self.assertFalse(self.is_open(first))
        self.catalog.delete("c0")
        with self.assertRaises(NotFound):
            first.read(Count())
        self.assertFalse((self.path / "collections" / first.directory).exists())
        second.close()
        self.assertFalse(self.is_open(second))

    def test_what_is_damaged_is_found_by_the_start(self) -> None:
        made = self.make()
        self.catalog.close()
        for collection in (made[0], made[-1]):
            path = self.path / "collections" / collection.directory / "data.mdb"
            before = path.read_bytes()
            path.write_bytes(b"\xff" * len(before))
            catalog = Catalog(self.path, open_files=OpenFiles(BOUND))
            catalog.open()
            self.assertIsNotNone(catalog.find_quarantined(collection.name))
            catalog.close()
            path.write_bytes(before)

    def test_readers_who_come_together_wait_for_one_opening(self) -> None:
        first, *_ = self.make()
        self.assertFalse(self.is_open(first))
        readers, failures = Barrier(8), list[BaseException]()

        def read() -> None:
            readers.wait()
            try:
                self.assertEqual(first.read(Count()), 1)
            except BaseException as error:
                failures.append(error)

        self.in_threads(8, read)
        self.assertEqual(failures, [])
        home = self.path / "collections" / first.directory
        self.assertEqual(len(open_below(home)), 3)

    def test_any_number_of_threads_on_more_than_may_be_open(self) -> None:
        made = self.make()
        failures: list[BaseException] = []
        turns = iter(range(10**6))

        def use() -> None:
            own = next(turns)
            try:
                for step in range(60):
                    collection = made[(own * 5 + step) % MANY]
                    if step % 3:
                        self.assertGreaterEqual(collection.read(Count()), 1)
                    else:
                        write(collection, upsert([2 + own * 100 + step], floats([0, 0, 0, 1])))
            except BaseException as error:
                failures.append(error)

        self.in_threads(6, use)
        self.assertEqual(failures, [])
        self.assertEqual(sum(collection.read(Count()) for collection in made), MANY + 6 * 20)
        self.limit(BOUND)
        self.assertEqual(
            sum(self.catalog.get(name).read(Count()) for name in self.catalog.names()),
            MANY + 6 * 20,
        )

    def test_what_is_read_is_not_closed(self) -> None:
        first, *rest = self.make()
        inside, done = Event(), Event()

        def read() -> None:
            with first._store.read() as snapshot:
                inside.set()
                done.wait(30)
                self.assertIsNotNone(snapshot.tables.last_key())

        reader = Thread(target=read)
        reader.start()
        inside.wait(30)
        for other in rest:
            other.read(Count())
        self.assertTrue(self.is_open(first))
        done.set()
        reader.join()

    def in_threads(self, count: int, function: Callable[[], None]) -> None:
        threads = [Thread(target=function) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


class NoDescriptors(EngineTestCase):
    """The process has no descriptor left."""

    def exhaust(self) -> Callable[[], None]:
        """Take all descriptors until the end of the test, or until what is answered is called."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(map(int, os.listdir("/proc/self/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
        taken: list[int] = []

        def free() -> None:
            # The descriptors taken may be fewer than what is needed to go on.
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            while taken:
                os.close(taken.pop())

        self.addCleanup(free)
        try:
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            self.assertEqual(error.errno, errno.EMFILE)
        return free

    def test_idle_collections_make_room_for_a_new_one(self) -> None:
        for number in range(6):
            self.catalog.create(f"c{number}", unnamed())
        self.exhaust()
        collection = self.catalog.create("new", unnamed())
        write(collection, upsert([1], floats([1, 0, 0, 0])))
        self.assertEqual(collection.read(Count()), 1)
        self.assertEqual(self.catalog.get("c0").read(Count()), 0)

    def test_a_write_takes_what_others_do_not_use(self) -> None:
        first, *_ = [self.catalog.create(f"c{number}", unnamed()) for number in range(3)]
        self.exhaust()
        write(first, upsert([1], floats([1, 0, 0, 0])))
        self.assertEqual(first.read(Count()), 1)

    def test_the_limit_is_named_where_nothing_can_be_done(self) -> None:
        collection = self.catalog.create("a", unnamed())
        self.assertTrue(collection._store._access.close_idle())
        self.exhaust()
        for use in (
            lambda: collection.read(Count()),
            lambda: write(collection, upsert([1], floats([1, 0, 0, 0]))),
            lambda: self.catalog.create("b", unnamed()),
        ):
            error = self.assertRaises((OSError, lmdb.Error, UnusableDataFolder), use)
            found = exhausted(error)
            assert found is not None, repr(error)
            self.assertIn("ulimit -n", found.message)
        self.assertEqual(self.catalog.names(), ["a"])

    def test_a_deletion_is_done(self) -> None:
        first, _ = [self.catalog.create(name, unnamed()) for name in "ab"]
        self.exhaust()
        self.assertTrue(self.catalog.delete("a"))
        self.assertEqual(self.catalog.names(), ["b"])
        self.assertEqual(self.directory().name, self.catalog.get("b").directory)
        self.assertNotEqual(self.catalog.get("b").directory, first.directory)

    def test_a_deletion_that_cannot_be_noted_changes_nothing(self) -> None:
        collection = self.catalog.create("a", unnamed())
        write(collection, upsert([1], floats([1, 0, 0, 0])))
        self.assertTrue(collection._store._access.close_idle())
        free = self.exhaust()
        self.assertIsNotNone(exhausted(self.assertRaises(OSError, self.catalog.delete, "a")))
        free()
        collection = self.catalog.get("a")
        write(collection, upsert([2], floats([1, 0, 0, 0])))
        self.assertEqual(collection.read(Count()), 2)
        self.assertEqual(self.reopen().get("a").read(Count()), 2)
        self.assertTrue(self.catalog.delete("a"))

    def test_no_graph_is_given_up(self) -> None:
        request = CreateCollection(
            vectors=unnamed(8).vectors,
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
        )
        data = np.random.default_rng(1).standard_normal((640, 8), dtype=np.float32)
        collection = self.catalog.create("graph", request)
        write(collection, upsert(range(640), data))
        collection.optimize()
        collection = self.reopen().get("graph")
        (segment,) = collection.state.spaces[""].segments
        self.exhaust()
        error = self.assertRaises(OSError, collection.optimize)
        self.assertIsNotNone(exhausted(error))
        self.assertEqual(collection.state.spaces[""].segments, (segment,))


def points_of(batch: Batch[Any] | None) -> Any:
    """The points of a batch, which there must be."""
    assert batch is not None
    return batch.points
