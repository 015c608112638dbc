"""mem0's vector store: memories with BM25 terms beside their dense vectors.

Needs the package mem0ai.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from comparison import QUESTIONS, SIZE, TEXTS, TOPICS, compare, dense, sparse
from mem0.vector_stores.qdrant import Qdrant
from numpy.typing import NDArray
from qdrant_client import QdrantClient


@dataclass(frozen=True)
class Terms:
    """A sparse vector as the encoder of the store gives it."""

    indices: NDArray[np.int64]
    values: NDArray[np.float64]


class Encoder:
    """Counts of hashed words, in place of an encoder that downloads its list of stop words."""

    def embed(self, texts: list[str]) -> Iterator[Terms]:
        """One vector for each text."""
        for text in texts:
            indices, values = sparse(text)
            yield Terms(np.array(indices), np.array(values))


class Store(Qdrant):
    """mem0's store with that encoder."""

    def _get_bm25_encoder(self) -> Encoder:
        return Encoder()


def application(client: QdrantClient, name: str) -> dict[str, Any]:
    """Insert memories of two users, search them by meaning and words, change and delete some."""
    store = Store(name, SIZE, client=client)
    ids = [str(UUID(int=number + 1)) for number in range(len(TEXTS))]
    payloads = [
        {"data": text, "user_id": f"user-{number % 2}", "topic": topic, "number": number}
        for number, (text, topic) in enumerate(zip(TEXTS, TOPICS, strict=True))
    ]
    store.insert([dense(text) for text in TEXTS], payloads, ids)
    answers: dict[str, Any] = {}

    def keep(step: str, points: Any) -> None:
        answers[step] = [(str(point.id), point.score) for point in points]

    for question in QUESTIONS:
        for filters in ({}, {"user_id": "user-1"}, {"number": {"gte": 2, "lt": 11}}):
            vector = dense(question)
            keep(f"meaning {filters} {question}", store.search(question, vector, 4, filters))
            words = store.keyword_search(question, 4, filters)
            keep(f"words {filters} {question}", words)
    store.update(ids[4], vector=dense(TEXTS[0]), payload={**payloads[4], "data": TEXTS[0]})
    keep("after update", store.search(TEXTS[0], dense(TEXTS[0]), 2))
    assert {hit for hit, _ in answers["after update"]} == {ids[0], ids[4]}
    store.delete(ids[0])
    keep("after deletion", store.search(TEXTS[0], dense(TEXTS[0]), 1))
    assert answers["after deletion"][0][0] == ids[4]
    memories, *_ = store.list(filters={"user_id": "user-0"})
    answers["list"] = sorted((str(point.id), None) for point in memories)
    return answers


if __name__ == "__main__":
    compare(application)
