"""Writers, searches and the mirror at once: every answer is that of the engine."""

from __future__ import annotations

import time
from threading import Thread

import numpy as np

from tests.engine_support import Floats, to_vector, unnamed, upsert, write
from tests.mirror_support import MirrorCase
from vexfs_twisted.model.queries import SearchParams
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.storage.mirror.settings import MirrorSettings

DIM = 8
SECONDS = 3.0


class AtOnce(MirrorCase):
    settings = MirrorSettings(check_every=3, rebuilt_from=300, batch_bytes=4 * DIM * 100)

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("c", unnamed(DIM))
        write(self.collection, upsert(range(1000), self.some(1000, seed=0)))
        self.attach()
        self.ends = time.monotonic() + SECONDS
        self.compared = 0
        self.wrong: list[object] = []

    def some(self, count: int, seed: int) -> Floats:
        random = np.random.default_rng(seed)
        return random.standard_normal((count, DIM)).astype(np.float32)

    def keep_writing(self) -> None:
        random = np.random.default_rng(1)
        turn = 0
        while time.monotonic() < self.ends:
            turn += 1
            ids = random.choice(1200, 50, replace=False).tolist()
            if turn % 3:
                write(self.collection, upsert(ids, self.some(50, seed=turn)))
            else:
                write(self.collection, DeletePoints(ids))
            self.mirror.attend(self.collection)
            time.sleep(0.002)

    def keep_searching(self, seed: int) -> None:
        for query in self.some(100_000, seed):
            if time.monotonic() >= self.ends:
                return
            exact = to_vector(query, limit=20, params=SearchParams(exact=True))
            try:
                found, true = self.collection.query_batch([to_vector(query, limit=20), exact])
            except Exception as error:
                self.wrong.append(error)
                return
            self.compared += 1
            if list(found) != list(true):
                self.wrong.append((list(found), list(true)))

    def test_searches_beside_writes_and_rebuilds(self) -> None:
        threads = [Thread(target=self.keep_writing)]
        threads += [Thread(target=self.keep_searching, args=(seed,)) for seed in (5, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.settle(self.collection)
        status = self.mirror.status()
        self.assertEqual(self.wrong[:1], [])
        self.assertGreater(self.compared, 50)
        self.assertTrue(status.attached, status.detached)
        self.assertGreater(status.calls["create"].count, 1)
        self.assertEqual((status.files, len(self.device.list_files())), (1, 1))
