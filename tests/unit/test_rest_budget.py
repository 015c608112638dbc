"""What bodies may hold together: who waits, who goes on, and who is sent away."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.body_reader import BodyReader
from vexfs_twisted.model.errors import Overloaded, TimedOut
from vexfs_twisted.rest.bodies import budget
from vexfs_twisted.rest.bodies.budget import CHECK_S, LEAST_BYTES, PATIENCE, BodyBudget


def _packed(received: int) -> int:
    return min(1000 * received, 60)


class Budgets(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(budget, "ROOM_BYTES", 10)
        self.clock = Clock()
        self.budget = BodyBudget(100, 2, self.clock)

    def reader(self, **how: Any) -> BodyReader:
        reader = BodyReader()
        reader.lease = self.budget.lease(reader, **how)
        return reader

    def ready(self, reader: BodyReader) -> Deferred[None]:
        return Deferred.fromCoroutine(reader.lease.ready())

    def test_all_go_on_while_there_is_room(self) -> None:
        for reader in (self.reader(), self.reader(), self.reader()):
            reader.lease.add(33)
            self.assertFalse(reader.is_paused)
        self.assertEqual(self.budget.used, 99)

    def test_past_it_the_first_goes_on_alone(self) -> None:
        first, second = self.reader(), self.reader()
        first.lease.add(60)
        second.lease.add(60)
        self.assertTrue(second.is_paused)
        first.lease.add(60)
        self.assertFalse(first.is_paused)
        self.successResultOf(self.ready(first))
        # It is complete, so that the second is the first of those that still come.
        self.assertFalse(second.is_paused)
        second.lease.add(10)
        self.assertFalse(second.is_paused)
        self.assertEqual(self.budget.used, 190)

    def test_what_is_given_back_wakes_those_that_wait_as_far_as_it_goes(self) -> None:
        held, *waiting = (self.reader() for _ in range(3))
        extra = self.reader()
        held.lease.add(50)
        extra.lease.add(40)
        self.successResultOf(self.ready(held))
        first, second = waiting
        first.lease.add(5)
        second.lease.add(6)
        self.assertEqual((first.is_paused, second.is_paused), (False, True))
        extra.lease.release()
        self.assertFalse(second.is_paused)
        self.assertEqual((self.budget.used, self.budget.waiting), (61, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_more_than_so_many_wait(self) -> None:
        first, second, third, fourth = (self.reader() for _ in range(4))
        first.lease.add(101)
        second.lease.add(1)
        third.lease.add(1)
        self.assertRaises(Overloaded, fourth.lease.add, 1)
        second.lease.add(1)
        self.assertEqual(self.budget.waiting, 2)

    def test_a_packed_body_counts_for_what_may_be_in_it(self) -> None:
        packed = self.reader(held=lambda received: min(10 * received, 64))
        packed.lease.add(3)
        self.assertEqual(self.budget.used, 30)
        packed.lease.add(30)
        self.assertEqual(self.budget.used, 64)
        packed.lease.release()
        packed.lease.release()
        self.assertEqual(self.budget.used, 0)

    def test_a_complete_body_waits_before_it_is_unpacked(self) -> None:
        first, packed = self.reader(), self.reader(held=_packed)
        first.lease.add(60)
        packed.lease.add(2)
        waiting = self.ready(packed)
        self.assertNoResult(waiting)
        first.lease.release()
        self.successResultOf(waiting)

    def test_whoever_keeps_others_waiting_and_sends_nothing_is_told(self) -> None:
        slow, waiting = self.reader(), self.reader()
        slow.lease.add(101)
        waiting.lease.add(1)
        self.clock.advance(CHECK_S)
        self.assertEqual(slow.told, [])
        slow.lease.add(LEAST_BYTES)
        self.clock.advance(CHECK_S)
        self.assertEqual(slow.told, [])
        slow.lease.add(LEAST_BYTES - 1)
        self.clock.advance(CHECK_S)
        self.assertEqual([type(error) for error in slow.told], [TimedOut])
        self.assertFalse(waiting.is_paused)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_body_that_counts_for_no_more_but_keeps_coming_is_not_slow(self) -> None:
        capped, waiting = self.reader(held=lambda received: min(received, 101)), self.reader()
        capped.lease.add(LEAST_BYTES)
        waiting.lease.add(1)
        for _ in range(PATIENCE - 1):
            self.clock.advance(CHECK_S)
            capped.lease.add(LEAST_BYTES)
        self.assertEqual((capped.told, self.budget.used), ([], 102))

    def test_nobody_waits_for_ever(self) -> None:
        busy, waiting = self.reader(), self.reader()
        busy.lease.add(101)
        waiting.lease.add(1)
        for _ in range(PATIENCE):
            self.assertEqual(waiting.told, [])
            busy.lease.add(LEAST_BYTES)
            self.clock.advance(CHECK_S)
        self.assertEqual([type(error) for error in waiting.told], [Overloaded])
        self.assertEqual(busy.told, [])

    def test_nor_with_a_complete_body(self) -> None:
        busy, packed = self.reader(), self.reader(held=_packed)
        busy.lease.add(101)
        packed.lease.add(2)
        waiting = self.ready(packed)
        for _ in range(PATIENCE):
            self.assertNoResult(waiting)
            busy.lease.add(LEAST_BYTES)
            self.clock.advance(CHECK_S)
        self.failureResultOf(waiting, Overloaded)
        self.assertEqual(packed.told, [])

    def test_whoever_leaves_leaves_nothing(self) -> None:
        first, second = self.reader(), self.reader()
        first.lease.add(101)
        second.lease.add(7)
        second.lease.release()
        first.lease.release()
        self.assertEqual((self.budget.used, self.budget.waiting), (0, 0))
        self.assertEqual(self.clock.getDelayedCalls(), [])
