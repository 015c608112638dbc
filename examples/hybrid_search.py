"""Hybrid search: BM25 beside dense vectors, fused by ranks, and the results grouped.

The documents are the docstrings of Python's own standard library. The server makes their BM25
vectors; their dense vectors are hashed and projected terms, so that no model is needed. Given the
folder of `package_search.py`, the documents are its packages, with their real embeddings.

Each question is asked in three ways, by BM25 alone, by dense vectors alone and by both, over REST
and gRPC.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

from connection import add_arguments, clients, own_collection
from corpora import Corpus, Question, docstrings, packages
from qdrant_client import QdrantClient
from qdrant_client.models import (
    Distance,
    Document,
    Fusion,
    FusionQuery,
    Modifier,
    PointGroup,
    PointStruct,
    Prefetch,
    SparseVectorParams,
    VectorParams,
)

COLLECTION = "example-hybrid"
MODEL = "qdrant/bm25"
CANDIDATES = 50
GROUPS = 3
GROUP_SIZE = 2
LOAD_BATCH = 500
WANTED_SHARE = 0.75
SHOWN = 76


def main() -> int:
    """Load, ask and print; the exit status is 1 if too few answers are as expected."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="a folder of packages, if wanted")
    add_arguments(parser, COLLECTION)
    arguments = parser.parse_args()
    corpus = docstrings() if arguments.folder is None else packages(arguments.folder)
    dense = {"dense": VectorParams(size=corpus.vectors.shape[1], distance=Distance.COSINE)}
    sparse = {"text": SparseVectorParams(modifier=Modifier.IDF)}
    with (
        clients(arguments) as wires,
        own_collection(wires["REST"], arguments.collection, dense, sparse) as collection,
    ):
        load(wires["gRPC"], collection, corpus)
        shares = [ask(client, collection, corpus, wire) for wire, client in wires.items()]
        show(wires["REST"], collection, corpus)
    return 0 if min(shares) >= WANTED_SHARE else 1


def document(text: str, corpus: Corpus) -> Document:
    """A text that the server makes a BM25 vector of."""
    return Document(text=text, model=MODEL, options={"avg_len": corpus.average_length})


def load(client: QdrantClient, collection: str, corpus: Corpus) -> None:
    """Store every document, in batches."""
    started = perf_counter()
    for start in range(0, len(corpus.texts), LOAD_BATCH):
        points = [
            PointStruct(
                id=number,
                vector={
                    "dense": corpus.vectors[number].tolist(),
                    "text": document(corpus.texts[number], corpus),
                },
                payload=corpus.payloads[number],
            )
            for number in range(start, min(start + LOAD_BATCH, len(corpus.texts)))
        ]
        client.upsert(collection, points, wait=True)
    seconds = perf_counter() - started
    stored = client.count(collection, exact=True).count
    print(f"stored {stored} documents in {seconds:.1f} s ({stored / seconds:.0f}/s)")


def ask(client: QdrantClient, collection: str, corpus: Corpus, wire: str) -> float:
    """Ask every question in each way; returns the share of fused answers that are as expected."""
    shares = {}
    for way in ("BM25", "dense", "both"):
        started = perf_counter()
        answers = [groups(client, collection, corpus, asked, way) for asked in corpus.questions]
        seconds = perf_counter() - started
        good = sum(
            corpus.is_expected(asked, [str(group.id) for group in answer])
            for asked, answer in zip(corpus.questions, answers, strict=True)
        )
        shares[way] = good / len(answers)
        print(
            f"{wire}: by {way}: {good} of {len(answers)} as expected, "
            f"{len(answers) / seconds:.0f} questions/s"
        )
    return shares["both"]


def groups(
    client: QdrantClient, collection: str, corpus: Corpus, asked: Question, way: str
) -> list[PointGroup]:
    """The answer to a question: the best groups of documents."""
    by_text = Prefetch(query=document(asked.text, corpus), using="text", limit=CANDIDATES)
    by_meaning = Prefetch(query=asked.vector.tolist(), using="dense", limit=CANDIDATES)
    prefetch = {"BM25": [by_text], "dense": [by_meaning], "both": [by_text, by_meaning]}[way]
    return client.query_points_groups(
        collection,
        group_by=corpus.group_by,
        prefetch=prefetch,
        query=FusionQuery(fusion=Fusion.RRF),
        limit=GROUPS,
        group_size=GROUP_SIZE,
        with_payload=True,
    ).groups


def show(client: QdrantClient, collection: str, corpus: Corpus) -> None:
    """Print the fused answers to some questions."""
    for asked in corpus.questions[:8]:
        print(f"\n{asked.text[:SHOWN]}")
        for line in lines(groups(client, collection, corpus, asked, "both")):
            print(f"    {line[:SHOWN]}")


def lines(found: list[PointGroup]) -> Iterator[str]:
    """The documents of the groups, a line each."""
    for group in found:
        for hit in group.hits:
            payload = hit.payload or {}
            yield f"{hit.score:.3f} {payload['name']}: {payload['summary']}"


if __name__ == "__main__":
    sys.exit(main())
