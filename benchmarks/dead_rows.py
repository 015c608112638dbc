"""What grows with the number of rows ever written: room and time per dead row, in this process.

    python -m benchmarks.dead_rows [--points 10000] [--rows 2000000] [--steps 4] [--graph]
        [--cold] [--folder FOLDER]

A collection of `points` points, each with a dense vector of 128 dimensions, a sparse one of eight
elements and a payload of two indexed fields, is written over and over, with the optimizer after
each hundred thousand rows. At each of `steps` numbers of rows ever written it prints the disk
space by kind of file, the private memory after a start, and the times of a start, reads and writes.
With --graph the dense vectors have one; else they are fewer than `indexing_threshold`. With --cold
one point in a hundred is written once, so that its row is the oldest there is.
"""

from __future__ import annotations

import argparse
import gc
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from tests.engine_support import field, to_vector, write
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    OptimizersConfigDiff,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.filters import Filter, MatchValue, Range
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Query, QueryBatch, Scroll
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vector_kinds import SparseVector, SparseVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

DIM = 128
WORDS = 8
NAME = "rewritten"
BETWEEN = 100_000
AT_ONCE = 5000
COLD = 100
TIMES = 25
COLOURS = (b"red", b"green", b"blue", b"yellow", b"grey")


class Rewritten:
    """A collection that is written over and over. `rows` counts the rows ever written."""

    def __init__(
        self, folder: Path, points: int, *, has_graph: bool = False, has_cold: bool = False
    ) -> None:
        self.folder = folder
        self.points = points
        self.has_cold = has_cold
        self.rows = 0
        self._generator = np.random.default_rng(4)
        self._catalog = Catalog(folder)
        self._catalog.open()
        vectors = {UNNAMED: VectorParams(Distance.COSINE, DIM)}
        # In kilobytes; without a value the default, which is more than the points have.
        threshold = OptimizersConfigDiff(indexing_threshold=100) if has_graph else None
        request = CreateCollection(
            vectors,
            sparse_vectors={"words": SparseVectorParams()},
            optimizers_config=threshold,
        )
        self.collection = self._catalog.create(NAME, request)
        for name, kind in (("number", FieldType.INTEGER), ("colour", FieldType.KEYWORD)):
            write(self.collection, CreateFieldIndex(PayloadPath.parse(name), FieldSchema(kind)))

    def write(self, rows: int) -> None:
        """Write all points again until `rows` rows were written, and let the optimizer work."""
        while self.rows < rows:
            for start in range(0, self.points, AT_ONCE):
                write(self.collection, self.upsert(start, AT_ONCE))
            self.rows += self.points
            if self.rows % BETWEEN < self.points or self.rows >= rows:
                self.collection.optimize()

    def upsert(self, start: int, count: int) -> Upsert:
        """The points from `start` on, with new vectors."""
        ids = [(start + place) % self.points for place in range(count)]
        if self.has_cold and self.rows:
            ids = [number for number in ids if number % COLD]
        count = len(ids)
        values = self._generator.random(count * WORDS, dtype=np.float32)
        steps = self._generator.integers(1, 200, (count, WORDS)).cumsum(axis=1)
        offsets = np.arange(count + 1, dtype=np.int64) * WORDS
        words = SparseVectors(offsets, steps.ravel().astype(np.uint32), values)
        dense = self._generator.normal(size=(count, DIM)).astype(np.float32)
        columns = {UNNAMED: VectorColumn.of(dense), "words": VectorColumn(words)}
        payloads = [
            b'{"number":%d,"colour":"%s"}' % (number, COLOURS[number % 5]) for number in ids
        ]
        return Upsert(ids, columns, payloads)

    def start(self) -> float:
        """Close the folder and open it again; the seconds until it is open."""
        self._catalog.close()
        del self.collection
        gc.collect()
        self._catalog = Catalog(self.folder)
        before = perf_counter()
        self._catalog.open()
        self.collection = self._catalog.get(NAME)
        return perf_counter() - before

    def close(self) -> None:
        """Close the folder."""
        self._catalog.close()


def disk_bytes(folder: Path) -> Counter[str]:
    """Allocated bytes by kind of file."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file():
            kind = re.split(r"[-.]", path.name)[0]
            suffix = path.suffix if kind in ("vectors", "data") else ""
            found[f"{kind}{suffix}"] += path.stat().st_blocks * 512
    return found


def private_bytes() -> int:
    """Memory that only this process has."""
    text = Path("/proc/self/smaps_rollup").read_text()
    return sum(int(kib) * 1024 for kib in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.M))


def timed(work: Callable[[], object]) -> float:
    """The median time of some calls, in microseconds; the first is not counted."""
    work()
    times = []
    for _ in range(TIMES):
        before = perf_counter()
        work()
        times.append(perf_counter() - before)
    return median(times) * 1e6


def reads(collection: Collection) -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    vector = np.random.default_rng(9).normal(size=DIM).astype(np.float32)
    words = SparseVector.of(
        np.array([100, 200, 300], np.uint32), np.array([1, 1, 1], np.float32), "here"
    )
    red = Filter(must=(field("colour", MatchValue("red")),))
    few = Filter(must=(field("number", Range(lt=100)),))
    return {
        "search": lambda: collection.read(QueryBatch([to_vector(vector)])),
        "search, a fifth": lambda: collection.read(QueryBatch([to_vector(vector, filter=red)])),
        "search, 100 points": lambda: collection.read(QueryBatch([to_vector(vector, filter=few)])),
        "sparse search": lambda: collection.read(
            QueryBatch([Query(VectorExample(words), using="words")])
        ),
        "count, a fifth": lambda: collection.read(Count(red)),
        "scroll": lambda: collection.read(Scroll(limit=10)),
    }


def measure(written: Rewritten) -> dict[str, float]:
    """All figures, at the present number of rows. Bytes and microseconds."""
    figures: dict[str, float] = {"start": written.start() * 1e6}
    first = perf_counter()
    for read in reads(written.collection).values():
        read()
    figures["first reads"] = (perf_counter() - first) * 1e6
    gc.collect()
    figures["memory"] = private_bytes()
    figures |= {f"disk {kind}": size for kind, size in disk_bytes(written.folder).items()}
    figures |= {name: timed(read) for name, read in reads(written.collection).items()}
    one = written.upsert(1, 1)
    figures["upsert of 1"] = timed(lambda: write(written.collection, one))
    many = written.upsert(0, 1000)
    figures["upsert of 1000"] = timed(lambda: write(written.collection, many))
    written.rows += 1 + TIMES + 1000 * (1 + TIMES)
    return figures


def main() -> None:
    """Measure, and print a line for each figure: its values, and the slope per dead row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--graph", action="store_true")
    parser.add_argument("--cold", action="store_true")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    optimizer.QUIET_SECONDS = 0
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        written = Rewritten(
            Path(folder), options.points, has_graph=options.graph, has_cold=options.cold
        )
        table = []
        for step in range(options.steps + 1):
            written.write(max(options.points, options.rows * step // options.steps))
            rows = written.rows
            table.append((rows, measure(written)))
            print(f"{rows:,} rows measured", flush=True)
        written.close()
    counts = [rows for rows, _ in table]
    names = dict.fromkeys(name for _, figures in table for name in figures)
    print("".join(f"{count:>14,}" for count in counts), "       a row  rows ever written")
    for name in names:
        values = [figures.get(name, 0.0) for _, figures in table]
        slope = float(np.polyfit(counts, values, 1)[0])
        print("".join(f"{value:>14,.0f}" for value in values), f"{slope:>12.5f}  {name}")


if __name__ == "__main__":
    main()
