"""The cost of a REST call, beside bare servers on Twisted that answer with as many bytes.

    python -m benchmarks.rest

Prints calls per second over 16 connections and the server's processor time for a call: of a bare
Resource of twisted.web, of a bare Klein app, and of ours, which are measured in turns; and the
medians of our ratios to both. 5,000 points of 384 numbers with a payload.
"""

from __future__ import annotations

from statistics import median

import numpy as np
import orjson
from attrs import frozen
from qdrant_client import QdrantClient, models

from tests.support import DaemonProcess

from .bare_http import BareServer
from .http_load import HttpLoad, HttpPace, HttpServer, request_of

COLLECTION = "rest"
POINTS = 5_000
DIMENSIONS = 384
CONNECTIONS = 16
ROUNDS = 5
SECONDS = 0.7

_POINTS_PATH = f"/collections/{COLLECTION}/points"


@frozen
class Call:
    """A REST call: its title, and the request."""

    title: str
    method: str
    path: str
    body: object = None

    def request(self) -> bytes:
        """The complete request."""
        return request_of(self.method, self.path, orjson.dumps(self.body) if self.body else b"")


def calls(vector: list[float]) -> list[Call]:
    """The calls that are measured; the query is for the points next to `vector`."""
    by_group = {"must": [{"key": "group", "match": {"value": 3}}]}
    return [
        Call("GET of a point", "GET", f"{_POINTS_PATH}/1"),
        Call("retrieve 3 points", "POST", _POINTS_PATH, {"ids": [1, 2, 3]}),
        Call("count, filtered", "POST", f"{_POINTS_PATH}/count", {"filter": by_group}),
        Call("scroll 10", "POST", f"{_POINTS_PATH}/scroll", {"limit": 10}),
        Call("query 10", "POST", f"{_POINTS_PATH}/query", {"query": vector, "limit": 10}),
    ]


def fill(port: int) -> list[float]:
    """Create the collection and its points; returns one of the vectors."""
    client = QdrantClient(port=port, timeout=120)
    size = models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE)
    client.create_collection(COLLECTION, size)
    client.create_payload_index(COLLECTION, "group", models.PayloadSchemaType.INTEGER)
    vectors = np.random.default_rng(3).standard_normal((POINTS, DIMENSIONS)).astype(np.float32)
    payloads = [{"group": number % 50, "name": f"point {number}"} for number in range(POINTS)]
    client.upload_collection(
        COLLECTION, vectors, payloads, range(POINTS), batch_size=1000, wait=True
    )
    while client.get_collection(COLLECTION).status != models.CollectionStatus.GREEN:
        pass
    numbers: list[float] = vectors[7].tolist()
    return numbers


def measure(load: HttpLoad, ours: HttpServer, call: Call) -> list[list[HttpPace]]:
    """The paces of a bare Resource, a bare Klein app and ours, in turns."""
    request = call.request()
    size = len(load.answer(ours, request))
    with BareServer("resource", size) as resource, BareServer("klein", size) as klein:
        servers = [
            HttpServer(resource.pid, resource.port),
            HttpServer(klein.pid, klein.port),
            ours,
        ]
        for server in servers:
            load.pace(server, request, CONNECTIONS, SECONDS / 3)
        return [
            [load.pace(server, request, CONNECTIONS, SECONDS) for server in servers]
            for _ in range(ROUNDS)
        ]


def report(title: str, rounds: list[list[HttpPace]]) -> None:
    """Print the row of a call."""
    row = f"{title:<20}"
    for paces in zip(*rounds, strict=True):
        rate = median(own.rate for own in paces)
        row += f"{rate:>9.0f}{median(own.processor for own in paces):>6.0f}"
    for base in (0, 1):
        row += f"{median(own[2].rate / own[base].rate for own in rounds):>9.2f}"
        row += f"{median(own[base].processor / own[2].processor for own in rounds):>6.2f}"
    print(row, flush=True)


def main() -> None:
    """Run the whole table."""
    heads = ("resource", "klein", "ours", "/resource", "/klein")
    print(f"{'calls/s, us of cpu':<20}" + "".join(f"{head:>9}{'us':>6}" for head in heads))
    with DaemonProcess() as daemon, HttpLoad() as load:
        vector = fill(daemon.http_port)
        ours = HttpServer(daemon.pid, daemon.http_port)
        for call in calls(vector):
            report(call.title, measure(load, ours, call))


if __name__ == "__main__":
    main()
