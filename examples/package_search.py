"""A semantic search over 60,000 packages of Debian.

Takes a folder with `vectors.f16.npy` (an embedding a row), `packages.jsonl.gz` (what each row is),
`queries.f16.npy`, `queries.txt` and `queries.top100.npy` (the rows nearest to each query). Stores
all packages, asks all queries over both wires, and prints how much of the truth was found.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from attrs import frozen
from connection import add_arguments, clients, own_collection
from qdrant_client import QdrantClient
from qdrant_client.models import (
    Distance,
    FieldCondition,
    Filter,
    MatchValue,
    QueryRequest,
    Range,
    SearchParams,
    VectorParams,
)

COLLECTION = "example-packages"
NEIGHBOURS = 10
LOAD_BATCH = 1000
QUERY_BATCH = 50
TIE = 1e-6


@frozen
class Packages:
    """The folder's content. Vectors are float32 of unit length, a row each."""

    vectors: np.ndarray
    payloads: list[dict[str, Any]]
    queries: np.ndarray
    query_names: list[str]
    nearest: np.ndarray


def main() -> int:
    """Load, search and print; the exit status is 1 if the recall is below 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="the folder that holds the packages")
    parser.add_argument("--load-over", choices=["REST", "gRPC"], default="gRPC")
    add_arguments(parser, COLLECTION)
    arguments = parser.parse_args()
    packages = read(arguments.folder)
    params = VectorParams(size=packages.vectors.shape[1], distance=Distance.COSINE)
    with (
        clients(arguments) as wires,
        own_collection(wires["REST"], arguments.collection, params) as collection,
    ):
        load(wires[arguments.load_over], collection, packages, arguments.load_over)
        recalls = [ask(client, collection, packages, wire) for wire, client in wires.items()]
        show(wires["REST"], collection, packages)
    return 0 if min(recalls) == 1.0 else 1


def read(folder: Path) -> Packages:
    """Read the folder."""
    with gzip.open(folder / "packages.jsonl.gz", "rt") as lines:
        payloads = [json.loads(line) for line in lines]
    return Packages(
        vectors=np.load(folder / "vectors.f16.npy").astype(np.float32),
        payloads=payloads,
        queries=np.load(folder / "queries.f16.npy").astype(np.float32),
        query_names=(folder / "queries.txt").read_text().splitlines(),
        nearest=np.load(folder / "queries.top100.npy"),
    )


def load(client: QdrantClient, collection: str, packages: Packages, wire: str) -> None:
    """Store every package, in batches; each is durable before the next is sent."""
    started = perf_counter()
    client.upload_collection(
        collection,
        vectors=packages.vectors,
        payload=packages.payloads,
        ids=range(len(packages.vectors)),
        batch_size=LOAD_BATCH,
        wait=True,
    )
    seconds = perf_counter() - started
    stored = client.count(collection, exact=True).count
    print(f"{wire}: stored {stored} packages in {seconds:.1f} s ({stored / seconds:.0f}/s)")


def ask(client: QdrantClient, collection: str, packages: Packages, wire: str) -> float:
    """Run every query, alone and in batches; returns the recall of the nearest ten."""
    requests = [
        QueryRequest(query=query.tolist(), limit=NEIGHBOURS, params=SearchParams(exact=True))
        for query in packages.queries
    ]
    started = perf_counter()
    for request in requests:
        client.query_points(
            collection, query=request.query, limit=NEIGHBOURS, search_params=request.params
        )
    single = perf_counter() - started
    started = perf_counter()
    answers = [
        [int(point.id) for point in answer.points]
        for batch in batches(requests)
        for answer in client.query_batch_points(collection, batch)
    ]
    batched = perf_counter() - started
    found = float(np.mean([recall(packages, number, ids) for number, ids in enumerate(answers)]))
    print(
        f"{wire}: recall@{NEIGHBOURS} {found:.4f}; {len(requests) / single:.0f} queries/s one at a "
        f"time, {len(requests) / batched:.0f}/s in batches of {QUERY_BATCH}"
    )
    return found


def batches(requests: list[QueryRequest]) -> Iterator[list[QueryRequest]]:
    """Yield the requests in batches."""
    for start in range(0, len(requests), QUERY_BATCH):
        yield requests[start : start + QUERY_BATCH]


def recall(packages: Packages, number: int, ids: list[int]) -> float:
    """The share of `ids` that is as near to the query, by cosine, as the ten that are known.

    Ids are not compared: rounding to float16 left the vectors a little off unit length, so where
    two are almost equally near, the order by cosine is not always that of the known answers.
    """
    query = packages.queries[number]
    known = cosines(packages.vectors[packages.nearest[number, :NEIGHBOURS]], query)
    found = cosines(packages.vectors[ids], query)
    return float(np.count_nonzero(found >= known.min() - TIE)) / NEIGHBOURS


def cosines(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """The cosine of each row with the query, times the length of the query."""
    return np.asarray(vectors @ query / np.linalg.norm(vectors, axis=1))


def show(client: QdrantClient, collection: str, packages: Packages) -> None:
    """Print the results of a few searches, some of them filtered."""
    games = FieldCondition(key="section", match=MatchValue(value="games"))
    small = FieldCondition(key="installed_size", range=Range(lt=1000))
    for title, wanted, number in (
        ("anything", None, 0),
        ("games only", Filter(must=[games]), 1),
        ("less than 1 MB and no game", Filter(must=[small], must_not=[games]), 2),
    ):
        print(f"\n{packages.query_names[number][:76]}\n  nearest, {title}:")
        answer = client.query_points(
            collection,
            query=packages.queries[number].tolist(),
            query_filter=wanted,
            limit=3,
            with_payload=["name", "section", "installed_size"],
        )
        for point in answer.points:
            payload = point.payload or {}
            size = payload.get("installed_size", "?")
            print(f"    {point.score:.3f} {payload['name']} ({payload.get('section')}, {size} KiB)")


if __name__ == "__main__":
    sys.exit(main())
