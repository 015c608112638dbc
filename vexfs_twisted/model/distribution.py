"""Distributions of durations and of sizes: count, sum, extremes, and a histogram."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Sequence
from math import inf
from threading import Lock
from time import time

DURATIONS_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 50.0)
"""Upper bounds of the buckets of durations in seconds, which are those of Qdrant's metrics."""

SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
"""Upper bounds of the buckets of sizes of groups."""

_AT_ONCE = 100


class Distribution:
    """The values of one kind. Not thread-safe.

    `buckets` has the number of values in each bucket alone: those up to each of `bounds`, and the
    others. `last` is when the last value came, in seconds since 1970.
    """

    __slots__ = ("bounds", "buckets", "count", "last", "least", "most", "total")

    def __init__(self, bounds: Sequence[float] = DURATIONS_S) -> None:
        self.bounds = bounds
        self.count = 0
        self.total = 0.0
        self.least = inf
        self.most = 0.0
        self.last = 0.0
        self.buckets = [0] * (len(bounds) + 1)

    def add(self, values: Sequence[float], last: float) -> None:
        """Count values, at least one and in ascending order; the last came at `last`."""
        self.count += len(values)
        self.total += sum(values)
        self.least = min(self.least, values[0])
        self.most = max(self.most, values[-1])
        self.last = last
        bounds, counted = self.bounds, 0
        while counted < len(values):
            bucket = bisect_left(bounds, values[counted])
            end = len(values)
            if bucket < len(bounds) and values[-1] > bounds[bucket]:
                end = bisect_right(values, bounds[bucket])
            self.buckets[bucket] += end - counted
            counted = end

    @property
    def average(self) -> float:
        """The mean; 0 without values."""
        return self.total / self.count if self.count else 0.0

    def dump(self) -> list[float]:
        """All but the bounds, as `merge` takes it."""
        least = self.least if self.count else 0.0
        return [self.count, self.total, least, self.most, self.last, *self.buckets]

    def merge(self, dumped: Sequence[float]) -> None:
        """Count what one of the same bounds has dumped as well."""
        count, total, least, most, last, *buckets = dumped
        if not count:
            return
        self.count += int(count)
        self.total += total
        self.least = min(self.least, least)
        self.most = max(self.most, most)
        self.last = max(self.last, last)
        self.buckets = [own + int(other) for own, other in zip(self.buckets, buckets, strict=True)]


class Recorder:
    """Keeps the distribution of values that come one by one, from any thread. Thread-safe."""

    def __init__(self, bounds: Sequence[float] = DURATIONS_S) -> None:
        self._bounds = bounds
        self._known = Distribution(bounds)
        self._waiting: deque[float] = deque()
        self._lock = Lock()

    def record(self, value: float) -> None:
        """Count a value. Takes a tenth of a microsecond, as they are added up together."""
        self._waiting.append(value)
        if len(self._waiting) >= _AT_ONCE:
            self._add_up()

    def distribution(self) -> Distribution:
        """The distribution of all values so far, which does not change any more."""
        self._add_up()
        copy = Distribution(self._bounds)
        copy.merge(self._known.dump())
        return copy

    def _add_up(self) -> None:
        with self._lock:
            values = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if values:
                self._known.add(sorted(values), time())
