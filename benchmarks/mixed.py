"""Concurrent writes and searches: how much each slows the other.

    python -m benchmarks.mixed [POINTS]

One client writes, a request at a time: of five requests of 200 points each, three overwrite points,
one removes some and one sets a payload. Another one searches, with 1 and with 16 calls in flight.
Both are processes of their own and use gRPC. Prints the rates and latencies of each alone and of
both together, and the ratios.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from time import perf_counter
from typing import Any

import grpc.aio
import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as messages

from tests.support import DaemonProcess

NAME = "mixed"
DIM = 64
BATCH = 200
REQUESTS = 60
QUERIES = 200
LIMIT = 20
SECONDS = 4.0

_UPSERT = "/qdrant.Points/Upsert"
_SEARCH = "/qdrant.Points/Search"


@frozen
class Calls:
    """Serialized requests with their methods, and how many are in flight."""

    requests: Sequence[tuple[str, bytes]]
    in_flight: int = 1


@frozen
class Measured:
    """Calls per second, and the median and the 99th percentile of their latency in ms."""

    rate: float
    p50: float
    p99: float

    def __str__(self) -> str:
        return f"{self.rate:>8.0f}/s {self.p50:>7.2f} {self.p99:>8.2f} ms"


def vectors(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    """New vectors, shape [count, DIM]."""
    return random.normal(size=(count, DIM)).astype(np.float32)


def upsert(random: np.random.Generator, ids: Sequence[int]) -> tuple[str, bytes]:
    """A request that writes whole points."""
    points = [
        messages.PointStruct(
            id=messages.PointId(num=number),
            vectors=messages.Vectors(
                vector=messages.Vector(dense=messages.DenseVector(data=vector))
            ),
            payload={"group": messages.Value(integer_value=number % 10)},
        )
        for number, vector in zip(ids, vectors(random, len(ids)), strict=True)
    ]
    request = messages.UpsertPoints(collection_name=NAME, wait=True, points=points)
    return _UPSERT, request.SerializeToString()


def writes(points: int) -> Calls:
    """Requests that change random points."""
    random = np.random.default_rng(1)
    requests: list[tuple[str, bytes]] = []
    for number in range(REQUESTS):
        ids = random.choice(points, BATCH, replace=False).tolist()
        chosen = messages.PointsSelector(
            points=messages.PointsIdsList(ids=[messages.PointId(num=n) for n in ids])
        )
        if number % 5 == 3:
            deletion = messages.DeletePoints(collection_name=NAME, wait=True, points=chosen)
            requests.append(("/qdrant.Points/Delete", deletion.SerializeToString()))
            # Removed points are written again, so that later rounds have as many.
            requests.append(upsert(random, ids))
        elif number % 5 == 4:
            # By filter, since an update by id needs an existing point.
            group = messages.Match(integer=number % 10)
            condition = messages.FieldCondition(key="group", match=group)
            chosen = messages.PointsSelector(
                filter=messages.Filter(
                    must=[
                        messages.Condition(field=condition),
                        messages.Condition(
                            has_id=messages.HasIdCondition(
                                has_id=[messages.PointId(num=n) for n in ids]
                            )
                        ),
                    ]
                )
            )
            payload = {"changed": messages.Value(integer_value=number)}
            setting = messages.SetPayloadPoints(
                collection_name=NAME, wait=True, payload=payload, points_selector=chosen
            )
            requests.append(("/qdrant.Points/SetPayload", setting.SerializeToString()))
        else:
            requests.append(upsert(random, ids))
    return Calls(requests)


def searches(in_flight: int) -> Calls:
    """Requests for the nearest points with their payloads."""
    return Calls(
        [
            (
                _SEARCH,
                messages.SearchPoints(
                    collection_name=NAME,
                    vector=query,
                    limit=LIMIT,
                    with_payload=messages.WithPayloadSelector(enable=True),
                ).SerializeToString(),
            )
            for query in vectors(np.random.default_rng(2), QUERIES)
        ],
        in_flight,
    )


def measure(port: int, calls: Calls, seconds: float) -> Measured:
    """Repeat the calls for `seconds` in this process."""
    return asyncio.run(_measure(port, calls, seconds))


async def _measure(port: int, calls: Calls, seconds: float) -> Measured:
    took: list[float] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        methods: dict[str, Any] = {name: channel.unary_unary(name) for name, _ in calls.requests}
        await channel.channel_ready()
        ends = perf_counter() + seconds

        async def repeat(first: int) -> None:
            number = first
            while (started := perf_counter()) < ends:
                method, request = calls.requests[number % len(calls.requests)]
                await methods[method](request)
                took.append(perf_counter() - started)
                number += calls.in_flight

        await asyncio.gather(*(repeat(number) for number in range(calls.in_flight)))
    p50, p99 = np.percentile(np.array(took) * 1000, [50, 99]).tolist()
    return Measured(len(took) / seconds, p50, p99)


def together(
    processes: ProcessPoolExecutor, port: int, *calls: Calls, seconds: float = SECONDS
) -> list[Measured]:
    """The measurements of clients that run concurrently."""
    futures: list[Future[Measured]] = [
        processes.submit(measure, port, own, seconds) for own in calls
    ]
    return [future.result() for future in futures]


def fill(http_port: int, grpc_port: int, points: int) -> None:
    """Create the collection and its points."""
    client = QdrantClient(port=http_port, grpc_port=grpc_port, prefer_grpc=True, timeout=120)
    client.create_collection(
        NAME,
        models.VectorParams(size=DIM, distance=models.Distance.COSINE),
        optimizers_config=models.OptimizersConfigDiff(indexing_threshold=500),
    )
    client.create_payload_index(NAME, "group", models.PayloadSchemaType.INTEGER, wait=True)
    random = np.random.default_rng(0)
    requests = [
        upsert(random, range(start, min(start + 1000, points))) for start in range(0, points, 1000)
    ]
    calls = Calls(requests)
    asyncio.run(_each(grpc_port, calls))


async def _each(port: int, calls: Calls) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        for method, request in calls.requests:
            send: Any = channel.unary_unary(method)
            await send(request)


def report(daemon: DaemonProcess, points: int) -> None:
    """Measure and print the table."""
    fill(daemon.http_port, daemon.grpc_port, points)
    port, changes = daemon.grpc_port, writes(points)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        together(processes, port, changes, searches(1), seconds=1.0)
        (written,) = together(processes, port, changes)
        print(f"{'writes alone':<32}{written}")
        for in_flight in (1, 16):
            (found,) = together(processes, port, searches(in_flight))
            print(f"{f'{in_flight} searches alone':<32}{found}")
            written_too, found_too = together(processes, port, changes, searches(in_flight))
            ratio = written_too.rate / written.rate
            print(f"{'  writes beside them':<32}{written_too}   rate x {ratio:.2f}")
            slower = found_too.p99 / found.p99
            print(f"{'  searches beside writes':<32}{found_too}   p99 x {slower:.1f}", flush=True)


def main() -> None:
    """Run the table against a daemon of its own."""
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with DaemonProcess() as daemon:
        report(daemon, points)


if __name__ == "__main__":
    main()
