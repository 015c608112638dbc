"""The contexts and bounds of reads: when work is stopped, and by what."""

from __future__ import annotations

from math import inf
from threading import Event, Thread

from twisted.trial.unittest import SynchronousTestCase

from tests.stopping import CountedContext
from vexfs_twisted.engine import read_bounds
from vexfs_twisted.engine.read_bounds import (
    Outgrown,
    PatientLock,
    ReadBounds,
    ReadBoundsOfEach,
    checkpoint,
    expect,
    in_slices,
)
from vexfs_twisted.model.errors import TimedOut
from vexfs_twisted.model.read_context import SHORT_S, Cancelled, ReadContext


class ContextTests(SynchronousTestCase):
    """What ends a read context, and how that is told."""

    def test_without_a_deadline_it_ends_when_it_is_cancelled(self) -> None:
        context = ReadContext()
        self.assertFalse(context.is_over(1e300))
        context.cancel()
        context.cancel()
        self.assertTrue(context.is_over(0))
        self.assertIsInstance(context.end(), Cancelled)

    def test_a_deadline_is_told_in_words(self) -> None:
        context = ReadContext(0)
        self.assertTrue(context.is_over(inf))
        self.assertIsInstance(context.end(), TimedOut)
        self.assertEqual(
            str(context.end()), "Timeout error: the operation did not finish within 0 seconds"
        )

    def test_a_step_ends_with_the_whole_and_by_itself(self) -> None:
        whole = ReadContext(None, step_seconds=0)
        self.assertFalse(whole.is_over(1e300))
        self.assertTrue(whole.step().is_over(1e300))
        free = ReadContext()
        step = free.step()
        self.assertFalse(step.is_over(1e300))
        free.cancel()
        self.assertTrue(step.is_over(0))
        self.assertIsInstance(step.end(), Cancelled)
        late = ReadContext(0, step_seconds=1000)
        self.assertIn("within 0 seconds", str(late.step().end()))


class BoundsTests(SynchronousTestCase):
    """What a thread is stopped by."""

    def test_outside_of_bounds_nothing_stops(self) -> None:
        checkpoint()
        expect(inf)
        self.assertEqual(list(in_slices([1, 2, 3], 2)), [[1, 2], [3]])

    def test_a_cancelled_read_does_not_begin(self) -> None:
        context = ReadContext()
        context.cancel()
        self.assertRaises(Cancelled, ReadBounds([context], is_short=False).__enter__)
        checkpoint()

    def test_a_deadline_stops_at_the_next_checkpoint(self) -> None:
        with self.assertRaises(TimedOut), ReadBounds([ReadContext(0)], is_short=True):
            self.fail("it was over before")

    def test_work_for_several_goes_on_while_one_wants_it(self) -> None:
        each = [ReadContext(), ReadContext()]
        with ReadBounds(each, is_short=True):
            each[0].cancel()
            checkpoint()
            each[1].cancel()
            self.assertRaises(Cancelled, checkpoint)

    def test_what_is_expected_to_take_long_is_no_short_read(self) -> None:
        with ReadBounds([ReadContext()], is_short=True):
            expect(SHORT_S / 2)
            self.assertRaises(Outgrown, expect, SHORT_S * 2)
        with ReadBounds([ReadContext(), ReadContext(), ReadContext()], is_short=True):
            expect(SHORT_S * 2)
        with ReadBounds([ReadContext()], is_short=False):
            expect(1e9)

    def test_what_takes_long_is_no_short_read(self) -> None:
        with ReadBounds([ReadContext()], is_short=True), self.assertRaises(Outgrown):
            while True:
                checkpoint()

    def test_queries_of_a_batch_share_what_they_have(self) -> None:
        context = ReadContext()
        each = ReadBoundsOfEach([context, context, ReadContext()], is_short=True)
        # On a busy machine a read is outgrown by the time that passes, before its work is done.
        while context.short_work:
            with self.assertRaises(Outgrown), each.of([0]):
                while True:
                    checkpoint()
        with self.assertRaises(Outgrown), each.of([1]):
            expect(1e-6)
        with each.of([2]):
            expect(SHORT_S / 2)

    def test_many_small_parts_of_a_batch_come_to_a_long_one(self) -> None:
        context = ReadContext()
        each = ReadBoundsOfEach([context], is_short=True)
        with self.assertRaises(Outgrown):
            while True:
                with each.of([0]):
                    checkpoint()

    def test_others_are_told_of_a_read_that_will_take_long(self) -> None:
        # A busy machine may take as long as a long read.
        self.patch(read_bounds, "monotonic", lambda: 1.0)
        told: list[str] = []
        each = ReadBoundsOfEach([ReadContext()], is_short=True, on_long=lambda: told.append("long"))
        with each.of([0]):
            expect(0.001)
            self.assertEqual(told, [])
            expect(0.01)
            self.assertEqual(told, ["long"])

    def test_others_are_told_of_a_read_that_takes_long(self) -> None:
        told: list[str] = []
        bounds = ReadBounds([ReadContext()], is_short=True, on_long=lambda: told.append("long"))
        with bounds:
            while not told:
                checkpoint()

    def test_bounds_within_bounds_give_way_to_those_around(self) -> None:
        outer, inner = ReadContext(), ReadContext()
        with ReadBounds([outer], is_short=False):
            with ReadBounds([inner], is_short=False):
                inner.cancel()
                self.assertRaises(Cancelled, checkpoint)
            checkpoint()
            outer.cancel()
            self.assertRaises(Cancelled, checkpoint)

    def test_other_threads_have_their_own(self) -> None:
        context, passed = ReadContext(), Event()

        def work() -> None:
            checkpoint()
            passed.set()

        with ReadBounds([context], is_short=False):
            context.cancel()
            thread = Thread(target=work)
            thread.start()
            thread.join()
        self.assertTrue(passed.is_set())

    def test_who_waits_for_a_lock_is_stopped_too(self) -> None:
        lock = PatientLock()
        with lock:
            self.assertTrue(lock.is_taken())
            with ReadBounds([ReadContext()], is_short=True):
                self.assertRaises(Outgrown, lock.__enter__)
            with ReadBounds([CountedContext(5)], is_short=False):
                self.assertRaises(Cancelled, lock.__enter__)
        self.assertFalse(lock.is_taken())
