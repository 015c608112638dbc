"""What large work of one client costs another client's reads of single points.

    python -m benchmarks.fairness [SECONDS] [WORK...]

100,000 points of 64 numbers with a payload. One client reads a point at a time, alone and beside
another one that repeats, two at a time: batches of 1,000 points, batches of 1,000 searches, pages
of 100,000 points, counts by filters of 10,000 conditions. Both are processes of their own. Prints
the median and the 99th percentile of the reads in milliseconds over REST and gRPC, what is added
to them, and the rate of the large work.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import numpy as np
import orjson
from attrs import frozen
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as messages

from tests.support import DaemonProcess

from .callers import Caller, GrpcMethod, HttpPath, Pace, Place

COLLECTION = "fair"
POINTS = 100_000
DIMENSIONS = 64
IN_FLIGHT = 2
GOAL_MS = 20.0
"""What large work may add to the 99th percentile."""

_PATH = f"/collections/{COLLECTION}/points"


@frozen
class Work:
    """A request over one wire."""

    place: Place
    request: bytes


def fill(daemon: DaemonProcess) -> None:
    """Write the points, and wait until no graph is built."""
    random = np.random.default_rng(1)
    client = QdrantClient(url=daemon.rest_url, grpc_port=daemon.grpc_port, prefer_grpc=True)
    params = models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)
    client.create_collection(COLLECTION, vectors_config=params)
    for start in range(0, POINTS, 2000):
        ids = list(range(start, start + 2000))
        vectors = random.normal(size=(2000, DIMENSIONS)).astype(np.float32).tolist()
        payloads = [{"number": number, "text": f"text {number}"} for number in ids]
        batch = models.Batch(ids=ids, vectors=vectors, payloads=payloads)
        client.upsert(COLLECTION, batch)
    client.create_payload_index(COLLECTION, "number", models.PayloadSchemaType.INTEGER)
    while client.get_collection(COLLECTION).status != models.CollectionStatus.GREEN:
        sleep(0.5)
    client.close()


def works(daemon: DaemonProcess) -> Mapping[str, Mapping[str, Work]]:
    """The large work by name and wire."""
    vectors = np.random.default_rng(2).normal(size=(1000, DIMENSIONS)).astype(np.float32).tolist()
    points = [{"id": n, "vector": v, "payload": {"number": n}} for n, v in enumerate(vectors)]
    own = {"points": points}
    conditions = [{"key": "number", "match": {"value": 7 * n}} for n in range(10_000)]
    searches = [{"query": v, "limit": 10} for v in vectors]

    def rest(path: str, body: object) -> Work:
        return Work(HttpPath(daemon.http_port, path), orjson.dumps(body))

    def rpc(method: str, message: object) -> Work:
        place = GrpcMethod(daemon.grpc_port, f"/qdrant.Points/{method}")
        return Work(place, message.SerializeToString())  # type: ignore[attr-defined]

    upsert = messages.UpsertPoints(collection_name=COLLECTION, wait=True)
    for number, vector in enumerate(vectors):
        point = upsert.points.add()
        point.id.num = number
        point.vectors.vector.dense.data.extend(vector)
        point.payload["number"].integer_value = number
    batch = messages.QueryBatchPoints(collection_name=COLLECTION)
    for vector in vectors:
        search = batch.query_points.add(collection_name=COLLECTION, limit=10)
        search.query.nearest.dense.data.extend(vector)
    count = messages.CountPoints(collection_name=COLLECTION, exact=True)
    for number in range(10_000):
        field = count.filter.should.add().field
        field.key, field.match.integer = "number", 7 * number
    scroll = messages.ScrollPoints(collection_name=COLLECTION, limit=POINTS)
    scroll.with_payload.enable = True
    many = {"filter": {"should": conditions}}
    return {
        "write 1,000": {
            # Over REST, points are put; this client posts them as a batch of one operation.
            "REST": rest(f"{_PATH}/batch?wait=true", {"operations": [{"upsert": own}]}),
            "gRPC": rpc("Upsert", upsert),
        },
        "search 1,000": {
            "REST": rest(f"{_PATH}/query/batch", {"searches": searches}),
            "gRPC": rpc("QueryBatch", batch),
        },
        "scroll 100,000": {
            "REST": rest(f"{_PATH}/scroll", {"limit": POINTS, "with_payload": True}),
            "gRPC": rpc("Scroll", scroll),
        },
        "filter 10,000": {
            "REST": rest(f"{_PATH}/count", many),
            "gRPC": rpc("Count", count),
        },
    }


def reads(daemon: DaemonProcess) -> Mapping[str, Work]:
    """The read of one point, by wire."""
    get = messages.GetPoints(collection_name=COLLECTION, ids=[messages.PointId(num=77)])
    place = GrpcMethod(daemon.grpc_port, "/qdrant.Points/Get")
    return {
        "REST": Work(HttpPath(daemon.http_port, _PATH), b'{"ids":[77]}'),
        "gRPC": Work(place, get.SerializeToString()),
    }


def beside(
    reader: Caller, read: Work, other: Caller, work: Work, seconds: float
) -> tuple[Pace, Pace]:
    """The pace of reads, and that of the work beside them."""
    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(other.pace, work.place, [work.request], IN_FLIGHT, seconds + 0.5)
        found = reader.pace(read.place, [read.request], 1, seconds)
        return found, working.result()


def main() -> None:
    """Measure, and print a line for each kind of work, and each pair of wires."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    wanted = sys.argv[2:]
    with DaemonProcess(None, "--rate-limit=0") as daemon, Caller() as reader, Caller() as other:
        fill(daemon)
        each = reads(daemon)
        alone = {}
        for wire, read in each.items():
            reader.pace(read.place, [read.request], 1, 0.5)
            alone[wire] = pace = reader.pace(read.place, [read.request], 1, seconds)
            print(f"{'alone':15} {'':5} read {wire} {pace.p50:7.2f} {pace.p99:8.2f} ms", flush=True)
        for name, wires in works(daemon).items():
            if wanted and not any(word in name for word in wanted):
                continue
            for wire, work in wires.items():
                for own, read in each.items():
                    found, working = beside(reader, read, other, work, seconds)
                    added = found.p99 - alone[own].p99
                    note = "" if added <= GOAL_MS else "  above the goal"
                    print(
                        f"{name:15} {wire:5} read {own} {found.p50:7.2f} {found.p99:8.2f} ms, "
                        f"p99 {added:+8.2f} ms ({found.p99 / alone[own].p99:5.1f} times), "
                        f"work {working.rate:6.1f}/s{note}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
