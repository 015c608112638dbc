"""Scores beyond float32 where there are graphs and codes, which compute in float32 as well."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.engine_support import EngineTestCase, Floats, to_vector, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.vector_index.graph import Graph
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection
from vexfs_twisted.model.collection_params import (
    BinaryQuantization,
    CompressionRatio,
    Datatype,
    Distance,
    OptimizersConfigDiff,
    ProductQuantization,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
    VectorParams,
)
from vexfs_twisted.model.queries import QueryBatch, ScoredPoint
from vexfs_twisted.model.search_params import Quantization, SearchParams

SIZE = 32
POINTS = 640
LARGEST = float(np.finfo(np.float32).max)
EAGER = OptimizersConfigDiff(indexing_threshold=1)
METRICS = (Distance.DOT, Distance.EUCLID, Distance.MANHATTAN)
QUANTIZATIONS = (
    QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
    QuantizationConfig(product=ProductQuantization(CompressionRatio.X16)),
    QuantizationConfig(binary=BinaryQuantization()),
)


def random_rows(count: int, scale: float, seed: int = 0) -> Floats:
    return (np.random.default_rng(seed).uniform(-1, 1, (count, SIZE)) * scale).astype(np.float32)


def true_scores(distance: Distance, query: Floats, rows: Floats) -> NDArray[np.float64]:
    """In double precision."""
    own, theirs = query.astype(np.float64), rows.astype(np.float64)
    if distance is Distance.DOT:
        scores = theirs @ own
    elif distance is Distance.EUCLID:
        scores = np.sqrt(np.square(theirs - own).sum(axis=1))
    else:
        scores = np.abs(theirs - own).sum(axis=1)
    return np.asarray(scores)


def best_first(distance: Distance, scores: NDArray[np.float64]) -> NDArray[np.int64]:
    order = np.argsort(-scores if distance.larger_is_nearer else scores, kind="stable")
    return np.asarray(order)


class OverflowTests(EngineTestCase):
    """Collections that have a graph over all but a few of their points."""

    def collection(
        self,
        distance: Distance,
        rows: Floats,
        quantization: QuantizationConfig | None = None,
        datatype: Datatype | None = None,
    ) -> Collection:
        params = VectorParams(distance, SIZE, quantization_config=quantization, datatype=datatype)
        name = f"c{len(self.catalog.names())}"
        collection = self.catalog.create(
            name, CreateCollection({"": params}, optimizers_config=EAGER)
        )
        write(collection, upsert(range(len(rows)), rows))
        collection.optimize()
        if datatype is None:
            self.assertGreater(collection.read(CollectionInfoRequest()).indexed_vectors_count, 0)
        return collection

    def assertScored(self, hits: list[ScoredPoint], scores: NDArray[np.float64]) -> None:
        """Each hit has the score of its point, cut off at the largest float32."""
        expected = np.clip([scores[int(hit.id)] for hit in hits], -LARGEST, LARGEST)
        np.testing.assert_allclose([hit.score for hit in hits], expected, rtol=1e-4)

    def test_where_all_vectors_are_huge(self) -> None:
        rows = random_rows(POINTS, 3.3e38)
        for distance in METRICS:
            collection = self.collection(distance, rows)
            for query in (random_rows(1, 3.3e38, 1)[0], random_rows(1, 1.0, 2)[0]):
                scores = true_scores(distance, query, rows)
                order = best_first(distance, scores)
                for limit, exact in ((10, False), (10, True), (POINTS, False)):
                    request = to_vector(query, limit=limit, params=SearchParams(exact=exact))
                    ((*hits,),) = collection.read(QueryBatch([request]))
                    self.assertEqual([hit.id for hit in hits], order[:limit].tolist(), distance)
                    self.assertScored(hits, scores)

    def test_a_few_huge_vectors_among_others(self) -> None:
        rows = random_rows(POINTS, 1.0)
        rows[::50] = random_rows(len(rows[::50]), 3.3e38, 3)
        huge = set(range(0, POINTS, 50))
        for distance in METRICS:
            for quantization in (None, *QUANTIZATIONS):
                if quantization is not None and distance is Distance.MANHATTAN:
                    continue
                collection = self.collection(distance, rows, quantization)
                query = random_rows(1, 8.0, 4)[0]
                scores = true_scores(distance, query, rows)
                order = best_first(distance, scores)
                for rescore in (None, False):
                    params = SearchParams(quantization=Quantization(rescore=rescore))
                    request = to_vector(query, limit=POINTS, params=params)
                    ((*hits,),) = collection.read(QueryBatch([request]))
                    self.assertEqual([hit.id for hit in hits], order.tolist())
                    self.assertScored(hits, scores)
                    request = to_vector(query, limit=5, params=params)
                    ((*hits,),) = collection.read(QueryBatch([request]))
                    self.assertEqual(len(hits), 5)
                    self.assertTrue(np.isfinite([hit.score for hit in hits]).all())
                    if distance is Distance.DOT:
                        self.assertEqual([hit.id for hit in hits], order[:5].tolist())
                        self.assertLessEqual({hit.id for hit in hits}, huge)
                    else:
                        self.assertEqual({hit.id for hit in hits} & huge, set())

    def test_graphs_serve_what_does_not_overflow(self) -> None:
        """A long vector among others costs the others neither their graph nor what it finds."""
        rows = random_rows(8000, 1.0)
        queries = random_rows(40, 1.0, 5)
        calls: list[int] = []
        search = Graph.search

        def counted(graph: Graph, queries: Floats, limit: int, ef: int) -> Any:
            calls.append(len(queries))
            return search(graph, queries, limit, ef)

        self.patch(Graph, "search", counted)
        for distance, length in (*((metric, 1e18) for metric in METRICS), (Distance.EUCLID, 1e25)):
            # It is one of those that the builder learns from.
            rows[0] = length
            collection = self.collection(distance, rows)
            calls.clear()
            found = self.ids(collection, queries, SearchParams(hnsw_ef=64))
            self.assertEqual(calls, [1] * len(queries), distance)
            true = self.ids(collection, queries, SearchParams(exact=True))
            right = sum(len(own & theirs) for own, theirs in zip(found, true, strict=True))
            self.assertGreaterEqual(right, 0.8 * 10 * len(queries), (distance, length))

    def test_codes_of_a_long_vector_among_others(self) -> None:
        rows = random_rows(2000, 1.0)
        rows[:3] = 1e18
        queries = random_rows(40, 1.0, 5)
        for quantization in QUANTIZATIONS:
            collection = self.collection(Distance.EUCLID, rows, quantization)
            found = self.ids(collection, queries, SearchParams(hnsw_ef=200))
            true = self.ids(collection, queries, SearchParams(exact=True))
            right = sum(len(own & theirs) for own, theirs in zip(found, true, strict=True))
            self.assertGreaterEqual(right, 0.8 * 10 * len(queries), quantization)

    def ids(self, collection: Collection, queries: Floats, params: SearchParams) -> list[set[Any]]:
        """What is found nearest to each query, asked one by one."""
        answers = [
            collection.read(QueryBatch([to_vector(query, limit=10, params=params)]))[0]
            for query in queries
        ]
        return [{hit.id for hit in answer} for answer in answers]

    def test_other_types(self) -> None:
        rows = random_rows(POINTS, 3.3e38)
        query = random_rows(1, 3.3e38, 1)[0]
        for datatype in (Datatype.FLOAT16, Datatype.UINT8, Datatype.TURBO4):
            for distance in (*METRICS, Distance.COSINE):
                collection = self.collection(distance, rows, datatype=datatype)
                ((*hits,),) = collection.read(QueryBatch([to_vector(query, limit=POINTS)]))
                scores = [hit.score for hit in hits]
                self.assertEqual(len(hits), POINTS)
                self.assertTrue(np.isfinite(scores).all(), (datatype, distance))
                order = sorted(scores, reverse=distance.larger_is_nearer)
                self.assertEqual(scores, order)
