"""Engines of the search benchmark: ours in a daemon, and qdrant-edge-py in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
import orjson
import qdrant_edge as edge
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as messages

from tests.support import DaemonProcess

from .callers import Caller, GrpcMethod, HttpPath, Pace, Place
from .corpus import LIMIT, Case, Corpus
from .upsert import send

COLLECTION = "search"
BATCH = 1000
SECONDS = 1.5
_POLL_S = 0.05


class Ours:
    """The daemon, called over gRPC or REST by a client process."""

    def __init__(self, daemon: DaemonProcess, caller: Caller, *, is_rest: bool) -> None:
        self._daemon = daemon
        self._caller = caller
        self._is_rest = is_rest

    def found(self, case: Case, ef: int) -> list[list[int]]:
        """The ids found by each query of a case."""
        requests = self._requests(case, ef, batch=100)
        answers = self._caller.answers(self._place(is_batch=True), requests)
        read = _read_rest if self._is_rest else _read_grpc
        return [ids for answer in answers for ids in read(answer)]

    def singles(self, case: Case, ef: int, in_flight: int) -> Pace:
        """The pace of single searches."""
        requests = self._requests(case, ef, batch=0)
        return self._caller.pace(self._place(is_batch=False), requests, in_flight, SECONDS)

    def batches(self, case: Case, ef: int, size: int) -> Pace:
        """The pace of batches of `size` searches, run sequentially."""
        requests = self._requests(case, ef, size)
        return self._caller.pace(self._place(is_batch=True), requests, 1, SECONDS)

    def _place(self, *, is_batch: bool) -> Place:
        if self._is_rest:
            path = f"/collections/{COLLECTION}/points/query" + "/batch" * is_batch
            return HttpPath(self._daemon.http_port, path)
        return GrpcMethod(self._daemon.grpc_port, "/qdrant.Points/Query" + "Batch" * is_batch)

    def _requests(self, case: Case, ef: int, batch: int) -> list[bytes]:
        """Requests of `batch` searches each; single searches for 0."""
        write = _write_rest if self._is_rest else _write_grpc
        if not batch:
            return [write(case, ef, [query], is_batch=False) for query in case.queries]
        # The last batch is filled up from the beginning.
        count = -(-len(case.queries) // batch) * batch
        queries = list(islice(cycle(case.queries), count))
        return [
            write(case, ef, queries[start : start + batch], is_batch=True)
            for start in range(0, count, batch)
        ]


class Peer:
    """A shard of qdrant-edge-py in this process."""

    def __init__(self, shard: Any) -> None:
        self._shard = shard

    def found(self, case: Case, ef: int) -> list[list[int]]:
        """The ids found by each query of a case."""
        requests = [self._request(case, ef, query) for query in case.queries]
        return [[int(hit.id) for hit in self._shard.query(request)] for request in requests]

    def singles(self, case: Case, ef: int, in_flight: int) -> Pace:
        """The pace of single searches in `in_flight` threads."""
        requests = [self._request(case, ef, query) for query in case.queries]
        return self._pace(self._shard.query, requests, in_flight)

    def batches(self, case: Case, ef: int, size: int) -> Pace:
        """The pace of batches of `size` searches, run sequentially."""
        queries = list(islice(cycle(case.queries), size))
        batch = edge.QueryBatchRequest([self._request(case, ef, query) for query in queries])
        return self._pace(self._shard.query_batch, [batch], 1)

    def _request(self, case: Case, ef: int, query: np.ndarray[Any, Any]) -> Any:
        filter_ = None
        if case.field is not None:
            below = edge.RangeFloat(lt=case.bound)
            filter_ = edge.Filter(must=[edge.FieldCondition(key=case.field, range=below)])
        return edge.QueryRequest(
            limit=LIMIT,
            query=edge.Query.Nearest(query.tolist()),
            filter=filter_,
            params=edge.SearchParams(hnsw_ef=ef),
        )

    def _pace(self, ask: Any, requests: Sequence[Any], in_flight: int) -> Pace:
        durations: list[float] = []
        queue = cycle(requests)
        ask(next(queue))
        started = perf_counter()

        def repeat(_: int) -> None:
            now = perf_counter()
            while now < started + SECONDS:
                ask(next(queue))
                durations.append(perf_counter() - now)
                now = perf_counter()

        if in_flight == 1:
            repeat(0)
        else:
            with ThreadPoolExecutor(in_flight) as threads:
                list(threads.map(repeat, range(in_flight)))
        return Pace.of(durations, perf_counter() - started)


def load_ours(daemon: DaemonProcess, corpus: Corpus) -> tuple[float, float]:
    """Store the corpus in the daemon; returns seconds until stored, and from then until green."""
    client = QdrantClient(port=daemon.http_port, timeout=600)
    size = corpus.vectors.shape[1]
    client.create_collection(
        COLLECTION, models.VectorParams(size=size, distance=models.Distance.COSINE)
    )
    for name in corpus.fields:
        client.create_payload_index(COLLECTION, name, models.PayloadSchemaType.INTEGER)
    requests = list(map(_upsert, *_batches(corpus)))
    stored = asyncio.run(send(daemon.grpc_port, requests))
    started = perf_counter()
    while client.get_collection(COLLECTION).status != models.CollectionStatus.GREEN:
        sleep(_POLL_S)
    return stored, perf_counter() - started


def load_peer(folder: Path, corpus: Corpus) -> tuple[Any, float, float]:
    """Store the corpus in a shard; returns it, the seconds of storing and of optimizing it."""
    space = edge.EdgeVectorParams(size=corpus.vectors.shape[1], distance=edge.Distance.Cosine)
    folder.mkdir()
    shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(vectors=space))
    for name in corpus.fields:
        kind = edge.PayloadSchemaType.Integer
        shard.update(edge.UpdateOperation.create_field_index(name, kind))
    batches = [
        [edge.Point(row, corpus.vectors[row].tolist(), corpus.payload(row)) for row in rows]
        for rows in _batches(corpus)[1]
    ]
    started = perf_counter()
    for points in batches:
        shard.update(edge.UpdateOperation.upsert_points(points))
    stored = perf_counter()
    shard.optimize()
    return shard, stored - started, perf_counter() - stored


def memory_of(pid: int) -> tuple[int, int]:
    """The resident memory of a process in bytes: anonymous, and file-backed."""
    with open(f"/proc/{pid}/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    own, mapped = (int(fields[name].split()[0]) * 1024 for name in ("RssAnon", "RssFile"))
    return own, mapped


def bytes_on_disk(folder: Path) -> int:
    """The bytes that the files in a folder occupy on disk, without holes."""
    return sum(os.stat(path).st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def _batches(corpus: Corpus) -> tuple[list[Corpus], list[range]]:
    starts = range(0, len(corpus), BATCH)
    rows = [range(start, min(start + BATCH, len(corpus))) for start in starts]
    return [corpus] * len(rows), rows


def _upsert(corpus: Corpus, rows: range) -> bytes:
    points = []
    for row in rows:
        dense = messages.DenseVector(data=corpus.vectors[row])
        payload = {
            name: messages.Value(integer_value=value) for name, value in corpus.payload(row).items()
        }
        vectors = messages.Vectors(vector=messages.Vector(dense=dense))
        points.append(
            messages.PointStruct(id=messages.PointId(num=row), vectors=vectors, payload=payload)
        )
    return messages.UpsertPoints(
        collection_name=COLLECTION, wait=True, points=points
    ).SerializeToString()


def _write_grpc(case: Case, ef: int, queries: Sequence[Any], *, is_batch: bool) -> bytes:
    filter_ = None
    if case.field is not None:
        condition = messages.FieldCondition(key=case.field, range=messages.Range(lt=case.bound))
        filter_ = messages.Filter(must=[messages.Condition(field=condition)])

    def one(query: Any) -> messages.QueryPoints:
        dense = messages.VectorInput(dense=messages.DenseVector(data=query))
        return messages.QueryPoints(
            collection_name=COLLECTION,
            query=messages.Query(nearest=dense),
            filter=filter_,
            limit=LIMIT,
            params=messages.SearchParams(hnsw_ef=ef),
        )

    if not is_batch:
        return one(queries[0]).SerializeToString()
    return messages.QueryBatchPoints(
        collection_name=COLLECTION, query_points=list(map(one, queries))
    ).SerializeToString()


def _read_grpc(answer: bytes) -> list[list[int]]:
    batch = messages.QueryBatchResponse.FromString(answer)
    return [[hit.id.num for hit in own.result] for own in batch.result]


def _write_rest(case: Case, ef: int, queries: Sequence[Any], *, is_batch: bool) -> bytes:
    common: dict[str, Any] = {"limit": LIMIT, "params": {"hnsw_ef": ef}}
    if case.field is not None:
        below = {"key": case.field, "range": {"lt": case.bound}}
        common["filter"] = {"must": [below]}
    each = [{"query": query, **common} for query in queries]
    body = {"searches": each} if is_batch else each[0]
    return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)


def _read_rest(answer: bytes) -> list[list[int]]:
    return [[hit["id"] for hit in own["points"]] for own in orjson.loads(answer)["result"]]
