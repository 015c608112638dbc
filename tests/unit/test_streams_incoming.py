"""Streams from clients: admitted, regrouped, committed in order, ended in every way."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.streams_support import ManualWriter, message, turn
from tests.suites.values import dense_rows
from vexfs_twisted.model.errors import BadInput, StorageFull, TimedOut, TooMany, Unavailable
from vexfs_twisted.model.streams import Acknowledgement
from vexfs_twisted.model.updates import UpdateMode, Upsert
from vexfs_twisted.streaming import incoming as incoming_module
from vexfs_twisted.streaming.incoming import LINGER_S, Incoming, WaitsFor
from vexfs_twisted.streaming.regrouping import size_of
from vexfs_twisted.streaming.service import Streams
from vexfs_twisted.streaming.settings import StreamSettings

SETTINGS = StreamSettings(budget_bytes=80_000, max_streams=3, commit_points=10, stop_grace=3.0)
"""A commit is worth 10 points or 10,000 bytes; a point of `message` takes 170."""


class IncomingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.streams = Streams(self.clock, SETTINGS)
        self.writer = ManualWriter()

    def open(self, is_prompt: bool = False, timeout: float | None = None) -> Incoming:
        return self.streams.incoming(self.writer.write, is_prompt, timeout)

    def put(self, stream: Incoming, *ids: int, name: str = "a") -> Deferred[None]:
        return self.put_update(stream, message(ids), name)

    def put_update(self, stream: Incoming, update: Upsert, name: str = "a") -> Deferred[None]:
        putting = stream.put(name, update)
        turn(self.clock)
        return putting

    def commit(self) -> None:
        self.writer.finish()
        turn(self.clock)

    def finish(self, stream: Incoming) -> Deferred[int]:
        finished = stream.finish()
        turn(self.clock)
        return finished

    def heard(self, stream: Incoming) -> Sequence[Acknowledgement]:
        return self.successResultOf(stream.acknowledged())

    def assert_all_given_back(self) -> None:
        turn(self.clock)
        self.assertEqual(self.streams.status.open_streams, 0)
        self.assertEqual(self.streams.status.used_bytes, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Regrouping(IncomingCase):
    def test_small_messages_become_one_update(self) -> None:
        stream = self.open()
        for number in range(9):
            self.assertIsNone(self.successResultOf(self.put(stream, number)))
        self.assertEqual(self.writer.commits, [])
        self.assertIsNone(self.successResultOf(self.put(stream, 9)))
        self.assertEqual(self.writer.commits, [("a", [list(range(10))])])
        finished = self.finish(stream)
        self.assertNoResult(finished)
        self.commit()
        self.assertEqual(self.successResultOf(finished), 10)
        self.assertEqual(stream.points_written, 10)
        self.assert_all_given_back()

    def test_the_end_of_the_stream_commits_what_is_left(self) -> None:
        stream = self.open()
        self.put(stream, 1, 2)
        finished = self.finish(stream)
        self.assertEqual(self.writer.commits, [("a", [[1, 2]])])
        self.commit()
        self.assertEqual(self.successResultOf(finished), 2)
        self.assert_all_given_back()

    def test_a_stream_of_nothing(self) -> None:
        self.assertEqual(self.successResultOf(self.finish(self.open())), 0)
        self.assert_all_given_back()

    def test_nothing_lingers_for_long(self) -> None:
        """A client that stops sending leaves no points in memory."""
        stream = self.open()
        self.put(stream, 1)
        self.clock.advance(LINGER_S)
        turn(self.clock)
        self.assertEqual(self.writer.commits, [("a", [[1]])])
        self.commit()
        self.assertEqual(self.streams.status.used_bytes, 0)
        self.put(stream, 2)
        self.assertEqual(len(self.writer.commits), 1)

    def test_the_next_commit_is_gathered_during_one(self) -> None:
        stream = self.open()
        self.put(stream, *range(10))
        for number in range(10, 19):
            self.assertIsNone(self.successResultOf(self.put(stream, number)))
        self.assertEqual(len(self.writer.commits), 1)
        full = self.put(stream, 19)
        self.commit()
        self.assertIsNone(self.successResultOf(full))
        self.assertEqual(self.writer.commits[1], ("a", [list(range(10, 20))]))

    def test_no_more_is_taken_than_two_commits_ahead(self) -> None:
        """One is written, one is ready, and one gathers: then the client has to wait."""
        stream = self.open()
        for first in (0, 10):
            self.assertIsNone(self.successResultOf(self.put(stream, *range(first, first + 10))))
        waiting = self.put(stream, *range(20, 30))
        self.assertNoResult(waiting)
        self.commit()
        self.assertIsNone(self.successResultOf(waiting))

    def test_bytes_are_worth_a_commit_too(self) -> None:
        stream = self.open()
        self.put_update(stream, Upsert([1], {}, [b"x" * 10_000]))
        self.assertEqual(self.writer.commits, [("a", [[1]])])

    def test_what_does_not_go_together_is_written_by_updates_of_its_own(self) -> None:
        stream = self.open()
        self.put(stream, 1)
        self.put_update(stream, message([2], dimension=3))
        self.put_update(stream, message([3], dimension=3))
        self.put_update(stream, message([4], dimension=3, mode=UpdateMode.INSERT_ONLY))
        self.put_update(stream, message([5], dimension=3))
        self.put_update(stream, Upsert([6], {}, [b"{}"]))
        self.finish(stream)
        self.assertEqual(self.writer.commits, [("a", [[1], [2, 3], [4], [5], [6]])])

    def test_a_write_may_be_of_the_first_only(self) -> None:
        written: list[list[int]] = []

        def write(
            name: str, updates: Sequence[Upsert], waits_for: WaitsFor
        ) -> Deferred[list[int | Exception]]:
            written.append([len(update.ids) for update in updates])
            return succeed([len(written)])

        stream = self.streams.incoming(write)
        for number in range(4):
            self.put_update(stream, message([number], dimension=number + 1))
        finished = self.finish(stream)
        self.assertEqual(written, [[1] * 4, [1] * 3, [1] * 2, [1]])
        self.assertEqual(self.successResultOf(finished), 4)

    def test_collections_take_turns_in_the_order_of_their_messages(self) -> None:
        stream = self.open()
        self.put(stream, 1, name="a")
        self.put(stream, 2, name="b")
        self.put(stream, 3, name="a")
        finished = self.finish(stream)
        for _ in range(3):
            self.commit()
        self.assertEqual(self.writer.commits, [("a", [[1]]), ("b", [[2]]), ("a", [[3]])])
        self.assertEqual(self.successResultOf(finished), 3)

    def test_vectors_and_payloads_stay_with_their_points(self) -> None:
        written: list[Upsert] = []

        def write(
            name: str, updates: Sequence[Upsert], waits_for: WaitsFor
        ) -> Deferred[list[int | Exception]]:
            written.extend(updates)
            return self.writer.write(name, updates, waits_for)

        stream = self.streams.incoming(write)
        for ids in ([3, 1], [2], [1, 5]):
            update = message(ids)
            payloads = [b'{"id":%d}' % point_id for point_id in ids]
            self.put_update(stream, Upsert(ids, update.vectors, payloads))
        self.finish(stream)
        (update,) = written
        self.assertEqual(list(update.ids), [3, 1, 2, 1, 5])
        self.assertEqual(dense_rows(update.vectors[""])[:, 1].tolist(), [3, 1, 2, 1, 5])
        self.assertEqual(list(update.payloads), [b'{"id":%d}' % i for i in (3, 1, 2, 1, 5)])


class Acknowledging(IncomingCase):
    def test_a_message_is_written_at_once(self) -> None:
        stream = self.open(is_prompt=True)
        self.put(stream, 1, 2)
        self.assertEqual(self.writer.commits, [("a", [[1, 2]])])
        hearing = stream.acknowledged()
        self.assertNoResult(hearing)
        self.commit()
        self.assertEqual(self.successResultOf(hearing), [Acknowledgement(0, 2, 0)])

    def test_those_that_come_during_a_commit_share_the_next(self) -> None:
        stream = self.open(is_prompt=True)
        for number in range(4):
            self.put(stream, number)
        self.commit()
        self.assertEqual(self.writer.commits, [("a", [[0]]), ("a", [[1, 2, 3]])])
        self.commit()
        self.assertEqual(
            self.heard(stream),
            [Acknowledgement(0, 1, 0), *(Acknowledgement(n, 1, 1) for n in (1, 2, 3))],
        )

    def test_after_the_last_one_there_is_nothing(self) -> None:
        stream = self.open(is_prompt=True)
        self.put(stream, 1)
        finished = self.finish(stream)
        self.commit()
        self.assertEqual(self.successResultOf(finished), 1)
        self.assertEqual(len(self.heard(stream)), 1)
        self.assertEqual(len(self.heard(stream)), 0)

    def test_an_error_comes_after_the_last_one(self) -> None:
        self.writer.poison = {2}
        stream = self.open(is_prompt=True)
        self.put(stream, 1)
        self.put(stream, 2)
        self.commit()
        self.commit()
        self.assertEqual(self.heard(stream), [Acknowledgement(0, 1, 0)])
        self.failureResultOf(stream.acknowledged(), ValueError)

    def test_a_client_that_hears_nothing_is_not_heard_for_ever(self) -> None:
        self.patch(incoming_module, "MAX_UNREAD", 3)
        stream = self.open(is_prompt=True)
        for number in range(3):
            self.put(stream, number)
            self.commit()
        waiting = self.put(stream, 3)
        self.assertNoResult(waiting)
        self.assertEqual(len(self.heard(stream)), 3)
        self.assertIsNone(self.successResultOf(waiting))


class Memory(IncomingCase):
    def test_messages_count_until_they_are_on_disk(self) -> None:
        stream = self.open(is_prompt=True)
        self.put(stream, 1, 2)
        self.assertEqual(self.streams.status.used_bytes, size_of(message([1, 2])))
        self.commit()
        self.assertEqual(self.streams.status.used_bytes, 0)

    def test_a_message_waits_for_its_memory(self) -> None:
        held = [self.successResultOf(self.streams._budget.take(40_000)) for _ in range(2)]
        stream = self.open(is_prompt=True)
        waiting = self.put(stream, 1)
        self.assertNoResult(waiting)
        self.assertEqual(self.writer.commits, [])
        held[0].release()
        turn(self.clock)
        self.assertIsNone(self.successResultOf(waiting))
        self.assertEqual(len(self.writer.commits), 1)

    def test_who_waits_for_memory_gathers_no_longer(self) -> None:
        """What is gathered may be just what is missing."""
        stream = self.open()
        self.put(stream, 1)
        self.put_update(stream, Upsert([2], {}, [b"x" * 9_000]), "b")
        held = self.successResultOf(self.streams._budget.take(40_000))
        waiting = self.put_update(stream, Upsert([3], {}, [b"x" * 38_000]))
        self.assertNoResult(waiting)
        self.commit()
        self.commit()
        self.assertIsNone(self.successResultOf(waiting))
        held.release()


class Failures(IncomingCase):
    def test_all_before_the_wrong_message_is_written(self) -> None:
        self.writer.poison = {6}
        stream = self.open()
        for number in range(9):
            self.put(stream, number)
        finished = self.finish(stream)
        self.commit()
        # Together they failed, so they are tried one by one.
        self.assertEqual(self.writer.commits[1], ("a", [[number] for number in range(9)]))
        self.commit()
        self.assertEqual(self.failureResultOf(finished, ValueError).value, self.writer.error)
        self.assertEqual(stream.points_written, 6)
        self.assertEqual(len(self.writer.commits), 2)
        self.assert_all_given_back()

    def test_nothing_is_written_after_it(self) -> None:
        self.writer.poison = {3}
        stream = self.open()
        self.put(stream, *range(10))
        self.put(stream, *range(10, 20))
        waiting = self.put(stream, *range(20, 30))
        self.commit()
        self.failureResultOf(waiting, ValueError)
        self.failureResultOf(self.put(stream, 40), ValueError)
        self.failureResultOf(self.finish(stream), ValueError)
        self.assertEqual(stream.points_written, 0)
        self.assertEqual(len(self.writer.commits), 1)
        self.assert_all_given_back()

    def test_later_runs_of_a_commit_go_on_when_it_was_no_message(self) -> None:
        """What fails together may succeed one by one: then the rest is written as well."""
        self.writer.poison = {2}
        stream = self.open()
        for number in range(3):
            self.put(stream, number)
        self.put_update(stream, message([7], dimension=3))
        finished = self.finish(stream)
        self.commit()
        self.writer.poison = set()
        self.commit()
        self.assertEqual(self.successResultOf(finished), 4)
        self.assertEqual(self.writer.commits[1], ("a", [[0], [1], [2], [7]]))

    def test_a_commit_that_breaks(self) -> None:
        stream = self.open()
        self.put(stream, *range(10))
        self.writer.fail(StorageFull("full"))
        turn(self.clock)
        self.failureResultOf(self.finish(stream), StorageFull)
        self.assert_all_given_back()

    def test_a_write_that_is_refused_at_once(self) -> None:
        def refuse(
            name: str, updates: Sequence[Upsert], waits_for: WaitsFor
        ) -> Deferred[list[int | Exception]]:
            raise BadInput(name)

        stream = self.streams.incoming(refuse)
        self.put(stream, 1)
        self.failureResultOf(self.finish(stream), BadInput)
        self.assert_all_given_back()


class Ends(IncomingCase):
    def test_closing_drops_what_is_gathered_and_finishes_what_is_written(self) -> None:
        stream = self.open()
        self.put(stream, *range(10))
        self.put(stream, 10)
        stream.close()
        stream.close()
        turn(self.clock)
        finished = self.finish(stream)
        self.assertNoResult(finished)
        self.commit()
        self.failureResultOf(finished, CancelledError)
        self.assertEqual(stream.points_written, 10)
        self.assertEqual(len(self.writer.commits), 1)
        self.assert_all_given_back()

    def test_cancelling_what_waits_closes_the_stream(self) -> None:
        self.successResultOf(self.streams._budget.take(40_000)).settle(80_000)
        putting_stream, hearing_stream, finishing_stream = (self.open() for _ in range(3))
        putting = self.put(putting_stream, 1)
        hearing = hearing_stream.acknowledged()
        self.assertNoResult(putting)
        putting.cancel()
        hearing.cancel()
        self.failureResultOf(putting, CancelledError)
        self.failureResultOf(hearing, CancelledError)
        turn(self.clock)
        self.assertEqual(self.streams.status.open_streams, 1)
        finishing_stream.close()
        turn(self.clock)
        self.assertEqual(self.streams.status.open_streams, 0)

    def test_cancelling_the_finish(self) -> None:
        stream = self.open()
        self.put(stream, 1)
        finished = self.finish(stream)
        finished.cancel()
        self.failureResultOf(finished, CancelledError)
        self.commit()
        self.assertEqual(stream.points_written, 1)
        self.assert_all_given_back()

    def test_a_deadline(self) -> None:
        stream = self.open(timeout=0.05)
        self.put(stream, 1)
        self.clock.advance(0.05)
        turn(self.clock)
        self.failureResultOf(self.put(stream, 2), TimedOut)
        self.failureResultOf(self.finish(stream), TimedOut)
        self.assertEqual(self.writer.commits, [])
        self.assert_all_given_back()

    def test_the_server_stops(self) -> None:
        done, late = self.open(), self.open()
        self.put(done, 1)
        self.put(late, *range(10))
        stopped = self.streams.stopService()
        self.assertRaises(Unavailable, self.open)
        self.commit()
        finished = self.finish(done)
        self.commit()
        self.assertEqual(self.successResultOf(finished), 1)
        self.assertNoResult(stopped)
        self.clock.advance(3.0)
        turn(self.clock)
        self.failureResultOf(self.finish(late), Unavailable)
        self.assertEqual(late.points_written, 10)
        self.assertIsNone(self.successResultOf(stopped))
        self.assert_all_given_back()

    def test_as_many_as_may_be(self) -> None:
        streams = [self.open() for _ in range(3)]
        error = self.assertRaises(TooMany, self.open)
        self.assertIn("3 streams are open", str(error))
        streams[1].close()
        turn(self.clock)
        self.open()
