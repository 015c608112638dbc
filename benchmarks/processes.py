"""Reads of several processes over gRPC beside those of one.

    python -m benchmarks.processes [PROCESSES]

Prints calls per second with one process and with so many, 2 by default, in turns, over as many
connections as there are calls in flight, and the processor time of the server for each call. More
processes than cores only add to the time of a call.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import median

import numpy as np
from qdrant_client import QdrantClient, grpc, models

from tests.support import DaemonProcess

from .load import GrpcCall, rate

COLLECTION = "processes"
SIZE = 64
COUNT = 20_000
ROUNDS = 3
SECONDS = 3.0
IN_FLIGHT = 16
_TICKS = os.sysconf("SC_CLK_TCK")


def fill(daemon: DaemonProcess) -> None:
    """Create the collection, and wait until it is indexed."""
    client = QdrantClient(
        port=daemon.http_port, grpc_port=daemon.grpc_port, prefer_grpc=True, timeout=300
    )
    client.create_collection(
        COLLECTION, models.VectorParams(size=SIZE, distance=models.Distance.COSINE)
    )
    vectors = np.random.default_rng(0).standard_normal((COUNT, SIZE), dtype=np.float32)
    payload = [{"k": number} for number in range(COUNT)]
    client.upload_collection(COLLECTION, vectors, payload, range(COUNT), wait=True, batch_size=1000)
    client.close()


def processor_seconds(pid: int) -> float:
    """The processor time of a process and its children so far, in seconds."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    times = [Path(f"/proc/{own}/stat").read_text().rpartition(")")[2] for own in (pid, *children)]
    return sum(sum(map(int, own.split()[11:13])) for own in times) / _TICKS


def targets(daemon: DaemonProcess) -> dict[str, GrpcCall]:
    """What is measured."""
    wanted = grpc.WithPayloadSelector(enable=True)
    get = grpc.GetPoints(collection_name=COLLECTION, ids=[grpc.PointId(num=1)], with_payload=wanted)
    vector = grpc.VectorInput(dense=grpc.DenseVector(data=np.full(SIZE, 0.1)))
    query = grpc.QueryPoints(collection_name=COLLECTION, query=grpc.Query(nearest=vector), limit=10)
    port = daemon.grpc_port
    return {
        "Get a point": GrpcCall(port, "/qdrant.Points/Get", get.SerializeToString(), IN_FLIGHT),
        "Query": GrpcCall(port, "/qdrant.Points/Query", query.SerializeToString(), IN_FLIGHT),
    }


def main(processes: int) -> None:
    """Run the whole table."""
    title = f"calls/s, {IN_FLIGHT} in flight"
    print(f"{title:<24}{'1 process':>12}{processes:>12}{'ratio':>8}{'us, 1':>10}{'us':>10}")
    with DaemonProcess() as one, DaemonProcess(None, f"--processes={processes}") as several:
        daemons = one, several
        for daemon in daemons:
            fill(daemon)
        pairs = zip(targets(one).items(), targets(several).values(), strict=True)
        for (name, own), other in pairs:
            rates: list[list[float]] = [[], []]
            costs: list[list[float]] = [[], []]
            for _ in range(ROUNDS):
                for place, (daemon, target) in enumerate(zip(daemons, (own, other), strict=True)):
                    before = processor_seconds(daemon.pid)
                    found = rate(target, SECONDS, IN_FLIGHT)
                    spent = processor_seconds(daemon.pid) - before
                    rates[place].append(found)
                    costs[place].append(spent / (found * SECONDS) * 1e6)
            first, second = map(median, rates)
            print(
                f"{name:<24}{first:>12.0f}{second:>12.0f}{second / first:>8.2f}"
                f"{median(costs[0]):>10.0f}{median(costs[1]):>10.0f}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
