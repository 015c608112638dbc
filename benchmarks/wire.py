"""Calls over gRPC beside the bare completion queue, in one run.

    python -m benchmarks.wire DATA_FOLDER LOAD_PROGRAM [--keep FOLDER]

The load program is called with ADDRESS METHOD FILE IN_FLIGHT SECONDS CONNECTIONS, sends the
messages of FILE (each after its length as uint32, little endian) as they are, and prints a JSON
object with `qps`, `p50` and `p99` in ms, and `error`. A client in Python would take as much of the
machine as the server.

Prints the rate of each kind of call, its ratio to the echo of the same round, the median latency,
and the processor time of the server a call; batches with one and two in flight; and how long a Get
takes beside batches of 1,000.
"""

from __future__ import annotations

import argparse
import os
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import orjson
from attrs import frozen
from qdrant_client import grpc as messages

from tests.support import DaemonProcess

from .callers import Caller
from .calls import bare_server
from .corpus import Case, Corpus, real_corpus
from .engines import COLLECTION, Ours, load_ours
from .search import effort, folder_of

ROUNDS = 3
SECONDS = 2.0
WARM_UP = 0.3
CONNECTIONS = 4
IN_FLIGHT = (1, 16)


@frozen
class Load:
    """Calls per second, latencies in ms, and the server's processor time a call in us."""

    rate: float
    p50: float
    p99: float
    cost: float


@frozen
class Messages:
    """A method of a server in the process `pid`, and serialized requests in a file."""

    port: int
    pid: int
    method: str
    file: Path

    @classmethod
    def written(
        cls, port: int, pid: int, method: str, file: Path, requests: Sequence[bytes]
    ) -> Messages:
        """Write the requests to the file."""
        with file.open("wb") as out:
            for request in requests:
                out.write(struct.pack("<I", len(request)) + request)
        return cls(port, pid, method, file)


class Program:
    """The load program."""

    def __init__(self, path: str) -> None:
        self._path = path

    def run(self, calls: Messages, in_flight: int, seconds: float = SECONDS) -> Load:
        """Send the requests for so long. Raises RuntimeError if a call fails."""
        connections = min(in_flight, CONNECTIONS)
        arguments = (calls.method, calls.file, in_flight, seconds, connections)
        before = processor_time(calls.pid)
        done = subprocess.run(
            [self._path, f"127.0.0.1:{calls.port}", *map(str, arguments)],
            capture_output=True,
            check=True,
        )
        spent = processor_time(calls.pid) - before
        found = orjson.loads(done.stdout)
        if found["error"]:
            raise RuntimeError(found["error"])
        rate = found["qps"]
        cost = spent / (rate * (seconds + WARM_UP)) * 1e6 if rate else 0.0
        return Load(rate, found["p50"], found["p99"], cost)


def processor_time(pid: int) -> float:
    """The processor time in seconds that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def query(case: Case, place: int, ef: int) -> messages.QueryPoints:
    """One query of a case."""
    filter_ = None
    if case.field is not None:
        condition = messages.FieldCondition(key=case.field, range=messages.Range(lt=case.bound))
        filter_ = messages.Filter(must=[messages.Condition(field=condition)])
    dense = messages.VectorInput(dense=messages.DenseVector(data=case.queries[place]))
    return messages.QueryPoints(
        collection_name=COLLECTION,
        query=messages.Query(nearest=dense),
        filter=filter_,
        limit=10,
        params=messages.SearchParams(hnsw_ef=ef),
    )


def queries(case: Case, ef: int) -> list[bytes]:
    """All queries of a case, one a request."""
    count = len(case.queries)
    return [query(case, place, ef).SerializeToString() for place in range(count)]


def batches(case: Case, ef: int, size: int) -> list[bytes]:
    """One request of `size` queries of a case."""
    each = [query(case, place % len(case.queries), ef) for place in range(size)]
    batch = messages.QueryBatchPoints(collection_name=COLLECTION, query_points=each)
    return [batch.SerializeToString()]


def gets(count: int) -> list[bytes]:
    """Requests for single points with their payloads."""
    payload = messages.WithPayloadSelector(enable=True)
    return [
        messages.GetPoints(
            collection_name=COLLECTION, ids=[messages.PointId(num=number)], with_payload=payload
        ).SerializeToString()
        for number in range(0, count, max(count // 500, 1))
    ]


class Table:
    """Measures calls to a daemon with the corpus, and prints them."""

    def __init__(
        self, program: Program, daemon: DaemonProcess, echo: Messages, folder: Path, corpus: Corpus
    ) -> None:
        self._program = program
        self._daemon = daemon
        self._echo = echo
        self._folder = folder
        self._corpus = corpus

    def singles(self, plain: Case, ef: int) -> None:
        """Small calls, beside the echo in turns."""
        count = messages.CountPoints(collection_name=COLLECTION, exact=True).SerializeToString()
        rows = [
            ("echo", self._echo),
            ("Get with payload", self._calls("Get", "get", gets(len(self._corpus)))),
            ("Count", self._calls("Count", "count", [count])),
            (f"Query, ef {ef}", self._calls("Query", "query", queries(plain, ef))),
        ]
        for in_flight in IN_FLIGHT:
            rounds = [
                [self._program.run(calls, in_flight) for _, calls in rows] for _ in range(ROUNDS)
            ]
            for place, (name, _) in enumerate(rows):
                own = [loads[place] for loads in rounds]
                ratio = median(loads[place].rate / loads[0].rate for loads in rounds)
                slower = median(loads[place].p50 / loads[0].p50 for loads in rounds)
                print(
                    f"{f'{name}, {in_flight} in flight':<40}"
                    f"{median(load.rate for load in own):>10,.0f}/s {ratio:>6.2f} of the echo,"
                    f" p50 {median(load.p50 for load in own):.2f} ms, {slower:.2f} of the echo's,"
                    f" {median(load.cost for load in own):,.0f} us",
                    flush=True,
                )

    def batches(self, name: str, case: Case, ef: int, size: int = 1000) -> None:
        """Batches with one and with two in flight, in turns."""
        calls = self._calls("QueryBatch", "batch", batches(case, ef, size))
        rounds = [
            [self._program.run(calls, in_flight, 2 * SECONDS) for in_flight in (1, 2)]
            for _ in range(ROUNDS)
        ]
        for place, in_flight in enumerate((1, 2)):
            rate = median(loads[place].rate for loads in rounds) * size
            cost = median(loads[place].cost for loads in rounds) / size
            title = f"{name}, ef {ef}, {in_flight} in flight"
            print(f"{title:<48}{rate:>10,.0f}/s, {cost:,.0f} us a query", flush=True)

    def fairness(self, case: Case, ef: int) -> None:
        """Gets alone, and while batches of 1,000 are searched."""
        get = self._calls("Get", "get", gets(len(self._corpus)))
        batch = self._calls("QueryBatch", "batch", batches(case, ef, 1000))
        alone = self._program.run(get, 1)
        with ThreadPoolExecutor(1) as threads:
            busy = threads.submit(self._program.run, batch, 1, 3 * SECONDS)
            beside = self._program.run(get, 1)
            rate = busy.result().rate * 1000
        print(
            f"Get, p50 and p99 in ms: alone {alone.p50:.2f}, {alone.p99:.2f}; "
            f"beside batches of 1,000 {beside.p50:.2f}, {beside.p99:.2f} ({rate:,.0f} queries/s)"
        )

    def _calls(self, method: str, name: str, requests: Sequence[bytes]) -> Messages:
        port, pid = self._daemon.grpc_port, self._daemon.pid
        file = self._folder / f"{name}.messages"
        return Messages.written(port, pid, f"/qdrant.Points/{method}", file, requests)


@contextmanager
def filled_daemon(folder: Path, corpus: Corpus) -> Iterator[DaemonProcess]:
    """A daemon with the corpus, which the folder may have."""
    done = folder / "filled"
    with DaemonProcess(folder / "data", "--rate-limit=0") as daemon:
        if not done.exists():
            load_ours(daemon, corpus)
            done.touch()
        yield daemon


def parsed(description: str | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("data", type=Path)
    parser.add_argument("load")
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


def main() -> None:
    """Run the table."""
    given = parsed(__doc__)
    corpus = real_corpus(given.data)
    plain, program = corpus.plain(), Program(given.load)
    (narrow,) = (case for case in corpus.filtered() if case.name == "1% random")
    with (
        folder_of(given.keep) as folder,
        tempfile.TemporaryDirectory() as files,
        filled_daemon(folder, corpus) as daemon,
        bare_server("queue") as echo,
        Caller() as caller,
    ):
        ours = Ours(daemon, caller, is_rest=False)
        efs = [effort(ours, plain, recall) for recall in (0.95, 0.99)]
        print("recall reached:", ", ".join(f"{recall:.3f} at ef {ef}" for ef, recall in efs))
        (fast, _), (exact, _) = efs
        file = Path(files) / "echo.messages"
        bare = Messages.written(echo.port, echo.pid, "/echo/Echo", file, queries(plain, fast))
        table = Table(program, daemon, bare, Path(files), corpus)
        table.singles(plain, fast)
        table.batches("batches of 1,000", plain, fast)
        table.batches("batches of 1,000", plain, exact)
        table.batches("batches of 1,000, filter of 1%", narrow, effort(ours, narrow, 0.98)[0])
        table.fairness(plain, fast)


if __name__ == "__main__":
    main()
