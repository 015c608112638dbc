"""Searches of ours over gRPC and REST, beside qdrant-edge-py in this process. One table.

    python -m benchmarks.search DATA_FOLDER [sections] [--keep FOLDER]
    python -m benchmarks.search --clustered 100000 128 [sections] [--keep FOLDER]

Sections are load, plain, rest, filters, calls and sizes; all without any. With `--keep` what is
stored stays in a folder, and is found there by the next run. Every search is measured at the least
ef of a sweep that reaches the recall; ours by a client process of its own over real sockets, where
the server shares the machine with it, and the peer without either. A ratio above 1 is in our
favour.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import qdrant_edge as edge
from qdrant_client import grpc as messages

from tests.support import DaemonProcess

from .callers import Caller, GrpcMethod, Pace
from .corpus import Case, Corpus, clustered_corpus, real_corpus
from .engines import COLLECTION, SECONDS, Ours, Peer, bytes_on_disk, load_ours, load_peer, memory_of

SECTIONS = ("load", "plain", "rest", "filters", "calls", "sizes")
EFS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024)
RECALLS = (0.95, 0.99)
FILTERED_RECALL = 0.98
IN_FLIGHT = 16
ROUNDS = 3

WAYS = (
    ("one at a time", 0, 1),
    (f"{IN_FLIGHT} in flight", 0, IN_FLIGHT),
    ("batches of 100", 100, 1),
    ("batches of 1,000", 1000, 1),
)
"""For each kind of calls: its name, its batch size (0: single searches), calls in flight."""


class Engine(Protocol):
    """The interface of both engines."""

    def found(self, case: Case, ef: int) -> list[list[int]]:
        """The ids found by each query of a case."""
        ...

    def singles(self, case: Case, ef: int, in_flight: int) -> Pace:
        """The pace of single searches."""
        ...

    def batches(self, case: Case, ef: int, size: int) -> Pace:
        """The pace of batches, in batches per second."""
        ...


def line(title: str, ours: float, peer: float, note: str = "", *, is_cost: bool = False) -> None:
    """Print a figure of both engines; with `is_cost`, less is better."""
    ratio = peer / ours if is_cost and ours else ours / peer if peer else 0.0
    print(f"{title:<40}{ours:>12,.1f}{peer:>12,.1f}{ratio:>8.2f}  {note}", flush=True)


def effort(engine: Engine, case: Case, recall: float) -> tuple[int, float]:
    """The least ef that reaches the recall, or the last one tried, and the recall at it."""
    reached = 0.0
    for ef in EFS:
        reached = case.recall(engine.found(case, ef))
        if reached >= recall:
            return ef, reached
    return EFS[-1], reached


def paces(
    ours: Engine,
    peer: Engine,
    case: Case,
    efs: tuple[int, int],
    size: int,
    in_flight: int,
    count: int = ROUNDS,
) -> tuple[Pace, Pace, float]:
    """The median paces of both, measured in turns, and the median of their ratios.

    Rates are of searches; `size` is that of a batch, 0 for single searches.
    """

    def once(engine: Engine, ef: int) -> Pace:
        if not size:
            return engine.singles(case, ef, in_flight)
        return engine.batches(case, ef, size)

    rounds = [(once(ours, efs[0]), once(peer, efs[1])) for _ in range(count)]
    columns = zip(*rounds, strict=True)
    middle = [sorted(column, key=lambda pace: pace.rate)[count // 2] for column in columns]
    return middle[0], middle[1], median(own.rate / their.rate for own, their in rounds)


def compare(title: str, ours: Engine, peer: Engine, case: Case, efs: tuple[int, int]) -> None:
    """Print the paces of single searches and of batches."""
    for way, size, in_flight in WAYS:
        own, their, ratio = paces(ours, peer, case, efs, size, in_flight)
        searches = size or 1
        print(
            f"{f'{title}, {way}':<40}{own.rate * searches:>12,.1f}{their.rate * searches:>12,.1f}"
            f"{ratio:>8.2f}  ms p50 {own.p50:.2f}/{their.p50:.2f} p95 {own.p95:.2f}/{their.p95:.2f}"
            f" p99 {own.p99:.2f}/{their.p99:.2f}",
            flush=True,
        )


def compare_plain(title: str, ours: Engine, peer: Engine, case: Case) -> None:
    """Searches without a filter, at each recall."""
    for recall in RECALLS:
        own, their = effort(ours, case, recall), effort(peer, case, recall)
        line(f"{title}: recall@10 of {recall}, ef", own[0], their[0], is_cost=True)
        print(f"{'  recall reached':<40}{own[1]:>12.3f}{their[1]:>12.3f}")
        compare(f"  {title} {recall}", ours, peer, case, (own[0], their[0]))


def compare_filtered(ours: Engine, peer: Engine, corpus: Corpus) -> None:
    """Filtered searches."""
    for case in corpus.filtered():
        own, their = (effort(engine, case, FILTERED_RECALL) for engine in (ours, peer))
        note = f"ef {own[0]}/{their[0]}, recall {own[1]:.3f}/{their[1]:.3f}"
        for way, size, in_flight in WAYS:
            pace, peer_pace, _ = paces(ours, peer, case, (own[0], their[0]), size, in_flight, 1)
            searches = size or 1
            rates = (pace.rate * searches, peer_pace.rate * searches)
            line(f"{case.name}, {way}", *rates, note)


def compare_calls(daemon: DaemonProcess, ours: Ours, caller: Caller, case: Case) -> None:
    """Single searches beside a call without work, which is in the column of the peer."""
    ef, recall = effort(ours, case, RECALLS[0])
    request = messages.CollectionExistsRequest(collection_name=COLLECTION).SerializeToString()
    place = GrpcMethod(daemon.grpc_port, "/qdrant.Collections/CollectionExists")
    rounds = [
        (
            ours.singles(case, ef, IN_FLIGHT).rate,
            caller.pace(place, [request], IN_FLIGHT, SECONDS).rate,
        )
        for _ in range(ROUNDS)
    ]
    own, empty = (median(column) for column in zip(*rounds, strict=True))
    line(f"searches and empty calls, {IN_FLIGHT} in flight", own, empty, f"recall {recall:.3f}")


def print_sizes(daemon: DaemonProcess, peer_folder: Path, corpus: Corpus) -> None:
    """Print the memory of our daemon above that of an empty one, and disk usage of both."""
    with DaemonProcess() as empty:
        base = memory_of(empty.pid)
    own, mapped = (
        (full - free) / 1e6 for full, free in zip(memory_of(daemon.pid), base, strict=True)
    )
    raw = corpus.vectors.nbytes / 1e6
    a_point = (own + mapped - 1.2 * raw) * 1e6 / len(corpus)
    print(f"memory of ours: {own:.0f} MB of its own, {mapped:.0f} MB of mapped files")
    print(f"  beyond 1.2 times the vectors of {raw:.0f} MB: {a_point:.0f} bytes a point")
    disk = bytes_on_disk(Path(daemon.data)), bytes_on_disk(peer_folder)
    line("on disk, MB", disk[0] / 1e6, disk[1] / 1e6, is_cost=True)


@contextmanager
def folder_of(kept: Path | None) -> Iterator[Path]:
    """The folder `kept`, or a temporary one."""
    if kept is not None:
        kept.mkdir(exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def stored(daemon: DaemonProcess, folder: Path, corpus: Corpus) -> Any:
    """Store the corpus in both and print the durations; returns the shard of the peer."""
    done = folder / "loaded"
    if done.exists():
        return edge.EdgeShard.load(str(folder / "peer"))
    own_stored, own_green = load_ours(daemon, corpus)
    shard, peer_stored, peer_green = load_peer(folder / "peer", corpus)
    count = len(corpus)
    line("load, points/s", count / own_stored, count / peer_stored)
    line("from stored to green, s", own_green, peer_green, is_cost=True)
    whole = own_stored + own_green, peer_stored + peer_green
    line("from nothing to green, points/s", count / whole[0], count / whole[1])
    done.touch()
    return shard


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="the data folder, and sections")
    parser.add_argument("--clustered", nargs=2, type=int, metavar=("POINTS", "DIMENSION"))
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


def main() -> None:
    """Run the table."""
    given = parsed()
    sections = [word for word in given.words if word in SECTIONS] or list(SECTIONS)
    if given.clustered:
        corpus = clustered_corpus(*given.clustered)
    else:
        corpus = real_corpus(Path(given.words[0]))
    print(f"{f'{len(corpus):,} x {corpus.vectors.shape[1]}':<40}", end="")
    print(f"{'ours':>12}{'peer':>12}{'ratio':>8}")
    with (
        folder_of(given.keep) as folder,
        Caller() as caller,
        DaemonProcess(folder / "ours") as daemon,
    ):
        shard = stored(daemon, folder, corpus)
        grpc_, rest = (Ours(daemon, caller, is_rest=is_rest) for is_rest in (False, True))
        peer = Peer(shard)
        if "plain" in sections:
            compare_plain("gRPC", grpc_, peer, corpus.plain())
        if "rest" in sections:
            compare_plain("REST", rest, peer, corpus.plain())
        if "filters" in sections:
            compare_filtered(grpc_, peer, corpus)
        if "calls" in sections:
            compare_calls(daemon, grpc_, caller, corpus.plain())
        if "sizes" in sections:
            print_sizes(daemon, folder / "peer", corpus)
        shard.close()
        daemon.stop()


if __name__ == "__main__":
    main()
