"""Streams to clients: read ahead within their outbox, ended in every way."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.streams_support import ManualCursor, batch_of, opening, turn
from vexfs_twisted.interfaces import BatchCursor
from vexfs_twisted.model.errors import Interrupted, NotFound, TimedOut, TooMany, Unavailable
from vexfs_twisted.model.queries import Record
from vexfs_twisted.model.streams import Batch
from vexfs_twisted.streaming.outgoing import Outgoing
from vexfs_twisted.streaming.service import Streams
from vexfs_twisted.streaming.settings import StreamSettings

SETTINGS = StreamSettings(batch_points=10, budget_bytes=40_000, max_streams=5, stop_grace=3.0)
"""Each stream has an outbox of 4,000 bytes, and reads 2,000 at a time."""


class OutgoingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.streams = Streams(self.clock, SETTINGS)

    def open(
        self, cursor: ManualCursor | None = None, timeout: float | None = None
    ) -> tuple[Outgoing[Record], ManualCursor]:
        """An open stream that is reading its first batch, and its cursor."""
        cursor = cursor or ManualCursor()
        opened = self.streams.outgoing(opening(cursor), timeout)
        turn(self.clock)
        return self.successResultOf(opened), cursor

    def answer(self, cursor: ManualCursor, batch: Batch[Record] | None) -> None:
        cursor.answer(batch)
        turn(self.clock)

    def take(self, stream: Outgoing[Record]) -> Deferred[Batch[Record] | None]:
        taking = stream.take()
        turn(self.clock)
        return taking

    def ids(self, taking: Deferred[Batch[Record] | None]) -> list[Any]:
        batch = self.successResultOf(taking)
        assert batch is not None
        return [point.id for point in batch.points]

    def assert_all_given_back(self) -> None:
        turn(self.clock)
        self.assertEqual(self.streams.status.open_streams, 0)
        self.assertEqual(self.streams.status.used_bytes, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Reading(OutgoingCase):
    def test_from_the_first_batch_to_the_last(self) -> None:
        stream, cursor = self.open()
        taking = self.take(stream)
        self.assertNoResult(taking)
        self.answer(cursor, batch_of(1, 2))
        self.assertEqual(self.ids(taking), [1, 2])
        self.answer(cursor, batch_of(3))
        self.assertEqual(self.ids(self.take(stream)), [3])
        taking = self.take(stream)
        self.answer(cursor, None)
        self.assertIsNone(self.successResultOf(taking))
        self.assertIsNone(self.successResultOf(stream.take()))
        self.assertTrue(cursor.is_closed)
        self.assert_all_given_back()

    def test_a_read_asks_for_no_more_than_the_settings_say(self) -> None:
        _, cursor = self.open()
        self.assertEqual(cursor.reads, [(10, 2000)])

    def test_the_moment_is_given_up_before_the_last_batch_is_taken(self) -> None:
        stream, cursor = self.open()
        self.answer(cursor, batch_of(1))
        self.answer(cursor, None)
        self.assertTrue(cursor.is_closed)
        self.assertEqual(self.streams.status.open_streams, 1)
        self.assertEqual(self.ids(self.take(stream)), [1])
        self.assertIsNone(self.successResultOf(self.take(stream)))
        self.assert_all_given_back()

    def test_nobody_reads_further_ahead_than_the_outbox_goes(self) -> None:
        stream, cursor = self.open()
        for number in range(3):
            self.assertTrue(cursor.is_reading)
            self.answer(cursor, batch_of(number))
        # 3,000 bytes are held, and another 2,000 may come.
        self.assertFalse(cursor.is_reading)
        self.assertEqual(self.streams.status.used_bytes, 3000)
        # The first one is being sent, so it still counts.
        self.assertEqual(self.ids(self.take(stream)), [0])
        self.assertFalse(cursor.is_reading)
        self.assertEqual(self.ids(self.take(stream)), [1])
        self.assertTrue(cursor.is_reading)
        self.assertEqual(self.streams.status.used_bytes, 4000)

    def test_a_batch_larger_than_the_outbox_passes_alone(self) -> None:
        stream, cursor = self.open()
        self.answer(cursor, batch_of(1, size=9000))
        self.assertEqual(self.streams.status.used_bytes, 9000)
        self.assertFalse(cursor.is_reading)
        self.assertEqual(self.ids(self.take(stream)), [1])
        self.assertFalse(cursor.is_reading)
        taking = self.take(stream)
        self.assertTrue(cursor.is_reading)
        self.answer(cursor, None)
        self.assertIsNone(self.successResultOf(taking))

    def test_nothing_is_read_before_its_memory_is_granted(self) -> None:
        credit = self.successResultOf(self.streams._budget.take(20_000))
        more = self.successResultOf(self.streams._budget.take(20_000))
        stream, cursor = self.open()
        taking = self.take(stream)
        self.assertEqual(cursor.reads, [])
        more.release()
        turn(self.clock)
        self.assertTrue(cursor.is_reading)
        self.answer(cursor, None)
        self.assertIsNone(self.successResultOf(taking))
        credit.release()
        self.assert_all_given_back()

    def test_streams_take_turns(self) -> None:
        """A stream that is always ready does not keep another one waiting."""
        order: list[str] = []

        class Eager:
            def __init__(self, name: str) -> None:
                self.name = name
                self.left = 50

            def next(self, points: int, size: int) -> Deferred[Batch[Record] | None]:
                order.append(self.name)
                self.left -= 1
                return succeed(batch_of(1, size=1) if self.left else None)

            def close(self) -> None:
                pass

        for name in "ab":
            self.streams.outgoing(opening(Eager(name)))
        turn(self.clock)
        self.assertEqual("".join(order[:40]), "ab" * 20)


class Ends(OutgoingCase):
    def test_an_error_while_opening(self) -> None:
        opened = self.streams.outgoing(lambda: _failed(NotFound("nothing here")))
        turn(self.clock)
        self.failureResultOf(opened, NotFound)
        self.assert_all_given_back()

    def test_an_error_that_is_raised_at_once(self) -> None:
        def refuse() -> Any:
            raise NotFound("nothing here")

        opened = self.streams.outgoing(refuse)
        turn(self.clock)
        self.failureResultOf(opened, NotFound)
        self.assert_all_given_back()

    def test_an_error_in_mid_stream_comes_after_what_was_read(self) -> None:
        stream, cursor = self.open()
        self.answer(cursor, batch_of(1))
        cursor.fail(Interrupted("lost"))
        turn(self.clock)
        self.assertTrue(cursor.is_closed)
        self.assertEqual(self.ids(self.take(stream)), [1])
        for _ in range(2):
            self.failureResultOf(self.take(stream), Interrupted)
        self.assert_all_given_back()

    def test_a_batch_that_is_none(self) -> None:
        """What nobody foresaw ends the stream as well, and gives back what it held."""
        stream, cursor = self.open()
        wrong: Any = "no batch"
        self.answer(cursor, wrong)
        self.failureResultOf(self.take(stream), AttributeError)
        self.assertTrue(cursor.is_closed)
        self.assert_all_given_back()

    def test_closing_drops_what_waits(self) -> None:
        stream, cursor = self.open()
        self.answer(cursor, batch_of(1))
        self.answer(cursor, batch_of(2))
        self.take(stream)
        stream.close()
        stream.close()
        self.failureResultOf(stream.take(), CancelledError)
        turn(self.clock)
        # The read under way ends first: its memory is in use until then.
        self.assertFalse(cursor.is_closed)
        self.assertEqual(self.streams.status.used_bytes, 2000)
        self.answer(cursor, batch_of(3))
        self.assertTrue(cursor.is_closed)
        self.assert_all_given_back()

    def test_closing_while_it_waits_for_memory(self) -> None:
        held = [self.successResultOf(self.streams._budget.take(20_000)) for _ in range(2)]
        stream, cursor = self.open()
        stream.close()
        turn(self.clock)
        self.assertTrue(cursor.is_closed)
        self.assertEqual(cursor.reads, [])
        for credit in held:
            credit.release()
        self.assert_all_given_back()

    def test_cancelling_a_take_closes_the_stream(self) -> None:
        stream, cursor = self.open()
        taking = self.take(stream)
        taking.cancel()
        self.failureResultOf(taking, CancelledError)
        self.answer(cursor, None)
        self.assertTrue(cursor.is_closed)
        self.assert_all_given_back()

    def test_cancelling_the_opening_closes_the_cursor_when_it_comes(self) -> None:
        coming: Deferred[BatchCursor[Record]] = Deferred()
        opened = self.streams.outgoing(lambda: coming)
        turn(self.clock)
        opened.cancel()
        self.failureResultOf(opened, CancelledError)
        self.assertEqual(self.streams.status.open_streams, 1)
        cursor = ManualCursor()
        coming.callback(cursor)
        turn(self.clock)
        self.assertTrue(cursor.is_closed)
        self.assertEqual(cursor.reads, [])
        self.assert_all_given_back()

    def test_a_deadline_ends_the_take_that_waits(self) -> None:
        stream, cursor = self.open(timeout=2.0)
        self.answer(cursor, batch_of(1))
        self.take(stream)
        taking = self.take(stream)
        self.clock.advance(2.0)
        failure = self.failureResultOf(taking, TimedOut)
        self.assertEqual(
            failure.value.message, "Timeout error: the stream did not finish within 2 seconds"
        )
        self.answer(cursor, batch_of(2))
        self.assert_all_given_back()

    def test_a_deadline_while_opening(self) -> None:
        coming: Deferred[BatchCursor[Record]] = Deferred()
        opened = self.streams.outgoing(lambda: coming, timeout=1.0)
        turn(self.clock)
        self.clock.advance(1.0)
        self.failureResultOf(opened, TimedOut)
        coming.callback(ManualCursor())
        self.assert_all_given_back()

    def test_a_deadline_is_forgotten_once_all_is_taken(self) -> None:
        stream, cursor = self.open(timeout=5.0)
        self.answer(cursor, None)
        self.assertIsNone(self.successResultOf(self.take(stream)))
        self.assert_all_given_back()


class Stopping(OutgoingCase):
    def test_as_many_streams_as_may_be(self) -> None:
        streams = [self.open()[0] for _ in range(5)]
        failure = self.failureResultOf(self.streams.outgoing(opening(ManualCursor())))
        failure.trap(TooMany)
        streams[0].close()
        turn(self.clock)

    def test_a_place_becomes_free(self) -> None:
        pairs = [self.open() for _ in range(5)]
        stream, cursor = pairs[2]
        self.answer(cursor, None)
        self.successResultOf(self.take(stream))
        self.open()

    def test_no_streams_are_opened_once_it_stops(self) -> None:
        self.assertIsNone(self.successResultOf(self.streams.stopService()))
        self.failureResultOf(self.streams.outgoing(opening(ManualCursor())), Unavailable)
        self.assertRaises(Unavailable, self.streams.incoming, None)
        self.assert_all_given_back()

    def test_a_stream_that_finishes_in_time_finishes(self) -> None:
        stream, cursor = self.open()
        stopped = self.streams.stopService()
        self.answer(cursor, batch_of(1))
        self.assertEqual(self.ids(self.take(stream)), [1])
        self.answer(cursor, None)
        self.assertIsNone(self.successResultOf(self.take(stream)))
        self.assertIsNone(self.successResultOf(stopped))
        self.assert_all_given_back()

    def test_the_others_are_told_when_the_grace_is_over(self) -> None:
        waiting, cursor = self.open()
        taking = self.take(waiting)
        idle, other = self.open()
        self.answer(other, batch_of(1))
        stopped = self.streams.stopService()
        self.clock.advance(2.9)
        self.assertNoResult(taking)
        self.clock.advance(0.1)
        self.failureResultOf(taking, Unavailable)
        self.failureResultOf(idle.take(), Unavailable)
        # The reads in threads are waited for.
        self.assertNoResult(stopped)
        self.answer(cursor, batch_of(1))
        self.answer(other, None)
        self.assertIsNone(self.successResultOf(stopped))
        self.assert_all_given_back()


def _failed(error: Exception) -> Deferred[Any]:
    failed: Deferred[Any] = Deferred()
    failed.errback(error)
    return failed
