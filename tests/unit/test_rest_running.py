"""Coroutines of calls, and how they end."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.rest.running import Running

NAME: ContextVar[str] = ContextVar("name", default="outside")


class Ends(SynchronousTestCase):
    def setUp(self) -> None:
        self.results: list[Any] = []
        self.failures: list[Failure] = []

    def run_it(self, work: Any) -> Running[Any]:
        return Running(work, self.results.append, self.failures.append)

    def test_one_that_never_waits_is_over_at_once(self) -> None:
        async def work() -> int:
            return 1 + await succeed(2)

        self.assertTrue(self.run_it(work()).is_over)
        self.assertEqual(self.results, [3])

    def test_errors_at_once_and_later(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def work() -> None:
            try:
                await fail(KeyError("first"))
            except KeyError:
                await waiting

        running = self.run_it(work())
        self.assertFalse(running.is_over)
        waiting.errback(ValueError("second"))
        self.assertTrue(running.is_over)
        self.assertEqual(self.results, [])
        self.failures[0].trap(ValueError)

    def test_it_goes_on_with_what_it_awaits(self) -> None:
        waiting: list[Deferred[int]] = [Deferred(), Deferred()]

        async def work() -> list[int]:
            return [await each for each in waiting]

        self.run_it(work())
        waiting[1].callback(2)
        self.assertEqual(self.results, [])
        waiting[0].callback(1)
        self.assertEqual(self.results, [[1, 2]])

    def test_cancelling_cancels_what_it_awaits(self) -> None:
        cancelled: list[object] = []
        waiting: Deferred[None] = Deferred(cancelled.append)

        async def work() -> None:
            await waiting

        running = self.run_it(work())
        running.cancel()
        self.assertEqual(cancelled, [waiting])
        self.failures[0].trap(CancelledError)
        running.cancel()
        self.assertEqual(len(self.failures), 1)

    def test_it_may_go_on_after_it_was_cancelled(self) -> None:
        first: Deferred[None] = Deferred()
        second: Deferred[str] = Deferred()

        async def work() -> str:
            try:
                await first
            except CancelledError:
                return await second
            return "not cancelled"

        self.run_it(work()).cancel()
        second.callback("went on")
        self.assertEqual(self.results, ["went on"])

    def test_its_variables_are_its_own(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def work() -> str:
            NAME.set("inside")
            await waiting
            return NAME.get()

        self.run_it(work())
        self.assertEqual(NAME.get(), "outside")
        NAME.set("elsewhere")
        waiting.callback(None)
        self.assertEqual(self.results, ["inside"])
