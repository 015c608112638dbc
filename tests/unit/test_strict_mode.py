"""Strict mode: token buckets, costs of operations, and what a refused read gives back."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from tests.suites.values import equals, must, nearest, plain_upsert
from vexfs_twisted.model.collection import CollectionConfig
from vexfs_twisted.model.collection_params import StrictModeConfig
from vexfs_twisted.model.errors import BadRequest, RateLimited, StorageFull
from vexfs_twisted.model.filters import Filter, HasId, Nested
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Prefetch, Query, QueryBatch, Retrieve, Selection
from vexfs_twisted.model.query_forms import PointExample, Rrf, VectorExample
from vexfs_twisted.model.strict_mode import StrictCollection
from vexfs_twisted.model.updates import DeletePoints, SetPayload, Update
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector
from vexfs_twisted.operations.strict_mode import updates
from vexfs_twisted.operations.strict_mode.costs import read_cost, write_cost
from vexfs_twisted.operations.strict_mode.filters import condition_count
from vexfs_twisted.operations.strict_mode.rates import TokenBucket
from vexfs_twisted.operations.strict_mode.service import REMEASURED_S, StrictMode


class TokenBucketTests(SynchronousTestCase):
    """A bucket with a clock of its own."""

    def setUp(self) -> None:
        self.clock = Clock()

    def bucket(self, capacity: int) -> TokenBucket:
        return TokenBucket("Read", capacity, self.clock.seconds)

    def refused(self, bucket: TokenBucket, cost: int) -> RateLimited:
        return self.assertRaises(RateLimited, bucket.take, cost)

    def test_it_begins_full_and_fills_within_a_minute(self) -> None:
        bucket = self.bucket(60)
        bucket.take(60)
        self.assertEqual(self.refused(bucket, 1).retry_after, 1)
        self.clock.advance(1)
        bucket.take(1)
        self.assertEqual(self.refused(bucket, 30).retry_after, 30)
        self.clock.advance(1000)
        bucket.take(60)
        self.refused(bucket, 1)

    def test_one_a_minute(self) -> None:
        bucket = self.bucket(1)
        bucket.take(1)
        error = self.refused(bucket, 1)
        self.assertEqual(error.retry_after, 60)
        self.assertEqual(
            error.message,
            "Rate limiting exceeded: Read rate limit exceeded: Operation requires 1 tokens "
            "but only 0.0 were available. Retry after 60s",
        )

    def test_more_than_it_holds(self) -> None:
        bucket = self.bucket(5)
        self.assertIsNone(self.refused(bucket, 6).retry_after)
        bucket.take(5)

    def test_tokens_that_are_given_back(self) -> None:
        bucket = self.bucket(5)
        bucket.take(5)
        bucket.give_back(3)
        bucket.take(3)
        bucket.give_back(100)
        bucket.take(5)
        self.refused(bucket, 1)

    @given(
        st.integers(1, 100),
        st.lists(st.tuples(st.integers(0, 100), st.floats(0, 30)), max_size=30),
    )
    def test_no_more_than_the_rate(self, capacity: int, calls: list[tuple[int, float]]) -> None:
        clock = Clock()
        bucket = TokenBucket("Write", capacity, clock.seconds)
        taken = 0
        for cost, pause in calls:
            try:
                bucket.take(cost)
                taken += cost
            except RateLimited:
                pass
            self.assertLessEqual(taken, capacity * (1 + clock.seconds() / 60) + 1e-6)
            clock.advance(pause)


class CostsTests(SynchronousTestCase):
    """What operations cost."""

    def test_conditions(self) -> None:
        one = equals("a", 1)
        nested = Nested(PayloadPath.parse("a"), must(one, one))
        self.assertEqual(condition_count(None), 0)
        self.assertEqual(condition_count(Filter(must=(one, must(one, one)), should=(nested,))), 6)

    def test_searches(self) -> None:
        where = must(equals("a", 1), equals("b", 1))
        multi = VectorExample(MultiVector(np.ones((3, 2), np.float32)))
        indices, values = np.arange(4, dtype=np.uint32), np.ones(4, np.float32)
        sparse = VectorExample(SparseVector(indices, values))
        one = nearest([1, 2])
        for query, cost in (
            (Query(one), 1),
            (Query(), 1),
            (Query(one, filter=where), 3),
            (Query(multi), 3),
            (Query(sparse), 4),
            (Query(PointExample(1)), 2),
            (Query(Rrf(), prefetch=(Prefetch(one, filter=where), Prefetch())), 4),
            (Query(one, prefetch=(Prefetch(multi),)), 4),
        ):
            self.assertEqual(read_cost(query, {}), cost, query)
        self.assertEqual(read_cost(Query(PointExample(1)), {("", 1): 3}), 4)
        self.assertEqual(read_cost(QueryBatch([Query(one), Query(multi)]), {}), 4)
        self.assertEqual(read_cost(Retrieve([1, 2, 3], Selection()), {}), 3)
        self.assertEqual(read_cost(Count(where), {}), 3)

    def test_updates(self) -> None:
        where = must(equals("a", 1))
        self.assertEqual(write_cost(plain_upsert([1, 2, 3]), 0), 3)
        self.assertEqual(write_cost(DeletePoints([1, 2]), 0), 2)
        self.assertEqual(write_cost(DeletePoints(filter=where), 0), 1)
        self.assertEqual(write_cost(DeletePoints(filter=where), 7), 7)


class StrictModeTests(SynchronousTestCase):
    """The state of the limits of a collection."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.size = 0
        self.storage: Any = Mock(read=lambda *_: succeed(self.size))
        self.strict_mode = StrictMode(self.storage, self.clock.seconds)

    def collection(self, **limits: Any) -> StrictCollection:
        config = StrictModeConfig(enabled=True, **limits)
        return StrictCollection("uid", config, CollectionConfig(), {}, {}, 10, lambda: 0)

    def test_a_read_that_is_begun_again_is_charged_once(self) -> None:
        collection = self.collection(read_rate_limit=1)
        charge: Any = self.strict_mode.charge_read(Count(), collection, None)
        charge.give_back()
        self.strict_mode.charge_read(Count(), collection, None)
        with self.assertRaises(RateLimited):
            self.strict_mode.charge_read(Count(), collection, None)

    def test_a_change_of_the_configuration_begins_anew(self) -> None:
        collection = self.collection(read_rate_limit=1)
        self.strict_mode.charge_read(Count(), collection, None)
        # An equal configuration that was read again, as other processes do, is no change.
        with self.assertRaises(RateLimited):
            self.strict_mode.charge_read(Count(), self.collection(read_rate_limit=1), None)
        self.storage.strict_mode.return_value = collection
        self.strict_mode.changed("name")
        self.strict_mode.charge_read(Count(), collection, None)

    def admit(self, update: Update, collection: StrictCollection) -> None:
        admitting = self.strict_mode.admit_update("name", update, collection, None)
        result: list[Any] = []
        Deferred.fromCoroutine(admitting).addBoth(result.append)
        if isinstance(result[0], Failure):
            result[0].raiseException()

    def write(self, limit: int) -> None:
        collection = self.collection(max_collection_payload_size_bytes=limit)
        self.admit(SetPayload(b"x" * 129, ids=[1, 2]), collection)

    def test_replaced_payloads_count_until_the_size_is_read_again(self) -> None:
        for _ in range(2):
            self.write(1024)
        with self.assertRaises(BadRequest):
            self.write(1024)
        self.clock.advance(REMEASURED_S)
        self.write(1024)
        self.size = 1024
        self.clock.advance(REMEASURED_S)
        with self.assertRaises(BadRequest):
            self.write(1024)

    def test_conditions_without_an_index_are_taken_for_half(self) -> None:
        collection = self.collection(write_rate_limit=5)
        delete = DeletePoints(filter=must(equals("a", 1)))
        self.admit(delete, collection)
        some = DeletePoints(filter=must(HasId(frozenset([1]))))
        with self.assertRaises(RateLimited):
            self.admit(some, collection)

    def test_memory(self) -> None:
        self.patch(updates, "resident_percent", lambda: 50.0)
        payload = SetPayload(b"{}", ids=[1])
        self.admit(payload, self.collection(max_resident_memory_percent=51))
        limited = self.collection(max_resident_memory_percent=50)
        with self.assertRaises(StorageFull):
            self.admit(payload, limited)
        self.admit(DeletePoints([1]), limited)
