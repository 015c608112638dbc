"""OptimizerQueue of collections in the background, with a pool that runs its calls on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import NotFound, StorageFull, Unavailable
from vexfs_twisted.storage.optimizer import OptimizerQueue


class Hand:
    """A pool of one thread whose calls are run by the test. It may stop only when none is left."""

    def __init__(self) -> None:
        self.calls: list[tuple[Callable[[], None], Deferred[None]]] = []
        self.is_running = False
        self.stopped: Deferred[None] = Deferred()

    def start(self) -> None:
        """Take calls."""
        self.is_running = True

    def stop(self) -> Deferred[None]:
        """Take no more calls."""
        self.is_running = False
        return self.stopped

    def run(self, function: Callable[[], None]) -> Deferred[None]:
        """Take a call."""
        if not self.is_running:
            return fail(Unavailable("stopped"))
        deferred: Deferred[None] = Deferred()
        self.calls.append((function, deferred))
        return deferred

    def run_one(self) -> None:
        """Run the call that came first."""
        function, deferred = self.calls.pop(0)
        try:
            function()
        except Exception:
            deferred.errback(Failure())
        else:
            deferred.callback(None)


class Kept:
    """A collection whose optimizer is due so often, the first time in so many seconds."""

    def __init__(self, name: str, due: int = 0) -> None:
        self.name = name
        self.due = due
        self.done = 0
        self.error: Exception | None = None
        self.seconds = 0.0
        self.is_stopped = False

    def optimizer_due_in(self) -> float | None:
        """Whether the optimizer is due once more, and when."""
        return self.seconds if self.done < self.due else None

    def stop_optimizer(self) -> None:
        """Take note."""
        self.is_stopped = True

    def optimizer_step(self) -> None:
        """Count, or break."""
        if self.error is not None:
            raise self.error
        self.done += 1


class OptimizerTests(SynchronousTestCase):
    """When a collection is seen to, and when not."""

    def setUp(self) -> None:
        self.pool = Hand()
        self.clock = Clock()
        self.optimizer = OptimizerQueue(self.pool, self.clock)
        self.optimizer.start()

    def test_what_is_not_due_is_not_done(self) -> None:
        kept = Kept("a")
        self.optimizer.attend(kept)
        self.assertEqual(self.pool.calls, [])

    def test_one_call_at_a_time_for_each_collection(self) -> None:
        one, other = Kept("a", 1), Kept("b", 1)
        for collection in (one, other, one, other):
            self.optimizer.attend(collection)
        self.assertEqual(len(self.pool.calls), 2)
        self.pool.run_one()
        self.assertEqual((one.done, other.done), (1, 0))
        one.due = 2
        self.optimizer.attend(one)
        self.pool.run_one()
        self.pool.run_one()
        self.assertEqual((one.done, other.done), (2, 1))
        self.assertEqual(self.pool.calls, [])

    def test_what_came_to_be_due_meanwhile_is_done_after(self) -> None:
        kept = Kept("a", 2)
        self.optimizer.attend(kept)
        self.pool.run_one()
        self.pool.run_one()
        self.assertEqual(kept.done, 2)
        self.assertEqual(self.pool.calls, [])

    def test_what_is_due_later_is_done_then(self) -> None:
        kept = Kept("a", 1)
        kept.seconds = 5
        for _ in range(3):
            self.optimizer.attend(kept)
        self.clock.advance(4)
        self.assertEqual(self.pool.calls, [])
        kept.seconds = 0
        self.clock.advance(1)
        self.pool.run_one()
        self.assertEqual(kept.done, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_due_sooner_than_it_was_is_done_sooner(self) -> None:
        kept = Kept("a", 1)
        kept.seconds = 5
        self.optimizer.attend(kept)
        kept.seconds = 0
        self.optimizer.attend(kept)
        self.pool.run_one()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_full_device_is_told_of_in_a_line(self) -> None:
        kept = Kept("a", 1)
        kept.error = StorageFull("no room left on the device")
        events: list[LogEvent] = []
        observer = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.optimizer.attend(kept)
        self.pool.run_one()
        (event,) = [event for event in events if event.get("log_namespace") == "vexfs.storage"]
        self.assertEqual(event["log_level"], LogLevel.warn)
        self.assertIn("waits for free space", formatEvent(event))
        self.assertNotIn("log_failure", event)

    def test_what_has_failed_is_tried_again_when_it_is_due(self) -> None:
        kept = Kept("a", 1)
        kept.error = OSError("broken")
        self.optimizer.attend(kept)
        kept.seconds = 30
        self.pool.run_one()
        self.flushLoggedErrors(OSError)
        kept.error, kept.seconds = None, 0
        self.clock.advance(30)
        self.pool.run_one()
        self.assertEqual(kept.done, 1)

    def test_a_failure_is_told_once_and_tried_again_when_attended_to(self) -> None:
        kept = Kept("a", 1)
        kept.error = OSError("broken")
        self.optimizer.attend(kept)
        self.pool.run_one()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        self.assertEqual(self.pool.calls, [])
        kept.error = None
        self.optimizer.attend(kept)
        self.pool.run_one()
        self.assertEqual(kept.done, 1)

    def test_a_collection_that_is_gone_is_no_failure(self) -> None:
        kept = Kept("a", 1)
        kept.error = NotFound("gone")
        self.optimizer.attend(kept)
        self.pool.run_one()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_stop_begins_nothing_more_and_waits_for_the_pool(self) -> None:
        kept = Kept("a", 5)
        later = Kept("b", 1)
        later.seconds = 5
        for collection in (kept, later):
            self.optimizer.attend(collection)
        stopped = self.optimizer.stop()
        self.assertNoResult(stopped)
        self.assertTrue(kept.is_stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.optimizer.attend(kept)
        self.assertEqual(len(self.pool.calls), 1)
        self.pool.stopped.callback(None)
        self.successResultOf(stopped)
