"""Writes that wait while the optimizer is behind: order, limits, and what ends the wait."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.suites.values import Point, upsert
from vexfs_twisted.model.commands import Command
from vexfs_twisted.model.errors import NotFound, TooMany
from vexfs_twisted.model.updates import DeletePoints, Update
from vexfs_twisted.storage.waiting_updates import WaitingUpdates
from vexfs_twisted.storage.write_turns import (
    LOOK_S,
    MOST_WAITING,
    MOST_WAITING_BYTES,
    WriteTurns,
    rows_of,
)

DELETE = DeletePoints([1])


def points(count: int) -> Update:
    return upsert(*(Point(number, [1.0, 2.0, 3.0, 4.0]) for number in range(count)))


class Limited:
    """A collection with `unlinked` rows of `threshold`, whose optimizer is at work or is not."""

    name = "c"

    def __init__(self, threshold: int = 10) -> None:
        self.threshold = threshold
        self.unlinked = 0
        self.prevents_unoptimized = True
        self.is_optimizing = True

    def room_for_rows(self) -> int | None:
        """See LimitedCollection."""
        if not (self.prevents_unoptimized and self.is_optimizing):
            return None
        return self.threshold - self.unlinked


class Line:
    """Turns of a collection, and the queue of commits that those submit to who have theirs."""

    def __init__(
        self, threshold: int = 10, most: int = MOST_WAITING, most_bytes: int = MOST_WAITING_BYTES
    ) -> None:
        self.clock = Clock()
        self.collection = Limited(threshold)
        self.queued: list[tuple[int, Sequence[Command]]] = []
        self.submitted: list[int] = []
        self.is_there = True
        self.is_over = False
        self.waiting = WaitingUpdates(most, most_bytes, "the optimizer")
        self.turns = self.another()
        self._number = 0

    def another(self) -> WriteTurns:
        """Turns that share the limit."""
        return WriteTurns(
            self.collection,
            lambda: sum(rows_of(commands) for _, commands in self.queued),
            lambda: self.is_there,
            lambda: self.is_over,
            self.waiting,
            self.clock,
        )

    def submit(self, *commands: Update, takes_memory: bool = True) -> Deferred[None] | None:
        """Submit commands when it is their turn; what they wait for."""
        self._number += 1
        number = self._number
        turn = self.turns.turn(commands, takes_memory=takes_memory)
        if turn is None:
            self._queue(number, commands)
        else:
            turn.addCallback(lambda _: self._queue(number, commands))
        return turn

    def _queue(self, number: int, commands: Sequence[Command]) -> None:
        self.submitted.append(number)
        self.queued.append((number, commands))

    def commit(self) -> None:
        """Commit all that is queued."""
        self.collection.unlinked += sum(rows_of(commands) for _, commands in self.queued)
        self.queued = []
        self.turns.look()

    def optimize(self) -> None:
        """Link all rows."""
        self.collection.unlinked = 0
        self.turns.look()


class Turns(SynchronousTestCase):
    def setUp(self) -> None:
        self.line = Line()

    def wait(self, *commands: Update) -> Deferred[None]:
        turn = self.line.submit(*commands)
        assert turn is not None, "it did not have to wait"
        return turn

    def test_without_the_setting_nothing_waits(self) -> None:
        self.line.collection.prevents_unoptimized = False
        self.line.collection.unlinked = 10**9
        self.assertIsNone(self.line.submit(points(100)))

    def test_up_to_the_threshold_nothing_waits(self) -> None:
        for _ in range(2):
            self.assertIsNone(self.line.submit(points(5)))
        self.wait(points(1))
        self.line.commit()
        self.assertEqual(self.line.submitted, [1, 2, 3])
        self.line.commit()
        self.wait(points(1))
        self.line.optimize()
        self.assertEqual(self.line.submitted, [1, 2, 3, 4])

    def test_one_update_may_be_larger_than_the_threshold(self) -> None:
        self.assertIsNone(self.line.submit(points(100)))
        self.wait(points(100))
        self.wait(points(1))
        self.line.commit()
        self.line.optimize()
        self.assertEqual(self.line.submitted, [1, 2])

    def test_deletes_wait_only_behind_others(self) -> None:
        self.line.collection.unlinked = 11
        self.assertIsNone(self.line.submit(DELETE))
        self.wait(points(1))
        self.wait(DELETE)
        self.line.optimize()
        self.assertEqual(self.line.submitted, [1, 2, 3])

    def test_who_gives_up_its_place_lets_others_go_on(self) -> None:
        self.line.collection.unlinked = 11
        first = self.wait(points(1))
        self.wait(DELETE)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(self.line.submitted, [2])
        self.assertEqual((self.line.waiting.count, self.line.waiting.bytes), (0, 0))

    def test_a_place_is_given_up_once(self) -> None:
        self.line.collection.unlinked = 11
        turn = self.wait(points(1))
        self.line.optimize()
        turn.cancel()
        self.assertEqual(self.line.submitted, [1])

    def test_a_deleted_collection(self) -> None:
        self.line.collection.unlinked = 11
        turns = [self.wait(points(1)), self.wait(DELETE)]
        self.line.is_there = False
        self.line.clock.advance(LOOK_S)
        for turn in turns:
            self.failureResultOf(turn, NotFound)
        self.assertEqual(self.line.submitted, [])

    def test_what_nobody_tells_is_noticed(self) -> None:
        self.line.collection.unlinked = 11
        self.wait(points(1))
        self.line.clock.advance(LOOK_S)
        self.assertEqual(self.line.submitted, [])
        self.line.collection.is_optimizing = False
        self.line.clock.advance(LOOK_S)
        self.assertEqual(self.line.submitted, [1])

    def test_the_end(self) -> None:
        self.line.collection.unlinked = 11
        self.wait(points(1))
        self.line.is_over = True
        self.line.turns.look()
        self.assertIsNone(self.line.submit(points(1)))
        self.assertEqual(self.line.submitted, [1, 2])

    def test_nothing_is_left_of_the_wait(self) -> None:
        self.line.collection.unlinked = 11
        self.wait(points(1))
        self.assertEqual(self.line.turns.length, 1)
        self.line.optimize()
        self.assertEqual(self.line.turns.length, 0)
        self.assertEqual(self.line.clock.getDelayedCalls(), [])


class Limits(SynchronousTestCase):
    def begin(self, most: int, most_bytes: int) -> None:
        self.line = Line(10, most, most_bytes)
        self.line.collection.unlinked = 11

    def test_so_many_wait_of_all_collections(self) -> None:
        self.begin(2, MOST_WAITING_BYTES)
        self.line.submit(points(1))
        other = self.line.another()
        self.assertIsNotNone(other.turn([points(1)]))
        error = self.assertRaises(TooMany, self.line.submit, DELETE)
        self.assertEqual(error.retry_after, 1)
        self.assertEqual(self.line.waiting.count, 2)

    def test_so_many_bytes(self) -> None:
        self.begin(MOST_WAITING, 1000)
        self.line.submit(points(100))
        self.assertRaises(TooMany, self.line.submit, points(1))
        self.assertRaises(TooMany, self.line.submit, DELETE)
        self.assertIsNotNone(self.line.submit(points(100), takes_memory=False))
        self.line.optimize()
        self.assertEqual(self.line.waiting.bytes, 0)


class Machine(RuleBasedStateMachine):
    """Clients, commits and an optimizer in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line(10)
        self.expected: list[int] = []
        self.turns: dict[int, Deferred[None]] = {}
        self.largest = 0
        self.number = 0
        self.has_failed = False

    @rule(count=st.integers(1, 25))
    def write(self, count: int) -> None:
        self.largest = max(self.largest, count)
        self._submit(points(count))

    @rule()
    def delete(self) -> None:
        self._submit(DELETE)

    def _submit(self, update: Update) -> None:
        self.number += 1
        self.expected.append(self.number)
        turn = self.line.submit(update)
        if turn is not None:
            self.turns[self.number] = turn

    @rule()
    def commit(self) -> None:
        self.line.commit()

    @rule()
    def optimize(self) -> None:
        if self.line.collection.is_optimizing and not self.line.queued:
            self.has_failed = False
        self.line.optimize()

    @rule(is_optimizing=st.booleans())
    def fail_or_go_on(self, is_optimizing: bool) -> None:
        self.line.collection.is_optimizing = is_optimizing
        if not is_optimizing:
            # Any number of rows may be written from now on.
            self.has_failed = True
            self.line.clock.advance(LOOK_S)
            assert not self.line.turns.length

    @precondition(lambda self: bool(self.turns))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.turns)))
        turn = self.turns.pop(number)
        if not turn.called:
            self.expected.remove(number)
            turn.addErrback(lambda failure: failure.trap(CancelledError))
        turn.cancel()

    @invariant()
    def all_is_done_in_its_order(self) -> None:
        done = self.line.submitted
        assert done == self.expected[: len(done)], (done, self.expected)
        left = len(self.expected) - len(done)
        assert self.line.turns.length == self.line.waiting.count == left

    @invariant()
    def no_more_rows_wait_for_the_optimizer_than_one_update_past_the_threshold(self) -> None:
        collection = self.line.collection
        if not self.has_failed:
            pending = sum(rows_of(commands) for _, commands in self.line.queued)
            assert collection.unlinked + pending <= collection.threshold + self.largest

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        if self.line.turns.length:
            assert self.line.collection.unlinked or self.line.queued
            assert self.line.clock.getDelayedCalls()


class AnyOrder(SynchronousTestCase):
    def test_machine(self) -> None:
        run_state_machine_as_test(
            Machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None)
        )
