"""All that can be asked is answered as before after a stop, and after a kill."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.support import DaemonProcess

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import QdrantClient, models

    from tests.integration import client_support as support

    SKIP = None
else:
    SKIP = "needs qdrant-client"

NAME = "things"


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
