"""A histogram of durations with exponential buckets."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

_LEAST_S = 1e-6
_BUCKETS_PER_OCTAVE = 8
_OCTAVES = 32
_LAST = _BUCKETS_PER_OCTAVE * _OCTAVES
_SCALE = 1.0 / _LEAST_S


class Histogram:
    """Counts durations from one microsecond to more than an hour.

    Buckets are 9% wide, so the error of a quantile is at most 5%. Takes the memory of 257 integers.
    `total` is the sum in seconds. Not thread-safe.
    """

    __slots__ = ("_counts", "count", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._counts = [0] * (_LAST + 1)

    def add(self, durations: Sequence[float]) -> None:
        """Count durations, in seconds."""
        self.count += len(durations)
        self.total += sum(durations)
        counts = self._counts
        for seconds in durations:
            if seconds <= _LEAST_S:
                counts[0] += 1
            else:
                counts[min(int(log2(seconds * _SCALE) * _BUCKETS_PER_OCTAVE), _LAST)] += 1

    def dump(self) -> list[float]:
        """The sum in seconds, and the counts of all buckets."""
        return [self.total, *self._counts]

    def merge(self, dumped: Sequence[float]) -> None:
        """Count what another histogram has dumped as well."""
        total, *counts = dumped
        self.total += total
        self._counts = [own + int(other) for own, other in zip(self._counts, counts, strict=True)]
        self.count = sum(self._counts)

    def quantile(self, fraction: float) -> float:
        """The approximate quantile of a fraction from 0 to 1, in seconds; 0 without durations."""
        wanted = fraction * self.count
        passed = 0
        for bucket, found in enumerate(self._counts):
            passed += found
            if found and passed >= wanted:
                return _LEAST_S * float(2.0 ** ((bucket + 0.5) / _BUCKETS_PER_OCTAVE))
        return 0.0
