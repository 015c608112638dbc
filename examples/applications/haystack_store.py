"""Haystack's retrievers on Qdrant: dense, sparse and hybrid, and each in groups.

Needs the package qdrant-haystack.
"""

from __future__ import annotations

from typing import Any

from comparison import QUESTIONS, SIZE, TEXTS, TOPICS, compare, dense, sparse
from haystack import Document
from haystack.dataclasses import SparseEmbedding
from haystack.document_stores.types import DuplicatePolicy
from haystack_integrations.components.retrievers.qdrant import (
    QdrantEmbeddingRetriever,
    QdrantHybridRetriever,
    QdrantSparseEmbeddingRetriever,
)
from haystack_integrations.document_stores.qdrant import QdrantDocumentStore
from qdrant_client import QdrantClient


class Store(QdrantDocumentStore):
    """A document store that uses a client which is there already."""

    def __init__(self, client: QdrantClient, name: str) -> None:
        super().__init__(
            ":memory:",
            index=name,
            embedding_dim=SIZE,
            use_sparse_embeddings=True,
            sparse_idf=True,
            progress_bar=False,
        )
        self._client = client
        self._set_up_collection(name, SIZE, False, "cosine", True, True)


def application(client: QdrantClient, name: str) -> dict[str, Any]:
    """Write documents, retrieve them in every way, and delete one."""
    store = Store(client, name)
    documents = [
        Document(
            id=f"text-{number}",
            content=text,
            meta={"topic": topic, "number": number},
            embedding=dense(text),
            sparse_embedding=SparseEmbedding(*sparse(text)),
        )
        for number, (text, topic) in enumerate(zip(TEXTS, TOPICS, strict=True))
    ]
    assert store.write_documents(documents, policy=DuplicatePolicy.FAIL) == len(TEXTS)
    assert store.count_documents() == len(TEXTS)
    answers: dict[str, Any] = {}

    def keep(step: str, found: dict[str, list[Document]]) -> None:
        answers[step] = [(document.id, document.score) for document in found["documents"]]

    filters = {"field": "meta.number", "operator": "<", "value": 8}
    variants: dict[str, dict[str, Any]] = {
        "all": {"top_k": 3},
        "filtered": {"top_k": 3, "filters": filters},
        "groups": {"top_k": 2, "group_by": "meta.topic", "group_size": 2},
    }
    for question in QUESTIONS:
        embedding = dense(question)
        weights = SparseEmbedding(*sparse(question))
        for variant, options in variants.items():
            found = QdrantEmbeddingRetriever(store).run(query_embedding=embedding, **options)
            keep(f"dense {variant} {question}", found)
            found = QdrantSparseEmbeddingRetriever(store).run(
                query_sparse_embedding=weights, **options
            )
            keep(f"sparse {variant} {question}", found)
            found = QdrantHybridRetriever(store).run(
                query_embedding=embedding, query_sparse_embedding=weights, **options
            )
            keep(f"hybrid {variant} {question}", found)
    store.delete_documents(["text-4"])
    remaining = store.filter_documents(filters)
    answers["remaining"] = sorted((document.id, None) for document in remaining)
    assert len(remaining) == 7
    return answers


if __name__ == "__main__":
    compare(application)
