"""The older search requests, which IOperations does not know, beside queries: the same answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.contract.providers import RpcCase
from tests.contract.rest_wire import WireCase
from tests.contract.rpc_client import RpcClient, RpcOperations
from tests.suites.values import Point, unnamed, upsert
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.rpc.generated import points_pb2

LARGEST = 3.4028235e38
ROWS = [[1.0, 0.0], [0.0, 1.0], [3.0, 0.0]]
THRESHOLDS = {
    Distance.COSINE: ((1.0, []), (0.5, [0, 2]), (0.0, [0, 2]), (-0.5, [0, 1, 2])),
    Distance.DOT: ((3.0, []), (1.0, [2]), (0.0, [0, 2]), (-1.0, [0, 1, 2])),
    Distance.EUCLID: ((0.0, []), (1.0, [0]), (2.0, [0, 1]), (2.5, [0, 1, 2])),
    Distance.MANHATTAN: ((0.0, []), (2.0, [0]), (2.5, [0, 1, 2])),
}
"""Thresholds and which of the rows pass them, asked for what is nearest to the first."""


class RestSearchTests(WireCase):
    """POST ~/points/search and ~/points/search/batch."""

    async def test_a_score_must_be_better_than_the_threshold(self) -> None:
        for distance, cases in THRESHOLDS.items():
            path = f"/collections/{distance.value}"
            body = {"vectors": {"size": 2, "distance": distance.value}}
            await self.ok("PUT", path, body)
            points = [{"id": number, "vector": row} for number, row in enumerate(ROWS)]
            await self.ok("PUT", f"{path}/points?wait=true", {"points": points})
            for threshold, expected in cases:
                search = {"vector": ROWS[0], "limit": 5, "score_threshold": threshold}
                hits = await self.ok("POST", f"{path}/points/search", search)
                self.assertEqual(sorted(hit["id"] for hit in hits), expected, search)
                batch = {"searches": [search, search]}
                found = await self.ok("POST", f"{path}/points/search/batch", batch)
                self.assertEqual(found, [hits, hits])

    async def test_scores_beyond_float32(self) -> None:
        await self.ok("PUT", "/collections/e", {"vectors": {"size": 4, "distance": "Euclid"}})
        points = [{"id": 1, "vector": [3e38] * 4}, {"id": 2, "vector": [0, 0, 0, 1e20]}]
        await self.ok("PUT", "/collections/e/points?wait=true", {"points": points})
        search = {"vector": [1, 0, 0, 0], "limit": 5}
        hits = await self.ok("POST", "/collections/e/points/search", search)
        self.assertEqual([(hit["id"], hit["score"]) for hit in hits], [(2, 1e20), (1, LARGEST)])


class RpcSearchTests(RpcCase):
    """Search and SearchBatch."""

    rpc: RpcClient

    async def setUp(self) -> None:  # type: ignore[override]
        self.rpc = await self.start_rpc()
        self.operations = RpcOperations(self.rpc)

    async def test_a_score_must_be_better_than_the_threshold(self) -> None:
        for distance, cases in THRESHOLDS.items():
            name = distance.value
            await self.operations.create_collection(name, unnamed(2, distance))
            points = upsert(*(Point(number, row) for number, row in enumerate(ROWS)))
            await self.operations.update(name, points, wait=True)
            for threshold, expected in cases:
                search = points_pb2.SearchPoints(
                    collection_name=name, vector=ROWS[0], limit=5, score_threshold=threshold
                )
                hits = (await self.rpc.call("Points/Search", search)).result
                self.assertEqual(sorted(hit.id.num for hit in hits), expected, search)
                batch: Any = points_pb2.SearchBatchPoints(
                    collection_name=name, search_points=[search, search]
                )
                answers = (await self.rpc.call("Points/SearchBatch", batch)).result
                self.assertEqual([list(answer.result) for answer in answers], [list(hits)] * 2)

    async def test_scores_beyond_float32(self) -> None:
        await self.operations.create_collection("e", unnamed(4, Distance.EUCLID))
        points = upsert(Point(1, [3e38] * 4), Point(2, [0, 0, 0, 1e20]))
        await self.operations.update("e", points, wait=True)
        search = points_pb2.SearchPoints(collection_name="e", vector=[1, 0, 0, 0], limit=5)
        hits = (await self.rpc.call("Points/Search", search)).result
        self.assertEqual([hit.id.num for hit in hits], [2, 1])
        scores = np.array([hit.score for hit in hits], dtype=np.float32)
        self.assertEqual(scores.tolist(), np.array([1e20, LARGEST], dtype=np.float32).tolist())
