"""Bulk writes over both wires into a collection that is to have few points without a graph."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Thread

import grpc
import numpy as np
from qdrant_client import QdrantClient
from qdrant_client.models import (
    Distance,
    OptimizersConfigDiff,
    PointStruct,
    VectorParams,
)
from twisted.trial.unittest import SynchronousTestCase

from tests.support import shared_daemon
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub

NAME = "limited"
SIZE = 64
THRESHOLD = 1000
BATCH = 100
EACH = 3000


class BulkTests(SynchronousTestCase):
    def setUp(self) -> None:
        daemon = shared_daemon("prevent_unoptimized")
        self.daemon = daemon
        self.client = self.new_client(is_grpc=False)
        self.client.create_collection(
            NAME,
            VectorParams(size=SIZE, distance=Distance.DOT),
            optimizers_config=OptimizersConfigDiff(
                indexing_threshold=THRESHOLD * SIZE * 4 // 1024, prevent_unoptimized=True
            ),
        )
        self.addCleanup(self.client.delete_collection, NAME)
        self.most = 0
        self.errors: list[Exception] = []

    def new_client(self, *, is_grpc: bool) -> QdrantClient:
        client = QdrantClient(
            self.daemon.rest_url,
            grpc_port=self.daemon.grpc_port,
            prefer_grpc=is_grpc,
            timeout=120,
        )
        self.addCleanup(client.close)
        return client

    def write(self, client: QdrantClient, first: int) -> None:
        generator = np.random.default_rng(first)
        for start in range(first, first + EACH, BATCH):
            vectors = generator.random((BATCH, SIZE)).tolist()
            points = [PointStruct(id=start + n, vector=own) for n, own in enumerate(vectors)]
            client.upsert(NAME, points, wait=True)

    def stream(self, first: int) -> None:
        def messages() -> Iterator[pb.UpsertPointsRequest]:
            generator = np.random.default_rng(first)
            for start in range(first, first + EACH, BATCH):
                message = pb.UpsertPointsRequest(collection_name=NAME)
                for number in range(start, start + BATCH):
                    point = message.points.add()
                    point.id.num = number
                    point.vectors.vector.dense.data.extend(generator.random(SIZE))
                yield message

        with grpc.insecure_channel(self.daemon.grpc_address) as channel:
            list(QdrantStub(channel).StreamUpsert(messages()))

    def in_thread(self, function: object, *args: object) -> Thread:
        def run() -> None:
            try:
                function(*args)  # type: ignore[operator]
            except Exception as error:
                self.errors.append(error)

        thread = Thread(target=run, daemon=True)
        thread.start()
        return thread

    def watch(self, is_over: Event) -> None:
        client = self.new_client(is_grpc=False)
        while not is_over.is_set():
            info = client.get_collection(NAME)
            unlinked = (info.points_count or 0) - (info.indexed_vectors_count or 0)
            self.most = max(self.most, unlinked)

    def test_few_points_are_ever_without_a_graph(self) -> None:
        over = Event()
        watching = self.in_thread(self.watch, over)
        clients = [self.new_client(is_grpc=is_grpc) for is_grpc in (False, True, False)]
        writing = [
            self.in_thread(self.write, client, number * EACH)
            for number, client in enumerate(clients)
        ]
        writing.append(self.in_thread(self.stream, len(clients) * EACH))
        for thread in writing:
            thread.join()
        over.set()
        watching.join()
        self.assertEqual(self.errors, [])
        self.assertEqual(self.client.count(NAME).count, 4 * EACH)
        # One update more than the threshold; one of a stream has about a thousand points.
        self.assertLess(self.most, 2.5 * THRESHOLD)
        indexed = self.client.get_collection(NAME).indexed_vectors_count or 0
        self.assertGreater(indexed, 2 * EACH)
