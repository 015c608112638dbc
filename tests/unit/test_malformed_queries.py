"""What is no query, in JSON and as messages."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import FormatError, MalformedMessage
from vexfs_twisted.rest.codecs import queries as json_queries
from vexfs_twisted.rest.codecs import searches as json_searches
from vexfs_twisted.rpc.codecs import queries
from vexfs_twisted.rpc.generated import points_pb2 as pb

VECTOR = {"dense": {"data": [1.0, 2.0]}}
ID = {"id": {"num": 1}}


def _naive(b: float) -> dict[str, Any]:
    return {"naive": {"a": 1.0, "b": b, "c": 1.0}}


class MalformedJson(SynchronousTestCase):
    """What is no query in JSON."""

    def test_values_that_fit_no_form(self) -> None:
        for query in (
            {},
            {"x": 1},
            {"nearest": None},
            {"recommend": 1},
            {"discover": {"target": 1}},
        ):
            self.assertRaises(FormatError, json_queries.read_query, {"query": query})
        error = self.assertRaises(FormatError, json_queries.read_query, {"query": {"x": 1}})
        self.assertEqual(
            error.message,
            "Format error in JSON body: query: "
            "data did not match any variant of untagged enum QueryInterface",
        )

    def test_expressions(self) -> None:
        formula: Any
        for formula in (
            True,
            None,
            [],
            {"x": 1},
            {"mult": 1},
            {"div": {"left": 1}},
            {"pow": [1, 2]},
        ):
            self.assertRaises(FormatError, json_queries.read_query, {"query": {"formula": formula}})

    def test_examples_of_older_requests(self) -> None:
        for example in ([[1, 2]], {"text": "words", "model": "qdrant/bm25"}, True, None):
            body = {"positive": [example], "limit": 1}
            self.assertRaises(FormatError, json_searches.read_recommend, body)
            body = {"target": example, "context": [{}], "limit": 1}
            self.assertRaises(FormatError, json_searches.read_discover, body)

    def test_words(self) -> None:
        for query, text in (
            ({"fusion": "x"}, 'fusion: unknown variant string "x", expected `rrf` or `dbsf`'),
            ({"sample": 1}, "sample: unknown variant integer `1`, expected `random`"),
            (
                {"relevance_feedback": {"target": 1, "feedback": [], "strategy": {}}},
                "strategy: data did not match any variant of untagged enum FeedbackStrategy",
            ),
        ):
            error = self.assertRaises(FormatError, json_queries.read_query, {"query": query})
            self.assertEqual(error.message, f"Format error in JSON body: query: {text}")

    def test_the_place_of_an_error_in_a_prefetch(self) -> None:
        body = {"query": 1, "prefetch": [{}, {"prefetch": {"limit": "x"}}]}
        error = self.assertRaises(FormatError, json_queries.read_query, body)
        self.assertIn("prefetch[1].prefetch[0]: limit: invalid type", error.message)
        body = {"query": 1, "prefetch": [1]}
        error = self.assertRaises(FormatError, json_queries.read_query, body)
        self.assertIn("prefetch[0]: invalid type: integer `1`", error.message)


class NumbersThatAreNotFinite(SynchronousTestCase):
    """They would make scores that are not finite."""

    def test_in_json(self) -> None:
        feedback = {"target": 1, "feedback": [{"example": 1, "score": 1}]}
        query: Any
        for query in (
            {"rrf": {"weights": [1e39]}},
            {"relevance_feedback": feedback | {"strategy": _naive(1e39)}},
            {"formula": -1e39},
        ):
            error = self.assertRaises(FormatError, json_queries.read_query, {"query": query})
            self.assertIn("expected f32", error.message)

    def test_in_messages(self) -> None:
        for number in (float("nan"), float("inf")):
            for query in (
                pb.Query(rrf=pb.Rrf(weights=[1, number])),
                pb.Query(relevance_feedback=_feedback_message(score=number)),
                pb.Query(relevance_feedback=_feedback_message(a=number)),
            ):
                message = pb.QueryPoints(query=query)
                error = self.assertRaises(MalformedMessage, queries.read_query, message)
                self.assertEqual(error.message, f"the number {number} is not finite")


def _feedback_message(score: float = 1.0, a: float = 1.0) -> pb.RelevanceFeedbackInput:
    example = pb.VectorInput(dense=pb.DenseVector(data=[1.0]))
    return pb.RelevanceFeedbackInput(
        target=example,
        feedback=[pb.FeedbackItem(example=example, score=score)],
        strategy=pb.FeedbackStrategy(naive=pb.NaiveFeedbackStrategy(a=a)),
    )


class MalformedMessages(SynchronousTestCase):
    """What is no query as a message."""

    def test_parts_that_are_missing(self) -> None:
        query: Any
        for query in (
            {},
            {"nearest": {}},
            {"nearest_with_mmr": {"nearest": VECTOR}},
            {"nearest_with_mmr": {"mmr": {}}},
            {"recommend": {"positive": [{}]}},
            {"discover": {"context": {}}},
            {"discover": {"target": ID}},
            {"context": {"pairs": [{"positive": ID}]}},
            {"formula": {}},
            {"formula": {"expression": {}}},
            {"formula": {"expression": {"div": {"left": {"constant": 1}}}}},
            {"relevance_feedback": {"target": ID, "feedback": [{"example": ID}]}},
            {"relevance_feedback": {"strategy": _naive(1)}},
            {"fusion": 7},
            {"sample": 3},
            {"order_by": {"key": "a b"}},
        ):
            message = json_format.ParseDict({"query": query}, pb.QueryPoints())
            self.assertRaises(MalformedMessage, queries.read_query, message)
