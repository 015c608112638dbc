"""How many calls a device answers in a second, measured on real calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import numpy as np
from attrs import frozen

from ..interfaces import IVectorDevice, IVectorFile
from ..model.device import DeviceMetric

DIMENSIONS = 128
BATCH = 1000
NEIGHBOURS = 10
SECONDS = 0.5

_MAX_BATCHES = 50


@frozen
class Figures:
    """Vectors inserted (in batches of BATCH), searches, and metadata calls per second.

    Searches are by Euclidean distance for NEIGHBOURS among the `vectors` that were inserted, of
    DIMENSIONS each, one call after another.
    """

    vectors: int
    inserts: float
    searches: float
    metadata: float


def measure(
    device: IVectorDevice, clock: Callable[[], float] = time.perf_counter, seconds: float = SECONDS
) -> Figures:
    """Measure a device in a vector file of its own, about `seconds` for each figure. Blocks.

    Raises the DeviceErrors of the device.
    """
    name = f"vexfs-figures-{uuid4().hex}"
    file = device.create(name, DIMENSIONS)
    try:
        return _measure(file, clock, seconds)
    finally:
        file.close()
        device.delete(name)


def _measure(file: IVectorFile, clock: Callable[[], float], seconds: float) -> Figures:
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
    return Figures(batches * BATCH, inserts * BATCH, searches, metadata)


def _rate(
    call: Callable[[int], object],
    clock: Callable[[], float],
    seconds: float,
    most: int | None = None,
) -> tuple[int, float]:
    """Call again and again until the time is up or it was called `most` times.

    The number of calls, and how many there were in a second.
    """
    start = clock()
    turn = 0
    while turn != most and (turn == 0 or clock() - start < seconds):
        call(turn)
        turn += 1
    return turn, turn / max(clock() - start, 1e-9)
