"""The official client writes vectors of every kind to the daemon and to its own local mode."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.test_official_client import SKIP, ClientCase
from tests.support import DaemonProcess

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import QdrantClient, models

    from tests.integration import client_support as support

POINTS = 50


def parameters() -> dict[str, Any]:
    """What a collection with vectors of every kind is created with."""
    multi = models.MultiVectorConfig(comparator=models.MultiVectorComparator.MAX_SIM)
    dot, cosine = models.Distance.DOT, models.Distance.COSINE
    return {
        "vectors_config": {
            "": models.VectorParams(size=support.SIZE, distance=dot),
            "rows": models.VectorParams(size=3, distance=dot, multivector_config=multi),
            "units": models.VectorParams(size=2, distance=cosine, multivector_config=multi),
        },
        "sparse_vectors_config": {"words": models.SparseVectorParams()},
    }


def numbers(generator: support.Generator, size: int) -> list[float]:
    """Numbers whose decimal texts are the same in float32 and in Python."""
    found: list[float] = (generator.integers(-80, 80, size) / 8).tolist()
    return found


def vectors_of(generator: support.Generator) -> dict[str, Any]:
    """Vectors of one point, of which some may be missing."""
    keys = generator.choice(1000, size=generator.integers(0, 8), replace=False)
    rows = generator.integers(1, 5)
    vectors = {
        "": numbers(generator, support.SIZE),
        "rows": [numbers(generator, 3) for _ in range(rows)],
        "units": [[1.0, 0.0], [0.0, -1.0]][: generator.integers(1, 3)],
        "words": models.SparseVector(
            indices=sorted(keys.tolist()), values=numbers(generator, len(keys))
        ),
    }
    return {name: vector for name, vector in vectors.items() if generator.random() < 0.7}


def random_points(seed: int) -> list[models.PointStruct]:
    """Points with vectors of every kind."""
    generator = np.random.default_rng(seed)
    return [
        models.PointStruct(
            id=support.point_id(number),
            vector=vectors_of(generator),
            payload=support.random_payload(generator, number),
        )
        for number in range(POINTS)
    ]


def all_points(client: QdrantClient, collection: str) -> list[Any]:
    """Every point with everything, by id."""
    page, _ = client.scroll(collection, limit=1000, with_vectors=True)
    return sorted(page, key=lambda record: str(record.id))


class RestKindsTests(ClientCase):
    """Over REST; the class below does the same over gRPC."""

    def setUp(self) -> None:
        super().setUp()
        for client in self.clients:
            client.create_collection(self.collection, **parameters())
        self.upsert(random_points(1))

    def check(self) -> None:
        """Compare all points of both clients."""
        ours, theirs = (all_points(client, self.collection) for client in self.clients)
        self.assertEqual([record.id for record in ours], [record.id for record in theirs])
        for own, other in zip(ours, theirs, strict=True):
            self.assertEqual(own.payload, other.payload)
            self.assertEqual(own.vector or {}, other.vector or {})

    def both(self, method: str, **arguments: Any) -> None:
        """Call a method of both clients, and compare all points afterwards."""
        for client in self.clients:
            getattr(client, method)(self.collection, **arguments)
        self.check()

    def test_points_are_written_read_and_changed(self) -> None:
        self.check()
        generator = np.random.default_rng(2)
        ids = [record.id for record in all_points(self.client, self.collection)]
        changed = [
            models.PointVectors(id=point_id, vector=vectors)
            for point_id in ids[:20]
            if (vectors := vectors_of(generator))
        ]
        self.both("update_vectors", points=changed)
        self.both("delete_vectors", vectors=["words"], points=ids[5:15])
        self.both("delete_vectors", vectors=["rows", ""], points=ids[10:30])
        self.both("upsert", points=random_points(3)[::3])
        self.both("delete", points_selector=models.PointIdsList(points=ids[:9]))

    def test_columns(self) -> None:
        generator = np.random.default_rng(4)
        sparse = [
            models.SparseVector(indices=[number, 90], values=numbers(generator, 2))
            for number in range(3)
        ]
        rows = [[numbers(generator, 3)] * (number + 1) for number in range(3)]
        vectors: dict[str, Any] = {"words": sparse, "rows": rows}
        batch = models.Batch(ids=[1, 2, 4], vectors=vectors)
        self.both("upsert", points=batch)

    def test_which_points_have_a_vector(self) -> None:
        for name in ("", "rows", "units", "words"):
            has_it = models.Filter(must=[models.HasVectorCondition(has_vector=name)])
            for with_vectors in ([name], True, False):
                ours, theirs = (
                    client.scroll(self.collection, has_it, limit=1000, with_vectors=with_vectors)[0]
                    for client in self.clients
                )
                found = {str(record.id): record.vector for record in ours}
                self.assertEqual(found, {str(record.id): record.vector for record in theirs})


class GrpcKindsTests(RestKindsTests):
    """The same over gRPC."""

    prefer_grpc = True


class KilledTests(SynchronousTestCase):
    """What was acknowledged is there after the daemon was killed."""

    skip = SKIP

    def test_vectors_of_every_kind(self) -> None:
        daemon = DaemonProcess()
        self.addCleanup(daemon.close)
        daemon.start()
        written: dict[str, Any] = {}
        for turn in range(3):
            for prefer_grpc in (False, True):
                client = QdrantClient(
                    url=daemon.rest_url,
                    grpc_port=daemon.grpc_port,
                    prefer_grpc=prefer_grpc,
                    timeout=30,
                )
                self.addCleanup(client.close)
                name = f"killed_{prefer_grpc}"
                if not turn:
                    client.create_collection(name, **parameters())
                points = random_points(10 * turn + prefer_grpc)
                client.upsert(name, points, wait=True)
                written |= {f"{name} {point.id}": point.vector for point in points}
            daemon.kill()
            daemon.start()
            client = QdrantClient(url=daemon.rest_url, timeout=30)
            self.addCleanup(client.close)
            found = {
                f"{name} {record.id}": record.vector
                for name in ("killed_False", "killed_True")
                for record in all_points(client, name)
            }
            wanted = {
                key: vectors[""] if list(vectors) == [""] else vectors
                for key, vectors in written.items()
            }
            self.assertEqual(found, wanted)
