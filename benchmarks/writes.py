"""Synced writes over gRPC beside the disk: upserts of one point and of 1,000, and their stages.

    python -m benchmarks.writes [small] [bulk] [stages] [--folder FOLDER]

Points have 384 dimensions and a payload of two fields. In each round the disk, a bare writer and
the server are measured in turns, so that all see the same disturbances; medians are printed.

small     upserts of one point, 1 and 16 in flight: latency, also as a multiple of one fdatasync of
          as many bytes, and of one commit of the bare writer of as many points; the processor time
          of the server.
bulk      upserts of 1,000 points, four in flight, beside the bare writer.
stages    the processor time of the stages of such an upsert, in this process.

The bare writer appends vectors to a file and syncs it, then puts ids and payloads into LMDB in one
transaction, from arrays and bytes that are made before: what any server with these files would do.
FOLDER is where the files are; the default is the folder for temporary files.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, thread_time

import lmdb

from tests.support import DaemonProcess
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.collection_store import CollectionStore
from vexfs_twisted.engine.writes.point_batch import PointBatch
from vexfs_twisted.engine.writes.vector_batch import VectorBatch
from vexfs_twisted.model.collection import CollectionConfig, CreateCollection, new_config
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.updates import Upsert, check_update
from vexfs_twisted.model.vectors import UNNAMED
from vexfs_twisted.rpc.codecs.ids import read_id
from vexfs_twisted.rpc.codecs.payloads import read_payload
from vexfs_twisted.rpc.codecs.updates import read_upsert
from vexfs_twisted.rpc.codecs.upserts import parse_upsert

from .callers import Caller, GrpcMethod, Pace
from .streaming import create
from .upsert import BATCH, requests, vectors

DIM = 384
NAME = "written"
ROUNDS = 5
SECONDS = 2.0
SYNCS = 40
_TICKS = os.sysconf("SC_CLK_TCK")


class BareWriter:
    """Writes points without a server; `rows` are the points of one commit."""

    def __init__(self, folder: Path, rows: int) -> None:
        self._file = os.open(folder / "vectors", os.O_RDWR | os.O_CREAT)
        self._environment = lmdb.open(os.fspath(folder / "tables"), map_size=1 << 32, max_dbs=2)
        self._points = self._environment.open_db(b"points")
        self._rows = self._environment.open_db(b"rows")
        self._data = vectors(rows, DIM).tobytes()
        self._payloads = [b'{"number":%d,"name":"point %d"}' % (n, n) for n in range(rows)]
        self._next = 0

    def commit(self) -> None:
        """Write the points of one commit durably, under new ids."""
        os.pwrite(self._file, self._data, self._next * DIM * 4)
        os.fdatasync(self._file)
        keys = [number.to_bytes(8, "big") for number in range(self._next, self._next + self.rows)]
        with self._environment.begin(write=True) as transaction:
            with transaction.cursor(self._points) as cursor:
                cursor.putmulti(zip(keys, keys, strict=True))
            with transaction.cursor(self._rows) as cursor:
                cursor.putmulti(zip(keys, self._payloads, strict=True), append=True)
        self._next += self.rows

    def sync(self) -> float:
        """The seconds of one fdatasync after the vectors of one commit were appended."""
        os.pwrite(self._file, self._data, self._next * DIM * 4)
        started = perf_counter()
        os.fdatasync(self._file)
        return perf_counter() - started

    @property
    def rows(self) -> int:
        """The points of one commit."""
        return len(self._payloads)

    def close(self) -> None:
        """Close the files."""
        self._environment.close()
        os.close(self._file)


@contextmanager
def bare_writer(folder: Path | None, rows: int) -> Iterator[BareWriter]:
    """A bare writer in a new folder below `folder`, which is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        writer = BareWriter(Path(own), rows)
        try:
            yield writer
        finally:
            writer.close()


def seconds_of(work: Callable[[], object]) -> float:
    """The duration of a call."""
    started = perf_counter()
    work()
    return perf_counter() - started


def processor_seconds(pid: int) -> float:
    """The processor time that a process has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def single_requests() -> list[bytes]:
    """Serialized upserts of one point each."""
    return requests(NAME, vectors(2000, DIM), batch=1)


def paced(
    daemon: DaemonProcess, caller: Caller, bodies: Sequence[bytes], in_flight: int
) -> tuple[Pace, float]:
    """The pace of upserts, and the microseconds of processor time of each in the server."""
    before = processor_seconds(daemon.pid)
    method = GrpcMethod(daemon.grpc_port, "/qdrant.Points/Upsert")
    pace = caller.pace(method, bodies, in_flight, SECONDS)
    # The calls that warm up are not in the pace.
    calls = pace.rate * SECONDS + in_flight
    return pace, (processor_seconds(daemon.pid) - before) / calls * 1e6


def measure_small(daemon: DaemonProcess, folder: Path | None) -> None:
    """The section "small"."""
    bodies = single_requests()
    print(
        f"\n{'in flight':<10}{'calls/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}"
        f"{'fdatasync ms':>14}{'p50/fdatasync':>15}{'bare commit ms':>16}{'p50/commit':>12}"
    )
    for in_flight in (1, 16):
        create(daemon.http_port, NAME, DIM)
        rounds = []
        with bare_writer(folder, in_flight) as bare, Caller() as caller:
            paced(daemon, caller, bodies, in_flight)
            for _ in range(ROUNDS):
                sync = median(bare.sync() for _ in range(SYNCS))
                commit = median(seconds_of(bare.commit) for _ in range(SYNCS))
                pace, cost = paced(daemon, caller, bodies, in_flight)
                sync = (sync + median(bare.sync() for _ in range(SYNCS))) / 2
                beside = sync * 1e3, pace.p50 / sync / 1e3, commit * 1e3, pace.p50 / commit / 1e3
                rounds.append((pace.rate, pace.p50, pace.p99, cost, *beside))
        figures = [median(column) for column in zip(*rounds, strict=True)]
        shown = zip(figures, (9, 9, 9, 9, 14, 15, 16, 12), strict=True)
        print(f"{in_flight:<10}" + "".join(f"{figure:>{width}.2f}" for figure, width in shown))


def measure_bulk(daemon: DaemonProcess, folder: Path | None, points: int = 60_000) -> None:
    """The section "bulk"."""
    bodies = requests(NAME, vectors(points, DIM))
    rounds = []
    with bare_writer(folder, BATCH) as bare, Caller() as caller:
        for _ in range(ROUNDS):
            create(daemon.http_port, NAME, DIM)
            commit = median(seconds_of(bare.commit) for _ in range(SYNCS // 4))
            pace, cost = paced(daemon, caller, bodies, 4)
            rate = pace.rate * BATCH
            rounds.append((rate, cost / BATCH, BATCH / commit, rate * commit / BATCH))
    rate, cost, bare_rate, ratio = (median(column) for column in zip(*rounds, strict=True))
    print(f"\n{rate:.0f} points/s, {cost:.1f} us of processor time a point")
    print(f"bare writer {bare_rate:.0f} points/s, ratio {ratio:.2f}")


PARTS = (
    (PointBatch, "find_any", "  existing points"),
    (PointBatch, "drop_rows", "  rows of existing points dropped"),
    (PointBatch, "append", "  ids and payloads"),
    (VectorBatch, "write", "  vectors"),
    (PointBatch, "finish", "  bitmaps, and the sync of vectors"),
)
"""The parts of a commit; the rest is mostly LMDB's own commit. Payload indexes take no part: their
columns follow when they are read next."""


@contextmanager
def timed(parts: Sequence[tuple[type, str, str]]) -> Iterator[dict[str, list[float]]]:
    """The processor time in seconds of each call of some methods, by the title of the method."""
    times: dict[str, list[float]] = {title: [] for _, _, title in parts}
    inners = [(owner, name, getattr(owner, name)) for owner, name, _ in parts]

    def around(inner: Callable[..., object], own: list[float]) -> Callable[..., object]:
        def measured(*args: object) -> object:
            started = thread_time()
            try:
                return inner(*args)
            finally:
                own.append(thread_time() - started)

        return measured

    for (owner, name, inner), own in zip(inners, times.values(), strict=True):
        setattr(owner, name, around(inner, own))
    try:
        yield times
    finally:
        for owner, name, inner in inners:
            setattr(owner, name, inner)


@contextmanager
def opened_collection(folder: Path | None) -> Iterator[Collection]:
    """An empty collection in a new folder, which is removed afterwards."""
    with tempfile.TemporaryDirectory(dir=folder) as own, ExitStack() as stack:
        space = {UNNAMED: VectorParams(size=DIM, distance=Distance.COSINE)}
        config = new_config(CreateCollection(vectors=space), CollectionConfig())
        CollectionStore.create(Path(own), config)
        collection = Collection.open(NAME, Path(own))
        stack.callback(collection.close)
        yield collection


def measure_stages(folder: Path | None, calls: int = 20) -> None:
    """The section "stages"."""
    bodies = requests(NAME, vectors(calls * BATCH, DIM))
    with opened_collection(folder) as collection:
        params = collection.config.params
        stages: dict[str, Callable[[bytes, Upsert], Callable[[], object]]] = {
            "parse, with the vectors": lambda body, _: lambda: parse_upsert(body),
            "ids": lambda body, _: _each(body, lambda point: read_id(point.id)),
            "payloads": lambda body, _: _each(body, lambda point: read_payload(point.payload)),
            "check": lambda _, update: lambda: check_update(update, params),
            "commit, new points": lambda _, update: lambda: collection.apply([update]),
            "commit, the same again": lambda _, update: lambda: collection.apply([update]),
        }
        print(f"\n{'stage, us of processor time a point':<40}{'median':>8}{'least':>8}")
        updates = [_decoded(body) for body in bodies]
        for name, make in stages.items():
            with timed(PARTS) as parts:
                own: list[float] = []
                for work in list(map(make, bodies, updates)):
                    started = thread_time()
                    work()
                    own.append(thread_time() - started)
            for title, times in {name: own, **parts}.items():
                if times:
                    shown = (median(times) / BATCH * 1e6, min(times) / BATCH * 1e6)
                    print(f"{title:<40}{shown[0]:>8.2f}{shown[1]:>8.2f}")


def _decoded(body: bytes) -> Upsert:
    parsed = parse_upsert(body)
    return read_upsert(parsed.message, parsed.columns)


def _each(body: bytes, read: Callable[[object], object]) -> Callable[[], object]:
    message = parse_upsert(body).message
    return lambda: [read(point) for point in message.points]


def main() -> None:
    """Run the requested sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="small, bulk, stages")
    parser.add_argument("--folder", type=Path, default=None)
    chosen = parser.parse_args()
    sections = chosen.sections or ["small", "bulk", "stages"]
    if "stages" in sections:
        measure_stages(chosen.folder)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as data, DaemonProcess(data) as daemon:
        if "small" in sections:
            measure_small(daemon, chosen.folder)
        if "bulk" in sections:
            measure_bulk(daemon, chosen.folder)


if __name__ == "__main__":
    main()
