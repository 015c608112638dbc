"""Filters without a search, on 60,000 packages of Debian, beside qdrant-edge-py.

    python -m benchmarks.filters DATA_FOLDER

For each filter: counts per second, and pages of 100 per second. Ours in process, the peer, and the
official client that asks a daemon of ours over gRPC, each with payload indexes and without; of ours
without, the first use, which builds the columns of its fields, is a time of its own. All asked by
one thread, one call at a time, in turns. Then a payload set on every point by filter.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import orjson
import qdrant_edge as edge
from qdrant_client import QdrantClient, models

from tests.filters.edge import edge_filter
from tests.support import DaemonProcess
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType, TextOptions
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import ALL_PAYLOAD, Count, Scroll, Selection
from vexfs_twisted.model.updates import SetPayload, Update, Upsert
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn
from vexfs_twisted.rest.codecs.filters import read_filter

ROUNDS = 9
PAGE = 100
BATCH = 1000
NAME = "packages"

FILTERS: Mapping[str, dict[str, Any]] = {
    "section = x": {"must": [{"key": "section", "match": {"value": "games"}}]},
    "size range": {"must": [{"key": "installed_size", "range": {"gte": 100, "lt": 1000}}]},
    "tags any": {"must": [{"key": "tags", "match": {"any": ["role::program", "game::strategy"]}}]},
    "text": {"must": [{"key": "description", "match": {"text": "network server"}}]},
    "mix": {
        "must": [
            {"key": "installed_size", "range": {"lt": 5000}},
            {
                "should": [
                    {"key": "section", "match": {"any": ["python", "net", "admin"]}},
                    {"key": "tags", "match": {"value": "interface::commandline"}},
                ]
            },
        ],
        "must_not": [{"key": "priority", "match": {"value": "required"}}],
    },
}

INDEXES: Mapping[str, tuple[FieldType, Any]] = {
    "section": (FieldType.KEYWORD, edge.PayloadSchemaType.Keyword),
    "installed_size": (FieldType.INTEGER, edge.PayloadSchemaType.Integer),
    "tags": (FieldType.KEYWORD, edge.PayloadSchemaType.Keyword),
    "priority": (FieldType.KEYWORD, edge.PayloadSchemaType.Keyword),
    "description": (FieldType.TEXT, edge.PayloadSchemaType.Text),
}


def packages(folder: Path) -> list[dict[str, Any]]:
    """The payloads, in the order of their ids."""
    with gzip.open(folder / "packages.jsonl.gz", "rt") as lines:
        return [json.loads(line) for line in lines]


def write(collection: Collection, update: Update) -> None:
    """Apply an update; raises its error if it fails."""
    (outcome,) = collection.apply([update])
    if isinstance(outcome, Exception):
        raise outcome


def our_collection(catalog: Catalog, payloads: list[dict[str, Any]]) -> Collection:
    """A collection with the payloads, and small vectors, which are not measured."""
    space = VectorParams(distance=Distance.DOT, size=2)
    collection = catalog.create(NAME, CreateCollection(vectors={UNNAMED: space}))
    for start in range(0, len(payloads), BATCH):
        batch = payloads[start : start + BATCH]
        column = VectorColumn.of(np.ones((len(batch), 2), dtype=np.float32))
        ids = range(start, start + len(batch))
        write(collection, Upsert(ids, {UNNAMED: column}, list(map(orjson.dumps, batch))))
    return collection


def index_ours(collection: Collection) -> None:
    """Declare every index of `INDEXES`."""
    for path, (kind, _) in INDEXES.items():
        text = TextOptions() if kind is FieldType.TEXT else None
        schema = FieldSchema(kind, text=text)
        write(collection, CreateFieldIndex(PayloadPath.parse(path), schema))


def peer_shard(path: Path, payloads: list[dict[str, Any]]) -> Any:
    """A shard of the peer with the same points."""
    space = edge.EdgeVectorParams(size=2, distance=edge.Distance.Dot)
    shard = edge.EdgeShard.create(str(path), edge.EdgeConfig(vectors=space))
    for start in range(0, len(payloads), BATCH):
        points = [
            edge.Point(start + place, [1.0, 1.0], payload)
            for place, payload in enumerate(payloads[start : start + BATCH])
        ]
        shard.update(edge.UpdateOperation.upsert_points(points))
    return shard


def index_peer(shard: Any) -> None:
    """Declare every index of `INDEXES`, and run the optimizer."""
    for path, (_, kind) in INDEXES.items():
        shard.update(edge.UpdateOperation.create_field_index(path, kind))
    shard.optimize()


def served_client(daemon: DaemonProcess, payloads: list[dict[str, Any]]) -> QdrantClient:
    """A gRPC client of the daemon, after storing the same points."""
    client = QdrantClient(
        port=daemon.http_port, grpc_port=daemon.grpc_port, prefer_grpc=True, timeout=60
    )
    client.create_collection(NAME, models.VectorParams(size=2, distance=models.Distance.DOT))
    for start in range(0, len(payloads), BATCH):
        points = [
            models.PointStruct(id=start + place, vector=[1.0, 1.0], payload=payload)
            for place, payload in enumerate(payloads[start : start + BATCH])
        ]
        client.upsert(NAME, points)
    return client


def index_served(client: QdrantClient) -> None:
    """Declare every index of `INDEXES`."""
    for path, (kind, _) in INDEXES.items():
        client.create_payload_index(NAME, path, models.PayloadSchemaType(kind.value))


def seconds(work: Callable[[], object]) -> float:
    """The duration of one call."""
    started = perf_counter()
    work()
    return perf_counter() - started


def in_turns(*works: Callable[[], object]) -> list[float]:
    """The median duration of each, measured in turns after one warm-up call.

    The order changes from round to round, since a call is slower for what has run before it.
    """
    for work in works:
        work()
    taken: list[list[float]] = [[] for _ in works]
    order, shuffled = list(range(len(works))), Random(0)
    for _ in range(ROUNDS):
        shuffled.shuffle(order)
        for place in order:
            taken[place].append(seconds(works[place]))
    return list(map(median, taken))


def our_works(collection: Collection, wanted: Filter) -> list[Callable[[], object]]:
    """A count and a page of ours."""
    page = Scroll(limit=PAGE, filter=wanted, selection=Selection(ALL_PAYLOAD))
    return [lambda: collection.read(Count(wanted)), lambda: collection.read(page)]


def peer_works(shard: Any, wanted: Any) -> list[Callable[[], object]]:
    """A count and a page of the peer."""
    count = edge.CountRequest(filter=wanted, exact=True)
    page = edge.ScrollRequest(limit=PAGE, filter=wanted, with_payload=True)
    return [lambda: shard.count(count), lambda: shard.scroll(page)]


def served_works(client: QdrantClient, spelled: dict[str, Any]) -> list[Callable[[], object]]:
    """A count and a page of ours over gRPC."""
    wanted = models.Filter.model_validate(spelled)
    return [
        lambda: client.count(NAME, wanted),
        lambda: client.scroll(NAME, wanted, limit=PAGE, with_payload=True),
    ]


def compare(title: str, collection: Collection, shard: Any, client: QdrantClient) -> None:
    """Print a table for the indexes that are declared now."""
    print(f"\n{title:<16}{'rows':>7}{'first':>9}", end="")
    for name in ("count", "page"):
        print(f"{name:>10}/s{'peer':>7}/s{'ratio':>7}{'gRPC':>7}/s", end="")
    print()
    for name, spelled in FILTERS.items():
        wanted, theirs = read_filter(spelled), edge_filter(spelled)
        first = seconds(lambda wanted=wanted: collection.read(Count(wanted)))  # type: ignore[misc]
        rows = collection.read(Count(wanted))
        sides = (
            our_works(collection, wanted),
            peer_works(shard, theirs),
            served_works(client, spelled),
        )
        took = in_turns(*(work for side in sides for work in side))
        line = f"{name:<16}{rows:>7}{first * 1e3:>7.1f}ms"
        for ours, peer, served in (took[::2], took[1::2]):
            line += f"{1 / ours:>12.0f}{1 / peer:>9.0f}{peer / ours:>7.2f}{1 / served:>9.0f}"
        print(line)


def set_everything(collection: Collection, path: Path, count: int) -> None:
    """Print the cost of setting a payload on every point by filter."""

    def vector_bytes() -> list[bytes]:
        return [file.read_bytes() for file in sorted(path.rglob("vectors-*"))]

    before = vector_bytes()
    took = seconds(lambda: write(collection, SetPayload(b'{"seen":true}', filter=Filter())))
    changed = sum(old != new for old, new in zip(before, vector_bytes(), strict=True))
    print(f"\nset_payload by filter: {count / took:.0f} points/s, {changed} vector files changed")


def main() -> None:
    """Run all tables."""
    payloads = packages(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        catalog = Catalog(path / "ours")
        catalog.open()
        collection = our_collection(catalog, payloads)
        shard = peer_shard(path / "peer", payloads)
        with DaemonProcess() as daemon:
            client = served_client(daemon, payloads)
            compare("without indexes", collection, shard, client)
            index_ours(collection)
            index_peer(shard)
            index_served(client)
            compare("with indexes", collection, shard, client)
            client.close()
        set_everything(collection, path / "ours", len(payloads))
        shard.close()
        catalog.close()


if __name__ == "__main__":
    main()
