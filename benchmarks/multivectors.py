"""Searches of multivectors, 10,000 points of 32 rows, beside qdrant-edge-py in the same run.

    python -m benchmarks.multivectors DATA_FOLDER

Rows of 128 components are made of the embeddings of Debian packages: a row is between a package
and one near it, with noise. Ours is asked in process, like the peer, by one thread. Printed are
processor time of a query and the ratio of the peer's to ours, for the points that a filter by ids
leaves (a rerank of 100), for exact searches, and for searches by graphs with their recall. Graphs
of both are over 2,000 points, as the peer takes many minutes for 10,000; ours has one of all too.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import attrs
import numpy as np
import qdrant_edge as edge
from numpy.typing import NDArray

from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    VectorParams,
)
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.queries import Query, QueryBatch
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

POINTS = 10_000
LINKED = 2_000
ROWS = 32
SIZE = 128
QUERIES = 100
LIMIT = 10
RERANKED = 100
BATCH = 500
NEAR = 64

Floats = NDArray[np.float32]
Ids = list[list[int]]


def rows_about(packages: Floats, others: Floats, seed: int) -> Floats:
    """The rows of multivectors about `packages`, [n, rows, size], of directions between others."""
    random = np.random.default_rng(seed)
    products = packages @ others.T
    near = np.argpartition(-products, NEAR, axis=1)[:, :NEAR]
    near = random.permuted(near, axis=1)[:, :ROWS]
    project = np.random.default_rng(0).standard_normal((packages.shape[1], SIZE))
    mixed = 0.6 * unit(others @ project)[near] + 0.4 * unit(packages @ project)[:, np.newaxis]
    return unit(unit(mixed) + 0.05 * random.standard_normal(mixed.shape))


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Vectors of length 1."""
    scaled = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(scaled, dtype=np.float32)


class Ours:
    """A collection of ours in this process."""

    def __init__(self, folder: Path, stored: Floats) -> None:
        self._catalog = Catalog(folder)
        self._catalog.open()
        config = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        params = attrs.evolve(VectorParams(Distance.COSINE, SIZE), multivector_config=config)
        self._collection: Collection = self._catalog.create(
            "multi", CreateCollection({UNNAMED: params})
        )
        for start in range(0, len(stored), BATCH):
            lines = stored[start : start + BATCH]
            column = MultiVectors.from_arrays(np.full(len(lines), ROWS), lines.reshape(-1, SIZE))
            ids = list(range(start, start + len(lines)))
            upsert = Upsert(ids, {UNNAMED: VectorColumn(column)}, [b"{}"] * len(ids))
            self._collection.apply([upsert])

    def optimize(self) -> None:
        """Build the graph."""
        optimizer.QUIET_SECONDS = 0
        self._collection.optimize()

    def found(self, queries: Sequence[Floats], *, exact: bool, only: range | None = None) -> Ids:
        """The ids found by a batch of queries."""
        passing = None if only is None else Filter(must=(HasId(frozenset(only)),))
        params = SearchParams(exact=exact)
        batch = [
            Query(VectorExample(MultiVector(own)), limit=LIMIT, params=params, filter=passing)
            for own in queries
        ]
        answers = self._collection.read(QueryBatch(batch))
        return [[int(point.id) for point in answer] for answer in answers]


class Peer:
    """A shard of qdrant-edge-py in this process."""

    def __init__(self, folder: Path, stored: Floats) -> None:
        space = edge.EdgeVectorParams(
            size=SIZE,
            distance=edge.Distance.Cosine,
            multivector_config=edge.MultiVectorConfig(edge.MultiVectorComparator.MaxSim),
        )
        self._shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(vectors=space))
        for start in range(0, len(stored), BATCH):
            rows = range(start, min(start + BATCH, len(stored)))
            points = [edge.Point(row, stored[row].tolist(), {}) for row in rows]
            self._shard.update(edge.UpdateOperation.upsert_points(points))

    def optimize(self) -> None:
        """Build the graph."""
        self._shard.optimize()

    def found(self, queries: Sequence[Floats], *, exact: bool, only: range | None = None) -> Ids:
        """The ids found by queries."""
        passing = None
        if only is not None:
            passing = edge.Filter(must=[edge.HasIdCondition(set(only))])
        requests = [
            edge.QueryRequest(
                limit=LIMIT,
                query=edge.Query.Nearest(own.tolist()),
                params=edge.SearchParams(exact=exact),
                filter=passing,
            )
            for own in queries
        ]
        if len(requests) == 1:
            answers = [self._shard.query(requests[0])]
        else:
            answers = self._shard.query_batch(edge.QueryBatchRequest(requests))
        return [[int(point.id) for point in answer] for answer in answers]


def seconds(search: Callable[[int], object], rounds: int) -> float:
    """The median processor time of a call."""
    taken = []
    for place in range(rounds):
        started = process_time()
        search(place)
        taken.append(process_time() - started)
    return median(taken)


def main(data: Path) -> None:
    """Print a line for each kind of search."""
    vectors = np.load(data / "vectors.f16.npy", mmap_mode="r")[: 2 * POINTS]
    packages = unit(vectors.astype(np.float32))
    asked = unit(np.load(data / "queries.f16.npy")[:QUERIES].astype(np.float32))
    others = packages[POINTS:]
    stored, queries = rows_about(packages[:POINTS], others, 1), rows_about(asked, others, 2)
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(made(folder, "own"), stored)
        engines = (ours, Peer(made(folder, "theirs"), stored))
        compare("rerank of 100", engines, queries, exact=False, reranked=True)
        compare("exact", engines, queries, exact=True)
        truth = ours.found(queries, exact=True)
        print(f"graph of {POINTS} points built in {seconds(lambda _: ours.optimize(), 1):.1f} s")
        taken = seconds(lambda place: ours.found(queries[place : place + 1], exact=False), 20)
        print(f"by that graph: {taken * 1e3:.2f} ms, recall {recall(ours, queries, truth):.3f}")
    with tempfile.TemporaryDirectory() as folder:
        some = stored[:LINKED]
        engines = (Ours(made(folder, "own"), some), Peer(made(folder, "theirs"), some))
        truth = engines[0].found(queries, exact=True)
        built = [seconds(lambda _, engine=engine: engine.optimize(), 1) for engine in engines]
        print(f"graphs of {LINKED} points built in {built[0]:.1f} s, peer {built[1]:.1f} s")
        compare("by graph", engines, queries, exact=False)
        for engine in engines:
            print(f"recall of {type(engine).__name__}: {recall(engine, queries, truth):.3f}")


def made(folder: str, name: str) -> Path:
    """A new folder in `folder`."""
    path = Path(folder, name)
    path.mkdir()
    return path


def recall(engine: Ours | Peer, queries: Floats, truth: Ids) -> float:
    """The share of the nearest that a batch of queries finds."""
    found = engine.found(queries, exact=False)
    hits = sum(len(set(a) & set(b)) for a, b in zip(found, truth, strict=True))
    return hits / (LIMIT * len(queries))


def compare(
    name: str,
    engines: tuple[Ours, Peer],
    queries: Floats,
    *,
    exact: bool,
    reranked: bool = False,
) -> None:
    """Print the processor time of single queries and of a batch of all."""

    def single(engine: Ours | Peer, place: int) -> object:
        first = place * RERANKED % POINTS
        only = range(first, first + RERANKED) if reranked else None
        return engine.found(queries[place : place + 1], exact=exact, only=only)

    def batch(engine: Ours | Peer, _: int) -> object:
        only = range(RERANKED) if reranked else None
        return engine.found(queries, exact=exact, only=only)

    for label, search, count, rounds in (("singles", single, 1, 20), ("batch", batch, QUERIES, 3)):
        ours, theirs = (seconds(partial(search, engine), rounds) / count for engine in engines)
        times = f"{ours * 1e3:.2f} ms, peer {theirs * 1e3:.2f} ms"
        print(f"{name}, {label}: {times}, ratio {theirs / ours:.2f}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
