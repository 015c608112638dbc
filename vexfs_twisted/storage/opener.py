"""Opens the collections of a server that has started, while it answers calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from time import monotonic

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..engine.catalog import Catalog
from ..gil import yield_gil
from ..logs import get_logger
from ..model.errors import Stopping, Unavailable, as_value, not_openable
from ..threadpool import WorkerPool

log = get_logger("vexfs.storage")

_LARGE = 1 << 20
"""Bytes of tables from which on a collection is large."""

_AT_A_TIME_S = 0.02
"""Seconds for which a thread opens collections before it tells of them: small ones take 2 ms."""

_Queue = deque[str]


class CollectionOpener:
    """Opens collections of `catalog` in the threads of a pool, those that are asked for first.

    Then come large ones, in two of the threads, so that others are left for what is asked for; and
    small ones in one: their opening holds the GIL, so two would take longer. `opened` is called
    with the name of each that is open. One that cannot be opened, which is logged, is tried again
    whenever it is asked for. Methods are called in the reactor thread.
    """

    def __init__(self, catalog: Catalog, pool: WorkerPool, opened: Callable[[str], object]) -> None:
        self._catalog = catalog
        self._opened = opened
        self._pool = pool
        # Their methods are atomic.
        self._asked, self._large, self._small = (_Queue() for _ in range(3))
        # What each thread takes from that is not at work.
        takes = [(self._asked, self._large, self._small), (self._asked, self._large)]
        self._idle: list[tuple[_Queue, ...]] = [*takes, *[(self._asked,)] * pool.size][: pool.size]
        self._waiting: dict[str, list[Deferred[None]]] = {}
        self._complaints: dict[str, str] = {}
        self._untried: set[str] = set()
        self._all_tried: list[Deferred[None]] = []
        self._is_stopping = False

    def start(self) -> None:
        """Start the threads."""
        self._is_stopping = False
        self._pool.start()

    def leave_the_others(self) -> None:
        """Begin to open none any more that nobody asks for."""
        self._large.clear()
        self._small.clear()
        self._untried.clear()
        self._tell_all_tried()

    def stop(self) -> Deferred[None]:
        """Open no more; fires when the threads have ended. Whoever waits gets Unavailable."""
        self._is_stopping = True
        self.leave_the_others()
        self._asked.clear()
        for name in list(self._waiting):
            self._answer(name, Stopping())
        return self._pool.stop()

    def open(self, sizes: Mapping[str, int]) -> Deferred[None]:
        """Begin to open collections with tables of so many bytes; fires when each was tried.

        Or when they are left.
        """
        for name, size in sizes.items():
            (self._large if size >= _LARGE else self._small).append(name)
        self._untried.update(sizes)
        deferred: Deferred[None] = Deferred()
        self._all_tried.append(deferred)
        self._begin()
        self._tell_all_tried()
        return deferred

    def wait(self, name: str) -> Deferred[None]:
        """Fires when a collection is open, or is not there any more.

        Fails with Unavailable if it cannot be opened.
        """
        deferred: Deferred[None] = Deferred()
        if self._is_stopping:
            deferred.errback(Stopping())
            return deferred
        waiting = self._waiting.setdefault(name, [])
        waiting.append(deferred)
        if len(waiting) == 1:
            self._asked.append(name)
            self._begin()
        return deferred

    def _begin(self) -> None:
        idle, self._idle = self._idle, []
        for queues in idle:
            Deferred.fromCoroutine(self._work(queues))

    async def _work(self, queues: tuple[_Queue, ...]) -> None:
        """Have a thread open collections until none is left."""
        while any(queues):
            for name, error in await self._pool.run(self._open_some, queues):
                self._tell(name, error)
            self._tell_all_tried()
        self._idle.append(queues)

    def _open_some(self, queues: tuple[_Queue, ...]) -> list[tuple[str, Exception | None]]:
        """Open collections for a while, or one that is asked for. In a thread of the pool."""
        done: list[tuple[str, Exception | None]] = []
        until = monotonic() + _AT_A_TIME_S
        while True:
            name, is_asked = self._next(queues)
            if name is None:
                return done
            done.append((name, self._open_one(name)))
            if is_asked or monotonic() >= until:
                return done
            yield_gil()

    def _next(self, queues: tuple[_Queue, ...]) -> tuple[str | None, bool]:
        """The name of the next collection, and whether it is asked for. In a thread of the pool."""
        for queue in queues:
            with suppress(IndexError):
                return queue.popleft(), queue is self._asked
        return None, False

    def _open_one(self, name: str) -> Exception | None:
        try:
            self._catalog.open_collection(name)
        except Exception as error:
            return as_value(error)
        return None

    def _tell_all_tried(self) -> None:
        if not self._untried:
            waiting, self._all_tried = self._all_tried, []
            for deferred in waiting:
                deferred.callback(None)

    def _tell(self, name: str, error: Exception | None) -> None:
        self._untried.discard(name)
        if error is None:
            self._complaints.pop(name, None)
            self._opened(name)
            self._answer(name, None)
            return
        problem = not_openable(name, error)
        if self._complaints.get(name) != str(problem):
            self._complaints[name] = str(problem)
            log.error("a collection is tried again when it is asked for", error=str(problem))
        self._answer(name, problem)

    def _answer(self, name: str, error: Unavailable | None) -> None:
        for deferred in self._waiting.pop(name, ()):
            # Whoever has left has cancelled it: it ignores this.
            deferred.callback(None if error is None else Failure(error))
