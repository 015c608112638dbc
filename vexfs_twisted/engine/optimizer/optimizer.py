"""The optimizer of one collection: executes due jobs one after another."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Lock
from time import monotonic
from weakref import ref

from ..collection_store import CollectionStore
from ..mvcc.state import CollectionState
from .backlog import room_for_rows
from .building import ShouldStop, Stopped
from .dead_rows import DeadRows
from .execution import execute
from .jobs import Punch
from .journal import Journal
from .moves import Moves
from .recounting import recount
from .report import Task, tasks
from .settings import is_paused

REST_SECONDS = 30.0
"""After a failed job, no job is tried for this long."""

QUIET_SECONDS = 1.0
"""A collection is quiet after this long without a write."""


class Optimizer:
    """The optimizer of one collection. Thread-safe; one thread at a time works."""

    def __init__(self, store: CollectionStore, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._clock = clock
        self._working = Lock()
        self._halted = Event()
        self._waits_until = 0.0
        # A weak reference: while a state is referenced, files that it shows cannot be removed.
        self._settled: Callable[[], CollectionState | None] = lambda: None
        self._room: tuple[Callable[[], CollectionState | None], int] = (lambda: None), 0
        self._is_settled_for_quiet = True
        self._last_write = (-1, 0.0)
        self._postponed: set[str] = set()
        self._dead_rows = DeadRows(store)
        self._moves = Moves(store)
        self._has_moved = False
        self.journal = Journal()

    def is_due(self) -> bool:
        """Whether there may be jobs since all were done. Does not block."""
        return self.due_in() == 0

    def due_in(self) -> float | None:
        """Seconds until jobs may be due if nothing changes; None for never. Does not block."""
        if self._halted.is_set():
            return None
        now, state = self._clock(), self._store.state
        if state.next_operation != self._last_write[0]:
            self._last_write = (state.next_operation, now)
            self._postponed = set()
        until = self._waits_until
        if state is self._settled():
            if self._is_settled_for_quiet:
                return None
            until = max(until, self._last_write[1] + QUIET_SECONDS)
        return max(until - now, 0.0)

    def room_for_rows(self) -> int | None:
        """See Collection.room_for_rows."""
        state = self._store.state
        if not state.config.optimizer_config.prevent_unoptimized or self._halted.is_set():
            return None
        # One that fails must not hold up writes until it succeeds.
        if self.journal.problem is not None or self._clock() < self._waits_until:
            return None
        of_state, room = self._room
        if state is of_state():
            return room
        found = room_for_rows(state, self._store.indexes.graphs)
        if found is not None and found >= 0:
            # Otherwise it depends on jobs, which may change while the state does not.
            self._room = ref(state), found
        return found

    def work(self, should_stop: ShouldStop = lambda: False, *, at_most: int | None = None) -> None:
        """Execute due jobs: all of them, or `at_most` so many. Blocks.

        Stops when `should_stop`, called about every 0.15 seconds, returns true. Raises the error of
        a failed job; nothing is due for `REST_SECONDS` then.
        """
        with self._working:
            done = 0
            while done != at_most and self.is_due() and not should_stop():
                try:
                    if self._move() or recount(self._store):
                        done += 1
                        continue
                    # Not only once no job is left: there may always be one.
                    self._dead_rows.free_skipped()
                    state = self._store.state
                    is_quiet = self._clock() >= self._last_write[1] + QUIET_SECONDS
                    task = self._next(state, is_quiet=is_quiet)
                    if task is None:
                        self._dead_rows.free()
                        if self._moves.is_begun:
                            continue
                        self._settle(state, is_quiet=is_quiet)
                        return
                    is_done = execute(task, self._store, self.journal, self._any_stop(should_stop))
                except Stopped:
                    return
                except Exception:
                    self._waits_until = self._clock() + REST_SECONDS
                    raise
                done += 1
                if not is_done:
                    self._postponed = self._postponed.union(s.uuid for s in task.job.segments)

    def wake(self) -> None:
        """Retry a failed job without waiting."""
        self._waits_until = 0.0

    def stop(self) -> None:
        """Begin no more jobs and abort the running one soon. Does not block; idempotent."""
        self._halted.set()

    def halt(self) -> None:
        """Like `stop`, but waits until the running job has been aborted."""
        self.stop()
        with self._working:
            return

    def _move(self) -> bool:
        """Move some points, if that is due and was not done just now; whether any was moved."""
        # In turns with jobs: else points were never moved where all is written again and again, or
        # searches scanned all that were, as these are not in a graph yet.
        self._has_moved = not self._has_moved and self._moves.step()
        return self._has_moved

    def _next(self, state: CollectionState, *, is_quiet: bool) -> Task | None:
        for task in tasks(state, self._store.indexes.graphs, is_quiet=is_quiet):
            job = task.job
            is_postponed = isinstance(job, Punch) and job.segment.uuid in self._postponed
            if not task.is_paused and not is_postponed:
                return task
        return None

    def _settle(self, state: CollectionState, *, is_quiet: bool) -> None:
        """Record that no jobs are left for this state, or none until the collection is quiet."""
        self._is_settled_for_quiet = is_quiet or self._next(state, is_quiet=True) is None
        self._settled = ref(state)

    def _any_stop(self, should_stop: ShouldStop) -> ShouldStop:
        """Combine all reasons to abort a job: the configuration, `stop`, and `should_stop`."""

        def answer() -> bool:
            return is_paused(self._store.state) or self._halted.is_set() or should_stop()

        return answer
