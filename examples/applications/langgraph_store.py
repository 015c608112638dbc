"""LangGraph's store on Qdrant: items in namespaces, found by filters, time and meaning.

Needs the package langgraph-store-qdrant.
"""

from __future__ import annotations

from typing import Any

from comparison import QUESTIONS, SIZE, TEXTS, TOPICS, compare, dense
from langgraph.store.base import IndexConfig
from langgraph.store.qdrant import QdrantStore
from qdrant_client import QdrantClient


def embed(texts: Any) -> list[list[float]]:
    """The vectors of some texts."""
    return [dense(text) for text in texts]


def application(client: QdrantClient, name: str) -> dict[str, Any]:
    """Put items, get and search them, list their namespaces, and delete one."""
    index: IndexConfig = {"dims": SIZE, "embed": embed, "fields": ["text", "notes[*]"]}
    store = QdrantStore(client, collection_name=name, index=index)
    store.setup()
    for number, (text, topic) in enumerate(zip(TEXTS, TOPICS, strict=True)):
        value = {"text": text, "notes": text.split()[-2:], "number": number, "even": number % 2}
        store.put(("texts", topic), f"item-{number}", value)
    answers: dict[str, Any] = {}

    def search(step: str, *namespace: str, **options: Any) -> None:
        answers[step] = [(item.key, item.score) for item in store.search(namespace, **options)]

    for question in QUESTIONS:
        search(f"all {question}", "texts", query=question, limit=5)
        search(f"second page {question}", "texts", query=question, limit=3, offset=3)
        search(f"network {question}", "texts", "network", query=question)
        search(
            f"even {question}", "texts", query=question, filter={"even": 0, "number": {"$lt": 9}}
        )
    search("best", "texts", query=TEXTS[4], limit=1)
    assert [key for key, _ in answers["best"]] == ["item-4"]
    search("newest", "texts", limit=4)
    assert [key for key, _ in answers["newest"]] == ["item-11", "item-10", "item-9", "item-8"]
    item = store.get(("texts", "structures"), "item-4")
    assert item is not None and item.value["text"] == TEXTS[4]
    spaces = store.list_namespaces(prefix=("texts",))
    answers["namespaces"] = [("/".join(space), None) for space in sorted(spaces)]
    store.delete(("texts", "structures"), "item-4")
    assert store.get(("texts", "structures"), "item-4") is None
    search("after deletion", "texts", query=TEXTS[4], limit=3)
    return answers


if __name__ == "__main__":
    compare(application)
