"""The official client sends texts, which the daemon makes BM25 vectors of."""

from __future__ import annotations

import importlib.util
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from twisted.trial.unittest import SkipTest

from tests.integration.test_official_client import ClientCase
from vexfs_twisted.embedding.documents import Document, embed_documents, embed_query
from vexfs_twisted.model.vector_kinds import SparseVector

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import QdrantClient, models

MODEL = "qdrant/bm25"
TEXTS = [
    "The quick brown fox jumps over the lazy dog",
    "Foxes are small omnivorous mammals of the dog family",
    "A lazy afternoon by the river",
    "The river floods every spring",
    "Spring brings flowers, and flowers bring bees",
    "Bees make honey from the nectar of flowers",
    "Honey was the first sweetener that people knew",
    "People settled where rivers met",
    "Bridges cross the river at five places",
    "Five bridges, two ferries and a tunnel",
    "The tunnel was dug by machines",
    "Machines learn from examples",
    "Examples teach better than rules",
    "Rules of the game of chess",
    "Chess engines search millions of positions",
    "Search engines rank documents by their words",
    "Words that occur in few documents weigh most",
    "A vector database stores vectors of documents",
    "Databases recover what they have acknowledged",
]


def scores_of(text: str) -> dict[int, float]:
    """The BM25 scores of the texts that share a term with `text`, by number."""
    documents = embed_documents([Document(each, MODEL) for each in TEXTS])
    terms = embed_query(Document(text, MODEL)).indices.tolist()
    found: dict[int, float] = {}
    for term in terms:
        occurrences = np.flatnonzero(documents.indices == term)
        count = len(occurrences)
        rarity = np.log((len(TEXTS) - count + 0.5) / (count + 0.5) + 1)
        for place in occurrences.tolist():
            number = int(documents.offsets.searchsorted(place, "right")) - 1
            found[number] = found.get(number, 0.0) + float(documents.values[place] * rarity)
    return found


class RestDocumentTests(ClientCase):
    """Over REST; the class below does the same over gRPC."""

    def setUp(self) -> None:
        super().setUp()
        self.client.create_collection(
            self.collection,
            vectors_config=models.VectorParams(size=2, distance=models.Distance.DOT),
            sparse_vectors_config={"text": models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )

    def make_client(self) -> QdrantClient:
        """A client that leaves texts to the server."""
        return QdrantClient(
            url=self.daemon.rest_url,
            grpc_port=self.daemon.grpc_port,
            prefer_grpc=self.prefer_grpc,
            timeout=30,
            cloud_inference=True,
        )

    def vectors(self) -> dict[int, models.SparseVector]:
        """The stored vectors by id."""
        records, _ = self.client.scroll(self.collection, limit=100, with_vectors=["text"])
        found: dict[int, Any] = {int(record.id): record.vector for record in records}
        return {number: vectors["text"] for number, vectors in found.items()}

    def assert_stored(self, texts: list[str], options: dict[str, Any] | None = None) -> None:
        """The points 0, 1… have the vectors of the texts."""
        wanted = embed_documents([Document(text, MODEL, options) for text in texts])
        found = self.vectors()
        self.assertEqual(sorted(found), list(range(len(texts))))
        for number, vector in enumerate(wanted):
            assert isinstance(vector, SparseVector)
            self.assertEqual(found[number].indices, vector.indices.tolist())
            np.testing.assert_array_equal(
                np.array(found[number].values, dtype=np.float32), vector.values
            )

    def upsert_texts(self, options: dict[str, Any] | None = None) -> None:
        self.client.upsert(
            self.collection,
            [
                models.PointStruct(
                    id=number,
                    vector={"text": models.Document(text=text, model=MODEL, options=options)},
                    payload={"text": text},
                )
                for number, text in enumerate(TEXTS)
            ],
            wait=True,
        )

    def test_points(self) -> None:
        self.upsert_texts()
        self.assert_stored(TEXTS)

    def test_points_with_options(self) -> None:
        options = {"avg_len": 7, "k": 1.5, "language": "german", "tokenizer": "whitespace"}
        self.upsert_texts(options)
        self.assert_stored(TEXTS, options)

    def test_the_vectors_are_those_of_their_engine(self) -> None:
        if importlib.util.find_spec("qdrant_edge") is None:
            raise SkipTest("needs qdrant-edge-py")
        self.upsert_texts()
        model: Any = import_module("qdrant_edge").Bm25()
        for number, vector in self.vectors().items():
            wanted = model.embed_document(TEXTS[number])
            self.assertEqual(vector.indices, wanted.indices)
            np.testing.assert_allclose(vector.values, wanted.values, rtol=1e-6)

    def test_columns_and_updates(self) -> None:
        texts: list[Any] = [models.Document(text=text, model="BM25") for text in TEXTS[:3]]
        batch = models.Batch(ids=[0, 1, 2], vectors={"text": texts})
        self.client.upsert(self.collection, batch, wait=True)
        self.assert_stored(TEXTS[:3])
        change = [models.PointVectors(id=1, vector={"text": texts[0]})]
        self.client.update_vectors(self.collection, change, wait=True)
        self.assert_stored([TEXTS[0], TEXTS[0], TEXTS[2]])
        again = models.PointVectors(id=2, vector={"text": texts[1]})
        update = models.UpdateVectors(points=[again])
        operation = models.UpdateVectorsOperation(update_vectors=update)
        self.client.batch_update_points(self.collection, [operation], wait=True)
        self.assert_stored([TEXTS[0], TEXTS[0], TEXTS[1]])

    def test_queries(self) -> None:
        self.upsert_texts()
        for text in ("rivers and bridges", "which search engines rank documents?", "of the"):
            query = models.Document(text=text, model=MODEL)
            found = self.client.query_points(
                self.collection, query=query, using="text", limit=len(TEXTS)
            ).points
            wanted = scores_of(text)
            self.assertEqual({point.id for point in found}, set(wanted))
            given = [point.score for point in found]
            self.assertEqual(given, sorted(given, reverse=True))
            for point in found:
                self.assertAlmostEqual(point.score, wanted[int(point.id)], 5)

    def test_refusals(self) -> None:
        refused: list[tuple[Any, str]] = [
            (
                {"text": models.Document(text="a", model="jinaai/jina-clip-v2")},
                "Inference error: InferenceService is not initialized",
            ),
            (
                {"text": models.Image(image="http://127.0.0.1/a.png", model="clip")},
                "Inference error: InferenceService is not initialized",
            ),
            (
                {"text": models.Document(text="a", model=MODEL, options={"language": "none?"})},
                "Invalid BM25 config: unsupported language",
            ),
            (
                models.Document(text="a", model=MODEL),
                "Conversion between sparse and regular vectors failed",
            ),
        ]
        for vector, text in refused:
            points = [models.PointStruct(id=1, vector=vector)]
            upsert = partial(self.client.upsert, self.collection, points)
            found = self.refused(upsert, 400, grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn(text, found)
        self.assertEqual(self.client.count(self.collection).count, 0)


class RpcDocumentTests(RestDocumentTests):
    """Over gRPC."""

    prefer_grpc = True
