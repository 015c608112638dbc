"""The worker pool, group commit and coalesced reads with real threads under the real reactor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from threading import Event, current_thread, get_ident
from time import sleep
from traceback import extract_tb
from typing import Any
from weakref import ReferenceType, ref

import attrs
import numpy as np
from numpy.typing import NDArray
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from tests.engine_support import unnamed, upsert
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.cursor import Cursor
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.engine.read_bounds import Outgrown, expect
from vexfs_twisted.engine.storage.latch import WAIT_S
from vexfs_twisted.interfaces import BatchCursor
from vexfs_twisted.model.collection import CollectionInfoRequest, CollectionStatus, UpdateCollection
from vexfs_twisted.model.collection_params import HnswConfigDiff, OptimizersConfigDiff
from vexfs_twisted.model.commands import CommandBatch, Origin
from vexfs_twisted.model.errors import BadInput, Overloaded, Unavailable
from vexfs_twisted.model.optimizations import OptimizationsRequest
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Record
from vexfs_twisted.model.read_context import SHORT_S, ReadContext
from vexfs_twisted.model.streams import Batch
from vexfs_twisted.model.updates import DeletePoints, Update
from vexfs_twisted.storage.at_once import NOT_AT_ONCE, TOGETHER_S, AtOnceQueue
from vexfs_twisted.storage.coalescer import Coalescer
from vexfs_twisted.storage.cursors import Cursors
from vexfs_twisted.storage.read_pools import ReadPools
from vexfs_twisted.storage.service import StorageService
from vexfs_twisted.storage.waiting_updates import WaitingUpdates
from vexfs_twisted.storage.writer import MOST_QUEUED, MOST_QUEUED_BYTES, CollectionWriter
from vexfs_twisted.threadpool import PendingAnswer, WorkerPool


class PoolTestCase(TestCase):
    """A running pool of two threads."""

    def setUp(self) -> None:
        self.pool = WorkerPool("tested", 2, reactor.callFromThread)  # type: ignore[attr-defined]
        self.pool.start()
        self.addCleanup(self.pool.stop)


class WorkerPoolTests(PoolTestCase):
    """Calls in threads, answers in the reactor."""

    async def test_calls_run_in_threads_and_answer_in_the_reactor(self) -> None:
        threads = await self.pool.run(get_ident).addCallback(lambda ran: (ran, get_ident()))
        self.assertNotEqual(threads[0], get_ident())
        self.assertEqual(threads[1], get_ident())

    async def test_an_exception_is_the_answer(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            await self.pool.run(divmod, 1, 0)
        self.assertEqual(await self.pool.run(divmod, 7, 2), (3, 1))

    async def test_many_calls_all_answer_in_their_own_deferreds(self) -> None:
        calls = [self.pool.run(pow, number, 2) for number in range(1000)]
        self.assertEqual(await gatherResults(calls), [number**2 for number in range(1000)])

    async def test_a_cancelled_call_that_has_not_begun_is_skipped(self) -> None:
        release, ran = Event(), Event()
        blocked = [self.pool.run(release.wait, 30) for _ in range(2)]
        doomed = self.pool.run(ran.set)
        doomed.cancel()
        await self.assertFailure(doomed, CancelledError)
        release.set()
        await gatherResults(blocked)
        await self.pool.stop()
        self.assertFalse(ran.is_set())

    async def test_a_cancelled_call_that_has_begun_runs_on_unheard(self) -> None:
        begun, release, ended = Event(), Event(), Event()

        def work() -> None:
            begun.set()
            release.wait(30)
            ended.set()

        call = self.pool.run(work)
        await self.pool.run(begun.wait, 30)
        call.cancel()
        await self.assertFailure(call, CancelledError)
        release.set()
        await self.pool.stop()
        self.assertTrue(ended.is_set())

    def test_a_result_that_nobody_waits_for_is_dropped_at_once(self) -> None:
        """Not only when the thread of the answers comes to it, which others may keep busy."""
        for is_made_first in (True, False):
            wakes: SimpleQueue[Callable[[], object]] = SimpleQueue()
            pool = WorkerPool("dropping", 1, wakes.put)
            pool.start()
            begun, release = Event(), Event()
            results: list[ReferenceType[NDArray[np.uint8]]] = []
            call = pool.run(make_and_wait, results, begun, release)
            begun.wait(30)
            if is_made_first:
                release.set()
                answer = wakes.get(timeout=30)
                self.assertIsNotNone(results[0]())
                call.cancel()
            else:
                call.cancel()
                release.set()
                answer = wakes.get(timeout=30)
            self.failureResultOf(call, CancelledError)
            self.assertIsNone(results[0]())
            stopped = pool.stop()
            answer()
            while not stopped.called:
                wakes.get(timeout=30)()

    async def test_a_stop_finishes_what_was_queued_and_takes_no_more(self) -> None:
        release = Event()
        queued = [self.pool.run(release.wait, 30) for _ in range(6)]
        stopped = self.pool.stop()
        with self.assertRaises(Unavailable):
            await self.pool.run(divmod, 1, 1)
        self.assertNoResult(stopped)
        release.set()
        self.assertEqual(await gatherResults(queued), [True] * 6)
        await stopped

    async def test_no_more_calls_wait_than_may(self) -> None:
        pool = WorkerPool("bounded", 1, reactor.callFromThread, 2)  # type: ignore[attr-defined]
        pool.start()
        self.addCleanup(pool.stop)
        begun, release = Event(), Event()
        running = pool.run(begin_and_wait, begun, release)
        begun.wait(30)
        waiting = [pool.run(divmod, 7, 2) for _ in range(2)]
        await self.assertFailure(pool.run(divmod, 7, 2), Overloaded)
        release.set()
        await running
        self.assertEqual(await gatherResults(waiting), [(3, 1)] * 2)
        self.assertEqual(await pool.run(divmod, 7, 2), (3, 1))

    async def test_only_unexpected_errors_bring_their_traceback(self) -> None:
        failures: list[Failure] = []
        for error in (BadInput("expected"), ValueError("unexpected")):
            await self.pool.run(fail, error).addErrback(failures.append)
        functions = [[frame.name for frame in extract_tb(failure.tb)] for failure in failures]
        self.assertEqual(functions[0], [])
        self.assertEqual(functions[1][-1], "fail")

    async def test_it_answers_an_asyncio_loop_too(self) -> None:
        async def use() -> list[Any]:
            loop = asyncio.get_running_loop()
            pool = WorkerPool("looped", 1, loop.call_soon_threadsafe)
            pool.start()
            begun, release, ran = Event(), Event(), Event()
            first = pool.run(begin_and_wait, begun, release).asFuture(loop)
            begun.wait(30)
            doomed = pool.run(ran.set).asFuture(loop)
            broken = pool.run(divmod, 1, 0).asFuture(loop)
            last = pool.run(lambda: current_thread().name).asFuture(loop)
            doomed.cancel()
            await asyncio.sleep(0)
            release.set()
            answers = await asyncio.gather(first, broken, last, return_exceptions=True)
            await pool.stop().asFuture(loop)
            return [*answers, ran.is_set(), get_ident()]

        ident, answers = await self.pool.run(lambda: (get_ident(), asyncio.run(use())))
        first, broken, name, has_run, loop_ident = answers
        self.assertEqual((first, name, has_run), (True, "looped-0", False))
        self.assertIsInstance(broken, ZeroDivisionError)
        self.assertEqual(loop_ident, ident)

    async def test_threads_carry_the_name_of_their_pool(self) -> None:
        self.assertIn("tested", await self.pool.run(lambda: current_thread().name))


def begin_and_wait(begun: Event, release: Event) -> bool:
    """Tell that the call has begun, and wait until it may end."""
    begun.set()
    return release.wait(30)


def make_and_wait(
    results: list[ReferenceType[NDArray[np.uint8]]], begun: Event, release: Event
) -> NDArray[np.uint8]:
    """An array that is made once it may be, and a weak reference to it."""
    begun.set()
    release.wait(30)
    result = np.zeros(1000, dtype=np.uint8)
    results.append(ref(result))
    return result


def fail(error: Exception) -> None:
    """Raise the error."""
    raise error


class LanesTestCase(TestCase):
    """Running lanes of two threads each."""

    def setUp(self) -> None:
        self.lanes = ReadPools(2, reactor.callFromThread)  # type: ignore[attr-defined]
        self.lanes.start()
        self.addCleanup(self.lanes.stop)


class RecordingCollection:
    """Applies updates by recording them in groups, as slowly as the test wants."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.batches: list[CommandBatch] = []
        self.gate = Event()
        self.poison: Update | None = None

    def apply_each(self, batches: Sequence[CommandBatch]) -> list[list[int | Exception]]:
        """Wait for the gate, then number the commands."""
        self.gate.wait(30)
        number = count(sum(self.groups))
        self.groups.append(sum(len(batch.commands) for batch in batches))
        self.batches += batches
        return [
            [
                BadInput("poisoned") if command is self.poison else next_number
                for command, next_number in zip(batch.commands, number, strict=False)
            ]
            for batch in batches
        ]


class GroupCommitTests(PoolTestCase):
    """Updates that wait share a commit."""

    def setUp(self) -> None:
        super().setUp()
        self.collection = RecordingCollection()
        self.after_commit: list[int] = []
        self.writer = CollectionWriter(
            self.collection,
            self.pool,
            lambda: self.after_commit.append(self.writer.queue_length),
            WaitingUpdates(MOST_QUEUED, MOST_QUEUED_BYTES, "their commit"),
        )

    def submit(self, count: int) -> list[Deferred[int]]:
        return [self.writer.submit(DeletePoints(ids=[number])) for number in range(count)]

    async def test_those_that_come_during_a_commit_share_the_next(self) -> None:
        answers = self.submit(10)
        self.assertEqual(self.writer.queue_length, 10)
        self.collection.gate.set()
        self.assertEqual(await gatherResults(answers), list(range(10)))
        self.assertEqual(self.collection.groups, [1, 9])
        await self.writer.drained()
        self.assertEqual(self.writer.queue_length, 0)
        self.assertEqual(self.after_commit, [9, 0])

    async def test_changes_of_the_configuration_keep_their_place(self) -> None:
        first, second = DeletePoints(ids=[1]), DeletePoints(ids=[2])
        change, origin = UpdateCollection(), Origin("log", 3)
        answers = [self.writer.submit(command) for command in (first, change, second)]
        sent = self.writer.submit_each(CommandBatch([change, first], origin))
        noted = self.writer.submit_each(CommandBatch([], Origin("log", 4)))
        self.assertEqual(self.writer.queue_length, 6)
        self.collection.gate.set()
        self.assertEqual(await gatherResults(answers), [0, 1, 2])
        self.assertEqual((await sent, await noted), ([3, 4], []))
        self.assertEqual(
            self.collection.batches,
            [
                CommandBatch([first]),
                CommandBatch([change]),
                CommandBatch([second]),
                CommandBatch([change, first], origin),
                CommandBatch([], Origin("log", 4)),
            ],
        )
        await self.writer.drained()
        self.assertEqual(self.writer.queue_length, 0)

    async def test_one_error_is_the_answer_to_one_update(self) -> None:
        first = self.submit(1)[0]
        self.collection.poison = DeletePoints(ids=[99])
        poisoned = self.writer.submit(self.collection.poison)
        last = self.submit(1)[0]
        self.collection.gate.set()
        self.assertEqual((await first, await last), (0, 2))
        await self.assertFailure(poisoned, BadInput)

    async def test_a_batch_is_answered_whole(self) -> None:
        first = self.submit(1)[0]
        batch = self.writer.submit_batch([DeletePoints(ids=[number]) for number in range(3)])
        last = self.submit(1)[0]
        self.assertEqual(self.writer.queue_length, 5)
        self.collection.gate.set()
        self.assertEqual((await first, await batch, await last), (0, [1, 2, 3], 4))
        self.assertEqual(self.collection.groups, [1, 4])

    async def test_a_batch_fails_with_the_error_that_ends_it(self) -> None:
        self.collection.gate.set()
        self.collection.poison = DeletePoints(ids=[99])
        batch = self.writer.submit_batch([DeletePoints(ids=[1]), self.collection.poison])
        await self.assertFailure(batch, BadInput)

    async def test_what_became_of_each_is_told_where_it_is_asked_for(self) -> None:
        self.collection.gate.set()
        self.collection.poison = DeletePoints(ids=[99])
        outcomes = await self.writer.submit_each(
            CommandBatch([DeletePoints(ids=[1]), self.collection.poison])
        )
        self.assertEqual(outcomes[0], 0)
        self.assertIsInstance(outcomes[1], BadInput)
        self.assertEqual(await self.writer.submit_each(CommandBatch([])), [])

    async def test_an_empty_batch_waits_for_nothing(self) -> None:
        first = self.submit(1)[0]
        self.assertEqual(self.successResultOf(self.writer.submit_batch([])), [])
        self.collection.gate.set()
        self.assertEqual(await first, 0)

    async def test_a_cancelled_wait_still_writes(self) -> None:
        answers = self.submit(3)
        answers[1].cancel()
        await self.assertFailure(answers[1], CancelledError)
        self.collection.gate.set()
        self.assertEqual((await answers[0], await answers[2]), (0, 2))
        self.assertEqual(sum(self.collection.groups), 3)

    async def test_drained_waits_for_all(self) -> None:
        answers = self.submit(2)
        drained = self.writer.drained()
        self.assertNoResult(drained)
        self.collection.gate.set()
        await drained
        self.assertEqual([self.successResultOf(answer) for answer in answers], [0, 1])

    async def test_a_failing_commit_answers_everyone(self) -> None:
        self.collection.gate.set()
        await self.pool.stop()
        with self.assertRaises(Unavailable):
            await self.submit(1)[0]


class StoredCursor(Cursor[Record]):
    """A cursor whose reads wait for the gate."""

    def __init__(self, gate: Event) -> None:
        self.gate = gate
        self.is_closed = Event()

    def next(self, points: int, size: int) -> Batch[Record] | None:
        """Wait for the gate, then tell what was asked."""
        self.gate.wait(30)
        return Batch([Record(points, None, None)], size)

    def close(self) -> None:
        """Note it."""
        self.is_closed.set()


class CursorTests(LanesTestCase):
    """Cursors are read in the threads that other reads leave."""

    def setUp(self) -> None:
        super().setUp()
        self.gate = Event()
        self.cursors = Cursors(self.lanes)

    async def opened(self) -> tuple[BatchCursor[Record], StoredCursor]:
        """A cursor and what is behind it."""
        behind = StoredCursor(self.gate)
        return await self.cursors.open(ReadContext(), lambda: behind), behind

    async def test_one_thread_is_left_to_other_reads(self) -> None:
        pairs = [await self.opened() for _ in range(3)]
        reads = [cursor.next(number, 10) for number, (cursor, _) in enumerate(pairs)]
        self.assertEqual(await self.lanes.short.run(divmod, 7, 2), (3, 1))
        for read in reads:
            self.assertNoResult(read)
        self.gate.set()
        found = [batch.points[0].id for batch in await gatherResults(reads) if batch is not None]
        self.assertEqual(found, [0, 1, 2])

    async def test_closing_waits_for_no_turn(self) -> None:
        pairs = [await self.opened() for _ in range(2)]
        reading = pairs[0][0].next(1, 10)
        pairs[1][0].close()
        await self.lanes.short.run(pairs[1][1].is_closed.wait, 30)
        self.assertNoResult(reading)
        self.gate.set()
        await reading

    async def test_closing_after_the_stop_is_left_to_the_engine(self) -> None:
        cursor, behind = await self.opened()
        await self.lanes.stop()
        cursor.close()
        self.assertFalse(behind.is_closed.is_set())
        await self.assertFailure(cursor.next(1, 1), Unavailable)

    async def test_what_fails_to_open_is_told(self) -> None:
        def refuse() -> StoredCursor:
            raise BadInput("wrong")

        await self.assertFailure(self.cursors.open(ReadContext(), refuse), BadInput)
        self.gate.set()
        cursor, _ = await self.opened()
        self.assertIsNotNone(await cursor.next(1, 1))


class CoalescerTests(PoolTestCase):
    """Reads that wait together are answered together."""

    def setUp(self) -> None:
        super().setUp()
        self.gate = Event()
        self.calls: list[list[int]] = []
        self.when_idle: list[Callable[[], object]] = []

    def read_each(
        self,
        requests: Sequence[int],
        _: Sequence[ReadContext],
        on_long: Callable[[], object],
    ) -> list[int | Exception]:
        """Wait for the gate, then answer squares; there is none of a negative number here."""
        self.gate.wait(30)
        self.calls.append(list(requests))
        return [BadInput("negative") if number < 0 else number**2 for number in requests]

    def coalescer(self, at_once: int) -> Coalescer[int, int]:
        return Coalescer(self.read_each, self.pool, at_once)

    def submit(
        self, reads: Coalescer[int, Any], request: int, context: ReadContext
    ) -> Deferred[Any]:
        """Queue a request; fires with its answer."""
        pending: PendingAnswer[Any] = PendingAnswer(self.pool, context.cancel)
        reads.submit(request, context, pending.answer)
        return pending.deferred

    async def test_what_waits_while_a_thread_works_is_one_call(self) -> None:
        reads = self.coalescer(at_once=1)
        first = self.submit(reads, 0, ReadContext())
        await self.pool.run(self.until, lambda: not reads._waiting)
        others = [self.submit(reads, number, ReadContext()) for number in range(1, 20)]
        self.gate.set()
        self.assertEqual(await gatherResults([first, *others]), [n**2 for n in range(20)])
        self.assertEqual(self.calls, [[0], list(range(1, 20))])

    def until(self, condition: Callable[[], bool]) -> None:
        """Block a worker until the other one has come so far."""
        while not condition():
            sleep(0.001)

    async def test_every_read_of_many_rounds_is_answered(self) -> None:
        self.gate.set()
        reads = self.coalescer(at_once=2)
        for _ in range(200):
            answers = [self.submit(reads, number, ReadContext()) for number in range(5)]
            self.assertEqual(await answers.pop(0), 0)
            answers += [self.submit(reads, number, ReadContext()) for number in range(5)]
            squares = [n**2 for n in range(5)]
            self.assertEqual(await gatherResults(answers), squares[1:] + squares)

    async def test_one_error_is_the_answer_to_one_read(self) -> None:
        self.gate.set()
        reads = self.coalescer(at_once=1)
        good, bad, last = (self.submit(reads, number, ReadContext()) for number in (2, -2, 3))
        self.assertEqual((await good, await last), (4, 9))
        await self.assertFailure(bad, BadInput)

    async def test_a_call_that_breaks_fails_its_reads_and_no_later_ones(self) -> None:
        self.gate.set()
        reads = self.coalescer(at_once=1)
        broken: Any = "no number"
        await self.assertFailure(self.submit(reads, broken, ReadContext()), TypeError)
        self.assertEqual(await self.submit(reads, 4, ReadContext()), 16)

    async def test_a_cancelled_read_is_dropped(self) -> None:
        reads = self.coalescer(at_once=1)
        first, doomed, last = (self.submit(reads, number, ReadContext()) for number in (1, 2, 3))
        doomed.cancel()
        await self.assertFailure(doomed, CancelledError)
        self.gate.set()
        self.assertEqual((await first, await last), (1, 9))
        self.assertNotIn(2, [number for call in self.calls for number in call])

    async def test_reads_after_the_stop_are_refused(self) -> None:
        reads = self.coalescer(at_once=1)
        self.gate.set()
        await self.pool.stop()
        for _ in range(2):
            await self.assertFailure(self.submit(reads, 1, ReadContext()), Unavailable)

    async def test_a_read_that_grew_too_long_goes_to_the_queue_of_long_ones(self) -> None:
        self.gate.set()
        long = self.coalescer(at_once=1)

        def short_ones(
            requests: Sequence[int], _: Sequence[ReadContext], on_long: Callable[[], object]
        ) -> list[int | Exception]:
            return [Outgrown() if number > 9 else number for number in requests]

        reads = Coalescer(short_ones, self.pool, 1, long=long)
        answers = [self.submit(reads, number, ReadContext()) for number in (1, 20, 2, 30)]
        self.assertEqual(await gatherResults(answers), [1, 400, 2, 900])
        self.assertEqual(sorted(number for call in self.calls for number in call), [20, 30])

    async def test_only_reads_of_one_kind_are_put_together(self) -> None:
        reads = Coalescer(self.read_each, self.pool, 1, kind_of=lambda number: number % 3)
        first = self.submit(reads, 0, ReadContext())
        await self.pool.run(self.until, lambda: not reads._waiting)
        others = [self.submit(reads, number, ReadContext()) for number in range(1, 10)]
        self.gate.set()
        self.assertEqual(await gatherResults([first, *others]), [n**2 for n in range(10)])
        self.assertEqual(self.calls, [[0], [1, 4, 7], [2, 5, 8], [3, 6, 9]])

    async def test_kinds_are_answered_by_as_many_threads_as_may_be(self) -> None:
        both = [Event(), Event()]

        def wait(
            requests: Sequence[int], _: Sequence[ReadContext], on_long: Callable[[], object]
        ) -> list[int | Exception]:
            both[requests[0]].set()
            return [both[1 - requests[0]].wait(30)]

        reads = Coalescer(wait, self.pool, 2, kind_of=lambda number: number)
        answers = [self.submit(reads, number, ReadContext()) for number in range(2)]
        self.assertEqual(await gatherResults(answers), [True, True])

    async def test_another_thread_begins_while_a_call_takes_long(self) -> None:
        calls: list[tuple[list[int], Callable[[], object]]] = []

        def read_each(
            requests: Sequence[int], _: Sequence[ReadContext], on_long: Callable[[], object]
        ) -> list[int | Exception]:
            calls.append((list(requests), on_long))
            if len(calls) == 1:
                self.gate.wait(30)
            return list(requests)

        reads: Coalescer[int, int] = Coalescer(read_each, self.pool, 2)
        first = self.submit(reads, 1, ReadContext())
        await self.pool.run(self.until, lambda: len(calls) == 1)
        second, third = (self.submit(reads, number, ReadContext()) for number in (2, 3))
        self.assertEqual([own for own, _ in calls], [[1]])
        calls[0][1]()
        self.assertEqual(await gatherResults([second, third]), [2, 3])
        self.assertEqual(await self.submit(reads, 4, ReadContext()), 4)
        self.gate.set()
        self.assertEqual(await first, 1)
        self.assertEqual([own for own, _ in calls], [[1], [2, 3], [4]])
        self.assertEqual(reads._long_calls, 0)

    async def test_cancelling_a_read_cancels_its_context(self) -> None:
        reads, context = self.coalescer(at_once=1), ReadContext()
        doomed = self.submit(reads, 2, context)
        doomed.cancel()
        await self.assertFailure(doomed, CancelledError)
        self.assertTrue(context.is_cancelled)

    def answered(self, short: AtOnceQueue[int, int], number: int) -> Deferred[tuple[object, str]]:
        """The answer to a read that may be answered in this thread, and the thread of it."""
        answered: Deferred[tuple[object, str]] = Deferred()

        def answer(result: object) -> None:
            found = result, current_thread().name
            self.pool.deliver(lambda: answered.callback(found))

        short.submit(number, ReadContext(), answer, self.when_idle.append)
        return answered

    def be_idle(self) -> None:
        """Do what was to be done once this thread has nothing else to do."""
        functions, self.when_idle = self.when_idle, []
        for function in functions:
            function()

    async def test_short_reads_are_answered_together_in_their_thread(self) -> None:
        self.gate.set()
        short, here = AtOnceQueue(self.coalescer(at_once=1)), current_thread().name
        for numbers in ((3, 4, 5), (6,)):
            answers = [self.answered(short, number) for number in numbers]
            self.assertEqual(len(self.when_idle), 1)
            self.be_idle()
            self.assertEqual(await gatherResults(answers), [(n**2, here) for n in numbers])
        self.assertEqual(self.calls, [[3, 4, 5], [6]])

    async def test_short_reads_of_two_threads_are_answered_in_each(self) -> None:
        self.gate.set()
        short = AtOnceQueue(self.coalescer(at_once=1))
        threads: list[str] = []
        here = self.answered(short, 3)

        def in_thread() -> None:
            def answer(_: object) -> None:
                threads.append(current_thread().name)

            short.submit(4, ReadContext(), answer, lambda function: function())
            threads.append(current_thread().name)

        await self.pool.run(in_thread)
        self.assertEqual((len(threads), len(set(threads))), (2, 1))
        self.be_idle()
        self.assertEqual(await here, (9, current_thread().name))

    async def test_reads_that_take_long_are_begun_again_by_a_reader(self) -> None:
        shares: list[float] = []

        def read_each(
            requests: Sequence[int],
            contexts: Sequence[ReadContext],
            on_long: Callable[[], object],
        ) -> list[Any]:
            shares.append(contexts[0].short_work)
            is_first = len(shares) in (1, 3)
            return [Outgrown() if is_first else number for number in requests]

        reads: Coalescer[int, int] = Coalescer(read_each, self.pool, 1)
        short, here = AtOnceQueue(reads), current_thread().name
        answers = [self.answered(short, number) for number in range(8)]
        self.be_idle()
        found = await gatherResults(answers)
        self.assertEqual([result for result, _ in found], list(range(8)))
        self.assertNotIn(here, {thread for _, thread in found})
        self.assertEqual(short._at_once.most, 4)
        self.assertEqual(shares, [TOGETHER_S / 8, SHORT_S])
        self.answered(short, 9)
        self.be_idle()
        self.assertEqual(short._at_once.skipped, NOT_AT_ONCE)
        while short._at_once.skipped:
            answer = self.answered(short, 4)
            self.be_idle()
            self.assertNotEqual((await answer)[1], here)
        answers = [self.answered(short, number) for number in range(6)]
        self.be_idle()
        threads = [thread for _, thread in await gatherResults(answers)]
        self.assertEqual([thread == here for thread in threads], [True] * 4 + [False] * 2)
        self.assertEqual(short._at_once.most, 5)

    async def test_what_would_wait_is_left_to_a_reader(self) -> None:
        here, threads = current_thread().name, []

        def read_each(requests: Sequence[int], *_: object) -> list[Any]:
            threads.append(current_thread().name)
            expect(WAIT_S)
            return list(requests)

        short = AtOnceQueue(Coalescer(read_each, self.pool, 1))
        answer = self.answered(short, 3)
        self.be_idle()
        self.assertEqual(await answer, (3, threads[1]))
        self.assertEqual((threads[0] == here, threads[1] == here), (True, False))

    async def test_a_short_read_that_is_cancelled_is_not_answered(self) -> None:
        self.gate.set()
        short, context = AtOnceQueue(self.coalescer(at_once=1)), ReadContext()
        answers: list[object] = []
        first = self.answered(short, 1)
        short.submit(2, context, answers.append, self.when_idle.append)
        context.cancel()
        self.be_idle()
        await first
        self.assertEqual((answers, self.calls), ([], [[1]]))

    async def test_a_direct_read_that_is_cancelled_is_not_answered(self) -> None:
        reads, context = self.coalescer(at_once=1), ReadContext()
        answers: list[object] = []
        first = self.submit(reads, 1, ReadContext())
        reads.submit(2, context, answers.append)
        last = self.submit(reads, 3, ReadContext())
        context.cancel()
        self.gate.set()
        self.assertEqual((await first, await last), (1, 9))
        self.assertEqual(answers, [])
        self.assertNotIn(2, [number for call in self.calls for number in call])

    async def test_an_answer_that_is_not_taken_ends_nothing(self) -> None:
        self.gate.set()
        reads = self.coalescer(at_once=1)
        reads.submit(1, ReadContext(), lambda _: fail(ZeroDivisionError()))
        self.assertEqual(await self.submit(reads, 4, ReadContext()), 16)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.gate.set()


class OptimizerTests(TestCase):
    """The service sees to its collections by itself."""

    timeout = 300

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    async def started(self) -> StorageService:
        """A running service on the folder of the test."""
        in_reactor = reactor.callFromThread  # type: ignore[attr-defined]
        storage = StorageService(Catalog(self.path), in_reactor, reactor)
        await storage.startService()
        self.addCleanup(lambda: storage.stopService() if storage.running else None)
        return storage

    async def column_file(self) -> Path:
        """The file of the only payload index, once it is there."""
        while not (found := list(self.path.glob("collections/*/column-*.bin"))):
            await deferLater(reactor, 0.01)
        return found[0]

    async def test_a_payload_index_is_on_disk_soon_after_its_commit_and_after_opening(self) -> None:
        storage = await self.started()
        await storage.create_collection("a", unnamed())
        schema = FieldSchema(FieldType.INTEGER)
        await storage.update("a", CreateFieldIndex(PayloadPath.parse("n"), schema))
        file = await self.column_file()
        await storage.stopService()
        file.unlink()
        await self.started()
        self.assertEqual(await self.column_file(), file)

    async def filled(self, storage: StorageService, count: int, size: int = 16) -> None:
        """A collection of random vectors, of which 64 are worth a graph."""
        optimizers = OptimizersConfigDiff(indexing_threshold=4)
        request = attrs.evolve(unnamed(size), optimizers_config=optimizers)
        await storage.create_collection("a", request)
        vectors = np.random.default_rng(1).random((count, size), dtype=np.float32)
        await storage.update("a", upsert(range(count), vectors))

    async def until_indexed(self, storage: StorageService, count: int) -> None:
        """Wait until so many vectors are in graphs and nothing is left to do."""
        while True:
            info = await storage.read("a", CollectionInfoRequest())
            if (info.indexed_vectors_count, info.status) == (count, CollectionStatus.GREEN):
                return
            await deferLater(reactor, 0.01)

    async def until_building(self, storage: StorageService) -> None:
        """Wait until some vectors are linked of a graph that takes long."""
        while True:
            for running in (await storage.read("a", OptimizationsRequest())).running:
                if running.progress.done:
                    return
            await deferLater(reactor, 0.01)

    async def test_graphs_are_built_after_commits_and_changes_and_used_after_opening(self) -> None:
        storage = await self.started()
        await self.filled(storage, 200)
        await self.until_indexed(storage, 200)
        links = UpdateCollection(hnsw_config=HnswConfigDiff(m=4))
        await storage.update_collection("a", links)
        while len((await storage.read("a", OptimizationsRequest())).completed) < 2:
            await deferLater(reactor, 0.01)
        await self.until_indexed(storage, 200)
        await storage.stopService()
        storage = await self.started()
        await self.until_indexed(storage, 200)
        self.assertEqual(list((await storage.read("a", OptimizationsRequest())).completed), [])

    async def test_rows_that_are_worth_no_graph_get_into_one_when_it_is_quiet(self) -> None:
        self.patch(optimizer, "QUIET_SECONDS", 0.1)
        storage = await self.started()
        await self.filled(storage, 64 * 1000)
        await self.until_indexed(storage, 64 * 1000)
        threshold = OptimizersConfigDiff(indexing_threshold=1000)
        await storage.update_collection("a", UpdateCollection(optimizers_config=threshold))
        vectors = np.ones((640, 16), dtype=np.float32)
        await storage.update("a", upsert(range(10**6, 10**6 + 640), vectors))
        await self.until_indexed(storage, 64 * 1010)

    async def test_a_stop_does_not_wait_for_a_graph(self) -> None:
        storage = await self.started()
        await self.filled(storage, 20_000, size=512)
        await self.until_building(storage)
        await storage.stopService()
        self.assertEqual(list(self.path.glob("collections/*/graph-*")), [])

    async def test_a_deletion_does_not_wait_for_a_graph(self) -> None:
        storage = await self.started()
        await self.filled(storage, 20_000, size=512)
        await self.until_building(storage)
        self.assertTrue(await storage.delete_collection("a"))
        self.assertEqual(list(self.path.glob("collections/*")), [])
