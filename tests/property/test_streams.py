"""Any interleaving of what clients, cursors, commits and time do: the budget comes back whole."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.streams_support import ManualCursor, ManualWriter, batch_of, message, opening, turn
from vexfs_twisted.model.errors import Interrupted, StorageFull
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.streaming.incoming import Incoming
from vexfs_twisted.streaming.outgoing import Outgoing
from vexfs_twisted.streaming.service import Streams
from vexfs_twisted.streaming.settings import StreamSettings

SETTINGS = StreamSettings(
    batch_points=10, budget_bytes=1_500, max_streams=4, commit_points=5, stop_grace=1.0
)
"""So small a budget that streams wait for each other all the time."""

Steps = list[tuple[int, str, int]]


class Reader:
    """A client that takes, and the cursor that it takes from."""

    def __init__(self, streams: Streams) -> None:
        self.cursor = ManualCursor()
        self.sent: list[PointId] = []
        self.got: list[PointId] = []
        self.is_ended = False
        self._next = 0
        self._taking: Deferred[Any] | None = None
        self.stream: Outgoing[Any] | None = None
        opened = streams.outgoing(opening(self.cursor), timeout=40.0)
        opened.addCallbacks(self._has_opened, _ignore)
        self.opened = opened

    def _has_opened(self, stream: Outgoing[Any]) -> None:
        self.stream = stream

    def act(self, action: str, size: int) -> None:
        if action == "work" and self.cursor.is_reading:
            self._answer(size)
        elif action == "break" and self.cursor.is_reading:
            self.cursor.fail(Interrupted("lost"))
        elif self.stream is None:
            return
        elif action == "ask" and self._taking is None:
            self._taking = taking = self.stream.take()
            taking.addCallbacks(self._took, self._failed)
        elif action == "cancel" and self._taking is not None:
            self._taking.cancel()
        elif action == "close":
            self.stream.close()

    @property
    def is_busy(self) -> bool:
        """Whether a thread reads for it."""
        return self.cursor.is_reading

    def _answer(self, size: int) -> None:
        if size < 100:
            self.cursor.answer(None)
            return
        self.sent.append(self._next)
        self.cursor.answer(batch_of(self._next, size=size))
        self._next += 1

    def _took(self, batch: Any) -> None:
        self._taking = None
        if batch is None:
            self.is_ended = True
        else:
            self.got.extend(point.id for point in batch.points)

    def _failed(self, _: object) -> None:
        self._taking = None
        self.is_ended = True

    def check(self) -> None:
        """What came is what was read, in order, from the beginning."""
        assert self.got == self.sent[: len(self.got)]
        assert self.cursor.is_closed


class Sender:
    """A client that puts, and the writer behind it."""

    def __init__(self, streams: Streams, is_prompt: bool) -> None:
        self.writer = ManualWriter()
        self.written: list[PointId] = []
        self.put: list[PointId] = []
        self.acknowledged = 0
        self.is_ended = False
        self._putting: Deferred[Any] | None = None
        self._finishing: Deferred[Any] | None = None
        self.stream: Incoming = streams.incoming(self.writer.write, is_prompt, timeout=40.0)
        self._is_prompt = is_prompt

    def act(self, action: str, size: int) -> None:
        if action == "work" and self.writer.is_writing:
            self.written.extend(self.writer.finish())
        elif action == "break" and self.writer.is_writing:
            self.writer.fail(StorageFull("full"))
        elif action == "ask" and self._putting is None and self._finishing is None:
            self._ask(size)
        elif action == "cancel" and self._putting is not None:
            self._putting.cancel()
        elif action == "close":
            self.stream.close()

    @property
    def is_busy(self) -> bool:
        """Whether a thread writes for it."""
        return self.writer.is_writing

    def _ask(self, size: int) -> None:
        if size < 100:
            self._finishing = self.stream.finish()
            self._finishing.addCallbacks(self._finished, _ignore)
            return
        first = len(self.put)
        ids = range(first, first + 1 + size % 7)
        self.put.extend(ids)
        update: Upsert = message(list(ids), dimension=1 + size % 2)
        self._putting = putting = self.stream.put("ab"[size % 3 == 0], update)
        putting.addBoth(self._has_put)

    def _has_put(self, _: object) -> None:
        self._putting = None

    def _finished(self, points: int) -> None:
        assert points == len(self.written) == len(self.put)

    def check(self) -> None:
        """What is on disk is what was put first, and the stream says how much it is."""
        assert self.written == self.put[: len(self.written)]
        assert self.stream.points_written == len(self.written)
        if self._is_prompt:
            hearing = self.stream.acknowledged()
            heard: list[Any] = []
            hearing.addCallbacks(heard.extend, _ignore)
            assert sum(each.points for each in heard) == len(self.written)


class Interleavings(SynchronousTestCase):
    @settings(max_examples=300)
    @given(
        st.lists(
            st.tuples(
                st.integers(0, 3),
                st.sampled_from(["ask", "ask", "ask", "work", "work", "work", "turn", "turn"])
                | st.sampled_from(["close", "cancel", "break", "later"]),
                st.integers(80, 1500),
            ),
            max_size=80,
        ),
        st.booleans(),
    )
    def test_everything_is_given_back(self, steps: Steps, is_stopped: bool) -> None:
        clock = Clock()
        streams = Streams(clock, SETTINGS)
        clients: list[Reader | Sender] = [
            Reader(streams),
            Reader(streams),
            Sender(streams, is_prompt=True),
            Sender(streams, is_prompt=False),
        ]
        for number, action, size in steps:
            self.carry_out(clock, clients[number], action, size)
        stopped = streams.stopService() if is_stopped else None
        clock.advance(50.0)
        settle(clock, clients)
        self.assertEqual(streams.status.open_streams, 0)
        self.assertEqual(streams.status.used_bytes, 0)
        self.assertEqual(clock.getDelayedCalls(), [])
        if stopped is not None:
            self.assertIsNone(self.successResultOf(stopped))
        for client in clients:
            client.check()

    def carry_out(self, clock: Clock, client: Reader | Sender, action: str, size: int) -> None:
        if action == "turn":
            turn(clock)
        elif action == "later":
            clock.advance(0.05)
        else:
            client.act(action, size)


def settle(clock: Clock, clients: list[Reader | Sender]) -> None:
    """End what threads still do, until nothing more happens."""
    turn(clock)
    while left := [client for client in clients if client.is_busy]:
        for client in left:
            client.act("work", 500)
        turn(clock)


def _ignore(_: object) -> None:
    """An error that ends a stream is what this is about."""
