"""Large REST request and response bodies: their durations, and the memory the daemon uses.

    python -m benchmarks.bodies [points]

Prints seconds and the growth of the daemon's anonymous memory for one upsert of so many points of
128 dimensions (77,519 by default, which are 200 MB of JSON), for a scroll and a search that return
almost all of them, for one such scroll while five other clients have stopped reading theirs, and
the median of upserts of 1,000 points.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from statistics import median
from time import perf_counter
from typing import Any

import orjson

from tests.support import DaemonProcess

from .streaming import Memory, create, show
from .upsert import vectors

NAME = "bodies"
DIM = 128
SMALL = 1000
POINTS = 77_519


def body(count: int) -> bytes:
    """An upsert request as JSON, whose numbers have all digits of a double."""
    rows = vectors(count, DIM).astype(float)
    pieces = [
        orjson.dumps({"id": i, "vector": row.tolist(), "payload": {"number": i, "name": f"p {i}"}})
        for i, row in enumerate(rows)
    ]
    return b'{"points":[' + b",".join(pieces) + b"]}"


def ask(port: int, method: str, path: str, content: bytes) -> float:
    """Send a request; returns the seconds until the whole response is read. It is not decoded."""
    started = perf_counter()
    connection = begin(port, method, path, content)
    response = connection.getresponse()
    while response.read(1 << 20):
        pass
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{method} {path}: {response.status}")
    return perf_counter() - started


def begin(port: int, method: str, path: str, content: bytes) -> HTTPConnection:
    """Send a request; returns its connection, with the response unread."""
    connection = HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request(method, f"/collections/{NAME}/points{path}", content)
    return connection


@contextmanager
def stalled(port: int, count: int, content: bytes) -> Iterator[None]:
    """Keep scrolls open whose clients read the head of the response and then stop reading."""
    connections = [begin(port, "POST", "/scroll", content) for _ in range(count)]
    for connection in connections:
        connection.getresponse()
    time.sleep(1.0)
    yield
    for connection in connections:
        connection.close()


def measure(daemon: DaemonProcess, title: str, method: str, path: str, content: bytes) -> None:
    """Measure one request, and print its duration and memory."""
    with Memory(daemon.pid) as memory:
        seconds = ask(daemon.http_port, method, path, content)
    show(title, f"{seconds:.2f} s", memory.growth)


def main() -> None:
    """Run the whole table."""
    points = int(sys.argv[1]) if len(sys.argv) > 1 else POINTS
    content = body(points)
    whole: dict[str, Any] = {"limit": points - 1, "with_vector": True, "with_payload": True}
    scroll = orjson.dumps(whole)
    search = orjson.dumps(whole | {"vector": [0.1] * DIM})
    with DaemonProcess(None, "--max-request-size-mb=4000") as daemon:
        create(daemon.http_port, NAME, DIM)
        measure(daemon, f"upsert, {len(content) / 1e6:.0f} MB", "PUT", "?wait=true", content)
        measure(daemon, "scroll", "POST", "/scroll", scroll)
        measure(daemon, "search", "POST", "/search", search)
        with Memory(daemon.pid) as memory, stalled(daemon.http_port, 5, scroll):
            seconds = ask(daemon.http_port, "POST", "/scroll", scroll)
        show("scroll beside five that are not read", f"{seconds:.2f} s", memory.growth)
        small = body(SMALL)
        times = [ask(daemon.http_port, "PUT", "?wait=true", small) for _ in range(20)]
        show(f"upsert of {SMALL} points", f"{median(times) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
