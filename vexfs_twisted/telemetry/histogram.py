"""A histogram of durations whose buckets grow by a constant factor."""

from __future__ import annotations

from math import log2

_LEAST_S = 1e-6
_BUCKETS_PER_OCTAVE = 8
_OCTAVES = 32
_LAST = _BUCKETS_PER_OCTAVE * _OCTAVES
_SCALE = 1.0 / _LEAST_S


class Histogram:
    """Counts durations from a microsecond to more than an hour.

    A bucket is 9% wide, so a quantile is off by 5% at most; it takes the memory of 257 integers.
    Not guarded by a lock.
    """

    __slots__ = ("_counts", "count", "total")

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._counts = [0] * (_LAST + 1)

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.count += 1
        self.total += seconds
        if seconds <= _LEAST_S:
            self._counts[0] += 1
        else:
            self._counts[min(int(log2(seconds * _SCALE) * _BUCKETS_PER_OCTAVE), _LAST)] += 1

    def quantile(self, fraction: float) -> float:
        """A duration that this fraction of all do not exceed, in seconds; 0 when there are none."""
        wanted = fraction * self.count
        passed = 0
        for bucket, found in enumerate(self._counts):
            passed += found
            if found and passed >= wanted:
                return _LEAST_S * float(2.0 ** ((bucket + 0.5) / _BUCKETS_PER_OCTAVE))
        return 0.0
