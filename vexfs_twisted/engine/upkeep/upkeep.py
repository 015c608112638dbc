"""The upkeep of one collection: what is due is done, one job after another."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock
from time import monotonic
from weakref import ref

from ..collection_store import CollectionStore
from ..store.view import View
from .doing import ShouldStop, Stopped, do
from .jobs import Punch
from .journal import Journal
from .outlook import Task, tasks

REST_SECONDS = 30.0
"""For so long nothing is tried again after something has failed."""


class Upkeep:
    """Does the work of one collection. One thread at a time works, any may ask."""

    def __init__(self, store: CollectionStore, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._clock = clock
        self._working = Lock()
        self._halted = Event()
        self._rests_until = 0.0
        # Not the view itself: as long as anybody has it, what it shows cannot be removed.
        self._settled: Callable[[], View | None] = lambda: None
        self.journal = Journal()

    def is_due(self) -> bool:
        """Whether something may have come up since all was done. Answers at once."""
        if self._halted.is_set() or self._clock() < self._rests_until:
            return False
        return self._store.view is not self._settled()

    def work(self, should_stop: ShouldStop = lambda: False) -> None:
        """Do all that is due, unless `should_stop`, asked about every 0.15 seconds, says so.

        Raises what goes wrong, after which nothing is due for a while.
        """
        with self._working:
            postponed: set[str] = set()
            while self.is_due() and not should_stop():
                view = self._store.view
                task = self._next(view, postponed)
                if task is None:
                    self._settled = ref(view)
                    return
                try:
                    is_done = do(task, self._store, self.journal, self._any_stop(should_stop))
                except Stopped:
                    return
                except Exception:
                    self._rests_until = self._clock() + REST_SECONDS
                    raise
                if not is_done:
                    postponed.update(segment.uuid for segment in task.job.segments)

    def wake(self) -> None:
        """Try at once what has failed."""
        self._rests_until = 0.0

    def halt(self) -> None:
        """Do nothing any more; returns when what is under way has been given up."""
        self._halted.set()
        with self._working:
            return

    def _next(self, view: View, postponed: set[str]) -> Task | None:
        for task in tasks(view):
            is_postponed = isinstance(task.job, Punch) and task.job.segment.uuid in postponed
            if not task.is_paused and not is_postponed:
                return task
        return None

    def _any_stop(self, should_stop: ShouldStop) -> ShouldStop:
        """Whether there is any reason to give up building."""

        def answer() -> bool:
            config = self._store.view.config.optimizer_config
            is_paused = config.max_optimization_threads == 0
            return is_paused or self._halted.is_set() or should_stop()

        return answer
