"""The real operations over a store in a temporary folder, for tests of the wires alone.

All that the store does is done at once in the thread that asks, so a test is over with what it has
asked for when the call returns. Streams go on with the clock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import Scroll
from vexfs_twisted.operations.service import Operations
from vexfs_twisted.storage import read_pools, service
from vexfs_twisted.streaming.service import Streams
from vexfs_twisted.threadpool import WorkerPool

P = ParamSpec("P")
T = TypeVar("T")


class InlinePool(WorkerPool):
    """A pool whose calls are carried out at once, in the thread that asks for them."""

    def start(self) -> None:
        """Nothing is started."""

    def stop(self) -> Deferred[None]:
        """Nothing is under way."""
        return succeed(None)

    def run(
        self,
        function: Callable[..., T],
        *args: Any,
        on_cancel: Callable[[], object] | None = None,
    ) -> Deferred[T]:
        """Call `function` now."""
        return maybeDeferred(function, *args)

    def call(self, function: Callable[[], object]) -> None:
        """Call `function` now."""
        function()

    def deliver(self, function: Callable[[], object]) -> None:
        """Call `function` now."""
        function()


def _recorded(method: Callable[P, T]) -> Callable[P, T]:
    """`method`, which notes its name and all its arguments."""
    form = signature(method)

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        bound = form.bind(*args, **kwargs)
        bound.apply_defaults()
        operations, *given = bound.args
        operations.calls.append((method.__name__, tuple(given)))
        return method(*args, **kwargs)

    return call


class RecordedOperations(Operations):
    """See the module. `calls` holds the name and arguments of each call that reads or writes.

    What it needs is torn down after `test`.
    """

    def __init__(self, test: SynchronousTestCase | TestCase) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.clock = Clock()
        with ExitStack() as patches:
            for module in (read_pools, service):
                patches.enter_context(patch.object(module, "WorkerPool", InlinePool))
            catalog = Catalog(Path(test.mktemp()))
            self.storage = service.StorageService(catalog, lambda call: call(), self.clock)
        _done(self.storage.startService())
        test.addCleanup(lambda: _done(self.storage.stopService()))
        self.streams = Streams(self.clock)
        super().__init__(self.storage, self.clock, self.streams)

    create_collection = _recorded(Operations.create_collection)
    update_collection = _recorded(Operations.update_collection)
    update = _recorded(Operations.update)
    update_batch = _recorded(Operations.update_batch)
    read = _recorded(Operations.read)
    stream = _recorded(Operations.stream)

    def pump(self) -> None:
        """Let streams go on as far as they can."""
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)

    def names(self) -> list[str]:
        """The names of all collections."""
        return self.storage.collection_names()

    def ids(self, name: str) -> list[PointId]:
        """The ids of all points of a collection, integers first, in order."""
        page = _done(self.storage.read(name, Scroll(limit=100_000)))
        return [record.id for record in page.records]


def _done(work: Deferred[T]) -> T:
    """The result of what is done by now."""
    found: list[T] = []
    failed: list[Any] = []
    work.addCallbacks(found.append, failed.append)
    for failure in failed:
        failure.raiseException()
    (result,) = found
    return result
