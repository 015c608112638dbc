"""The probe of a device: inserts known vectors, and compares its results with computed ones.

What a device reports about itself is not relied on. The codes of findings:

failed          a call ended in an error
wrong_count     counts of vectors, of neighbours, or dimensions are not as they must be
stores_nothing  no answer shows that vectors were kept
unknown_ids     answers name ids that were never inserted
repeated_ids    an answer names an id twice
constant_scores scores are the same whatever the query
wrong_metric    answers are those of another metric, or squares
wrong_scores    scores are of no metric
wrong_order     neighbours are not the nearest, or not nearest first
keeps_replaced  a vector that was inserted again is still found as it was
not_listed      the vector file is not in the listing
not_deleted     the vector file is still there after it was deleted
slow            half of the calls took longer than the limit
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from ..interfaces import IVectorDevice, IVectorFile
from ..model.device import BadAnswer, DeviceError, DeviceMetric, Finding, ProbeReport
from .verification import DeviceAnswer, Stored, judge, judge_growth

T = TypeVar("T")
Clock = Callable[[], float]

SLOW_SECONDS = 0.25

_DIMENSIONS = 19
_BATCH = 48
_REPLACED = slice(40, 56)
_QUERIES = 4
# Odd, so that its multiples are distinct modulo 2**64; they are far apart and unordered.
_ID_STEP = 0x9E3779B97F4A7C15


def probe(
    device: IVectorDevice, clock: Clock = time.monotonic, slow: float = SLOW_SECONDS
) -> ProbeReport:
    """Verify a device by inserts and searches in a temporary vector file, which is deleted again.

    Raises the DeviceError if the file cannot be created, unless it is a BadAnswer; that one and
    every later error are findings. `clock` returns seconds. `slow`, in seconds, bounds the median
    duration of the calls: a single slow call may be due to a machine under load. Blocks as long as
    the device does.
    """
    return _Probe(device, clock, slow).run()


class _Probe:
    """One run of the probe. Findings are kept in the order in which they are made, one per code."""

    def __init__(self, device: IVectorDevice, clock: Clock, slow: float) -> None:
        self._device = device
        self._clock = clock
        self._slow = slow
        self._findings: dict[str, Finding] = {}
        self._seconds: list[float] = []

    def run(self) -> ProbeReport:
        name = f"vexfs-probe-{uuid4().hex}"
        try:
            file = self._timed(self._device.create, name, _DIMENSIONS)
        except BadAnswer as error:
            self._find(Finding("wrong_count", str(error)))
            return self._report()
        try:
            self._question(file)
            self._look_for(name)
        except BadAnswer as error:
            self._find(Finding("wrong_count", str(error)))
        except DeviceError as error:
            self._find(Finding("failed", str(error)))
        finally:
            self._remove(name, file)
        return self._report()

    def _question(self, file: IVectorFile) -> None:
        """Insert two batches, then some ids again, and check the results after each insert."""
        ids, vectors, queries = _known()
        first = Stored(ids[:_BATCH], vectors[:_BATCH])
        before = self._insert_and_ask(file, first, first, queries)
        everything = Stored(ids, vectors)
        second = Stored(ids[_BATCH:], vectors[_BATCH:])
        after = self._insert_and_ask(file, second, everything, queries)
        for finding in judge_growth(before, after):
            self._find(finding)
        if not self._findings:
            self._replace(file, everything, queries)

    def _replace(self, file: IVectorFile, stored: Stored, queries: NDArray[np.float32]) -> None:
        """Insert some ids again. A result that is wrong only now is due to the old vectors."""
        vectors = stored.vectors.copy()
        vectors[_REPLACED] = -vectors[_REPLACED][::-1]
        again = Stored(stored.ids[_REPLACED], vectors[_REPLACED])
        self._insert_and_ask(file, again, Stored(stored.ids, vectors), queries)
        if self._findings:
            seen = "; ".join(finding.text for finding in self._findings.values())
            self._findings = {}
            self._find(Finding("keeps_replaced", f"after ids were inserted again: {seen}"))

    def _insert_and_ask(
        self, file: IVectorFile, batch: Stored, stored: Stored, queries: NDArray[np.float32]
    ) -> list[DeviceAnswer]:
        """Insert a batch, search by every metric, and check the results against `stored`."""
        self._timed(file.insert, batch.ids, batch.vectors)
        meta = self._timed(file.meta)
        told, true = (meta.vector_count, meta.dimensions), (len(stored.ids), _DIMENSIONS)
        if told != true:
            text = "the metadata tell {} vectors of {} dimensions where there are {} of {}"
            self._find(Finding("wrong_count", text.format(*told, *true)))
        answers = []
        for metric in DeviceMetric:
            for number, query in enumerate(queries):
                for k in (1, 7, 2 * _BATCH + 5):
                    found = self._timed(file.search, query, k, metric)
                    answers.append(DeviceAnswer(metric, number, k, found))
        for finding in judge(stored, queries, answers):
            self._find(finding)
        return answers

    def _look_for(self, name: str) -> None:
        if name not in self._timed(self._device.list_files):
            self._find(Finding("not_listed", "the vector file made is not in the listing"))

    def _remove(self, name: str, file: IVectorFile) -> None:
        file.close()
        try:
            self._timed(self._device.delete, name)
            is_there = name in self._timed(self._device.list_files)
        except DeviceError as error:
            self._find(Finding("failed", str(error)))
            return
        if is_there:
            self._find(Finding("not_deleted", "the vector file is listed after it was deleted"))

    def _timed(self, call: Callable[..., T], *arguments: object) -> T:
        start = self._clock()
        try:
            return call(*arguments)
        finally:
            self._seconds.append(self._clock() - start)

    def _find(self, finding: Finding) -> None:
        self._findings.setdefault(finding.code, finding)

    def _report(self) -> ProbeReport:
        usual = median(self._seconds)
        if usual > self._slow:
            text = (
                f"half of the calls took {usual:.3g} s or more, where {self._slow:g} s are allowed"
            )
            self._find(Finding("slow", text))
        findings = tuple(self._findings.values())
        return ProbeReport(self._device.path, findings, len(self._seconds), max(self._seconds))


def _known() -> tuple[NDArray[np.uint64], NDArray[np.float32], NDArray[np.float32]]:
    """The ids, vectors and queries of the probe, which are constant.

    The lengths of the vectors differ, so that each metric ranks them differently. No query equals a
    stored vector, because rounding errors would be large relative to a distance of 0.
    """
    random = np.random.default_rng(6)
    count = 2 * _BATCH
    lengths = random.uniform(0.25, 4.0, (count, 1))
    vectors = (random.standard_normal((count, _DIMENSIONS)) * lengths).astype(np.float32)
    queries = random.standard_normal((_QUERIES, _DIMENSIONS)).astype(np.float32)
    # Half a stored vector: the nearest by direction, but not by distance.
    queries[0] = vectors[-1] / 2
    ids = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_ID_STEP)
    return ids, vectors, queries
