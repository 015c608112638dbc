"""Threads that read while others write, the map grows, and the collection goes away."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event

import numpy as np

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    payload_of,
    to_vector,
    unnamed,
    upsert,
    write,
)
from tests.suites.values import dense
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.storage import tables
from vexfs_twisted.model.collection import CollectionInfoRequest, UpdateCollection
from vexfs_twisted.model.collection_params import Distance, OptimizersConfigDiff
from vexfs_twisted.model.errors import NotFound
from vexfs_twisted.model.optimizations import OptimizationsRequest
from vexfs_twisted.model.queries import ALL_PAYLOAD, Count, QueryBatch, Scroll, Selection
from vexfs_twisted.model.updates import DeletePoints

POINTS = 200
SIZE = 8
ROUNDS = 30


class ThreadTests(EngineTestCase):
    """Every round rewrites every point, so a read that mixes two moments shows it."""

    def setUp(self) -> None:
        super().setUp()
        # A writer gives the interpreter's lock up at every operation; among busy readers it would
        # wait five milliseconds each time to get it back. Shorter turns also mix the threads more.
        self.addCleanup(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(0.0001)
        self.patch(tables, "FIRST_MAP_SIZE", 1 << 20)
        self.collection = self.catalog.create("a", unnamed(SIZE, Distance.EUCLID))
        self.pool = ThreadPoolExecutor(6)
        self.addCleanup(self.pool.shutdown)
        self.stop = Event()
        self.addCleanup(self.stop.set)
        self.done: list[int] = []
        self.write_round(0)

    def write_round(self, number: int) -> None:
        vectors = np.full((POINTS, SIZE), number, dtype=np.float32)
        payloads = [{"round": number, "text": "x" * 2000}] * POINTS
        # The ids move, so that points come and go as well.
        ids = range(number, number + POINTS)
        write(
            self.collection,
            DeletePoints(list(range(number + POINTS))),
            upsert(ids, vectors, payloads),
        )

    def repeat(self, task: Callable[[], None]) -> Future[None]:
        """Do a task over and over until the stop; `done` tells how often it was done."""
        number = len(self.done)
        self.done.append(0)

        def run() -> None:
            while not self.stop.is_set():
                task()
                self.done[number] += 1

        return self.pool.submit(run)

    def write_rounds(self, works: Sequence[Future[None]], least: int) -> None:
        """Write many rounds, and on until every task was done so often; then end them."""
        number = 0
        while number < ROUNDS or min(self.done) < least:
            number += 1
            self.write_round(number)
            if any(work.done() for work in works):
                break
        self.stop.set()
        for work in works:
            work.result(60)

    def read_points(self) -> None:
        page = self.collection.read(Scroll(limit=10_000, selection=EVERYTHING))
        rounds = {payload_of(record)["round"] for record in page.records}
        self.assertEqual(len(rounds), 1)
        (number,) = rounds
        ids = [record.id for record in page.records]
        self.assertEqual(ids, list(range(number, number + POINTS)))
        for record in page.records:
            assert record.vectors is not None
            self.assertEqual(set(dense(record.vectors[""]).tolist()), {float(number)})

    def search(self) -> None:
        selection = Selection(ALL_PAYLOAD)
        queries = [to_vector([0.0] * SIZE, limit=1000, selection=selection)] * 9
        answers = self.collection.read(QueryBatch(queries))
        self.assertEqual(answers, [answers[0]] * 9)
        (points, *_) = answers
        self.assertEqual(len(points), POINTS)
        scores = {point.score for point in points}
        self.assertEqual(len(scores), 1)
        self.assertEqual(len({point.version for point in points}), 1)
        self.assertEqual(len({point.payload for point in points}), 1)

    def count(self) -> None:
        self.assertEqual(self.collection.read(Count()), POINTS)

    def test_every_read_sees_one_moment(self) -> None:
        reads = [self.repeat(read) for read in (self.read_points, self.search, self.count)]
        self.write_rounds(reads, least=1)

    def make_graphs(self) -> None:
        """Have graphs over whatever rows there are, however few."""
        eager = OptimizersConfigDiff(indexing_threshold=1, vacuum_min_vector_number=100)
        write(self.collection, UpdateCollection(optimizers_config=eager))
        self.collection.optimize()
        self.assertGreater(self.collection.read(CollectionInfoRequest()).indexed_vectors_count, 0)

    def test_every_read_sees_one_moment_while_graphs_come_and_go(self) -> None:
        self.make_graphs()
        tasks = (self.read_points, self.search, self.count, self.collection.optimize)
        works = [self.repeat(task) for task in tasks]
        self.write_rounds(works, least=2)
        self.collection.optimize()
        self.read_points()
        self.search()
        told = self.collection.read(OptimizationsRequest()).completed
        self.assertGreater(len(told), 1)
        self.assertEqual([done.error for done in told], [None] * len(told))

    def test_a_collection_is_deleted_while_graphs_come_and_go(self) -> None:
        self.make_graphs()
        work = self.repeat(self.collection.optimize)
        for number in range(1, 4):
            self.write_round(number)
        self.catalog.delete("a")
        self.stop.set()
        work.result(60)
        self.assertEqual(list((self.path / "collections").iterdir()), [])

    def test_writers_take_turns(self) -> None:
        def insert(worker: int) -> list[int]:
            ids = range(10_000 + worker * 100, 10_000 + worker * 100 + 100)
            return [write(self.collection, upsert([point_id]))[0] for point_id in ids]

        done = list(self.pool.map(insert, range(4)))
        operations = sorted(operation for each in done for operation in each)
        self.assertEqual(operations, list(range(2, 402)))
        self.assertEqual(self.collection.read(Count()), POINTS + 400)

    def test_reads_finish_or_are_refused_when_the_collection_is_deleted(self) -> None:
        readers = 4
        have_read = [Event() for _ in range(readers)]

        def read(number: int, collection: Collection) -> None:
            while True:
                try:
                    page = collection.read(Scroll(limit=10_000, selection=EVERYTHING))
                except NotFound:
                    return
                self.assertEqual(len(page.records), POINTS)
                have_read[number].set()

        reads = [self.pool.submit(read, number, self.collection) for number in range(readers)]
        for number in range(1, 4):
            self.write_round(number)
        for event in have_read:
            self.assertTrue(event.wait(60))
        self.catalog.delete("a")
        for each in reads:
            each.result(60)
        self.assertEqual(list((self.path / "collections").iterdir()), [])
