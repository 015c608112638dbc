"""The cost of a call over gRPC, beside a server without any work behind it.

    python -m benchmarks.calls

Prints calls per second of a bare grpc.aio echo and of our Get of one point, and their ratio; 16
calls in flight from another process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from qdrant_client import QdrantClient, grpc, models

from tests.support import DaemonProcess

from .load import GrpcCall, compare

COLLECTION = "calls"


class BareServer(NamedTuple):
    """A running baseline server."""

    port: int
    pid: int


@contextmanager
def bare_server(kind: str) -> Iterator[BareServer]:
    """Run a baseline server; see benchmarks.bare."""
    command = [sys.executable, "-m", "benchmarks.bare", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the baseline server has no output")
            yield BareServer(int(process.stdout.readline()), process.pid)
        finally:
            process.kill()


def get_request() -> bytes:
    """A serialized Get of the point 1 with its payload and vector."""
    return grpc.GetPoints(
        collection_name=COLLECTION,
        ids=[grpc.PointId(num=1)],
        with_payload=grpc.WithPayloadSelector(enable=True),
        with_vectors=grpc.WithVectorsSelector(enable=True),
    ).SerializeToString()


def fill(port: int) -> None:
    """Create the collection and its one point."""
    client = QdrantClient(port=port)
    client.create_collection(
        COLLECTION, models.VectorParams(size=4, distance=models.Distance.COSINE)
    )
    point = models.PointStruct(id=1, vector=[0.1, 0.2, 0.3, 0.4], payload={"k": 1})
    client.upsert(COLLECTION, [point])


def report(title: str, baseline: GrpcCall, ours: GrpcCall) -> None:
    """Measure and print one pair."""
    base, own, ratio = compare(baseline, ours)
    print(f"{title:<24}{base:>12.0f}{own:>12.0f}{ratio:>8.2f}")


def main() -> None:
    """Run the whole table."""
    print(f"{'calls/s, 16 in flight':<24}{'bare':>12}{'ours':>12}{'ratio':>8}")
    with DaemonProcess() as daemon, bare_server("grpc") as echo:
        fill(daemon.http_port)
        method, request = "/qdrant.Points/Get", get_request()
        report(
            "gRPC: Get a point",
            GrpcCall(echo.port, method, request),
            GrpcCall(daemon.grpc_port, method, request),
        )


if __name__ == "__main__":
    main()
