"""The byte budget: what is granted when, and that everything comes back."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.streaming.budget import ByteBudget, Credit


class Budget(SynchronousTestCase):
    def setUp(self) -> None:
        self.budget = ByteBudget(100)

    def taken(self, size: int) -> Credit:
        return self.successResultOf(self.budget.take(size))

    def test_credit_is_granted_while_there_is_some(self) -> None:
        first, second = self.taken(50), self.taken(50)
        self.assertEqual(self.budget.used, 100)
        first.release()
        first.release()
        self.assertEqual(self.budget.used, 50)
        second.release()
        self.assertEqual(self.budget.used, 0)

    def test_those_who_wait_are_served_in_order(self) -> None:
        """A small claim does not pass a large one that came before it."""
        held = [self.taken(40), self.taken(40)]
        large, small = self.budget.take(50), self.budget.take(10)
        self.assertNoResult(large)
        self.assertNoResult(small)
        held[0].release()
        self.assertEqual(self.successResultOf(large).size, 50)
        self.assertEqual(self.successResultOf(small).size, 10)
        self.assertEqual(self.budget.used, 100)

    def test_a_claim_given_up_lets_the_next_one_through(self) -> None:
        held = self.taken(50)
        self.taken(20)
        large, small = self.budget.take(50), self.budget.take(30)
        large.cancel()
        self.failureResultOf(large, CancelledError)
        self.assertEqual(self.successResultOf(small).size, 30)
        held.release()
        self.assertEqual(self.budget.used, 50)

    def test_more_than_half_counts_as_half(self) -> None:
        """What could never be granted would block all the others."""
        self.assertEqual(self.taken(1000).size, 50)

    def test_what_was_needed_is_settled_afterwards(self) -> None:
        low, high = self.taken(50), self.taken(50)
        waiting = self.budget.take(30)
        high.settle(80)
        self.assertEqual(self.budget.used, 130)
        low.settle(10)
        self.assertEqual(self.budget.used, 90)
        self.assertNoResult(waiting)
        high.settle(60)
        self.assertEqual(self.successResultOf(waiting).size, 30)

    def test_a_claim_may_be_made_while_another_is_granted(self) -> None:
        held = self.taken(50)
        self.taken(50)
        later: list[Deferred[Credit]] = []

        def granted(credit: Credit) -> None:
            later.append(self.budget.take(10))
            credit.release()

        self.budget.take(20).addCallback(granted)
        held.release()
        self.assertEqual(self.successResultOf(later[0]).size, 10)
        self.assertEqual(self.budget.used, 60)

    def test_a_claim_of_any_size_is_granted_to_one_who_is_alone(self) -> None:
        held = self.taken(10)
        huge, after = self.budget.take_all(1000), self.budget.take_all(1)
        self.assertNoResult(huge)
        held.release()
        credit = self.successResultOf(huge)
        self.assertEqual((credit.size, self.budget.used), (1000, 1000))
        self.assertTrue(self.budget.is_waited_for)
        self.assertNoResult(after)
        credit.settle(100)
        self.assertNoResult(after)
        credit.settle(99)
        self.assertEqual(self.successResultOf(after).size, 1)
        self.assertFalse(self.budget.is_waited_for)

    def test_a_claim_within_the_limit_need_not_be_alone(self) -> None:
        self.taken(30)
        self.assertEqual(self.successResultOf(self.budget.take_all(70)).size, 70)

    def test_what_is_there_already_counts_at_once(self) -> None:
        credit = self.budget.charge(150)
        waiting = self.budget.take(1)
        self.assertNoResult(waiting)
        credit.release()
        self.successResultOf(waiting)

    def test_what_is_given_back_is_told(self) -> None:
        told: list[int] = []
        budget = ByteBudget(100, told.append)
        credit = budget.charge(80)
        credit.settle(90)
        credit.settle(20)
        credit.release()
        credit.release()
        self.assertEqual(told, [70, 20])
