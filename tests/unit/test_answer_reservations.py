"""The memory of whole answers: counted, waited for, and taken from those who do not read."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import NotFound
from vexfs_twisted.model.read_context import ReadContext
from vexfs_twisted.model.scored_points import AnswerTooLarge
from vexfs_twisted.operations.reservations import within_reservation
from vexfs_twisted.reservations import CURRENT, UNBOUNDED
from vexfs_twisted.streaming.budget import ByteBudget
from vexfs_twisted.streaming.reservations import (
    PATIENCE_S,
    SLOWEST,
    SMALL,
    UNASKED,
    AnswerReservation,
    AnswerReservations,
)

MEBIBYTE = 1 << 20
LIMIT = 100 * MEBIBYTE


class RoomsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.budget = ByteBudget(LIMIT)
        self.reservations = AnswerReservations(self.budget, self.clock)
        self.given_up: list[AnswerReservation] = []

    def held(self, size: int) -> AnswerReservation:
        reservation = self.reservations.reservation(1)
        self.successResultOf(reservation.claim(size))
        return reservation

    def send(self, reservation: AnswerReservation) -> None:
        reservation.sending(lambda: self.given_up.append(reservation))


class Rooms(RoomsCase):
    def test_small_answers_hold_nothing(self) -> None:
        reservation = self.reservations.reservation(1)
        reservation.fetched(SMALL - 1)
        self.assertFalse(reservation.is_used)
        reservation.hold(SMALL)
        self.assertTrue(reservation.is_used)
        self.assertEqual(self.budget.used, SMALL)
        reservation.release()
        self.assertEqual(self.budget.used, 0)

    def test_copies_count(self) -> None:
        reservation = self.reservations.reservation(4)
        reservation.fetched(MEBIBYTE)
        self.assertEqual(self.budget.used, 4 * MEBIBYTE)
        self.successResultOf(reservation.claim(10 * MEBIBYTE))
        self.assertEqual(self.budget.used, 40 * MEBIBYTE)
        reservation.hold(20 * MEBIBYTE)
        self.assertEqual(self.budget.used, 20 * MEBIBYTE)

    def test_less_may_be_fetched_unasked_where_memory_is_scarce(self) -> None:
        reservation = self.reservations.reservation(1)
        self.assertEqual(reservation.free_bytes, UNASKED)
        held = self.held(LIMIT // 2 + 1)
        self.assertEqual(reservation.free_bytes, SMALL)
        held.release()
        self.assertEqual(reservation.free_bytes, UNASKED)

    def test_a_claim_gives_back_what_was_held_before(self) -> None:
        """Else two that read half and want all would wait for each other."""
        first, second = self.reservations.reservation(1), self.reservations.reservation(1)
        first.hold(60 * MEBIBYTE)
        second.hold(60 * MEBIBYTE)
        one, other = first.claim(LIMIT), second.claim(LIMIT)
        self.successResultOf(one)
        self.assertNoResult(other)
        first.release()
        self.successResultOf(other)

    def test_a_room_that_is_released_gives_up_its_claim(self) -> None:
        held = self.held(LIMIT)
        reservation = self.reservations.reservation(1)
        waiting = reservation.claim(1)
        reservation.release()
        self.failureResultOf(waiting, CancelledError)
        self.failureResultOf(reservation.claim(1), CancelledError)
        reservation.hold(MEBIBYTE)
        held.release()
        self.assertEqual(self.budget.used, 0)

    def test_a_claim_that_is_cancelled_lets_others_pass(self) -> None:
        held = self.held(60 * MEBIBYTE)
        large, small = self.reservations.reservation(1), self.reservations.reservation(1)
        first, second = large.claim(LIMIT), small.claim(MEBIBYTE)
        self.assertNoResult(second)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.successResultOf(second)
        held.release()
        small.release()
        large.release()
        self.assertEqual(self.budget.used, 0)


class Patience(RoomsCase):
    def test_nobody_is_given_up_while_nobody_waits(self) -> None:
        self.send(self.held(LIMIT))
        self.clock.advance(1000 * PATIENCE_S)
        self.assertEqual(self.given_up, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_first_that_is_late_is_given_up_when_others_wait(self) -> None:
        old, young = self.held(40 * MEBIBYTE), self.held(40 * MEBIBYTE)
        self.send(old)
        self.clock.advance(1)
        self.send(young)
        waiting = self.reservations.reservation(1).claim(50 * MEBIBYTE)
        late = PATIENCE_S + 40 * MEBIBYTE / SLOWEST
        self.clock.advance(late - 2)
        self.assertEqual(self.given_up, [])
        self.clock.advance(1)
        self.assertEqual(self.given_up, [old])
        self.assertNoResult(waiting)
        old.release()
        self.successResultOf(waiting)
        self.clock.advance(late)
        self.assertEqual(self.given_up, [old])

    def test_one_that_is_late_already_is_given_up_when_somebody_comes(self) -> None:
        reservation = self.held(LIMIT)
        self.send(reservation)
        self.clock.advance(1000 * PATIENCE_S)
        self.reservations.reservation(1).claim(MEBIBYTE)
        self.clock.advance(0)
        self.assertEqual(self.given_up, [reservation])

    def test_an_answer_that_is_out_is_forgotten(self) -> None:
        reservation = self.held(LIMIT)
        self.send(reservation)
        waiting = self.reservations.reservation(1)
        claim = waiting.claim(MEBIBYTE)
        reservation.release()
        self.successResultOf(claim)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(1000 * PATIENCE_S)
        self.assertEqual(self.given_up, [])

    def test_an_answer_that_is_still_made_is_not_given_up(self) -> None:
        self.held(LIMIT)
        self.reservations.reservation(1).claim(1)
        self.clock.advance(1000 * PATIENCE_S)
        self.assertEqual(self.given_up, [])


class Reads(RoomsCase):
    """Reads within a room: begun with little, and again with what they need."""

    def setUp(self) -> None:
        super().setUp()
        self.begun: list[int | None] = []
        self.needs = [MEBIBYTE // 2]

    def read(self, context: ReadContext) -> Deferred[int]:
        within = context.size
        self.begun.append(within)
        needed = self.needs[min(len(self.begun), len(self.needs)) - 1]
        if within is not None and needed > within:
            return fail(AnswerTooLarge(needed))
        return succeed(needed)

    def begin(self, reservation: AnswerReservation) -> Deferred[int]:
        token = CURRENT.set(reservation)
        try:
            return within_reservation(self.read, ReadContext(), lambda size: size)
        finally:
            CURRENT.reset(token)

    def test_without_a_room_there_is_no_bound(self) -> None:
        self.needs = [LIMIT]
        self.assertEqual(
            self.successResultOf(within_reservation(self.read, ReadContext(), lambda size: size)),
            LIMIT,
        )
        self.assertEqual(self.begun, [None])

    def test_what_was_read_unasked_counts(self) -> None:
        reservation = self.reservations.reservation(1)
        self.successResultOf(self.begin(reservation))
        self.assertEqual(self.begun, [UNASKED])
        self.assertEqual(self.budget.used, MEBIBYTE // 2)

    def test_a_read_that_needs_more_waits_and_begins_again(self) -> None:
        held = self.held(LIMIT)
        self.needs = [40 * MEBIBYTE]
        reading = self.begin(self.reservations.reservation(1))
        self.assertNoResult(reading)
        self.assertEqual(self.begun, [SMALL])
        held.release()
        self.assertEqual(self.successResultOf(reading), 40 * MEBIBYTE)
        self.assertEqual(self.begun, [SMALL, 40 * MEBIBYTE])
        self.assertEqual(self.budget.used, 40 * MEBIBYTE)

    def test_a_read_that_grows_meanwhile_asks_again(self) -> None:
        self.needs = [10 * MEBIBYTE, 30 * MEBIBYTE, 30 * MEBIBYTE]
        self.successResultOf(self.begin(self.reservations.reservation(1)))
        self.assertEqual(self.begun, [UNASKED, 10 * MEBIBYTE, 30 * MEBIBYTE])
        self.assertEqual(self.budget.used, 30 * MEBIBYTE)

    def test_a_read_that_is_cancelled_waits_no_longer(self) -> None:
        self.held(LIMIT)
        self.needs = [40 * MEBIBYTE]
        reading = self.begin(self.reservations.reservation(1))
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        self.assertFalse(self.budget.is_waited_for)

    def test_other_errors_are_what_they_are(self) -> None:
        reservation = self.reservations.reservation(1)
        token = CURRENT.set(reservation)
        self.addCleanup(CURRENT.reset, token)
        reading: Deferred[int] = within_reservation(
            lambda _: fail(NotFound("no")), ReadContext(), lambda size: size
        )
        self.failureResultOf(reading, NotFound)
        self.assertFalse(reservation.is_used)

    def test_a_room_without_a_bound(self) -> None:
        reservation = UNBOUNDED.reservation(4)
        token = CURRENT.set(reservation)
        self.addCleanup(CURRENT.reset, token)
        self.needs = [LIMIT]
        self.successResultOf(within_reservation(self.read, ReadContext(), lambda size: size))
        self.assertEqual(len(self.begun), 1)
