"""The userspace device through real ioctls, beside the embedded engine in the process that asks.

    python -m benchmarks.device [vectors]

128 dimensions, inserts of 1,000 vectors that are on disk when they are answered, exact searches for
10 neighbours one at a time, metadata of one file. The engine is called by the process that
measures; the device is another process, behind the kernel. Under "4 clients" four processes at
once ask the device, each with a file of its own for inserts and all with one file for the rest;
their rates are added up. "attached" is the engine once more, with the device as its own: it
searches by the device's candidates, and copies its vectors to it behind its inserts.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import numpy as np
from numpy.typing import NDArray

from tests.device_support import UserspaceDevice
from vexfs_twisted.device.kernel import open_device
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.interfaces import IVectorFile
from vexfs_twisted.model.collection import CollectionInfoRequest, CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.device import DeviceMetric
from vexfs_twisted.model.queries import Query, QueryBatch
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import VectorColumn
from vexfs_twisted.storage.mirror.mirror import Mirror
from vexfs_twisted.storage.mirror.service import open_vector_device

DIMENSIONS = 128
BATCH = 1000
LIMIT = 10
ROUNDS = 3
SECONDS = 1.0
CLIENTS = 4

DISTANCES = {
    DeviceMetric.EUCLIDEAN: Distance.EUCLID,
    DeviceMetric.COSINE: Distance.COSINE,
    DeviceMetric.DOT_PRODUCT: Distance.DOT,
}
Rates = Mapping[str, float]


def vectors(count: int) -> NDArray[np.float32]:
    """The vectors to store, shape [count, 128]."""
    return np.random.default_rng(7).normal(size=(count, DIMENSIONS)).astype(np.float32)


def rate(work: Callable[[int], object]) -> float:
    """Calls of `work` per second; its argument is the number of the call."""
    turn, started = 0, perf_counter()
    while (elapsed := perf_counter() - started) < SECONDS:
        work(turn)
        turn += 1
    return turn / elapsed


def inserted(
    data: NDArray[np.float32], insert: Callable[[int, NDArray[np.float32]], object]
) -> float:
    """Vectors inserted per second; arguments of `insert` are the first id and a batch."""
    started = perf_counter()
    for start in range(0, len(data), BATCH):
        insert(start, data[start : start + BATCH])
    return len(data) / (perf_counter() - started)


def engine(count: int, path: str | None = None) -> Rates:
    """The rates of the engine in this process, with the device at `path` attached if any."""
    data, found = vectors(count), dict[str, float]()
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog(folder)
        catalog.open()
        mirror = Mirror(catalog, open_vector_device)
        if path is not None:
            mirror.attach(path)
        for metric, distance in DISTANCES.items():
            params = VectorParams(size=DIMENSIONS, distance=distance)
            collection = catalog.create(metric.name, CreateCollection(vectors={"": params}))
            found["inserts"] = inserted(
                data, lambda first, batch, c=collection: upsert(c, first, batch)
            )
            mirror.attend(collection)
            while mirror.status().waiting and path is not None:
                sleep(0.01)
            found[metric.name] = rate(lambda turn, c=collection: query(c, data[turn % count]))
        found["metadata"] = rate(lambda _: collection.read(CollectionInfoRequest()))
        assert mirror.status().attached is (path is not None), mirror.status().detached
        mirror.detach()
        catalog.close()
    return found


def upsert(collection: Collection, first: int, batch: NDArray[np.float32]) -> None:
    """Store a batch in the engine."""
    ids = list(range(first, first + len(batch)))
    (outcome,) = collection.apply([Upsert(ids, {"": VectorColumn.of(batch)}, [b"{}"] * len(ids))])
    if isinstance(outcome, Exception):
        raise outcome


def query(collection: Collection, vector: NDArray[np.float32]) -> None:
    """Search the engine."""
    (points,) = collection.read(QueryBatch([Query(VectorExample(vector), limit=LIMIT)]))
    assert len(points) == LIMIT


def device(path: str, client: int, count: int) -> Rates:
    """The rates of the device measured by one of its clients."""
    data, found = vectors(count), dict[str, float]()
    mounted = open_device(path)
    file = mounted.create(f"client-{client}", DIMENSIONS)
    found["inserts"] = inserted(
        data,
        lambda first, batch: file.insert(
            np.arange(first, first + len(batch), dtype=np.uint64), batch
        ),
    )
    shared = mounted.open("client-0") if client else file
    for metric in DISTANCES:
        found[metric.name] = rate(lambda turn, m=metric: search(shared, data[turn % count], m))
    found["metadata"] = rate(lambda _: shared.meta())
    return found


def search(file: IVectorFile, vector: NDArray[np.float32], metric: DeviceMetric) -> None:
    """Search the device."""
    assert len(file.search(vector, LIMIT, metric).ids) == LIMIT


def in_processes(function: Callable[..., Rates], arguments: list[tuple[object, ...]]) -> Rates:
    """Run a measurement in parallel, a process per item of `arguments`; returns summed rates."""
    with ProcessPoolExecutor(len(arguments), mp_context=get_context("spawn")) as pool:
        results = [future.result() for future in [pool.submit(function, *a) for a in arguments]]
    return {name: sum(result[name] for result in results) for name in results[0]}


def measured(count: int) -> tuple[Rates, Rates, Rates, Rates]:
    """One round: the engine, the device with one client and with four, the engine with it."""
    own = in_processes(engine, [(count,)])
    rates = []
    for clients in (1, CLIENTS):
        with UserspaceDevice() as served:
            path = str(Path(served.mount))
            rates.append(in_processes(device, [(path, n, count) for n in range(clients)]))
    with UserspaceDevice() as served:
        attached = in_processes(engine, [(count, str(Path(served.mount)))])
    return own, rates[0], rates[1], attached


def main() -> None:
    """Run the whole table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rounds = [measured(count) for _ in range(ROUNDS)]
    print(
        f"{'a second':<24}{'engine':>12}{'device':>12}{'ratio':>8}{'4 clients':>12}{'attached':>12}"
    )
    for name in ("inserts", *(metric.name for metric in DISTANCES), "metadata"):
        own, one, four, attached = (median(r[at][name] for r in rounds) for at in range(4))
        ratio = median(one_round[1][name] / one_round[0][name] for one_round in rounds)
        label = name if name in ("inserts", "metadata") else f"search {name.lower()}"
        print(f"{label:<24}{own:>12.0f}{one:>12.0f}{ratio:>8.2f}{four:>12.0f}{attached:>12.0f}")


if __name__ == "__main__":
    main()
