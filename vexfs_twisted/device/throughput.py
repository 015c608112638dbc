"""How many calls a device answers in a second, measured on real calls."""

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

    Searches are by Euclidean distance for NEIGHBOURS among the `vectors` that were inserted, of
    DIMENSIONS each, one call after another. `leftover` says why the vector file that it was
    measured in is still there, None where it was removed.
    """

    vectors: int
    inserts: float
    searches: float
    metadata: float
    leftover: str | None = None


def measure(
    device: IVectorDevice, clock: Callable[[], float] = time.perf_counter, seconds: float = SECONDS
) -> Throughput:
    """Measure a sound device in a vector file of its own, about `seconds` for each figure. Blocks.

    The published kernel module keeps the memory of every insert for good and logs a line a call, so
    a device that is not known to be sound is not measured. Raises the DeviceErrors of the device,
    but for that of the last deletion: what was measured is not lost by it.
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
    """Call again and again until the time is up or it was called `most` times.

    The number of calls, and how many there were in a second.
    """
    start = clock()
    turn = 0
    while turn != most and (turn == 0 or clock() - start < seconds):
        call(turn)
        turn += 1
    return turn, turn / max(clock() - start, 1e-9)
