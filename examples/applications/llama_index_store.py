"""LlamaIndex's vector store: dense, sparse and hybrid retrieval with filters of metadata.

Needs the package llama-index-vector-stores-qdrant.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from comparison import QUESTIONS, TEXTS, TOPICS, compare, dense, sparse
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters
from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryMode
from llama_index.vector_stores.qdrant import QdrantVectorStore
from qdrant_client import QdrantClient, models

MODES = (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.SPARSE, VectorStoreQueryMode.HYBRID)


def sparse_batch(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
    """The sparse vectors of some texts as the store takes them."""
    indices, values = zip(*map(sparse, texts), strict=True)
    return list(indices), list(values)


def application(client: QdrantClient, name: str) -> dict[str, Any]:
    """Add nodes, query them in every mode, delete one, and query again."""
    store = QdrantVectorStore(
        collection_name=name,
        client=client,
        enable_hybrid=True,
        sparse_doc_fn=sparse_batch,
        sparse_query_fn=sparse_batch,
        sparse_config=models.SparseVectorParams(modifier=models.Modifier.IDF),
    )
    nodes = [
        TextNode(
            id_=str(UUID(int=number + 1)),
            text=text,
            embedding=dense(text),
            metadata={"topic": topic, "number": number},
        )
        for number, (text, topic) in enumerate(zip(TEXTS, TOPICS, strict=True))
    ]
    store.add(nodes)
    answers: dict[str, Any] = {}

    def ask(step: str, question: str, mode: VectorStoreQueryMode, **options: Any) -> None:
        query = VectorStoreQuery(
            query_str=question,
            query_embedding=dense(question),
            similarity_top_k=4,
            sparse_top_k=6,
            mode=mode,
            **options,
        )
        found = store.query(query)
        texts = [node.get_content() for node in found.nodes or ()]
        answers[step] = list(zip(texts, found.similarities or (), strict=True))

    filters = MetadataFilters(filters=[MetadataFilter(key="topic", value="structures")])
    for mode in MODES:
        for question in QUESTIONS:
            ask(f"{mode.value} {question}", question, mode)
            ask(f"{mode.value} filtered {question}", question, mode, filters=filters)
            # Every text about structures has a number below 6.
            found = {text for text, _ in answers[f"{mode.value} filtered {question}"]}
            assert found <= set(TEXTS[:6]), found
    ask("best", "logarithmic tree", VectorStoreQueryMode.HYBRID)
    assert answers["best"][0][0] == TEXTS[4], answers["best"]
    store.delete_nodes([nodes[4].node_id])
    ask("after deletion", "logarithmic tree", VectorStoreQueryMode.HYBRID)
    assert TEXTS[4] not in [text for text, _ in answers["after deletion"]]
    kept = store.get_nodes(filters=filters)
    answers["kept"] = sorted((node.get_content(), None) for node in kept)
    assert len(kept) == TOPICS.count("structures") - 1
    return answers


if __name__ == "__main__":
    compare(application)
