"""Documents in place of the vectors of queries, on both wires: BM25 vectors with weights of 1."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.embedding.documents import Document, embed_query
from vexfs_twisted.model.errors import BadInput, FormatError, InferenceError, ValidationError
from vexfs_twisted.model.query_forms import Recommend, VectorExample
from vexfs_twisted.rest.codecs import queries as json_queries
from vexfs_twisted.rest.codecs import searches as json_searches
from vexfs_twisted.rpc.codecs import queries
from vexfs_twisted.rpc.generated import points_pb2 as pb

TEXT = "hello hello world"
DOCUMENT = {"text": TEXT, "model": "qdrant/bm25"}
LONGEST = {"text": TEXT, "model": "BM25", "options": {"tokenizer": "prefix", "max_token_len": 3}}


def from_json(query: Any, **more: Any) -> Any:
    return json_queries.read_query({"query": query, "using": "s", **more})


def from_message(query: Any, **more: Any) -> Any:
    request = {"query": query, "using": "s", **more}
    return queries.read_query(json_format.ParseDict(request, pb.QueryPoints()))


class QueryDocuments(SynchronousTestCase):
    def test_documents_are_vectors_of_queries(self) -> None:
        for document in (DOCUMENT, LONGEST):
            wanted = VectorExample(embed_query(Document(**document)))
            message = {"nearest": {"document": _values(document, "document")}}
            for query in (
                from_json(document),
                from_json({"nearest": document}),
                from_message(message),
            ):
                self.assertEqual(query.form, wanted)
                self.assertEqual(set(query.form.vector.values.tolist()), {1.0})

    def test_documents_as_examples_and_in_prefetches(self) -> None:
        wanted = VectorExample(embed_query(Document(TEXT, "bm25")))
        for query in (
            from_json({"recommend": {"positive": [DOCUMENT, 1]}}),
            from_message({"recommend": {"positive": [{"document": DOCUMENT}, {"id": {"num": 1}}]}}),
        ):
            assert isinstance(query.form, Recommend)
            self.assertEqual(query.form.positive[0], wanted)
        prefetch = {"query": {"nearest": {"document": DOCUMENT}}, "using": "s"}
        for query in (
            from_json({"fusion": "rrf"}, prefetch=[{"query": DOCUMENT, "using": "s"}]),
            from_message({"fusion": "RRF"}, prefetch=[prefetch]),
        ):
            self.assertEqual(query.prefetch[0].form, wanted)

    def test_refusals(self) -> None:
        other = {"text": "a", "model": "other"}
        options = {**DOCUMENT, "options": {"k": -1}}
        nameless = {**DOCUMENT, "model": ""}
        image = {"image": "u", "model": "bm25"}
        for value, kind, error in (
            (other, "document", InferenceError),
            (options, "document", BadInput),
            (nameless, "document", ValidationError),
            (image, "image", InferenceError),
            ({"object": {"a": 1}, "model": "bm25"}, "object", InferenceError),
        ):
            first = self.assertRaises(error, from_json, value)
            message = _values(value, kind)
            second = self.assertRaises(error, from_message, {"nearest": {kind: message}})
            # The paths of validation errors are those of each request.
            if error is not ValidationError:
                self.assertEqual(first.message, second.message)
        self.assertRaises(FormatError, from_json, {"model": "bm25"})
        self.assertRaises(FormatError, from_json, {**DOCUMENT, "text": 1})

    def test_older_searches_take_no_documents(self) -> None:
        for vector in (DOCUMENT, {"name": "s", "vector": DOCUMENT}):
            body = {"vector": vector, "limit": 1}
            self.assertRaises(FormatError, json_searches.read_search, body)


def _values(value: Any, kind: str) -> Any:
    """The JSON form of the message of an object in place of a vector."""
    written = dict(value)
    if kind != "document":
        written[kind] = {"stringValue": "u"}
    if "options" in written:
        written["options"] = {
            name: {"stringValue" if type(option) is str else "integerValue": option}
            for name, option in written["options"].items()
        }
    return written
