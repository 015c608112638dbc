"""Streams: upserts of a million points, large responses and slow readers, beside the alternatives.

    python -m benchmarks.streaming [SECTION ...] [--points N] [--data FOLDER]

Sections: upsert, search, slow, latency, wires; all of them without a name. The daemon and every
client are processes of their own on the same machine. Memory is what the daemon holds for itself
(anonymous; vectors lie in mapped files), sampled while a section runs, above the level before it.

upsert    points of 128 dimensions with a small payload through StreamUpsertPoints, from messages
          that were built before and from messages built as they are sent; beside upload_points of
          the official client (gRPC, parallel 2). Then the daemon is killed right after the answer.
search    StreamSearchPoints with limit 100,000 over them.
slow      50 streams whose clients stop reading, and the latency of another client meanwhile.
latency   Get, and Search on 60,000 x 384 (DATA: the folder of packages), one at a time, and
          connecting; beside a bare grpc.aio echo.
wires     gRPC against REST: 10,000 points an upsert, 1,000 points a search.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import grpc
import numpy as np
import orjson
from qdrant_client import QdrantClient, models

from tests.support import DaemonProcess
from vexfs_twisted.proto import qdrant_pb2 as pb
from vexfs_twisted.proto.qdrant_pb2_grpc import QdrantStub

from .calls import bare_server
from .engines import memory_of
from .upsert import in_process, vectors

NAME = "streamed"
DIM = 128
UNLIMITED = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class Memory:
    """The anonymous memory of a process, sampled in a thread of this one."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stop = threading.Event()
        self.before = self.most = 0

    def __enter__(self) -> Memory:
        self.before = self.most = self._now()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def growth(self) -> str:
        """The peak above the initial level, as text."""
        return f"{(self.most - self.before) / 1e6:.0f} MB"

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self.most = max(self.most, self._now())

    def _now(self) -> int:
        own, _ = memory_of(self._pid)
        return own


def create(http_port: int, name: str, dim: int) -> QdrantClient:
    """Create a collection without graphs, which are not measured; returns a client."""
    client = QdrantClient(port=http_port, timeout=600)
    client.delete_collection(name)
    client.create_collection(
        name,
        models.VectorParams(size=dim, distance=models.Distance.COSINE),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=0),
    )
    return client


def body(name: str, data: Any, first: int, count: int) -> bytes:
    """A serialized request with `count` points from number `first` on."""
    request = pb.UpsertPointsRequest(collection_name=name)
    for number in range(first, first + count):
        point = request.points.add()
        point.id.num = number
        point.payload["number"].integer_value = number
        point.payload["name"].string_value = f"point {number}"
        point.vectors.vector.dense.data.extend(data[number % len(data)])
    return request.SerializeToString()


def bodies(name: str, points: int, batch: int) -> Iterator[bytes]:
    """Requests of `batch` points each."""
    data = vectors(min(points, 100_000), DIM)
    for first in range(0, points, batch):
        yield body(name, data, first, min(batch, points - first))


def stream_upsert(address: str, points: int, batch: int, is_built: bool) -> float:
    """Points per second of one stream with one response at its end."""
    requests: Any = bodies(NAME, points, batch)
    if is_built:
        requests = iter(list(requests))
    with grpc.insecure_channel(address, options=UNLIMITED) as channel:
        method = channel.stream_unary("/qdrant.Qdrant/StreamUpsertPoints")
        grpc.channel_ready_future(channel).result()
        started = perf_counter()
        answer = pb.PointsOperationResponse.FromString(method(requests))
        seconds = perf_counter() - started
    if answer.result.operation_id != points:
        raise RuntimeError(f"{answer.result.operation_id} of {points} points written")
    return points / seconds


def upload_points(http_port: int, grpc_port: int, points: int) -> float:
    """Points per second of the official client's own bulk upload."""
    client = QdrantClient(port=http_port, grpc_port=grpc_port, prefer_grpc=True, timeout=600)
    data = vectors(min(points, 100_000), DIM)
    structs = (
        models.PointStruct(
            id=number,
            vector=data[number % len(data)],
            payload={"number": number, "name": f"point {number}"},
        )
        for number in range(points)
    )
    started = perf_counter()
    client.upload_points(NAME, structs, batch_size=1000, parallel=2, wait=True)
    return points / (perf_counter() - started)


def show(title: str, *figures: str) -> None:
    """Print a line of the report."""
    print(f"{title:<52}" + "".join(f"{figure:>16}" for figure in figures), flush=True)


def measure_upsert(daemon: DaemonProcess, points: int) -> None:
    """The section "upsert". Leaves the points for the next sections."""
    print(f"\nupsert: {points} points of {DIM} dimensions")
    official = None
    for title, work in (
        ("upload_points, gRPC, parallel 2", None),
        ("stream, built as sent, 1000 a message", (1000, False)),
        ("stream, built as sent, 100 a message", (100, False)),
        ("stream, built before, 100 a message", (100, True)),
        ("stream, built before, 1000 a message", (1000, True)),
    ):
        create(daemon.http_port, NAME, DIM)
        with Memory(daemon.pid) as memory:
            if work is None:
                rate = in_process(upload_points, daemon.http_port, daemon.grpc_port, points)
                official = rate
            else:
                rate = in_process(stream_upsert, daemon.grpc_address, points, *work)
        ratio = "" if official is None else f"{rate / official:.2f}x"
        show(title, f"{rate:.0f}/s", f"+{memory.growth}", ratio)
    daemon.kill()
    daemon.start()
    count = QdrantClient(port=daemon.http_port, timeout=600).count(NAME).count
    show("points after kill -9 right after the answer", str(count))


def read_search(address: str, limit: int) -> tuple[float, int, int]:
    """Seconds, points and messages of one streamed search."""
    with grpc.insecure_channel(address, options=UNLIMITED) as channel:
        request = pb.SearchPointsRequest(collection_name=NAME, vector=vectors(1, DIM)[0])
        request.limit = limit
        request.with_payload.enable = True
        started = perf_counter()
        sizes = [len(r.result) for r in QdrantStub(channel).StreamSearchPoints(request)]
        return perf_counter() - started, sum(sizes), len(sizes)


def whole_search(address: str, limit: int) -> float:
    """Seconds of the same search with a unary response."""
    with grpc.insecure_channel(address, options=UNLIMITED) as channel:
        request = pb.SearchPointsRequest(collection_name=NAME, vector=vectors(1, DIM)[0])
        request.limit = limit
        request.with_payload.enable = True
        started = perf_counter()
        QdrantStub(channel).SearchPoints(request)
        return perf_counter() - started


def measure_search(daemon: DaemonProcess, limit: int = 100_000) -> None:
    """The section "search"."""
    print(f"\nsearch: limit {limit}")
    with Memory(daemon.pid) as memory:
        seconds, points, batches = in_process(read_search, daemon.grpc_address, limit)  # type: ignore[misc]
    show("streamed", f"{seconds:.2f} s", f"+{memory.growth}", f"{points} points")
    with Memory(daemon.pid) as memory:
        whole = in_process(whole_search, daemon.grpc_address, limit)
    show("in one message", f"{whole:.2f} s", f"+{memory.growth}")
    show("a batch more than in one message", f"{(seconds - whole) / batches * 1e3:.2f} ms")


@contextmanager
def stalled(address: str, count: int) -> Iterator[None]:
    """Keep streams of all points open, of each of which only one batch is read."""
    channels = [
        grpc.insecure_channel(address, options=[*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)])
        for _ in range(count)
    ]
    request = pb.ScrollRequest(collection_name=NAME)
    request.with_vectors.enable = True
    calls = [QdrantStub(channel).StreamScroll(request) for channel in channels]
    try:
        for call in calls:
            next(call)
        yield
    finally:
        for call, channel in zip(calls, channels, strict=True):
            call.cancel()
            channel.close()


def latencies(call: Callable[[], object], count: int) -> str:
    """The median and the 99th percentile of sequential calls, as text."""
    call()
    times = []
    for _ in range(count):
        started = perf_counter()
        call()
        times.append(perf_counter() - started)
    times.sort()
    return f"{median(times) * 1e3:.2f} / {times[int(count * 0.99)] * 1e3:.2f} ms"


def get_latency(address: str, count: int = 500) -> str:
    """The latency of getting a point."""
    with grpc.insecure_channel(address) as channel:
        request = pb.GetPointsRequest(collection_name=NAME, ids=[pb.PointId(num=7)])
        return latencies(lambda: QdrantStub(channel).GetPoints(request), count)


def measure_slow(daemon: DaemonProcess, streams: int = 50) -> None:
    """The section "slow"."""
    print(f"\nslow: {streams} streams that nobody reads (median / p99 of Get)")
    show("Get, nothing else going on", in_process(get_latency, daemon.grpc_address))  # type: ignore[arg-type]
    with Memory(daemon.pid) as memory, stalled(daemon.grpc_address, streams):
        time.sleep(1)
        shown = in_process(get_latency, daemon.grpc_address)
    show("Get beside them", str(shown), f"+{memory.growth}")


def search_latency(address: str, name: str, queries: Any) -> str:
    """The latency of a search with limit 10."""
    with grpc.insecure_channel(address) as channel:
        stub, numbers = QdrantStub(channel), iter(range(10**9))

        def search() -> None:
            vector = queries[next(numbers) % len(queries)]
            stub.SearchPoints(pb.SearchPointsRequest(collection_name=name, vector=vector, limit=10))

        return latencies(search, 300)


def connect_latency(address: str) -> str:
    """The latency of the first call, one without work, on a new channel."""

    def connect() -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        with grpc.insecure_channel(address, options=options) as channel:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"")

    return latencies(connect, 50)


def echo_latency(address: str) -> str:
    """The latency of the baseline server."""
    with grpc.insecure_channel(address) as channel:
        method = channel.unary_unary("/qdrant.Points/Get")
        return latencies(lambda: method(b"12345678"), 500)


def measure_latency(daemon: DaemonProcess, folder: Path | None) -> None:
    """The section "latency"."""
    print("\nlatency, one call at a time (median / p99)")
    with bare_server("grpc") as bare:
        address = f"127.0.0.1:{bare.port}"
        show("bare server: echo", str(in_process(echo_latency, address)))
        show("bare server: connect", str(in_process(connect_latency, address)))
    client = create(daemon.http_port, NAME, DIM)
    client.upsert(NAME, [models.PointStruct(id=7, vector=[1.0] * DIM, payload={"k": 1})])
    show("Get", str(in_process(get_latency, daemon.grpc_address)))
    show("connect", str(in_process(connect_latency, daemon.grpc_address)))
    if folder is not None:
        data = np.load(folder / "vectors.f16.npy").astype(np.float32)
        queries = np.load(folder / "queries.f16.npy").astype(np.float32)
        client.delete_collection("packages")
        client.create_collection(
            "packages",
            models.VectorParams(size=data.shape[1], distance=models.Distance.COSINE),
        )
        client.upload_collection("packages", data, batch_size=1000, wait=True)
        deadline = time.monotonic() + 60
        while client.get_collection("packages").status != "green":
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        shown = in_process(search_latency, daemon.grpc_address, "packages", queries)
        show(f"Search, {len(data)} x {data.shape[1]}", str(shown))


def median_seconds(call: Callable[[], object], rounds: int) -> float:
    """The median duration of a call, after one warm-up call."""
    call()
    times = []
    for _ in range(rounds):
        started = perf_counter()
        call()
        times.append(perf_counter() - started)
    return median(times)


def wire_times(http_port: int, grpc_port: int, prefer_grpc: bool) -> tuple[float, float]:
    """Seconds of an upsert of 10,000 points and of a search for 1,000, medians."""
    client = QdrantClient(port=http_port, grpc_port=grpc_port, prefer_grpc=prefer_grpc, timeout=600)
    data = vectors(10_000, DIM)
    structs = [
        models.PointStruct(id=number, vector=row.tolist(), payload={"number": number})
        for number, row in enumerate(data)
    ]

    query = data[0].tolist()
    return (
        median_seconds(lambda: client.upsert(NAME, structs, wait=True), 5),
        median_seconds(lambda: client.query_points(NAME, query, limit=1000, with_vectors=True), 9),
    )


def prepared_times(http_port: int, grpc_port: int, is_grpc: bool) -> tuple[float, float]:
    """The same with prepared requests, and responses that are not decoded."""
    data = vectors(10_000, DIM)
    query = data[0].tolist()
    if is_grpc:
        channel = grpc.insecure_channel(f"127.0.0.1:{grpc_port}", options=UNLIMITED)
        search = pb.SearchPointsRequest(collection_name=NAME, vector=query, limit=1000)
        search.with_vectors.enable = True
        calls = [
            ("/qdrant.Qdrant/UpsertPoints", body(NAME, data, 0, len(data))),
            ("/qdrant.Qdrant/SearchPoints", search.SerializeToString()),
        ]
        sends = [lambda m=m, b=b: channel.unary_unary(m)(b) for m, b in calls]
    else:
        points = [
            {"id": n, "vector": row.tolist(), "payload": {"number": n, "name": f"point {n}"}}
            for n, row in enumerate(data)
        ]
        path = f"/collections/{NAME}/points"
        requests = [
            ("PUT", path, orjson.dumps({"points": points})),
            (
                "POST",
                f"{path}/query",
                orjson.dumps({"query": query, "limit": 1000, "with_vector": True}),
            ),
        ]
        connection = HTTPConnection("127.0.0.1", http_port)

        def send(method: str, path: str, data: bytes) -> bytes:
            connection.request(method, path, data, {"Content-Type": "application/json"})
            return connection.getresponse().read()

        sends = [lambda r=r: send(*r) for r in requests]
    return median_seconds(sends[0], 7), median_seconds(sends[1], 9)


def measure_wires(daemon: DaemonProcess) -> None:
    """The section "wires"."""
    create(daemon.http_port, NAME, DIM)
    ports = (daemon.http_port, daemon.grpc_port)
    for title, work in (("the official client", wire_times), ("prepared", prepared_times)):
        print(f"\nwires: {title}, over REST and over gRPC")
        rest: Any = in_process(work, *ports, False)  # type: ignore[arg-type]
        own: Any = in_process(work, *ports, True)  # type: ignore[arg-type]
        for what, slow, fast in zip(("upsert 10,000", "search 1,000"), rest, own, strict=True):
            figures = (f"{slow * 1e3:.0f} ms REST", f"{fast * 1e3:.0f} ms gRPC")
            show(what, *figures, f"{slow / fast:.1f}x")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the requested sections."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = ("upsert", "search", "slow", "latency", "wires")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(names))
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, default=None, help="the folder of packages")
    chosen = parser.parse_args(arguments)
    sections = chosen.sections or names
    with DaemonProcess() as daemon:
        if {"upsert", "search", "slow"} & set(sections):
            measure_upsert(daemon, chosen.points)
        if "search" in sections:
            measure_search(daemon)
        if "slow" in sections:
            measure_slow(daemon)
        if "latency" in sections:
            measure_latency(daemon, chosen.data)
        if "wires" in sections:
            measure_wires(daemon)


if __name__ == "__main__":
    main()
