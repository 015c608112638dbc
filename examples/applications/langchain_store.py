"""LangChain's vector store: dense, sparse and hybrid retrieval, and diversity.

Needs the package langchain-qdrant.
"""

from __future__ import annotations

from typing import Any

from comparison import QUESTIONS, SIZE, TEXTS, TOPICS, compare, dense, ranked, sparse
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore, RetrievalMode, SparseEmbeddings, SparseVector
from qdrant_client import QdrantClient, models


class Dense(Embeddings):
    """Sums of random vectors, one a word."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text."""
        return [dense(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text."""
        return dense(text)


class Sparse(SparseEmbeddings):
    """Counts of hashed words."""

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """One vector for each text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> SparseVector:
        """The vector of a text."""
        indices, values = sparse(text)
        return SparseVector(indices=indices, values=values)


def store(client: QdrantClient, name: str, mode: RetrievalMode) -> QdrantVectorStore:
    """A store over the collection in which a mode is made use of."""
    return QdrantVectorStore(
        client=client,
        collection_name=name,
        embedding=Dense(),
        sparse_embedding=Sparse(),
        retrieval_mode=mode,
        vector_name="dense",
        sparse_vector_name="sparse",
    )


def application(client: QdrantClient, name: str) -> dict[str, Any]:
    """Store the texts, search in every mode, delete some, and search again."""
    client.create_collection(
        name,
        vectors_config={"dense": models.VectorParams(size=SIZE, distance=models.Distance.COSINE)},
        sparse_vectors_config={"sparse": models.SparseVectorParams(modifier=models.Modifier.IDF)},
    )
    documents = [
        Document(text, metadata={"topic": topic, "number": number})
        for number, (text, topic) in enumerate(zip(TEXTS, TOPICS, strict=True))
    ]
    hybrid = store(client, name, RetrievalMode.HYBRID)
    hybrid.add_documents(documents, ids=list(range(len(documents))))
    topic = models.Filter(
        must=[models.FieldCondition(key="metadata.topic", match=models.MatchValue(value="network"))]
    )
    answers: dict[str, Any] = {}

    def keep(step: str, hits: list[tuple[Document, float]]) -> None:
        answers[step] = [(document.page_content, score) for document, score in hits]

    for question in QUESTIONS:
        for mode in RetrievalMode:
            searched = store(client, name, mode)
            keep(f"{mode.value} {question}", searched.similarity_search_with_score(question, k=3))
            found = searched.similarity_search_with_score(question, k=2, filter=topic)
            keep(f"{mode.value} filtered {question}", found)
        diverse = store(client, name, RetrievalMode.DENSE).max_marginal_relevance_search(
            question, k=4, fetch_k=8, lambda_mult=0.5
        )
        answers[f"diverse {question}"] = ranked(document.page_content for document in diverse)
    dbsf = models.FusionQuery(fusion=models.Fusion.DBSF)
    keep("dbsf", hybrid.similarity_search_with_score(QUESTIONS[0], k=5, hybrid_fusion=dbsf))
    best = store(client, name, RetrievalMode.SPARSE).similarity_search("tree logarithmic", k=1)
    assert [document.page_content for document in best] == [TEXTS[4]], best
    assert hybrid.delete([4])
    assert [point.metadata["number"] for point in hybrid.get_by_ids([4, 5])] == [5]
    keep("after deletion", hybrid.similarity_search_with_score(QUESTIONS[0], k=3))
    assert TEXTS[4] not in [text for text, _ in answers["after deletion"]]
    return answers


if __name__ == "__main__":
    compare(application)
