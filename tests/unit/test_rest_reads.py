"""Reads of requests that are answered in the reactor thread, or come from other threads."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from vexfs_twisted.interfaces import IDirectOperations, WhenIdle
from vexfs_twisted.model.errors import NotFound, TimedOut
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.read_context import ReadContext
from vexfs_twisted.model.scored_points import AnswerTooLarge
from vexfs_twisted.reservations import CURRENT, UNBOUNDED
from vexfs_twisted.rest.reads import Reads

REQUEST = Count()


@implementer(IDirectOperations)
class Direct:
    """Holds the reads that were begun. `is_known` False: none is begun without the reactor."""

    def __init__(self) -> None:
        self.is_known = True
        self.at_once: Any = None
        self.begun: list[tuple[ReadContext, Callable[[Any], object], WhenIdle]] = []
        self.passed_on: list[tuple[Any, ...]] = []

    def read_direct(
        self,
        name: str,
        request: Any,
        timeout: float | None,
        limit: int,
        answer: Callable[[Any], object],
        *,
        when_idle: WhenIdle,
    ) -> ReadContext | None:
        if name == "no":
            raise NotFound("no collection")
        if not self.is_known:
            return None
        context = ReadContext(timeout)
        self.begun.append((context, answer, when_idle))
        if self.at_once is not None:
            answer(self.at_once)
        return context

    def read(self, *arguments: Any) -> Deferred[Any]:
        self.passed_on.append(arguments)
        return succeed("passed on")


class ReadsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.direct = Direct()
        self.calls: list[Callable[[], object]] = []
        self.reads = Reads(self.direct, self.clock, self.calls.append)  # type: ignore[arg-type]
        token = CURRENT.set(UNBOUNDED)
        self.addCleanup(CURRENT.reset, token)

    def read(self, timeout: float | None = None, name: str = "c") -> Deferred[Any]:
        direct: Any = self.direct
        return Deferred.fromCoroutine(self.reads.answer(direct, name, REQUEST, timeout))

    def test_an_answer_at_once(self) -> None:
        self.direct.at_once = 7
        self.assertEqual(self.successResultOf(self.read(timeout=1)), 7)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_those_of_one_turn_are_answered_at_its_end(self) -> None:
        readings = [self.read(timeout=1), self.read()]
        done: list[str] = []
        for _, _, when_idle in self.direct.begun:
            when_idle(lambda: done.append("idle"))
        for reading in readings:
            self.assertNoResult(reading)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.direct.begun[0][2](lambda: [answer(5) for _, answer, _ in self.direct.begun])
        self.clock.advance(0)
        self.assertEqual(done, ["idle", "idle"])
        self.assertEqual([self.successResultOf(reading) for reading in readings], [5, 5])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_answer_from_another_thread_comes_in_the_reactor_thread(self) -> None:
        reading = self.read()
        self.clock.advance(0)
        for answer in (9, 10):
            thread = Thread(target=self.direct.begun[0][1], args=(answer,))
            thread.start()
            thread.join()
        self.assertNoResult(reading)
        self.assertEqual(len(self.calls), 1)
        self.calls[0]()
        self.assertEqual(self.successResultOf(reading), 9)

    def test_errors(self) -> None:
        self.failureResultOf(self.read(name="no"), NotFound)
        reading = self.read()
        self.direct.begun[0][1](NotFound("gone"))
        self.failureResultOf(reading, NotFound)

    def test_too_large_answers_are_begun_again_within_the_reservation(self) -> None:
        self.direct.at_once = AnswerTooLarge(10**6)
        self.assertEqual(self.successResultOf(self.read(timeout=3)), "passed on")
        self.assertEqual(self.direct.passed_on, [("c", REQUEST, 3)])

    def test_what_must_be_begun_in_the_reactor(self) -> None:
        self.direct.is_known = False
        self.assertEqual(self.successResultOf(self.read()), "passed on")
        self.assertEqual(self.direct.passed_on, [("c", REQUEST, None)])

    def test_a_read_that_takes_too_long_fails_and_stops(self) -> None:
        reading = self.read(timeout=2)
        context, answer, _ = self.direct.begun[0]
        self.clock.advance(0)
        self.clock.advance(1.9)
        self.assertNoResult(reading)
        self.clock.advance(0.1)
        self.failureResultOf(reading, TimedOut)
        self.assertTrue(context.is_cancelled)
        answer(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_answer_in_time_ends_its_limit(self) -> None:
        reading = self.read(timeout=2)
        self.clock.advance(0)
        self.direct.begun[0][1](4)
        self.assertEqual(self.successResultOf(reading), 4)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancelling_stops_it(self) -> None:
        reading = self.read(timeout=2)
        self.clock.advance(0)
        reading.cancel()
        self.failureResultOf(reading, CancelledError)
        context, answer, _ = self.direct.begun[0]
        self.assertTrue(context.is_cancelled)
        answer(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])
