"""Counts and short scrolls: answered together in the thread that submits them, or by readers."""

from __future__ import annotations

import gc
from collections.abc import Callable
from itertools import count
from threading import current_thread
from time import thread_time
from typing import Any
from unittest.mock import patch
from weakref import ref

import numpy as np
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.engine_support import EngineTestCase, field, upsert, write
from vexfs_twisted.engine import reads
from vexfs_twisted.engine.mvcc.state import Snapshot
from vexfs_twisted.engine.read_bounds import checkpoint
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.errors import BadInput
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.queries import Count, Page, Scroll, Selection
from vexfs_twisted.model.read_context import ReadContext
from vexfs_twisted.storage.queues import ReadQueues
from vexfs_twisted.storage.read_pools import ReadPools


class Held:
    """Stands for what a read has in memory."""


ODD = Filter(must=(field("odd", MatchValue(True)),))


class SharedReadTests(EngineTestCase, TestCase):
    """Ten points, of which five are odd."""

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create(
            "c", CreateCollection(vectors={"": VectorParams(Distance.DOT, 2)})
        )
        payloads = [{"odd": bool(number % 2)} for number in range(10)]
        write(
            self.collection,
            upsert(list(range(10)), np.ones((10, 2), np.float32), payloads=payloads),
        )
        self.pools = ReadPools(2, reactor.callFromThread)  # type: ignore[attr-defined]
        self.pools.start()
        self.addCleanup(self.pools.stop)
        self.queues = ReadQueues(self.collection, self.pools)
        self.when_idle: list[Callable[[], object]] = []

    def submit(self, request: Any, context: ReadContext | None = None) -> Deferred[Any]:
        """Fires with the answer and the name of the thread that gave it."""
        answered: Deferred[Any] = Deferred()

        def answer(result: Any) -> None:
            found = result, current_thread().name
            reactor.callFromThread(answered.callback, found)  # type: ignore[attr-defined]

        self.queues.read_direct(request, context or ReadContext(), answer, self.when_idle.append)
        return answered

    def be_idle(self) -> None:
        functions, self.when_idle = self.when_idle, []
        for function in functions:
            function()

    async def test_together(self) -> None:
        """On one snapshot, in the order of their submission, errors in their own places."""
        here, snapshots = current_thread().name, count(1)
        inner = self.collection.snapshot
        self.patch(self.collection, "snapshot", lambda: next(snapshots) and inner())
        wrong = Scroll(limit=1, selection=Selection(vectors=("nowhere",)))
        requests = [Count(), Scroll(limit=2), wrong, Count(ODD)]
        answers = [self.submit(request) for request in requests]
        self.assertEqual(len(self.when_idle), 1)
        self.be_idle()
        found = await gatherResults(answers)
        self.assertEqual({thread for _, thread in found}, {here})
        every, page, error, odd = (answer for answer, _ in found)
        self.assertEqual((every, odd, next(snapshots)), (10, 5, 2))
        assert isinstance(page, Page)
        self.assertEqual([record.id for record in page.records], [0, 1])
        self.assertIsInstance(error, BadInput)

    async def test_long_pages_are_left_to_readers(self) -> None:
        answer = self.submit(Scroll(limit=101))
        self.assertEqual(self.when_idle, [])
        page, thread = await answer
        self.assertEqual(len(page.records), 10)
        self.assertNotEqual(thread, current_thread().name)

    async def test_counts_that_take_long_are_begun_again_by_readers(self) -> None:
        """Each that shared a snapshot with one, by itself; what it had read is freed at once."""
        threads: list[str] = []
        held: list[ref[Held]] = []
        gc.disable()
        self.addCleanup(gc.enable)

        def slow(snapshot: Snapshot, request: Count) -> int:
            threads.append(current_thread().name)
            own = Held()
            held.append(ref(own))
            end = thread_time() + (0.01 if request.filter is not None else 0.0)
            while thread_time() < end:
                checkpoint()
            return snapshot.state.live.count

        with (
            patch.dict(reads.ON_SNAPSHOT, {Count: slow}),
            patch.dict(reads.READS, {Count: reads._on_snapshot(slow)}),
        ):
            answers = [self.submit(request) for request in (Count(), Count(ODD))]
            self.be_idle()
            found = await gatherResults(answers)
        here = current_thread().name
        self.assertEqual([answer for answer, _ in found], [10, 10])
        self.assertNotIn(here, {thread for _, thread in found})
        self.assertEqual(threads[:2], [here, here])
        self.assertEqual([own() for own in held], [None] * len(threads))

    async def test_a_client_that_left(self) -> None:
        context = ReadContext()
        left, waiting = self.submit(Count(), context), self.submit(Count())
        context.cancel()
        self.be_idle()
        self.assertEqual((await waiting)[0], 10)
        self.assertFalse(left.called)
