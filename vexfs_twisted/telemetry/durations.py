"""Durations of calls as metrics show them: count, sum, extremes, and a histogram."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import inf

BOUNDS_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 50.0)
"""The upper bounds of the buckets, in seconds; one more bucket has the rest."""


class Durations:
    """The durations of calls of one kind, in seconds. Not thread-safe.

    `buckets` has the number of durations in each bucket alone; `last` is when the last call ended,
    in seconds since 1970.
    """

    __slots__ = ("buckets", "count", "last", "least", "most", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.least = inf
        self.most = 0.0
        self.last = 0.0
        self.buckets = [0] * (len(BOUNDS_S) + 1)

    def add(self, seconds: Sequence[float], last: float) -> None:
        """Count durations, at least one and in ascending order; the last call ended at `last`."""
        self.count += len(seconds)
        self.total += sum(seconds)
        self.least = min(self.least, seconds[0])
        self.most = max(self.most, seconds[-1])
        self.last = last
        counted = 0
        while counted < len(seconds):
            bucket = bisect_left(BOUNDS_S, seconds[counted])
            end = len(seconds)
            if bucket < len(BOUNDS_S) and seconds[-1] > BOUNDS_S[bucket]:
                end = bisect_right(seconds, BOUNDS_S[bucket])
            self.buckets[bucket] += end - counted
            counted = end

    @property
    def average(self) -> float:
        """The mean; 0 without durations."""
        return self.total / self.count if self.count else 0.0

    def dump(self) -> list[float]:
        """All of it, as `merge` takes it."""
        least = self.least if self.count else 0.0
        return [self.count, self.total, least, self.most, self.last, *self.buckets]

    def merge(self, dumped: Sequence[float]) -> None:
        """Count what others have dumped as well."""
        count, total, least, most, last, *buckets = dumped
        if not count:
            return
        self.count += int(count)
        self.total += total
        self.least = min(self.least, least)
        self.most = max(self.most, most)
        self.last = max(self.last, last)
        self.buckets = [own + int(other) for own, other in zip(self.buckets, buckets, strict=True)]
