"""agno's vector store: search by vector, by keywords and hybrid, with owners and metadata.

Needs the packages agno and qdrant-client.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from agno.knowledge.document import Document
from agno.knowledge.embedder import Embedder
from agno.vectordb.qdrant import Qdrant
from agno.vectordb.search import SearchType
from comparison import QUESTIONS, SIZE, TEXTS, TOPICS, compare, dense, ranked, sparse
from qdrant_client import QdrantClient, models

VARIANTS: dict[str, dict[str, Any]] = {
    "all": {},
    "owner": {"user_id": "user-1"},
    "topic": {"filters": {"meta_data.topic": "structures"}},
}


class Dense(Embedder):
    """Sums of random vectors, one a word."""

    def get_embedding(self, text: str) -> list[float]:
        """The vector of a text."""
        return dense(text)

    def get_embedding_and_usage(self, text: str) -> tuple[list[float], None]:
        """The vector of a text, and that nothing was used for it."""
        return dense(text), None


class Terms(dict[str, list[Any]]):
    """A sparse vector as the encoder of the store gives it."""

    def as_object(self) -> dict[str, list[Any]]:
        """Its indices and values by name."""
        return self


class Encoder:
    """Counts of hashed words, in place of an encoder that downloads its list of stop words."""

    def embed(self, texts: list[str]) -> Iterator[Terms]:
        """One vector for each text."""
        for text in texts:
            indices, values = sparse(text)
            yield Terms(indices=indices, values=values)


class Store(Qdrant):
    """agno's store with a client that is there already, and with those encoders."""

    def __init__(self, client: QdrantClient, name: str, search_type: SearchType) -> None:
        # Unlike ranks, sums of scores are hardly ever equal, so the order can be compared.
        fusion = models.Fusion.DBSF
        super().__init__(name, embedder=Dense(dimensions=SIZE), hybrid_fusion_strategy=fusion)
        self.search_type = search_type
        self.use_named_vectors = search_type == SearchType.hybrid
        self.sparse_encoder = Encoder()
        self._client = client

    def fill(self) -> None:
        """Create the collection, store a half of the texts for each of two owners, and wait."""
        self.create()
        for owner in range(2):
            documents = [
                Document(content=text, name=f"text-{number}", meta_data={"topic": TOPICS[number]})
                for number, text in enumerate(TEXTS)
                if number % 2 == owner
            ]
            self.insert(f"half-{owner}", documents, user_id=f"user-{owner}")
        # The store does not wait for what it writes.
        while self.get_count() < len(TEXTS):
            time.sleep(0.05)


def application(client: QdrantClient, name: str) -> dict[str, Any]:
    """Search in every way, everywhere, by owner and by topic; then delete one owner's texts."""
    answers: dict[str, Any] = {}
    for search_type in (SearchType.vector, SearchType.keyword, SearchType.hybrid):
        store = Store(client, name, search_type)
        store.fill()
        for question in QUESTIONS:
            for variant, options in VARIANTS.items():
                hits = store.search(question, limit=5, **options)
                names = ranked(document.name for document in hits)
                answers[f"{search_type.value} {variant} {question}"] = names
        if search_type == SearchType.vector:
            assert store.content_hash_exists("half-1", user_id="user-1")
            assert store.delete_by_metadata({"topic": "threads"})
            remaining = [document.name for document in store.search(QUESTIONS[0], limit=20)]
            answers["after deletion"] = sorted((text, None) for text in remaining)
            assert len(remaining) == TOPICS.index("threads")
        client.delete_collection(name)
    return answers


if __name__ == "__main__":
    compare(application)
