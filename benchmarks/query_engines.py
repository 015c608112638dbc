"""The engines of the benchmark of queries: packages of Debian in a collection, and in a peer."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import orjson
import qdrant_edge as edge
from attrs import frozen
from numpy.typing import NDArray

from vexfs_twisted.embedding.documents import Document, embed_documents
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.optimizer import optimizer
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    Modifier,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.groups import GroupQuery
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Query, QueryBatch, ScoredPoint
from vexfs_twisted.model.updates import Update, Upsert
from vexfs_twisted.model.vectors import VectorColumn

NAME = "packages"
DENSE, SPARSE = "dense", "bm25"
MODEL = "qdrant/bm25"
GROUPED, NUMBER = "section", "installed_size"
BATCH = 1000
QUERIES = 100
LIMIT = 10
GROUP_SIZE = 3

Floats = NDArray[np.float32]
Found = list[tuple[int, float]]
"""The ids and scores of an answer."""


@frozen
class Corpus:
    """Points, with ids from 0, and queries: vectors of length 1, and texts."""

    vectors: Floats
    payloads: Sequence[Mapping[str, Any]]
    queries: Floats
    texts: Sequence[str]
    near: NDArray[np.int64]
    """The rows nearest to each query, best first."""

    def document(self, row: int) -> Document:
        """The text of a point."""
        return Document(self.payloads[row]["description"], MODEL)

    def examples(self, place: int) -> tuple[list[int], list[int]]:
        """Ids like a query, and unlike it: near to another one."""
        return self.near[place, :3].tolist(), self.near[(place + 1) % QUERIES, :2].tolist()


def read_corpus(folder: Path, points: int) -> Corpus:
    """The first points of the data."""
    vectors = np.load(folder / "vectors.f16.npy", mmap_mode="r")[:points].astype(np.float32)
    queries = np.load(folder / "queries.f16.npy")[:QUERIES].astype(np.float32)
    with gzip.open(folder / "packages.jsonl.gz", "rt") as lines:
        payloads = [json.loads(line) for line, _ in zip(lines, range(points), strict=False)]
    texts = (folder / "queries.txt").read_text().splitlines()[:QUERIES]
    near = np.argpartition(-(queries @ vectors.T), range(3), axis=1)[:, :3]
    return Corpus(vectors, payloads, queries, texts, near)


class Ours:
    """A collection of ours."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection

    def load(self, corpus: Corpus) -> None:
        """Store the points and build the indexes."""
        for start in range(0, len(corpus.vectors), BATCH):
            rows = range(start, min(start + BATCH, len(corpus.vectors)))
            columns = {
                DENSE: VectorColumn.of(corpus.vectors[rows.start : rows.stop]),
                SPARSE: VectorColumn(embed_documents(list(map(corpus.document, rows)))),
            }
            payloads = [orjson.dumps(corpus.payloads[row]) for row in rows]
            self._apply(Upsert(rows, columns, payloads))
        for path, kind in ((GROUPED, FieldType.KEYWORD), (NUMBER, FieldType.INTEGER)):
            self._apply(CreateFieldIndex(PayloadPath.parse(path), FieldSchema(kind)))
        self.optimize()

    def optimize(self) -> None:
        """Build the graph, or open the one that is stored."""
        optimizer.QUIET_SECONDS = 0
        self.collection.optimize()

    def ask(self, query: Query) -> Found:
        """Answer a query."""
        return _of_ours(self.collection.read(query))

    def ask_batch(self, queries: Sequence[Query]) -> object:
        """Answer a batch of queries."""
        return self.collection.read(QueryBatch(queries))

    def grouped(self, query: Query) -> Found:
        """The points of all groups."""
        request = GroupQuery(query, PayloadPath.parse(GROUPED), GROUP_SIZE)
        groups = self.collection.read(request)
        return [pair for group in groups for pair in _of_ours(group.hits)]

    def _apply(self, update: Update) -> None:
        (outcome,) = self.collection.apply([update])
        if isinstance(outcome, Exception):
            raise outcome


class Peer:
    """A shard of the peer."""

    def __init__(self, shard: Any) -> None:
        self.shard = shard

    def load(self, corpus: Corpus) -> None:
        """Store the points and build the indexes."""
        for start in range(0, len(corpus.vectors), BATCH):
            rows = range(start, min(start + BATCH, len(corpus.vectors)))
            sparse = embed_documents(list(map(corpus.document, rows)))
            points = [
                edge.Point(
                    row,
                    {DENSE: corpus.vectors[row].tolist(), SPARSE: peer_vector(vector)},
                    dict(corpus.payloads[row]),
                )
                for row, vector in zip(rows, sparse, strict=True)
            ]
            self.shard.update(edge.UpdateOperation.upsert_points(points))
        kinds = edge.PayloadSchemaType
        for path, kind in ((GROUPED, kinds.Keyword), (NUMBER, kinds.Integer)):
            self.shard.update(edge.UpdateOperation.create_field_index(path, kind))
        self.shard.optimize()

    def ask(self, request: Any) -> Found:
        """Answer a query."""
        return _of_peer(self.shard.query(request))

    def ask_batch(self, request: Any) -> object:
        """Answer a batch of queries."""
        return self.shard.query_batch(request)

    def grouped(self, query: Any) -> Found:
        """The points of the best groups: first find groups, then fill those that are not full."""
        groups: dict[str, dict[int, float]] = {}
        reach = LIMIT * GROUP_SIZE
        for _ in count():
            hits = self._grouped_hits(groups, query, reach, None)
            if len(groups) >= LIMIT or len(hits) < reach:
                break
            reach *= 4
        reach = LIMIT * GROUP_SIZE
        best = list(groups)[:LIMIT]
        while missing := [name for name in best if len(groups[name]) < GROUP_SIZE]:
            only = edge.FieldCondition(key=GROUPED, match=edge.MatchAny(missing))
            hits = self._grouped_hits(groups, query, reach, edge.Filter(must=[only]))
            if len(hits) < reach:
                break
            reach *= 4
        return [pair for name in best for pair in list(groups[name].items())[:GROUP_SIZE]]

    def _grouped_hits(
        self, groups: dict[str, dict[int, float]], query: Any, reach: int, only: Any
    ) -> Sequence[Any]:
        request = edge.QueryRequest(reach, query=query, filter=only, with_payload=[GROUPED])
        hits: Sequence[Any] = self.shard.query(request)
        for hit in hits:
            name = hit.payload.get(GROUPED)
            if name is not None:
                groups.setdefault(name, {}).setdefault(hit.id, hit.score)
        return hits


def _of_ours(points: Sequence[ScoredPoint]) -> Found:
    return [(int(point.id), point.score) for point in points]


def _of_peer(points: Sequence[Any]) -> Found:
    return [(point.id, point.score) for point in points]


def peer_vector(vector: Any) -> Any:
    """A sparse vector of the peer."""
    return edge.SparseVector(vector.indices.tolist(), vector.values.tolist())


def our_collection(catalog: Catalog, size: int) -> Collection:
    """An empty collection."""
    request = CreateCollection(
        {DENSE: VectorParams(Distance.COSINE, size)},
        sparse_vectors={SPARSE: SparseVectorParams(modifier=Modifier.IDF)},
    )
    return catalog.create(NAME, request)


def peer_shard(folder: Path, size: int) -> Any:
    """An empty shard."""
    space = edge.EdgeVectorParams(size=size, distance=edge.Distance.Cosine)
    sparse = edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)
    config = edge.EdgeConfig(vectors={DENSE: space}, sparse_vectors={SPARSE: sparse})
    return edge.EdgeShard.create(str(folder), config)


def opened(folder: Path, catalog: Catalog, corpus: Corpus) -> tuple[Ours, Peer]:
    """Both engines with the points stored, by an earlier run or now."""
    done, size = folder / f"loaded-{len(corpus.vectors)}", corpus.vectors.shape[1]
    if done.exists():
        ours = Ours(catalog.get(NAME))
        ours.optimize()
        return ours, Peer(edge.EdgeShard.load(str(folder / "peer")))
    ours = Ours(our_collection(catalog, size))
    peer = Peer(peer_shard(folder / "peer", size))
    started = perf_counter()
    ours.load(corpus)
    between = perf_counter()
    peer.load(corpus)
    print(f"loaded in {between - started:.0f} s, peer {perf_counter() - between:.0f} s")
    done.touch()
    return ours, peer
