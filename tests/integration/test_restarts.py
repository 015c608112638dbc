"""What was acknowledged is there after a restart, and after the daemon was killed in mid-write."""

from __future__ import annotations

import importlib.util
import os
import random
import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.support import DaemonProcess

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import QdrantClient, models
    from qdrant_client.http.exceptions import ResponseHandlingException

    from tests.integration import client_support as support

    SKIP = None
else:
    SKIP = "needs qdrant-client"

NAME = "things"
ROUNDS = int(os.environ.get("VEXFS_KILL_ROUNDS", "5"))
"""How often the daemon is killed; a long run wants hundreds."""

SIZE = 8
BATCHES = (3, 500)
"""Points a write: with few, many writes are acknowledged; with many, one is cut in its middle."""


class RestartCase(SynchronousTestCase):
    """Tests with a daemon of their own."""

    skip = SKIP

    def setUp(self) -> None:
        self.daemon = DaemonProcess()
        self.addCleanup(self.daemon.close)
        self.daemon.start()

    def client(self, prefer_grpc: bool = False) -> QdrantClient:
        """A client of the daemon that runs now."""
        client = QdrantClient(
            url=self.daemon.rest_url,
            grpc_port=self.daemon.grpc_port,
            prefer_grpc=prefer_grpc,
            check_compatibility=False,
            timeout=30,
        )
        self.addCleanup(client.close)
        return client


class SameAnswersTests(RestartCase):
    """Everything that can be asked is answered as before."""

    def test_after_a_stop_and_after_a_kill(self) -> None:
        self.fill(self.client())
        before = self.answers()
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start()
        self.assertEqual(self.answers(), before)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(self.answers(), before)
        self.client().upsert(NAME, support.random_named_points(np.random.default_rng(2), 10))
        changed = self.answers()
        self.assertNotEqual(changed, before)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(self.answers(), changed)

    def fill(self, client: QdrantClient) -> None:
        """Collections with named vectors, an alias, metadata, replaced and deleted points."""
        image = models.VectorParams(size=support.SIZE, distance=models.Distance.COSINE)
        text = models.VectorParams(size=support.TEXT_SIZE, distance=models.Distance.MANHATTAN)
        client.create_collection(NAME, {"image": image, "text": text}, metadata={"a": [1, None]})
        points = support.random_named_points(np.random.default_rng(1), 300)
        client.upsert(NAME, points)
        client.upsert(NAME, support.random_named_points(np.random.default_rng(3), 20))
        client.delete(NAME, [point.id for point in points[30:60]])
        client.create_collection("empty", vectors_config={})
        client.create_collection("gone", image)
        client.delete_collection("gone")
        alias = models.CreateAlias(collection_name=NAME, alias_name="other")
        client.update_collection_aliases([models.CreateAliasOperation(create_alias=alias)])
        client.update_collection(NAME, hnsw_config=models.HnswConfigDiff(m=7))

    def answers(self) -> list[Any]:
        """What the daemon says about everything, over both wires."""
        generator = np.random.default_rng(5)
        queries = [support.random_vector(generator, support.SIZE) for _ in range(10)]
        filters = [support.random_filter(generator) for _ in range(10)]
        found: list[Any] = []
        for prefer_grpc in (False, True):
            client = self.client(prefer_grpc)
            found.append(sorted(c.name for c in client.get_collections().collections))
            found.append(client.get_aliases())
            found.append(client.get_collection(NAME))
            found.append(list(support.all_pages(client, NAME, with_vectors=True, limit=50)))
            for query, chosen in zip(queries, filters, strict=True):
                found.append(client.query_points("other", query, using="image", limit=20))
                found.append(client.count(NAME, chosen))
                found.append(client.query_points(NAME, query, using="image", query_filter=chosen))
        return found


class Writer(Thread):
    """Writes points and deletes some, and remembers what was acknowledged.

    Every point is written with what its id and its version determine, so a half-written one shows.
    `expected` maps ids to versions; `unsure` are the ids of the write under way.
    """

    def __init__(
        self, client: QdrantClient, expected: dict[int, int], first: int, batch: int
    ) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._next = first
        self._batch = batch
        self.expected = expected
        self.unsure: set[int] = set()
        self.version = 0
        self.acknowledged = Event()
        self.stopped_by: Exception | None = None

    def run(self) -> None:
        try:
            while True:
                self._write_a_batch()
                if random.random() < 0.25:
                    self._delete_one()
                self.acknowledged.set()
        except (ResponseHandlingException, grpc.RpcError) as error:
            self.stopped_by = error

    def _write_a_batch(self) -> None:
        ids = list(range(self._next, self._next + self._batch - 1))
        # One point that was there before is written anew.
        ids.append(random.choice(list(self.expected)) if self.expected else ids[-1] + 1)
        self.version = self._next
        self.unsure = set(ids)
        points = [make_point(point_id, self.version) for point_id in ids]
        self._client.upsert(NAME, points, wait=bool(self.version % 2))
        self.expected.update(dict.fromkeys(ids, self.version))
        self.unsure = set()
        self._next += self._batch

    def _delete_one(self) -> None:
        victim = random.choice(list(self.expected))
        self.unsure = {victim}
        self._client.delete(NAME, [victim])
        del self.expected[victim]
        self.unsure = set()


def make_point(point_id: int, version: int) -> models.PointStruct:
    """A point whose vector and payload tell the same."""
    vector = [float(point_id), float(version), *([1.0] * (SIZE - 2))]
    return models.PointStruct(
        id=point_id, vector=vector, payload={"version": version, "text": "x" * (version % 50)}
    )


class KillTests(RestartCase):
    """The daemon is killed again and again while it is written to."""

    def test_no_acknowledged_write_is_lost(self) -> None:
        vectors = models.VectorParams(size=SIZE, distance=models.Distance.EUCLID)
        self.client().create_collection(NAME, vectors)
        expected: dict[int, int] = {}
        first = 0
        for number in range(ROUNDS):
            client = self.client(prefer_grpc=number % 2 == 1)
            writer = Writer(client, expected, first, BATCHES[number // 2 % 2])
            self.write_until_killed(writer)
            self.daemon.start()
            expected = self.check(writer)
            first = max(expected) + 1
        self.assertGreater(len(expected), ROUNDS)

    def write_until_killed(self, writer: Writer) -> None:
        """Let the writer write for a while, then kill the daemon."""
        writer.start()
        self.assertTrue(writer.acknowledged.wait(30), "nothing was acknowledged")
        time.sleep(random.uniform(0.05, 0.4))
        self.daemon.kill()
        writer.join(60)
        self.assertFalse(writer.is_alive())
        self.assertIsNotNone(writer.stopped_by)

    def check(self, writer: Writer) -> dict[int, int]:
        """Everything acknowledged is there, whole, and nothing else but the write under way."""
        client = self.client()
        found: dict[int, int] = {}
        for record in support.all_pages(client, NAME, with_vectors=True, limit=500):
            point_id, payload = int(record.id), record.payload or {}
            whole = make_point(point_id, payload["version"])
            self.assertEqual((record.vector, payload), (whole.vector, whole.payload))
            found[point_id] = payload["version"]
        settled = {i: v for i, v in found.items() if i not in writer.unsure}
        wanted = {i: v for i, v in writer.expected.items() if i not in writer.unsure}
        self.assertEqual(settled, wanted)
        self.check_unsure(writer, found)
        self.assertEqual(client.count(NAME).count, len(found))
        origin = [0.0] * SIZE
        nearest = client.query_points(NAME, origin, limit=len(found)).points
        self.assertEqual({hit.id for hit in nearest}, set(found))
        return found

    def check_unsure(self, writer: Writer, found: dict[int, int]) -> None:
        """The write under way has happened as a whole or not at all."""
        if len(writer.unsure) > 1:
            before = {i: writer.expected.get(i) for i in writer.unsure}
            after = {i: found.get(i) for i in writer.unsure}
            done = dict.fromkeys(writer.unsure, writer.version)
            self.assertIn(after, (before, done))
