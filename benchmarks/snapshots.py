"""Snapshots of many points: time, memory of their own, what writers wait, and what is stored.

    python -m benchmarks.snapshots [--points 1000000] [--size 128] [--home DIR]

Everything is in this process, on the engine. Memory of its own is what is not a page of a file:
RssAnon of the process, at most, less what it was before.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from time import perf_counter, sleep
from typing import TypeVar

import numpy as np
import orjson

from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.snapshot_archives import SnapshotFolder, restore_file, write_collection
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count
from vexfs_twisted.model.snapshots import SnapshotOwner
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

T = TypeVar("T")

OWNER = SnapshotOwner("points")
BATCH = 1000
MEGABYTE = 1 << 20


def anonymous() -> int:
    """The bytes of this process that are no pages of files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("the kernel does not tell")


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print the time and the memory that the block takes."""
    before, most, stop = anonymous(), [0], Event()

    def look() -> None:
        while not stop.wait(0.01):
            most[0] = max(most[0], anonymous())

    looking = Thread(target=look)
    looking.start()
    began = perf_counter()
    try:
        yield
    finally:
        seconds = perf_counter() - began
        stop.set()
        looking.join()
    own = max(most[0] - before, 0) / MEGABYTE
    print(f"{what:<44} {seconds:8.2f} s  {own:7.1f} MiB of its own")


def points(ids: range, size: int, generator: np.random.Generator) -> Upsert:
    """Points with random vectors."""
    vectors = generator.random((len(ids), size), dtype=np.float32)
    payloads = [
        orjson.dumps({"group": number % 1000, "title": f"point {number}"}) for number in ids
    ]
    return Upsert(list(ids), {UNNAMED: VectorColumn.of(vectors)}, payloads)


def write(collection: Collection, ids: range, size: int, generator: np.random.Generator) -> None:
    """Write points in one commit."""
    (outcome,) = collection.apply([points(ids, size, generator)])
    if isinstance(outcome, Exception):
        raise outcome


class Writer:
    """Writes on while something else is measured, and tells how long its commits took."""

    def __init__(self, collection: Collection, first: int, size: int) -> None:
        self._stop = Event()
        self._seconds: list[float] = []
        self._thread = Thread(target=self._work, args=(collection, first, size))

    def _work(self, collection: Collection, first: int, size: int) -> None:
        generator = np.random.default_rng(9)
        while not self._stop.is_set():
            began = perf_counter()
            write(collection, range(first, first + 100), size, generator)
            self._seconds.append(perf_counter() - began)
            first += 100

    def during(self, work: Callable[[], T]) -> T:
        """Write while `work` is done."""
        self._thread.start()
        try:
            return work()
        finally:
            self._stop.set()
            self._thread.join()

    def tell(self, what: str) -> None:
        """Print what the commits took."""
        found = np.array(self._seconds) * 1000
        p50, p99 = np.percentile(found, [50, 99])
        print(
            f"{what:<44} {len(found):5} commits of 100 points: "
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {found.max():.1f} ms"
        )


def stored(path: Path) -> float:
    """What a folder takes on disk, in MiB."""
    return sum(f.stat().st_blocks * 512 for f in path.rglob("*") if f.is_file()) / MEGABYTE


def run(home: Path, count: int, size: int) -> None:
    """Measure everything in the folder `home`."""
    generator = np.random.default_rng(1)
    catalog = Catalog(home / "data")
    catalog.open()
    collection = catalog.create(
        "points", CreateCollection(vectors={UNNAMED: VectorParams(Distance.COSINE, size)})
    )
    index = CreateFieldIndex(PayloadPath.parse("group"), FieldSchema(FieldType.INTEGER))
    collection.apply([index])
    for first in range(0, count, BATCH):
        write(collection, range(first, min(first + BATCH, count)), size, generator)
    collection.checkpoint()
    whole, parts = (
        SnapshotFolder(home / "whole"),
        SnapshotFolder(home / "parts", is_incremental=True),
    )
    with measured("snapshot"):
        taken = write_collection(whole, OWNER, collection)
    print(f"{'size of the archive':<44} {taken.size / MEGABYTE:8.1f} MiB")
    path = whole.path_of(OWNER, taken.name)
    with measured("restore"):
        restore_file(catalog, path, "restored", replace=False)
    found = catalog.get("restored").read(Count())
    print(f"{'points restored':<44} {found:8}")
    catalog.delete("restored")
    whole.delete(OWNER, taken.name)
    idle = Writer(collection, count, size)
    idle.during(lambda: sleep(3))
    idle.tell("writers alone")
    busy = Writer(collection, count, size)
    with measured("snapshot while writers write"):
        busy.during(lambda: write_collection(whole, OWNER, collection))
    busy.tell("writers beside it")
    with measured("first snapshot in parts"):
        write_collection(parts, OWNER, collection)
    before = stored(parts.path)
    print(f"{'stored':<44} {before:8.1f} MiB")
    for what, ids in (
        ("the newest 1%", range(count - count // 100, count)),
        ("1% at random, in groups of 100", None),
    ):
        if ids is not None:
            for first in range(ids.start, ids.stop, BATCH):
                write(collection, range(first, min(first + BATCH, ids.stop)), size, generator)
        else:
            for first in generator.choice(count // 100, count // 10_000, replace=False).tolist():
                write(collection, range(first * 100, first * 100 + 100), size, generator)
        with measured(f"snapshot in parts after {what}"):
            last = write_collection(parts, OWNER, collection)
        after = stored(parts.path)
        print(f"{'stored more':<44} {after - before:8.1f} MiB")
        before = after
    with measured("restore of parts"):
        restore_file(catalog, parts.path / "points" / last.name, "restored", replace=False)
    catalog.close()


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--home", type=Path, default=None)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="vexfs-snapshots-", dir=options.home))
    try:
        run(home, options.points, options.size)
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
