"""Two processes on one folder at the same time: one writes, the other follows."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import lmdb
import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import (
    EVERYTHING,
    Floats,
    field,
    payload_of,
    to_vector,
    upsert,
    write,
)
from tests.remote import Remote
from vexfs_twisted.engine import followed_store
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.followed_catalog import FollowedCatalog
from vexfs_twisted.engine.followed_collection import FollowedCollection
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.engine.storage import tables
from vexfs_twisted.engine.storage.open_files import OpenFiles
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    OptimizersConfigDiff,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.commands import Command, CreateVectorName, DeleteVectorName
from vexfs_twisted.model.errors import NotFound
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, QueryBatch, Record, Scroll
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import DeletePoints, SetPayload
from vexfs_twisted.model.vectors import UNNAMED

NAME = "shared"
IDS = 90
STEPS = 150
SIZE = 8
SMALL_MAP = 1 << 18

Contents = dict[int, tuple[int, float]]
"""The number in the payload of a point, and the first component of its vector."""


def eager() -> CreateCollection:
    """A collection that gets graphs early."""
    return CreateCollection(
        {UNNAMED: VectorParams(Distance.EUCLID, SIZE)},
        optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
    )


def vectors(firsts: list[float]) -> Floats:
    """Vectors with these first components, far apart."""
    found = np.zeros((len(firsts), SIZE), dtype=np.float32)
    found[:, 0] = firsts
    return found


class History:
    """Random changes of a collection, and its contents after each."""

    def __init__(self, seed: int) -> None:
        self.contents: list[Contents] = [{}]
        self.sent = 0
        self.acknowledged = 0
        self._random = random.Random(seed)
        self._has_name = False

    def next(self) -> list[Command]:
        """The next change; it counts as sent."""
        choice, now = self._random.random(), dict(self.contents[-1])
        commands: list[Command] = []
        if choice < 0.45 or not now:
            ids = self._random.sample(range(IDS), self._random.randint(1, 30))
            number = len(self.contents)
            firsts = [float(i + number * IDS) for i in ids]
            filling = "x" * self._random.choice([10, 30_000])
            payloads = [{"n": number % 7, "filling": filling} for _ in ids]
            commands.append(upsert(ids, vectors(firsts), payloads))
            now.update((i, (number % 7, first)) for i, first in zip(ids, firsts, strict=True))
        elif choice < 0.65:
            ids = self._random.sample(sorted(now), self._random.randint(1, len(now)))
            commands.append(SetPayload(b'{"n":9}', ids))
            now.update((i, (9, now[i][1])) for i in ids)
        elif choice < 0.85:
            gone = self._random.sample(sorted(now), self._random.randint(1, len(now)))
            commands.append(DeletePoints(gone))
            now = {i: own for i, own in now.items() if i not in gone}
        elif choice < 0.93:
            name = CreateVectorName("s", SparseVectorParams())
            commands.append(DeleteVectorName("s") if self._has_name else name)
            self._has_name = not self._has_name
        else:
            path = PayloadPath.parse("n")
            commands.append(CreateFieldIndex(path, FieldSchema(FieldType.INTEGER)))
        self.contents.append(now)
        self.sent += 1
        return commands

    def possible(self, since: int) -> list[Contents]:
        """What a read may find that began when change `since` was acknowledged, and ends now."""
        return self.contents[since : self.sent + 1]


class FollowTests(SynchronousTestCase):
    """A writer in another process, and threads that read in this one."""

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-followed-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.patch(tables, "FIRST_MAP_SIZE", SMALL_MAP)
        self.writer = Remote(FIRST_MAP_SIZE=SMALL_MAP)
        self.addCleanup(self.writer.kill)
        self.writer.call("open", self.home)
        self.writer.call("create", self.home, NAME, eager())
        self.catalog = self.followed(OpenFiles())
        self.errors: list[BaseException] = []
        self.is_over = Event()

    def followed(self, open_files: OpenFiles) -> FollowedCatalog:
        """The folder, followed."""
        catalog = FollowedCatalog(self.home, open_files)
        catalog.open()
        self.addCleanup(catalog.close)
        return catalog

    def in_thread(self, function: Callable[[], None]) -> Thread:
        """Run a function in a thread until it ends; what it raises fails the test."""

        def run() -> None:
            try:
                function()
            except BaseException as error:
                self.errors.append(error)
                self.is_over.set()

        thread = Thread(target=run)
        thread.start()
        return thread

    def test_every_read_is_of_a_moment_no_older_than_what_was_acknowledged(self) -> None:
        history, grown = History(seed=5), self.growths()
        counts = [0, 0]

        def read_all() -> None:
            while not self.is_over.is_set():
                self.read_points(history)
                self.read_counts(history)
                counts[0] += 1

        def follow() -> None:
            while not self.is_over.wait(0.01):
                self.catalog.follow()
                counts[1] += 1

        functions = [lambda: self.write_all(history), read_all, read_all, follow]
        for thread in [self.in_thread(function) for function in functions]:
            thread.join()
        self.assertEqual(self.errors, [])
        self.assertTrue(all(counts), counts)
        self.read_points(history)
        self.assertGreater(len(grown), 0, "the map has not grown")

    def growths(self) -> list[object]:
        """The environments whose growth will have been followed."""
        grown: list[object] = []

        def grow(environment: lmdb.Environment) -> None:
            tables.follow_growth(environment)
            grown.append(environment)

        self.patch(followed_store, "follow_growth", grow)
        return grown

    def write_all(self, history: History) -> None:
        """Write the whole history."""
        for step in range(STEPS):
            outcomes = self.writer.call("apply", self.home, NAME, history.next())
            assert all(isinstance(outcome, int) for outcome in outcomes), outcomes
            history.acknowledged += 1
            if step % 9 == 0:
                self.writer.call("optimize", self.home, NAME)
            if self.is_over.is_set():
                return
        self.is_over.set()

    def read_points(self, history: History) -> None:
        """All points, with payloads and vectors, by their ids; and by an exact search."""
        since, collection = history.acknowledged, self.catalog.get(NAME)
        page = collection.read(Scroll(limit=IDS, selection=EVERYTHING))
        found = {r.id: (payload_of(r)["n"], first_of(r)) for r in page.records}
        assert found in history.possible(since), (since, found)
        since = history.acknowledged
        query = to_vector(vectors([0.0])[0], limit=IDS, params=SearchParams(exact=True))
        (points,) = collection.read(QueryBatch([query]))
        scores = {point.id: point.score for point in points}
        possible = [
            {i: first for i, (_, first) in contents.items()} for contents in history.possible(since)
        ]
        assert scores in possible, (since, scores)

    def read_counts(self, history: History) -> None:
        """How many points have a number, which is indexed at some time."""
        since, collection = history.acknowledged, self.catalog.get(NAME)
        found = collection.read(Count(Filter(must=(field("n", MatchValue(9)),))))
        possible = {
            sum(number == 9 for number, _ in contents.values())
            for contents in history.possible(since)
        }
        assert found in possible, (since, found, possible)

    def test_collections_come_and_go_while_they_are_read(self) -> None:
        changes, reads = [0], [0]
        self.catalog.close()
        # So few files may be open that the tables are closed whenever nothing is read.
        self.catalog = self.followed(OpenFiles(1))

        def change() -> None:
            for _ in range(12):
                assert self.writer.call("delete", self.home, NAME)
                changes[0] += 1
                self.writer.call("create", self.home, NAME, eager())
                self.writer.call("apply", self.home, NAME, [upsert([1, 2], vectors([1, 2]))])
                changes[0] += 1
            self.is_over.set()

        def read() -> None:
            while not self.is_over.is_set():
                before = changes[0]
                try:
                    count: int | None = self.catalog.get(NAME).read(Count())
                except NotFound:
                    count = None
                if changes[0] == before:
                    # Even: it is there, or its deletion has begun. Odd: it is being created.
                    reads[0] += 1
                    allowed = [None, 0, 2] if before == 0 or before % 2 else [None, 2]
                    assert count in allowed, (before, count)

        threads = [self.in_thread(function) for function in (change, read, read)]
        for thread in threads:
            thread.join()
        self.assertEqual(self.errors, [])
        self.assertGreater(reads[0], 0)
        self.assertEqual(self.catalog.get(NAME).read(Count()), 2)
        self.assertEqual(self.catalog.names(), [NAME])

    def test_graphs_are_opened_that_the_other_process_has_built(self) -> None:
        firsts = [float(i) for i in range(IDS)]
        self.writer.call("apply", self.home, NAME, [upsert(range(IDS), vectors(firsts))])
        self.assertTrue(self.writer.call("optimize", self.home, NAME))
        collection = self.catalog.get(NAME)
        (segment,) = collection.state.spaces[UNNAMED].segments
        self.assertNotIn(segment.uuid, collection.indexes.graphs)
        self.assertEqual(nearest(collection, 7.2), 7)
        collection.follow()
        self.assertIn(segment.uuid, collection.indexes.graphs)
        self.assertEqual(nearest(collection, 7.2), 7)
        self.writer.call("apply", self.home, NAME, [DeletePoints([7])])
        self.assertEqual(nearest(collection, 7.2), 8)

    def test_a_graph_that_is_damaged_is_left_out(self) -> None:
        firsts = [float(i) for i in range(IDS)]
        self.writer.call("apply", self.home, NAME, [upsert(range(IDS), vectors(firsts))])
        self.writer.call("optimize", self.home, NAME)
        (graph,) = self.home.glob("collections/*/graph-*")
        graph.unlink()
        self.catalog.follow()
        self.assertEqual(nearest(self.catalog.get(NAME), 7.2), 7)


def first_of(record: Record) -> float:
    """The first component of the vector of a record."""
    vector = (record.vectors or {})[UNNAMED]
    assert isinstance(vector, np.ndarray)
    return float(vector[0])


def nearest(collection: Collection | FollowedCollection, first: float) -> object:
    """The id of the point nearest to a vector."""
    (found,) = collection.read(QueryBatch([to_vector(vectors([first])[0], limit=1)]))
    return found[0].id


class DeletedTests(SynchronousTestCase):
    """A collection that is deleted after it was looked up, and before it is read."""

    def test_it_is_not_found_whatever_of_it_is_open(self) -> None:
        for options in (OpenFiles(), OpenFiles(1)):
            home = Path(tempfile.mkdtemp(prefix="vexfs-followed-"))
            self.addCleanup(shutil.rmtree, home, ignore_errors=True)
            writer = Remote()
            self.addCleanup(writer.kill)
            writer.call("open", home)
            for name in (NAME, "other"):
                writer.call("create", home, name, eager())
            catalog = FollowedCatalog(home, options)
            catalog.open()
            self.addCleanup(catalog.close)
            collection = catalog.get(NAME)
            # More than the files that are mapped have room for.
            many = vectors([float(i) for i in range(20_000)])
            writer.call("apply", home, NAME, [upsert(range(20_000), many)])
            catalog.get("other").read(Count())
            writer.call("delete", home, NAME)
            self.assertRaises(NotFound, collection.read, Count())
            self.assertRaises(NotFound, catalog.get, NAME)


class FreeingTests(SynchronousTestCase):
    """A follower in another process, and a writer in this one that frees what it does not need."""

    def setUp(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="vexfs-followed-"))
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)
        self.patch(optimizer, "QUIET_SECONDS", 0)
        self.catalog = Catalog(self.home)
        self.catalog.open()
        self.addCleanup(self.catalog.close)
        self.collection = self.catalog.create(NAME, eager())
        self.follower = Remote()
        self.addCleanup(self.follower.kill)
        self.follower.call("follow", self.home)

    def fill_and_hold(self) -> None:
        """Have half of the points dead, in a state after the one that the follower holds."""
        write(self.collection, upsert(range(IDS), vectors([float(i) for i in range(IDS)])))
        self.follower.call("hold", self.home, NAME)
        write(self.collection, DeletePoints(list(range(IDS // 2))))
        self.collection.optimize()

    def unfreed(self) -> list[int | None]:
        segments = self.collection.state.spaces[UNNAMED].segments
        self.assertEqual(len(segments), 1)
        return [segment.unfreed_from for segment in segments]

    def test_rows_wait_for_a_snapshot_that_is_held_elsewhere(self) -> None:
        self.fill_and_hold()
        self.assertEqual(self.unfreed(), [0])
        self.follower.call("let_go")
        self.more()
        self.assertEqual(self.unfreed(), [None])

    def test_a_follower_that_was_killed_holds_nothing(self) -> None:
        self.fill_and_hold()
        store = self.collection._store
        self.assertTrue(store.is_behind_elsewhere(store.number))
        os.kill(self.follower.process.pid, signal.SIGKILL)
        self.follower.process.wait()
        self.assertFalse(store.is_behind_elsewhere(store.number))
        self.more()
        self.assertEqual(self.unfreed(), [None])

    def more(self) -> None:
        """Write what makes the optimizer look again."""
        write(self.collection, SetPayload(b'{"n":1}', [IDS - 1]))
        self.collection.optimize()
