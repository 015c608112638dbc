"""Writers, searches and the mirror at once: every answer is that of the engine."""

from __future__ import annotations

import time
from threading import Event, Thread

import numpy as np

from tests.engine_support import Floats, to_vector, unnamed, upsert, write
from tests.mirror_support import MirrorCase
from vexfs_twisted.model.queries import QueryBatch
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.storage.mirror.settings import MirrorSettings

DIM = 8
COMPARED = 400


class AtOnce(MirrorCase):
    settings = MirrorSettings(check_every=3, rebuilt_from=300, batch_bytes=4 * DIM * 100)

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("c", unnamed(DIM))
        write(self.collection, upsert(range(1000), self.some(1000, seed=0)))
        self.attach()
        self.is_over = Event()
        self.compared = [0, 0]
        self.wrong: list[object] = []

    def some(self, count: int, seed: int) -> Floats:
        random = np.random.default_rng(seed)
        return random.standard_normal((count, DIM)).astype(np.float32)

    def keep_writing(self) -> None:
        random = np.random.default_rng(1)
        turn = 0
        while not self.is_over.is_set():
            turn += 1
            ids = random.choice(1200, 50, replace=False).tolist()
            if turn % 3:
                write(self.collection, upsert(ids, self.some(50, seed=turn)))
            else:
                write(self.collection, DeletePoints(ids))
            self.mirror.attend(self.collection)
            time.sleep(0.002)

    def keep_searching(self, number: int) -> None:
        for query in self.some(100_000, seed=5 + number):
            if self.is_enough():
                return
            exact = to_vector(query, limit=20, params=SearchParams(exact=True))
            try:
                found, true = self.collection.read(QueryBatch([to_vector(query, limit=20), exact]))
            except Exception as error:
                self.wrong.append(error)
                return
            self.compared[number] += 1
            if list(found) != list(true):
                self.wrong.append((list(found), list(true)))

    def is_enough(self) -> bool:
        """Whether each searcher has compared so many answers, and the file was built anew."""
        return min(self.compared) >= COMPARED and self.mirror.status().calls["create"].count > 1

    def test_searches_beside_writes_and_rebuilds(self) -> None:
        writer = Thread(target=self.keep_writing)
        searchers = [Thread(target=self.keep_searching, args=(number,)) for number in range(2)]
        for thread in (writer, *searchers):
            thread.start()
        for thread in searchers:
            thread.join()
        self.is_over.set()
        writer.join()
        self.settle(self.collection)
        status = self.mirror.status()
        self.assertEqual(self.wrong[:1], [])
        self.assertGreaterEqual(min(self.compared), COMPARED)
        self.assertTrue(status.attached, status.detached)
        self.assertGreater(status.calls["create"].count, 1)
        self.assertEqual((status.files, len(self.device.list_files())), (1, 1))
