"""When the allocator is asked to give memory back."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import Unavailable
from vexfs_twisted.trimming import DELAY_S, PAUSE_S, WORTH, Trimming


class TrimmingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.trims = 0
        self.is_over = False
        self.trimming = Trimming(self.clock, self.run_here, self.trim)
        self.trimming.startService()

    def trim(self) -> None:
        self.trims += 1

    def run_here(self, trim: Callable[[], None]) -> Deferred[None]:
        if self.is_over:
            return fail(Unavailable("over"))
        trim()
        return succeed(None)

    def test_little_is_left_where_it_is(self) -> None:
        self.trimming.freed(WORTH - 1)
        self.clock.advance(1000)
        self.assertEqual(self.trims, 0)
        self.trimming.freed(1)
        self.clock.advance(DELAY_S)
        self.assertEqual(self.trims, 1)

    def test_much_at_once_is_one_trim(self) -> None:
        for _ in range(50):
            self.trimming.freed(WORTH)
        self.assertEqual(self.trims, 0)
        self.clock.advance(DELAY_S)
        self.clock.advance(1000)
        self.assertEqual(self.trims, 1)

    def test_there_is_a_pause_between_two(self) -> None:
        self.trimming.freed(WORTH)
        self.clock.advance(DELAY_S)
        self.trimming.freed(WORTH)
        self.clock.advance(PAUSE_S - 0.01)
        self.assertEqual(self.trims, 1)
        self.clock.advance(0.01)
        self.assertEqual(self.trims, 2)

    def test_a_stop_leaves_nothing_to_do(self) -> None:
        self.trimming.freed(WORTH)
        self.trimming.stopService()
        self.trimming.freed(WORTH)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_threads_that_are_ending_are_no_error(self) -> None:
        self.is_over = True
        self.trimming.freed(WORTH)
        self.clock.advance(DELAY_S)
        self.assertEqual(self.trims, 0)
