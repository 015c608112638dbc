"""Checks on a device in use: every result for plausibility, some against an exact search."""

from __future__ import annotations

from collections import deque
from statistics import median
from threading import Lock

import numpy as np

from ...engine.acceleration import Hits, Matrix, Scores, VectorView, badness_of
from ...model.collection_params import Distance
from ...model.device import DeviceError, Finding, Neighbours
from .settings import MirrorSettings

_TIMES = 32
_CHECKS = 8
_LEAST_RECALL = 0.9
_TOLERANCE = 1e-3


class DeviceUnreliable(Exception):
    """A device returned something wrong. `finding` describes it with a stable code."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.finding = Finding(code, text)


def finding_of(error: Exception) -> Finding:
    """The Finding for a device that is given up because of `error`."""
    if isinstance(error, DeviceUnreliable):
        return error.finding
    code = error.code if isinstance(error, DeviceError) else "failed"
    return Finding(code, str(error) or type(error).__name__)


class HealthCheck:
    """Checks the results of one device. Thread-safe. Its methods raise DeviceUnreliable.

    Scores are float32 sums in an unspecified order, so they are compared with a margin: a
    thousandth of the longest vector times the query's length, or twice that of their sum for
    distances, which may be computed as a difference of squares.
    """

    def __init__(self, settings: MirrorSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._searches = 0
        self._times: deque[float] = deque(maxlen=_TIMES)
        self._checks: deque[tuple[int, int]] = deque(maxlen=_CHECKS)

    def took(self, seconds: float) -> bool:
        """Record the duration of a search; whether its result is to be checked by `check`."""
        with self._lock:
            turn = self._searches % self._settings.check_every
            self._searches += 1
            self._times.append(seconds)
            times = list(self._times) if len(self._times) == _TIMES else []
        if times and seconds > self._settings.slow_seconds:
            usual = median(times)
            if usual > self._settings.slow_seconds:
                raise DeviceUnreliable("slow", f"half of the searches took {usual:.3g} s or more")
        return turn == 0

    def answer(self, found: Neighbours, k: int, least: int, known: int) -> None:
        """Check the ids of a result for `k` of at least `least` vectors, all ids below `known`."""
        ids = found.ids
        if len(ids) != len(found.scores) or not min(k, least) <= len(ids) <= k:
            text = f"{len(ids)} neighbours, where {k} of {least} vectors were asked for"
            raise DeviceUnreliable("wrong_count", text)
        if not len(ids):
            return
        if int(ids.max()) >= known:
            raise DeviceUnreliable("unknown_ids", f"the id {int(ids.max())} was never inserted")
        if len(np.unique(ids)) != len(ids):
            raise DeviceUnreliable("repeated_ids", "an id is named twice in one answer")

    def scores(
        self, vectors: VectorView, query: Matrix, found: Neighbours, own: tuple[Scores, Scores]
    ) -> None:
        """The scores of an answer; `own` are those of some of its rows: the device's and ours."""
        margin = _margin(vectors, query)
        told, true = own
        # Where float32 overflows, a device may return anything.
        usual = np.isfinite(true)
        difference = np.abs(told[usual].astype(np.float64) - true[usual])
        if not bool((difference <= margin).all()):
            raise DeviceUnreliable(
                "wrong_scores", "scores are not those of the vectors that are named"
            )
        badness = badness_of(vectors.params.distance, found.scores).astype(np.float64)
        usual = badness[np.isfinite(badness)]
        if bool((np.diff(usual) < -margin).any()):
            raise DeviceUnreliable("wrong_order", "neighbours are not nearest first")

    def check(self, vectors: VectorView, query: Matrix, found: Hits, exact: Hits) -> None:
        """What came of an answer, beside the exact answer to the same search."""
        margin = _margin(vectors, query)
        distance = vectors.params.distance
        worst = badness_of(distance, exact.scores).astype(np.float64).max(initial=-np.inf)
        own = badness_of(distance, found.scores).astype(np.float64)
        right = int(np.count_nonzero(~(own > worst + margin)))
        with self._lock:
            self._checks.append((right, len(exact.rows)))
            rights, wanted = (sum(numbers) for numbers in zip(*self._checks, strict=True))
        if rights < _LEAST_RECALL * wanted:
            text = f"of {wanted} nearest neighbours only {rights} were found"
            raise DeviceUnreliable("wrong_neighbours", text)


def _margin(vectors: VectorView, query: Matrix) -> float:
    """How far apart two scores of the same pair may be."""
    length = float(np.linalg.norm(query.astype(np.float64)))
    bound = float(vectors.norm_bound)
    if vectors.params.distance is Distance.EUCLID:
        return 2 * _TOLERANCE * (length + bound) + 1e-9
    return _TOLERANCE * length * bound + 1e-9
