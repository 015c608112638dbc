"""CollectionOpener over a catalog, with a pool that runs its calls on demand."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher

from tests.engine_support import EngineTestCase, unnamed
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.errors import Unavailable
from vexfs_twisted.storage import opener as opener_module
from vexfs_twisted.storage.opener import CollectionOpener
from vexfs_twisted.threadpool import WorkerPool

NAMES = ["a", "b", "c", "d"]
SIZES = dict.fromkeys(NAMES, 1)


class Hand:
    """A pool whose calls are run by the test, in the order they came."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls: list[tuple[Callable[[], Any], Deferred[Any]]] = []

    def start(self) -> None:
        """Nothing has to be started."""

    def stop(self) -> Deferred[None]:
        """Fires at once."""
        return succeed(None)

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Take a call."""
        deferred: Deferred[Any] = Deferred()
        self.calls.append((partial(function, *args), deferred))
        return deferred

    def run_one(self) -> None:
        """Run the call that came first."""
        function, deferred = self.calls.pop(0)
        maybeDeferred(function).chainDeferred(deferred)

    def run_all(self) -> None:
        """Run calls until none is left."""
        while self.calls:
            self.run_one()


class OpenerTests(EngineTestCase):
    """Four collections that are opened, each in a call of its own."""

    def setUp(self) -> None:
        super().setUp()
        for name in NAMES:
            self.catalog.create(name, unnamed())
        self.catalog.close()
        self.catalog = Catalog(self.path)
        self.catalog.begin()
        # One at a time, unless a test says otherwise.
        self.patch(opener_module, "monotonic", iter(range(1_000_000)).__next__)
        self.opened: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.patch(self.catalog, "open_collection", self._open)
        self.events: list[LogEvent] = []
        observer = cast("ILogObserver", self.events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.make(1)

    def make(self, threads: int) -> None:
        """An opener with a pool of so many threads."""
        self.pool = Hand(threads)
        self.opener = CollectionOpener(
            self.catalog, cast("WorkerPool", self.pool), self.opened.append
        )
        self.opener.start()

    def _open(self, name: str) -> None:
        if name in self.failing:
            raise self.failing[name]
        Catalog.open_collection(self.catalog, name)

    def errors(self) -> list[str]:
        """The errors in the log."""
        return [formatEvent(event) for event in self.events if event["log_level"] is LogLevel.error]

    def test_all_are_opened_in_order(self) -> None:
        done = self.opener.open(SIZES)
        for number in range(len(NAMES)):
            self.assertNoResult(done)
            self.assertEqual(self.opened, NAMES[:number])
            self.pool.run_one()
        self.successResultOf(done)
        self.assertEqual(self.opened, NAMES)
        self.assertFalse(any(map(self.catalog.is_unopened, NAMES)))
        self.assertEqual(self.pool.calls, [])

    def test_nothing_to_open(self) -> None:
        self.successResultOf(self.opener.open({}))
        self.assertEqual(self.pool.calls, [])

    def test_one_that_is_asked_for_is_opened_next(self) -> None:
        done = self.opener.open(SIZES)
        first, second = self.opener.wait("d"), self.opener.wait("d")
        self.pool.run_one()
        self.assertEqual(self.opened, ["d"])
        self.successResultOf(first)
        self.successResultOf(second)
        self.pool.run_all()
        self.successResultOf(done)
        self.assertEqual(self.opened[:4], ["d", "a", "b", "c"])

    def test_one_that_is_asked_for_is_told_of_at_once(self) -> None:
        # Many are opened in a call, until that takes too long.
        self.patch(opener_module, "monotonic", lambda: 0.0)
        self.opener.wait("c")
        self.opener.open(SIZES)
        self.pool.run_one()
        self.assertEqual(self.opened, ["c"])
        self.pool.run_one()
        self.assertEqual(sorted(self.opened), ["a", "b", "c", "c", "d"])

    def test_one_may_be_asked_for_before_the_others(self) -> None:
        waiting = self.opener.wait("b")
        self.pool.run_all()
        self.successResultOf(waiting)
        done = self.opener.open(SIZES)
        self.pool.run_all()
        self.successResultOf(done)
        self.assertEqual(set(self.opened), set(NAMES))

    def test_large_ones_come_first_and_small_ones_in_one_thread(self) -> None:
        self.make(2)
        self.opener.open({**SIZES, "c": 1 << 30, "d": 1 << 30})
        self.assertEqual(len(self.pool.calls), 2)
        self.pool.run_one()
        self.pool.run_one()
        self.assertEqual(self.opened, ["c", "d"])
        self.assertEqual(len(self.pool.calls), 1)
        self.pool.run_all()
        self.assertEqual(self.opened, ["c", "d", "a", "b"])

    def test_large_ones_leave_a_thread_for_what_is_asked_for(self) -> None:
        self.make(3)
        self.opener.open({"a": 1 << 30, "b": 1 << 30, "c": 1 << 30})
        self.assertEqual(len(self.pool.calls), 2)
        waiting = self.opener.wait("d")
        self.assertEqual(len(self.pool.calls), 3)
        self.pool.calls.reverse()
        self.pool.run_one()
        self.successResultOf(waiting)
        self.assertEqual(self.opened, ["d"])

    def test_all_threads_open_what_is_asked_for_and_no_more_calls_are_made(self) -> None:
        self.make(2)
        self.opener.open(SIZES)
        for name in NAMES:
            self.opener.wait(name)
        self.assertEqual(len(self.pool.calls), 2)
        self.pool.run_all()
        self.assertEqual(set(self.opened), set(NAMES))

    def test_one_that_cannot_be_opened_keeps_no_other_from_it(self) -> None:
        self.failing["b"] = OSError(errno.EMFILE, "too many")
        done, waiting = self.opener.open(SIZES), self.opener.wait("b")
        self.pool.run_all()
        self.successResultOf(done)
        self.assertEqual(self.opened, ["a", "c", "d"])
        problem = str(self.failureResultOf(waiting, Unavailable).value)
        text = "collection `b` cannot be opened: [Errno 24] too many"
        self.assertEqual(problem, f"Service unavailable: {text}")
        self.assertEqual(len(self.errors()), 1)
        self.assertIn(text, self.errors()[0])

    def test_it_is_tried_again_when_it_is_asked_for_and_told_of_once(self) -> None:
        self.failing["b"] = OSError(errno.EMFILE, "too many")
        self.opener.open({"b": 1})
        self.pool.run_all()
        for _ in range(2):
            waiting = self.opener.wait("b")
            self.pool.run_all()
            self.failureResultOf(waiting, Unavailable)
        self.assertEqual(len(self.errors()), 1)
        del self.failing["b"]
        waiting = self.opener.wait("b")
        self.pool.run_all()
        self.successResultOf(waiting)
        self.assertEqual(self.opened, ["b"])

    def test_who_leaves_is_told_nothing(self) -> None:
        waiting, left = self.opener.wait("a"), self.opener.wait("a")
        left.cancel()
        self.failureResultOf(left, CancelledError)
        self.pool.run_all()
        self.successResultOf(waiting)

    def test_a_stop(self) -> None:
        done, waiting = self.opener.open(SIZES), self.opener.wait("d")
        self.successResultOf(self.opener.stop())
        self.successResultOf(done)
        self.failureResultOf(waiting, Unavailable)
        self.failureResultOf(self.opener.wait("a"), Unavailable)
        self.pool.run_all()
        self.assertEqual(self.opened, [])
