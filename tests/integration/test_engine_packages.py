"""The engine on real data: 60,000 packages, and the true neighbours of 500 queries."""

from __future__ import annotations

import gzip

import numpy as np
from numpy.typing import NDArray

from tests.engine_support import (
    EngineTestCase,
    Floats,
    field,
    payload_of,
    to_vector,
    unnamed,
    write,
)
from tests.support import shared_path
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.filters import Filter, MatchAny, MatchValue, Range
from vexfs_twisted.model.queries import ALL_PAYLOAD, Count, QueryBatch, Selection
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import VectorColumn

BATCH = 1000


class PackageTests(EngineTestCase):
    """Everything stored, found exactly, and found again after opening."""

    def setUp(self) -> None:
        super().setUp()
        folder = shared_path("data", "debian-packages")
        self.vectors: Floats = np.load(folder / "vectors.f16.npy").astype(np.float32)
        self.queries: Floats = np.load(folder / "queries.f16.npy").astype(np.float32)
        self.known = np.load(folder / "queries.top100.npy")
        with gzip.open(folder / "packages.jsonl.gz", "rb") as lines:
            self.payloads = [line.rstrip() for line in lines]

    def fill(self, distance: Distance) -> Collection:
        collection = self.catalog.create(distance.value, unnamed(384, distance))
        for start in range(0, len(self.vectors), BATCH):
            ids = range(start, start + BATCH)
            column = VectorColumn.of(self.vectors[start : start + BATCH])
            write(collection, Upsert(ids, {"": column}, self.payloads[start : start + BATCH]))
        return collection

    def check(self, collection: Collection, truth: NDArray[np.float64], limit: int) -> None:
        """Every hit must be as near as the true neighbour in its place, `truth` of shape [q, n].

        In its place up to the rounding of float32, and ties aside.
        """
        queries = [to_vector(query, limit=limit) for query in self.queries[: len(truth)]]
        for scores, points in zip(truth, collection.read(QueryBatch(queries)), strict=True):
            found = [int(point.id) for point in points]
            self.assertEqual(len(set(found)), limit)
            best = np.sort(scores)[::-1][:limit]
            np.testing.assert_allclose(scores[found], best, atol=1e-6)
            np.testing.assert_allclose([point.score for point in points], best, atol=1e-6)

    def test_the_nearest_by_inner_product_are_those_that_are_known(self) -> None:
        collection = self.fill(Distance.DOT)
        answers = collection.read(QueryBatch([to_vector(query) for query in self.queries]))
        for points, known in zip(answers, self.known.tolist(), strict=True):
            self.assertEqual({point.id for point in points}, set(known[:10]))

    def test_the_nearest_by_cosine_before_and_after_opening_again(self) -> None:
        collection = self.fill(Distance.COSINE)
        wide = self.vectors.astype(np.float64)
        truth = self.queries[:60].astype(np.float64) @ wide.T
        truth /= np.linalg.norm(self.queries[:60].astype(np.float64), axis=1)[:, np.newaxis]
        truth /= np.linalg.norm(wide, axis=1)
        self.check(collection, truth, 10)
        self.check(collection, truth[:3], 100)
        collection = self.reopen().get(collection.name)
        self.assertEqual(collection.read(CollectionInfoRequest()).points_count, 60_000)
        self.check(collection, truth, 10)

    def test_filters_on_real_payloads(self) -> None:
        collection = self.fill(Distance.COSINE)
        games = field("section", MatchAny(frozenset({"games", "contrib/games"})))
        large = field("installed_size", Range(gt=100_000))
        tagged = field("tags", MatchValue("role::program"))
        filter_ = Filter(must=(games, tagged), must_not=(large,))
        selection = Selection(ALL_PAYLOAD)
        query = to_vector(self.queries[0], limit=100_000, filter=filter_, selection=selection)
        (points,) = collection.read(QueryBatch([query]))
        self.assertEqual(len(points), collection.read(Count(filter_)))
        self.assertGreater(len(points), 100)
        for point in points:
            self.assertEqual(point.payload, self.payloads[int(point.id)])
            payload = payload_of(point)
            self.assertIn(payload["section"], ("games", "contrib/games"))
            self.assertIn("role::program", payload["tags"])
            self.assertLessEqual(payload.get("installed_size", 0), 100_000)
        scores = [point.score for point in points]
        self.assertEqual(scores, sorted(scores, reverse=True))
