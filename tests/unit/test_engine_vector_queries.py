"""Batches of searches that differ in their vectors only: answered as one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.engine_support import EngineTestCase, field, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.read_bounds import ReadBoundsOfEach
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.queries import (
    ALL_PAYLOAD,
    Query,
    QueryBatch,
    Selection,
    VectorQueries,
    joined_queries,
)
from vexfs_twisted.model.query_forms import PointExample, VectorExample
from vexfs_twisted.model.read_context import Cancelled, ReadContext
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.vector_kinds import SparseVector

COUNT = 300
ONLY = Filter(must=(field("k", MatchValue(1)),))
NONE = Filter(must=(field("k", MatchValue(9)),))
PARTS: tuple[dict[str, Any], ...] = (
    {},
    {"limit": 2**64 - 1},
    {"limit": 1},
    {"filter": ONLY},
    {"filter": NONE},
    {"params": SearchParams(exact=True), "limit": 40},
    {"offset": 3},
    {"score_threshold": 0.25},
    {"selection": Selection(ALL_PAYLOAD, True)},
    {"selection": Selection(vectors=("nowhere",))},
    {"using": "nowhere"},
    {"using": "other"},
)


def shown(answers: Any) -> list[Any]:
    """Answers, with errors as their texts."""
    return [
        (type(own), str(own)) if isinstance(own, Exception) else repr(list(own)) for own in answers
    ]


class VectorQueriesTests(EngineTestCase):
    """Three hundred points under four metrics."""

    def collections(self) -> Iterator[Collection]:
        numbers = np.random.default_rng(1)
        for distance in Distance:
            other = VectorParams(distance, 3)
            vectors = {"": VectorParams(distance, 8), "other": other}
            collection = self.catalog.create(distance.value, CreateCollection(vectors=vectors))
            data = numbers.integers(-3, 4, (COUNT, 8)).astype(np.float32)
            payloads = [{"k": number % 3} for number in range(COUNT)]
            write(collection, upsert(list(range(COUNT)), data, payloads=payloads))
            yield collection

    def test_answers(self) -> None:
        """The same points, scores and errors."""
        aims = np.random.default_rng(2).integers(-3, 4, (20, 8)).astype(np.float32)
        for collection in self.collections():
            for parts in PARTS:
                batch = VectorQueries(Query(VectorExample(aims[0]), **parts), aims)
                expected = collection.query_each(list(batch))
                self.assertEqual(shown(collection.query_each(batch)), shown(expected))

    def test_a_client_that_left(self) -> None:
        """Its searches are ended; those of others are not."""
        collection = next(self.collections())
        aims = np.ones((3, 8), dtype=np.float32)
        batch = VectorQueries(Query(VectorExample(aims[0])), aims)
        left, waiting = ReadContext(), ReadContext()
        left.cancel()
        for own in collection.query_each(batch, ReadBoundsOfEach([left] * 3)):
            self.assertIsInstance(own, Cancelled)
        (first, *_) = collection.query_each(batch, ReadBoundsOfEach([left, left, waiting]))
        assert not isinstance(first, Exception)
        self.assertEqual(len(first), 10)

    def test_a_read_of_them(self) -> None:
        """QueryBatch takes them as any other queries."""
        collection = next(self.collections())
        aims = np.eye(8, dtype=np.float32)
        batch = QueryBatch(VectorQueries(Query(VectorExample(aims[0])), aims))
        batch.check()
        answers = collection.read(batch)
        self.assertEqual(shown(answers), shown(collection.read(QueryBatch(list(batch.queries)))))
        self.assertGreater(batch.size_of(answers), 0)


class JoinedTests(EngineTestCase):
    """Batches of several clients."""

    def batch(self, count: int, size: int = 3, **parts: Any) -> VectorQueries:
        aims = np.arange(count * size, dtype=np.float32).reshape(count, size)
        return VectorQueries(Query(VectorExample(aims[0]), **parts), aims)

    def test_alike(self) -> None:
        joined = joined_queries([self.batch(2), self.batch(3)])
        assert isinstance(joined, VectorQueries)
        self.assertEqual(list(joined), [*self.batch(2), *self.batch(3)])

    def test_different(self) -> None:
        for other in (self.batch(2, limit=3), self.batch(2, size=4), [Query()]):
            joined = joined_queries([self.batch(2), other])
            self.assertEqual(joined, [*self.batch(2), *other])

    def test_parts(self) -> None:
        batch = self.batch(5)
        self.assertEqual(list(batch[1:3]), list(batch)[1:3])
        self.assertEqual(len(batch[1:3]), 2)

    def test_single_searches(self) -> None:
        """Those of several clients that differ in nothing but their vectors become one matrix."""
        singles = [[own] for own in self.batch(4, limit=3)]
        joined = joined_queries(singles)
        assert isinstance(joined, VectorQueries)
        self.assertEqual(list(joined), [own for (own,) in singles])
        ones = VectorExample(np.ones(3, dtype=np.float32))
        sparse = SparseVector.of(np.array([1], np.uint32), np.ones(1, np.float32), "query")
        others: list[Query] = [
            Query(),
            Query(PointExample(1), limit=3),
            Query(VectorExample(np.ones(4, dtype=np.float32)), limit=3),
            Query(ones, limit=4),
            Query(ones, limit=3, score_threshold=1.0),
            Query(ones, limit=3, filter=ONLY),
            Query(VectorExample(sparse), limit=3),
        ]
        for other in others:
            for batches in ([*singles, [other]], [[other], *singles]):
                self.assertIsInstance(joined_queries(batches), list)
