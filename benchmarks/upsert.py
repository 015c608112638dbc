"""Bulk upsert over gRPC against qdrant-edge-py's upsert inside its own process.

    python -m benchmarks.upsert [points]

Ours crosses a process and is on disk at every answer; the peer does neither. Both are given points
that were built before: here serialized requests, there Point objects. Batches of 1,000, four in
flight, a payload of two fields.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from time import perf_counter

import grpc.aio
import numpy as np
import qdrant_edge
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as messages

from tests.support import DaemonProcess

BATCH = 1000
IN_FLIGHT = 4
ROUNDS = 5


def vectors(count: int, dim: int) -> NDArray[np.float32]:
    """The vectors to store, shape [count, dim]."""
    return np.random.default_rng(dim).normal(size=(count, dim)).astype(np.float32)


def requests(collection: str, data: NDArray[np.float32], batch: int = BATCH) -> list[bytes]:
    """Serialized UpsertPoints messages of `batch` points, as the official clients build them."""

    def point(number: int) -> messages.PointStruct:
        dense = messages.DenseVector(data=data[number])
        return messages.PointStruct(
            id=messages.PointId(num=number),
            vectors=messages.Vectors(vector=messages.Vector(dense=dense)),
            payload={
                "number": messages.Value(integer_value=number),
                "name": messages.Value(string_value=f"point {number}"),
            },
        )

    return [
        messages.UpsertPoints(
            collection_name=collection,
            wait=True,
            points=[point(number) for number in range(start, start + batch)],
        ).SerializeToString()
        for start in range(0, len(data), batch)
    ]


async def send(port: int, bodies: list[bytes]) -> float:
    """Send the requests; returns the seconds until all have a response."""
    unlimited = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=unlimited) as channel:
        method = channel.unary_unary("/qdrant.Points/Upsert")
        await channel.channel_ready()
        queue = iter(bodies)

        async def sender() -> None:
            for body in queue:
                await method(body)

        started = perf_counter()
        await asyncio.gather(*(sender() for _ in range(IN_FLIGHT)))
        return perf_counter() - started


def ours(http_port: int, grpc_port: int, count: int, dim: int) -> float:
    """Points per second into a new collection of the daemon."""
    client = QdrantClient(port=http_port)
    client.recreate_collection(
        "upsert", models.VectorParams(size=dim, distance=models.Distance.COSINE)
    )
    seconds = asyncio.run(send(grpc_port, requests("upsert", vectors(count, dim))))
    stored = client.count("upsert").count
    if stored != count:
        raise RuntimeError(f"{stored} of {count} points arrived")
    return count / seconds


def peer(count: int, dim: int) -> float:
    """Points per second into a new shard of qdrant-edge-py, never flushed."""
    with tempfile.TemporaryDirectory() as folder:
        space = qdrant_edge.EdgeVectorParams(size=dim, distance=qdrant_edge.Distance.Cosine)
        shard = qdrant_edge.EdgeShard.create(folder, qdrant_edge.EdgeConfig(vectors=space))
        points = [
            qdrant_edge.Point(number, row.tolist(), {"number": number, "name": f"point {number}"})
            for number, row in enumerate(vectors(count, dim))
        ]
        started = perf_counter()
        for start in range(0, count, BATCH):
            batch = points[start : start + BATCH]
            shard.update(qdrant_edge.UpdateOperation.upsert_points(batch))
        seconds = perf_counter() - started
        shard.close()
    return count / seconds


def in_process(function: Callable[..., float], *arguments: object) -> float:
    """Run a measurement in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def main() -> None:
    """Run the whole table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    print(f"{'points/s':<16}{'peer':>12}{'ours':>12}{'ratio':>8}")
    with DaemonProcess() as daemon:
        for dim in (128, 384):
            pairs = [
                (
                    in_process(peer, count, dim),
                    in_process(ours, daemon.http_port, daemon.grpc_port, count, dim),
                )
                for _ in range(ROUNDS)
            ]
            theirs, own = median(p for p, _ in pairs), median(o for _, o in pairs)
            ratio = median(o / p for p, o in pairs)
            print(f"{f'{dim} dimensions':<16}{theirs:>12.0f}{own:>12.0f}{ratio:>8.2f}")


if __name__ == "__main__":
    main()
