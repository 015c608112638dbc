"""Documents in place of vectors over the REST wire: stored as BM25 vectors, and refused."""

from __future__ import annotations

from typing import Any

from tests.unit.test_rest_vector_kinds import NOTHING, SORTED, SPARSE, KindsCase
from vexfs_twisted.embedding.documents import Document, embed_documents, embed_query
from vexfs_twisted.rest.codecs.vectors import read_any_vector

TEXT = "Hello world world"
DOCUMENT: dict[str, Any] = {"text": TEXT, "model": "qdrant/bm25"}
NO_SERVICE = (
    "Inference error: InferenceService is not initialized. Please check if it was properly "
    "configured and initialized during startup."
)


def stored(document: dict[str, Any]) -> dict[str, Any]:
    """The vector of a document, as a client gets it."""
    vectors = embed_documents([Document(**document)])
    return {"indices": vectors.indices.tolist(), "values": vectors.values.tolist()}


class StoredDocuments(KindsCase):
    def vector(self, point_id: int) -> Any:
        found = self.point(point_id, "k")["vector"]["s"]
        return {"indices": found["indices"], "values": list(map(float, found["values"]))}

    def assert_stored(self, point_id: int, document: dict[str, Any]) -> None:
        found, wanted = self.vector(point_id), stored(document)
        self.assertEqual(found["indices"], wanted["indices"])
        for value, other in zip(found["values"], wanted["values"], strict=True):
            self.assertAlmostEqual(value, other, 6)

    def test_a_list_of_points(self) -> None:
        other = {"text": "brown foxes", "model": "BM25", "options": {"avg_len": 5, "k": 2}}
        points = [
            {"id": 1, "vector": {"s": DOCUMENT}},
            {"id": 2, "vector": {"s": SPARSE, "": [1, 2]}},
            {"id": 3, "vector": {"s": other, "m": [[1, 2]]}},
            {"id": 4, "vector": {"s": {**DOCUMENT, "text": "the", "options": None}}},
            {"id": 5, "vector": {"s": NOTHING}},
        ]
        self.assertEqual(self.put({"points": points}, "k").status, 200)
        self.assertEqual(self.vector(1)["indices"], [74040069, 613153351])
        self.assert_stored(1, DOCUMENT)
        self.assert_stored(3, other)
        self.assertEqual(self.vector(2), SORTED)
        self.assertEqual((self.vector(4), self.vector(5)), (NOTHING, NOTHING))

    def test_columns(self) -> None:
        vectors = {"s": [SPARSE, DOCUMENT, NOTHING, {**DOCUMENT, "text": "x"}]}
        reply = self.put({"batch": {"ids": [1, 2, 3, 4], "vectors": vectors}}, "k")
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.vector(1), SORTED)
        self.assert_stored(2, DOCUMENT)
        self.assert_stored(4, {**DOCUMENT, "text": "x"})

    def test_updates_of_vectors(self) -> None:
        self.put({"points": [{"id": 1, "vector": {"s": SPARSE}}]}, "k")
        path = "/collections/k/points/vectors"
        body = {"points": [{"id": 1, "vector": {"s": DOCUMENT}}]}
        self.assertEqual(self.client.ask("PUT", path, body).status, 200)
        self.assert_stored(1, DOCUMENT)
        upsert = {"upsert": {"points": [{"id": 2, "vector": {"s": DOCUMENT}}]}}
        reply = self.client.ask("POST", "/collections/k/points/batch", {"operations": [upsert]})
        self.assertEqual(reply.status, 200)
        self.assert_stored(2, DOCUMENT)

    def test_bodies_of_many_slices(self) -> None:
        texts = [f"document {number} of the many words{number % 100}" for number in range(5000)]
        rows = [{**DOCUMENT, "text": text} for text in texts]
        points = [{"id": number, "vector": {"s": row}} for number, row in enumerate(rows)]
        columns = {"ids": list(range(5000, 10_000)), "vectors": {"s": rows}}
        for body in ({"points": points}, {"batch": columns}):
            self.assertEqual(self.put(body, "k").status, 200)
        for number in (0, 1777, 4999):
            self.assert_stored(number, rows[number])
            self.assert_stored(5000 + number, rows[number])

    def test_a_query_has_weights_of_1(self) -> None:
        vector = read_any_vector(DOCUMENT, "query")
        self.assertEqual(vector, embed_query(Document(**DOCUMENT)))


class RefusedDocuments(KindsCase):
    def assert_each_refused(self, vector: Any, status: int, text: str, name: str = "s") -> None:
        """In a list of points and in columns, beside a vector that is sound."""
        named = {name: vector} if name else vector
        points = [{"id": 1, "vector": {"s": SPARSE}}, {"id": 2, "vector": named}]
        self.assert_refused({"points": points}, status, text, "k")
        if "points[" not in text:
            rows = {name: [vector]} if name else [vector]
            self.assert_refused({"batch": {"ids": [1], "vectors": rows}}, status, text, "k")

    def test_other_models(self) -> None:
        for vector in (
            {"text": "a", "model": "jinaai/jina-embeddings-v2-base-en"},
            {"image": "u", "model": "qdrant/bm25"},
            {"object": {"a": 1}, "model": "qdrant/bm25", "options": {}},
        ):
            for name in ("s", "m", ""):
                self.assert_each_refused(vector, 400, NO_SERVICE, name)

    def test_names_of_other_kinds(self) -> None:
        text = "Wrong input: Conversion between sparse and regular vectors failed"
        for name in ("", "m"):
            self.assert_each_refused(DOCUMENT, 400, text, name)
        points = [{"id": 1, "vector": [1, 2]}, {"id": 2, "vector": DOCUMENT}]
        self.assert_refused({"points": points}, 400, text, "k")

    def test_options(self) -> None:
        for options, text in (
            ({"k": "x"}, 'k: invalid type: string "x", expected a number'),
            ({"language": "klingon"}, 'unsupported language: "klingon"'),
            ({"b": 2}, "BM25 b must be finite and in [0.0, 1.0], got 2"),
        ):
            document = {**DOCUMENT, "options": options}
            self.assert_each_refused(document, 400, f"Wrong input: Invalid BM25 config: {text}")

    def test_weights_that_are_not_finite(self) -> None:
        document = {**DOCUMENT, "options": {"k": 1e308}}
        text = "Wrong input: Vector contains NaN or infinite values"
        self.assert_each_refused(document, 400, text)
        self.assertEqual(self.flushWarnings(), [])

    def test_malformed_documents(self) -> None:
        heading = "Format error in JSON body: points[1].vector.s: "
        text = f"{heading}data did not match any variant of untagged enum Vector"
        for vector in (
            {"text": 1, "model": "qdrant/bm25"},
            {"model": "qdrant/bm25"},
            {**DOCUMENT, "options": [1]},
            {"image": "u", "model": "m", "options": 1},
        ):
            self.assert_each_refused(vector, 400, text)
        text = "Validation error in JSON body: [points[1].vector.?.model: "
        text += "must be 1 characters or longer]"
        self.assert_each_refused({**DOCUMENT, "model": ""}, 422, text)

    def test_the_first_malformed_row_is_told_or_else_the_first_wrong_one(self) -> None:
        wrong, other = {**DOCUMENT, "options": {"k": -1}}, {"text": "a", "model": "m"}
        sparse: Any = {"indices": [-1], "values": [1]}
        for rows, text in (
            ([SPARSE, wrong, other], "BM25 k1 must be finite"),
            ([SPARSE, wrong, sparse, other], "integer `-1`, expected u32"),
            ([DOCUMENT, sparse, wrong], "integer `-1`, expected u32"),
            ([DOCUMENT, other, wrong], "InferenceService is not initialized"),
            ([{"model": "m"}, wrong], "untagged enum Vector"),
            ([wrong, {"model": "m"}], "untagged enum Vector"),
        ):
            points = [{"id": place, "vector": {"s": row}} for place, row in enumerate(rows)]
            reply = self.put({"points": points}, "k")
            self.assertEqual(reply.status, 400)
            self.assertIn(text, reply.error)
