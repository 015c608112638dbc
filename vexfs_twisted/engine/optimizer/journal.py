"""What upkeep tells about itself: what it does, what it has done, and what went wrong last."""

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
    """The work of one collection. Written by the thread that does it, read by any."""

    def __init__(self, clock: Callable[[], float] = time) -> None:
        self._clock = clock
        self._lock = Lock()
        self._running: Optimization | None = None
        self._completed: deque[Optimization] = deque(maxlen=_KEPT)
        self._problem: str | None = None

    @property
    def running(self) -> Optimization | None:
        """What is being done."""
        return self._running

    @property
    def problem(self) -> str | None:
        """What the last work has failed with, unless it was done since."""
        return self._problem

    def completed(self) -> list[Optimization]:
        """What has ended, the newest first."""
        with self._lock:
            return list(reversed(self._completed))

    @contextmanager
    def noting(
        self, uuid: str, optimizer: str, segments: Sequence[SegmentSummary], total: int
    ) -> Iterator[None]:
        """Take note of work on `total` points: that it goes on, and how it has ended."""
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
        """Take note of points that are done."""
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
