"""The optimizer's journal: its running job, its completed jobs, and its last error."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from time import time

from attrs import evolve

from ...model.optimizations import Optimization, Progress, SegmentSummary
from .building import Stopped

_KEPT = 100


class Journal:
    """The journal of one collection. Written by the working thread, read by any thread."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._running: Optimization | None = None
        self._completed: deque[Optimization] = deque(maxlen=_KEPT)
        self._problem: str | None = None

    @property
    def running(self) -> Optimization | None:
        """The running job, or None."""
        return self._running

    @property
    def problem(self) -> str | None:
        """The error of the last job, or None if it succeeded; cancelled jobs do not count."""
        return self._problem

    def completed(self) -> list[Optimization]:
        """The ended jobs, newest first; the last `_KEPT` are kept."""
        with self._lock:
            return list(reversed(self._completed))

    @contextmanager
    def noting(
        self, uuid: str, optimizer: str, segments: Sequence[SegmentSummary], total: int
    ) -> Iterator[None]:
        """Record the job of the block, on `total` points, as running, and then how it ended."""
        progress = Progress(optimizer, self._clock(), done=0, total=total)
        self._running = Optimization(uuid, optimizer, segments, progress)
        try:
            yield
        except Stopped as error:
            self._end(cancelled=str(error))
            raise
        except Exception as error:
            self._end(error=str(error) or type(error).__name__)
            raise
        self._end()

    def advance(self, points: int) -> None:
        """Record progress of the running job by `points` points."""
        running = self._running
        assert running is not None
        done = (running.progress.done or 0) + points
        self._running = evolve(running, progress=evolve(running.progress, done=done))

    def _end(self, *, error: str | None = None, cancelled: str | None = None) -> None:
        running = self._running
        assert running is not None
        progress = evolve(running.progress, finished_at=self._clock())
        ended = evolve(running, progress=progress, error=error, cancelled=cancelled)
        with self._lock:
            self._completed.append(ended)
        self._running = None
        if cancelled is None:
            self._problem = error
