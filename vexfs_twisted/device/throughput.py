"""Measures the throughput of a device in calls per second."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import numpy as np
from attrs import evolve, frozen

from ..interfaces import IVectorDevice, IVectorFile
from ..model.device import DeviceError, DeviceMetric

DIMENSIONS = 128
BATCH = 1000
NEIGHBOURS = 10
SECONDS = 0.5

_MAX_BATCHES = 50


@frozen
class Throughput:
    """Vectors inserted (in batches of BATCH), searches, and metadata calls per second.

    Searches are by Euclidean distance for NEIGHBOURS, one call after another. `vectors` is the
    number of inserted vectors searched, of DIMENSIONS components each. `leftover` is the reason why
    the temporary vector file could not be deleted, None if it was.
    """

    vectors: int
    inserts: float
    searches: float
    metadata: float
    leftover: str | None = None


def measure(
    device: IVectorDevice, clock: Callable[[], float] = time.perf_counter, seconds: float = SECONDS
) -> Throughput:
    """Measure a sound device in a temporary vector file, for about `seconds` per figure. Blocks.

    The published kernel module leaks the memory of every insert and logs a line per call, so only
    devices known to be sound should be measured. Raises the DeviceErrors of the device, except that
    of the final deletion, so that the measured figures are not lost.
    """
    name = f"vexfs-figures-{uuid4().hex}"
    file = device.create(name, DIMENSIONS)
    try:
        figures = _measure(file, clock, seconds)
    except BaseException:
        file.close()
        with suppress(DeviceError):
            device.delete(name)
        raise
    file.close()
    try:
        device.delete(name)
    except DeviceError as error:
        return evolve(figures, leftover=f"{name}: {error}")
    return figures


def _measure(file: IVectorFile, clock: Callable[[], float], seconds: float) -> Throughput:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((BATCH, DIMENSIONS)).astype(np.float32)
    ids = np.arange(_MAX_BATCHES * BATCH, dtype=np.uint64).reshape(_MAX_BATCHES, BATCH)
    batches, inserts = _rate(
        lambda turn: file.insert(ids[turn], vectors + np.float32(turn)),
        clock,
        seconds,
        _MAX_BATCHES,
    )
    _, searches = _rate(
        lambda turn: file.search(vectors[turn % BATCH], NEIGHBOURS, DeviceMetric.EUCLIDEAN),
        clock,
        seconds,
    )
    _, metadata = _rate(lambda _: file.meta(), clock, seconds)
    return Throughput(batches * BATCH, inserts * BATCH, searches, metadata)


def _rate(
    call: Callable[[int], object],
    clock: Callable[[], float],
    seconds: float,
    most: int | None = None,
) -> tuple[int, float]:
    """Repeat a call for `seconds`, at most `most` times.

    Returns the number of calls and the calls per second.
    """
    start = clock()
    turn = 0
    while turn != most and (turn == 0 or clock() - start < seconds):
        call(turn)
        turn += 1
    return turn, turn / max(clock() - start, 1e-9)
