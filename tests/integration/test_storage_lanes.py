"""Lanes of reads with real threads under the real reactor."""

from __future__ import annotations

from collections.abc import Callable
from weakref import ref

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, gatherResults
from twisted.internet.task import deferLater

from tests.integration.test_storage_threads import LanesTestCase
from tests.long_reads import LongReads
from vexfs_twisted.engine.read_bounds import Outgrown
from vexfs_twisted.model.errors import TimedOut, Unavailable
from vexfs_twisted.model.read_context import Cancelled, ReadContext


class LanesTests(LanesTestCase):
    """Long reads are stopped, and keep no short one waiting."""

    def setUp(self) -> None:
        super().setUp()
        self.reads = LongReads()
        self.addCleanup(self.reads.may_end.set)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what threads bring about."""
        while not condition():
            await deferLater(reactor, 0.005)

    async def test_a_read_that_takes_long_begins_again_in_a_long_lane(self) -> None:
        answer = self.lanes.run(ReadContext(), self.reads.read)
        await self.until(lambda: self.reads.ends == [("reader", Outgrown)])
        await self.until(lambda: self.reads.running == 1)
        self.reads.may_end.set()
        self.assertEqual(await answer, "long-reader")

    async def test_what_is_known_to_be_long_takes_nothing_of_the_short_ones(self) -> None:
        answer = self.lanes.run(ReadContext(), self.reads.known)
        await self.until(lambda: self.reads.running == 1)
        self.assertEqual(self.reads.ends, [])
        self.reads.may_end.set()
        self.assertEqual(await answer, "long-reader")

    async def test_any_number_of_long_reads_leaves_the_short_ones_alone(self) -> None:
        long = [self.lanes.run(ReadContext(), self.reads.known) for _ in range(50)]
        await self.until(lambda: self.reads.running == 2)
        for number in range(100):
            self.assertEqual(
                await self.lanes.run(ReadContext(), divmod, number, 3), divmod(number, 3)
            )
        for read in long:
            self.assertNoResult(read)
        self.reads.may_end.set()
        self.assertEqual(await gatherResults(long), ["long-reader"] * 50)

    async def test_reads_whose_clients_are_gone_are_stopped_or_never_begun(self) -> None:
        long = [self.lanes.run(ReadContext(), self.reads.known) for _ in range(10)]
        await self.until(lambda: self.reads.running == 2)
        for read in long:
            read.cancel()
            await self.assertFailure(read, CancelledError)
        await self.until(lambda: self.reads.running == 0)
        self.assertEqual(self.reads.ends, [("long-reader", Cancelled)] * 2)

    async def test_a_read_is_stopped_by_its_deadline_without_the_reactor(self) -> None:
        answer = self.lanes.run(ReadContext(0.2), self.reads.known)
        await self.assertFailure(answer, TimedOut)

    async def test_a_read_that_is_cancelled_among_the_short_ones_goes_no_further(self) -> None:
        context = ReadContext()
        answer = self.lanes.run(context, self.reads.read)
        answer.cancel()
        await self.assertFailure(answer, CancelledError)
        self.assertTrue(context.is_cancelled)
        await self.until(lambda: self.reads.running == 0)
        self.assertNotIn("long-reader", [name for name, _ in self.reads.ends])

    async def test_a_stop_answers_the_long_ones_too(self) -> None:
        answers = [self.lanes.run(ReadContext(), self.reads.known) for _ in range(5)]
        stopped = self.lanes.stop()
        self.reads.may_end.set()
        self.assertEqual(await gatherResults(answers), ["long-reader"] * 5)
        await stopped
        await self.assertFailure(self.lanes.run(ReadContext(), divmod, 1, 1), Unavailable)

    async def test_what_waits_and_is_cancelled_is_let_go(self) -> None:
        long = [self.lanes.run(ReadContext(), self.reads.known) for _ in range(2)]
        await self.until(lambda: self.reads.running == 2)
        held = LongReads()
        kept = ref(held)
        waiting = self.lanes.long.run(held.read)
        del held
        self.assertIsNotNone(kept())
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)
        self.assertIsNone(kept())
        self.reads.may_end.set()
        await gatherResults(long)
