"""A soak test of writes, searches and graph builds, checked against exact results.

    python -m benchmarks.soak [MINUTES] [POINTS]

Two clients keep changing about POINTS points of their own in a daemon whose graphs are built,
grown and renewed all the time, while a third searches. Every few seconds the writers pause, and
what is stored is held against a copy in memory: the ids, the payloads, the vectors and searches,
filtered and not. Between the pauses every search is held to what is always true: no point twice,
none that never was, none too few. The exit status is 1 when anything was wrong.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import define, field
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models

from tests.support import DaemonProcess

from .engines import memory_of

NAME = "soak"
DIM = 64
WRITERS = 2
GROUPS = 10
MOST_BATCH = 300
LIMIT = 20
QUERIES = 20
CHECK_SECONDS = 5.0
LEAST_RECALL = 0.95
TOLERANCE = 1e-4
_MEBIBYTE = 1 << 20

Vectors = NDArray[np.float32]


@define
class Copy:
    """The expected points of one writer, whose ids are `remainder` modulo WRITERS."""

    remainder: int
    capacity: int
    random: np.random.Generator
    centres: Vectors
    vectors: Vectors = field(init=False)
    groups: NDArray[np.int64] = field(init=False)
    alive: NDArray[np.bool_] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.vectors = np.zeros((self.capacity, DIM), dtype=np.float32)
        self.groups = np.zeros(self.capacity, dtype=np.int64)
        self.alive = np.zeros(self.capacity, dtype=np.bool_)

    def ids(self, slots: NDArray[np.int64]) -> list[Any]:
        """The ids of the points in `slots`."""
        found: list[Any] = (slots * WRITERS + self.remainder).tolist()
        return found

    def drawn(self, count: int) -> Vectors:
        """Draw new vectors near the centres, normalized."""
        near = self.centres[self.random.integers(len(self.centres), size=count)]
        noise = self.random.normal(size=near.shape)
        made = near + noise.astype(np.float32) * 0.4
        lengths = np.linalg.norm(made, axis=1, keepdims=True)
        unit: Vectors = (made / lengths).astype(np.float32)
        return unit


class Soak:
    """One run. `failures` describes each failed check."""

    def __init__(self, daemon: DaemonProcess, points: int) -> None:
        self._daemon = daemon
        self._centres = np.random.default_rng(0).normal(size=(50, DIM)).astype(np.float32)
        self.copies = [
            Copy(number, points // WRITERS, np.random.default_rng(number), self._centres)
            for number in range(WRITERS)
        ]
        self.failures: list[str] = []
        self.operations = self.searches = self.checks = 0
        self.worst_recall = 1.0
        self._stop = threading.Event()
        self._turn = [threading.Lock() for _ in range(WRITERS)]
        self._may_write = threading.Event()
        self._may_write.set()

    def client(self) -> QdrantClient:
        """A client of the daemon over gRPC."""
        daemon = self._daemon
        return QdrantClient(
            port=daemon.http_port, grpc_port=daemon.grpc_port, prefer_grpc=True, timeout=120
        )

    def run(self, seconds: float) -> None:
        """Write, search and check for `seconds`."""
        self._create(self.client())
        threads = [
            threading.Thread(target=self._guard, args=(self._write, n)) for n in range(WRITERS)
        ]
        threads.append(threading.Thread(target=self._guard, args=(self._search,)))
        for thread in threads:
            thread.start()
        checking = self.client()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not self._stop.is_set():
            self._stop.wait(CHECK_SECONDS)
            self._guard(self._check, checking)
            self._report(checking)
        self._stop.set()
        for thread in threads:
            thread.join()
        self._guard(self._check, checking)

    def _guard(self, work: Callable[..., None], *arguments: Any) -> None:
        """Do the work; an exception is recorded as a failure and ends the run."""
        try:
            work(*arguments)
        except Exception as error:
            self.failures.append(f"{work.__name__}: {error!r}")
            self._stop.set()

    def _create(self, client: QdrantClient) -> None:
        client.create_collection(
            NAME,
            models.VectorParams(size=DIM, distance=models.Distance.COSINE),
            # Graphs from 2,000 points on, renewed when a tenth of one is dead.
            optimizers_config=models.OptimizersConfigDiff(
                indexing_threshold=500, deleted_threshold=0.1, vacuum_min_vector_number=500
            ),
            hnsw_config=models.HnswConfigDiff(full_scan_threshold=100),
        )
        client.create_payload_index(NAME, "group", models.PayloadSchemaType.INTEGER, wait=True)

    def _write(self, number: int) -> None:
        client, copy = self.client(), self.copies[number]
        kinds = (self._upsert, self._upsert, self._upsert, self._delete, self._set_payload)
        while not self._stop.is_set():
            self._may_write.wait()
            with self._turn[number]:
                count = int(copy.random.integers(1, MOST_BATCH))
                slots = copy.random.choice(copy.capacity, count, replace=False)
                kinds[copy.random.integers(len(kinds))](client, copy, slots)
                self.operations += 1

    def _upsert(self, client: QdrantClient, copy: Copy, slots: NDArray[np.int64]) -> None:
        vectors = copy.drawn(len(slots))
        groups = copy.random.integers(GROUPS, size=len(slots))
        payloads: list[Any] = [{"group": group} for group in groups.tolist()]
        batch = models.Batch(ids=copy.ids(slots), vectors=vectors.tolist(), payloads=payloads)
        client.upsert(NAME, batch, wait=True)
        copy.vectors[slots], copy.groups[slots], copy.alive[slots] = vectors, groups, True

    def _delete(self, client: QdrantClient, copy: Copy, slots: NDArray[np.int64]) -> None:
        client.delete(NAME, models.PointIdsList(points=copy.ids(slots)), wait=True)
        copy.alive[slots] = False

    def _set_payload(self, client: QdrantClient, copy: Copy, slots: NDArray[np.int64]) -> None:
        slots = slots[copy.alive[slots]]
        if len(slots):
            group = int(copy.random.integers(GROUPS))
            client.set_payload(NAME, {"group": group}, points=copy.ids(slots), wait=True)
            copy.groups[slots] = group

    def _search(self) -> None:
        """Search during writes, and check the invariants of results."""
        client, random = self.client(), np.random.default_rng(9)
        most = sum(copy.capacity for copy in self.copies)
        while not self._stop.is_set():
            before = client.count(NAME).count
            near = self._centres[random.integers(len(self._centres))]
            found = client.query_points(NAME, near.tolist(), limit=LIMIT).points
            ids = [int(point.id) for point in found]
            scores = [point.score for point in found]
            self._expect(len(set(ids)) == len(ids), f"a point twice: {ids}")
            self._expect(all(0 <= point < most for point in ids), f"a point never was: {ids}")
            self._expect(scores == sorted(scores, reverse=True), f"out of order: {scores}")
            is_settled = before >= LIMIT + WRITERS * MOST_BATCH
            self._expect(not is_settled or len(ids) == LIMIT, f"{len(ids)} of {before} points")
            self.searches += 1

    def _check(self, client: QdrantClient) -> None:
        """Compare everything stored with the copies, while the writers wait."""
        self._may_write.clear()
        for turn in self._turn:
            turn.acquire()
        try:
            ids, vectors, groups = self._expected()
            self._check_points(client, ids, vectors, groups)
            for group in (None, *range(0, GROUPS, 3)):
                is_wanted = np.ones(len(ids), np.bool_) if group is None else groups == group
                self._check_searches(client, ids[is_wanted], vectors[is_wanted], group)
            self.checks += 1
        finally:
            for turn in self._turn:
                turn.release()
            self._may_write.set()

    def _expected(self) -> tuple[NDArray[np.int64], Vectors, NDArray[np.int64]]:
        parts = [(copy, np.flatnonzero(copy.alive)) for copy in self.copies]
        ids = np.concatenate([np.array(c.ids(slots), dtype=np.int64) for c, slots in parts])
        vectors = np.concatenate([c.vectors[slots] for c, slots in parts])
        groups = np.concatenate([c.groups[slots] for c, slots in parts])
        order = np.argsort(ids)
        return ids[order], vectors[order], groups[order]

    def _check_points(
        self,
        client: QdrantClient,
        ids: NDArray[np.int64],
        vectors: Vectors,
        groups: NDArray[np.int64],
    ) -> None:
        self._expect(client.count(NAME).count == len(ids), "the count")
        records, _ = client.scroll(NAME, limit=len(ids) + 1, with_vectors=True)
        self._expect([record.id for record in records] == ids.tolist(), "the ids")
        stored = [(record.payload or {}).get("group") for record in records]
        self._expect(stored == groups.tolist(), "the payloads")
        kept = np.array([record.vector for record in records], dtype=np.float32)
        self._expect(np.allclose(kept, vectors, atol=TOLERANCE), "the vectors")

    def _check_searches(
        self, client: QdrantClient, ids: NDArray[np.int64], vectors: Vectors, group: int | None
    ) -> None:
        random = np.random.default_rng(self.checks)
        queries = self._centres[random.integers(len(self._centres), size=QUERIES)]
        wanted = None
        if group is not None:
            match = models.FieldCondition(key="group", match=models.MatchValue(value=group))
            wanted = models.Filter(must=[match])
        requests = [
            models.QueryRequest(query=query.tolist(), limit=LIMIT, filter=wanted)
            for query in queries
        ]
        answers = client.query_batch_points(NAME, requests)
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        scores = (queries / lengths) @ vectors.T
        place = {point: number for number, point in enumerate(ids.tolist())}
        hits = total = 0
        for own, answer in zip(scores, answers, strict=True):
            found = [int(point.id) for point in answer.points]
            expected = min(LIMIT, len(ids))
            self._expect(len(found) == len(set(found)) == expected, f"{len(found)} hits")
            self._expect(all(point in place for point in found), "a point that is not there")
            told = np.array([point.score for point in answer.points])
            true = own[[place[point] for point in found if point in place]]
            self._expect(
                len(told) == len(true) and np.allclose(told, true, atol=TOLERANCE), "scores"
            )
            best = np.argsort(-own)[:expected]
            hits += len(set(ids[best].tolist()) & set(found))
            total += expected
        recall = hits / max(total, 1)
        self.worst_recall = min(self.worst_recall, recall)
        self._expect(recall >= LEAST_RECALL, f"recall {recall:.3f}, group {group}, {len(ids)}")

    def _expect(self, condition: bool, what: str) -> None:
        if not condition:
            self.failures.append(what)
            self._stop.set()

    def _report(self, client: QdrantClient) -> None:
        info = client.get_collection(NAME)
        own, _ = memory_of(self._daemon.pid)
        print(
            f"{self.operations:>8} updates {self.searches:>8} searches {self.checks:>5} checks"
            f"  {info.points_count:>7} points {info.indexed_vectors_count:>7} indexed"
            f"  {info.segments_count} segments  {info.status.value:<7}"
            f" recall >= {self.worst_recall:.3f} {own / _MEBIBYTE:>6.0f} MiB",
            flush=True,
        )


def main() -> int:
    """Run for the requested minutes; status 1 if a check failed or the daemon logged an error."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    points = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    with DaemonProcess() as daemon:
        soak = Soak(daemon, points)
        soak.run(minutes * 60)
        errors = [e for e in daemon.log_events() if e.get("level") in ("error", "critical")]
    for failure in (*soak.failures, *errors):
        print("wrong:", failure)
    print("all was well" if not soak.failures and not errors else "not all was well")
    return 1 if soak.failures or errors else 0


if __name__ == "__main__":
    sys.exit(main())
