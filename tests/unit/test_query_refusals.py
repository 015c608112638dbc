"""Queries that both wires refuse, with the same words where they have them in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf import json_format
from twisted.trial.unittest import SynchronousTestCase

from vexfs_twisted.model.errors import (
    BadInput,
    BadRequest,
    DomainError,
    FormatError,
    MalformedMessage,
    ValidationError,
)
from vexfs_twisted.rest.codecs import groups as json_groups
from vexfs_twisted.rest.codecs import queries as json_queries
from vexfs_twisted.rest.codecs import reads as json_reads
from vexfs_twisted.rest.codecs import searches as json_searches
from vexfs_twisted.rpc.codecs import groups, queries, searches
from vexfs_twisted.rpc.generated import points_pb2 as pb

Json = Mapping[str, Any]

VECTOR = {"dense": {"data": [1.0, 2.0]}}
ID = {"id": {"num": 1}}
NO_EXAMPLE = "Validation error: At least one positive or negative vector/id must be provided [{}]"


class Refusal(NamedTuple):
    """A query that is refused, by the class of its error and its text.

    `path` is the path of a validation error below `query` of the request, in JSON and in messages.
    """

    json: Any
    message: dict[str, Any]
    kind: type[DomainError]
    text: str
    path: tuple[str, str] | None = None


def _naive(b: float) -> dict[str, Any]:
    return {"naive": {"a": 1.0, "b": b, "c": 1.0}}


def _feedback(b: float, count: int) -> Refusal:
    path, text = ".relevance_feedback.strategy.naive.b", "value -1.0 invalid, must be 0.0 or larger"
    if not count:
        path = ".relevance_feedback.feedback"
        text = "feedback elements must be non-empty"
    json = {"target": 1, "feedback": [{"example": [1, 2], "score": 1}] * count}
    message = {"target": ID, "feedback": [{"example": VECTOR, "score": 1}] * count}
    return Refusal(
        {"relevance_feedback": json | {"strategy": _naive(b)}},
        {"relevance_feedback": message | {"strategy": _naive(b)}},
        ValidationError,
        text,
        (path, path),
    )


def _mmr(text: str, **options: Any) -> Refusal:
    (name,) = options
    paths = f".mmr.{name}", f".nearest_with_mmr.mmr.{name}"
    message = {"nearest_with_mmr": {"nearest": VECTOR, "mmr": options}}
    return Refusal({"nearest": [1, 2], "mmr": options}, message, ValidationError, text, paths)


QUERIES = (
    _feedback(-1.0, 1),
    _feedback(0.0, 0),
    _mmr("value 1.5 invalid, must be from 0.0 to 1.0", diversity=1.5),
    _mmr("value -0.1 invalid, must be from 0.0 to 1.0", diversity=-0.1),
    _mmr("value 16385 invalid, must be from 0 to 16384", candidates_limit=16385),
    Refusal(
        {"rrf": {"k": 0}},
        {"rrf": {"k": 0}},
        ValidationError,
        "value 0 invalid, must be 1 or larger",
        (".rrf.k", ".rrf.k"),
    ),
    *(
        Refusal(
            {"recommend": json},
            {"recommend": {"strategy": number}},
            ValidationError,
            NO_EXAMPLE,
            (".recommend.positives, negatives",) * 2,
        )
        for json, number in (
            ({"positive": []}, 0),
            ({"positive": [], "strategy": "average_vector"}, 0),
            ({"positive": None, "negative": [], "strategy": "best_score"}, 1),
            ({"strategy": "sum_scores"}, 2),
        )
    ),
)


def _decay(kind: str, text: str, **options: float) -> Refusal:
    json = {kind: {"x": 1, **options}}
    return _expression(json, {kind: {"x": {"constant": 1}, **options}}, text)


def _expression(json: Any, message: Any, text: str) -> Refusal:
    formula = {"formula": {"expression": message}}
    return Refusal({"formula": json}, formula, BadInput, f"Validation failed: {text}")


def _variable(name: str, text: str) -> Refusal:
    text = f"failed to parse variable ID {name}: {text}: {name}"
    return _expression(name, {"variable": name}, text)


EXPRESSIONS = (
    _variable("$foo", "Invalid reserved word"),
    _variable("$foo.score", "Invalid reserved word"),
    _variable("$score[]", "Invalid reserved variable"),
    _variable("$score.a", "Invalid reserved variable"),
    _variable("$score[1][2]", "Invalid reserved variable"),
    _variable("$", "Invalid reserved variable"),
    _variable("a b", "Invalid payload variable"),
    _variable("", "Invalid payload variable"),
    _decay(
        "lin_decay",
        "Linear decay midpoint should be in the range [0.0, 1.0], got 1.5.",
        midpoint=1.5,
    ),
    _decay("exp_decay", "Decay midpoint should be in the range (0.0, 1.0), got 1.", midpoint=1.0),
    _decay("gauss_decay", "Decay midpoint should be in the range (0.0, 1.0), got 0.", midpoint=0.0),
    _decay(
        "gauss_decay",
        "Decay midpoint should be in the range (0.0, 1.0), got -0.1.",
        midpoint=-0.1,
        scale=-1.0,
    ),
    _decay("lin_decay", "Decay scale should be non-zero positive, got 0.", scale=0.0),
    _decay("exp_decay", "Decay scale should be non-zero positive, got -2.5.", scale=-2.5),
    _expression(
        {"datetime": "yesterday"},
        {"datetime": "yesterday"},
        "failed to parse date-time yesterday: expected a datetime (RFC 3339)",
    ),
)


def _nested(depth: int) -> tuple[Any, Any]:
    """An expression nested to a depth, in JSON and as a message."""
    json: Any = 1
    message: Any = {"constant": 1}
    for _ in range(depth - 1):
        json, message = {"neg": json}, {"neg": message}
    return json, message


class RefusedQueries(SynchronousTestCase):
    """The same query in JSON and as a message."""

    def assert_refused(self, read: Callable[[Any], object], value: Any, own: Refusal) -> str:
        error = self.assertRaises(own.kind, read, value)
        return str(error.message)

    def assert_both(self, own: Refusal, json: Any, message: Any, place: tuple[str, str]) -> None:
        """Assert that the form is refused below the path `place` of JSON and of messages."""
        texts = own.text, own.text
        if own.path is not None:
            paths = (f"{at}{path}" for at, path in zip(place, own.path, strict=True))
            first, second = (f"[{path}: {own.text}]" for path in paths)
            texts = first, second
        elif own.kind is BadInput:
            texts = (f"Wrong input: {own.text}",) * 2
        read_json: Callable[[Any], object] = json_queries.read_query
        self.assertEqual(self.assert_refused(read_json, json, own), texts[0])
        parsed = json_format.ParseDict(message, pb.QueryPoints())
        self.assertEqual(self.assert_refused(queries.read_query, parsed, own), texts[1])

    def test_forms(self) -> None:
        for own in (*QUERIES, *EXPRESSIONS):
            json, message = {"query": own.json}, {"query": own.message}
            self.assert_both(own, json, message, ("internal.query", "query"))

    def test_forms_of_prefetches(self) -> None:
        for own in (*QUERIES, *EXPRESSIONS):
            inner = {"prefetch": [{}, {"query": own.json}]}
            message = {"prefetch": [{"prefetch": [{}, {"query": own.message}]}]}
            place = "prefetch[0].prefetch[1].query"
            self.assert_both(own, {"prefetch": inner}, message, (f"internal.{place}", place))

    def test_names_of_defaults(self) -> None:
        for name in ("$foo", "$score[]", "a b"):
            own = _variable(name, "Invalid")
            json = {"query": {"formula": 1, "defaults": {"ok": 1, name: 1}}}
            error = self.assertRaises(BadInput, json_queries.read_query, json)
            self.assertIn(f"failed to parse variable ID {name}: Invalid", error.message)
            message = pb.QueryPoints()
            message.query.formula.expression.constant = 1
            message.query.formula.defaults[name].integer_value = 1
            other = self.assertRaises(own.kind, queries.read_query, message)
            self.assertEqual(error.message, other.message)

    def test_candidates_of_mmr_by_default(self) -> None:
        """They are as many as the limit, which has the same bound then: at every level."""
        text = "candidates_limit: value 16385 invalid, must be from 0 to 16384"
        options: Json
        for options, limit, is_refused in (
            ({}, 16385, True),
            ({}, 16384, False),
            ({"candidates_limit": 5}, 2**64 - 1, False),
        ):
            json = {"query": {"nearest": [1, 2], "mmr": options}, "limit": limit}
            form = {"nearest_with_mmr": {"nearest": VECTOR, "mmr": options}}
            message: dict[str, Any] = {"query": form, "limit": limit}
            above = {"query": [1, 2], "prefetch": {"prefetch": json, "query": 1}}
            above_message = {"prefetch": [{"prefetch": [message], "query": {"nearest": ID}}]}
            by = {"group_by": "k"}
            cases: tuple[tuple[Callable[[Any], object], Any, str], ...] = (
                (json_queries.read_query, json, "internal.query"),
                (json_queries.read_query, above, "internal.prefetch[0].prefetch[0].query"),
                (json_groups.read_query_groups, json | by, "search_group_request.query"),
                (
                    queries.read_query,
                    json_format.ParseDict(message, pb.QueryPoints()),
                    "query.nearest_with_mmr",
                ),
                (
                    queries.read_query,
                    json_format.ParseDict(above_message, pb.QueryPoints()),
                    "prefetch[0].prefetch[0].query.nearest_with_mmr",
                ),
                (
                    groups.read_query_groups,
                    json_format.ParseDict(message | by, pb.QueryPointGroups()),
                    "query.nearest_with_mmr",
                ),
            )
            for read, value, path in cases:
                if not is_refused:
                    read(value)
                    continue
                error = self.assertRaises(ValidationError, read, value)
                self.assertEqual(error.message, f"[{path}.mmr.{text}]")

    def test_limits_of_prefetches(self) -> None:
        for name, path in (("limit", "limit"), ("hnsw_ef", "params.hnsw_ef")):
            part = {"limit": 0} if name == "limit" else {"params": {"hnsw_ef": 0}}
            own = Refusal(part, part, ValidationError, "value 0 invalid, must be 1 or larger")
            for prefetch in (part, [part]):
                error = self.assertRaises(
                    ValidationError, json_queries.read_query, {"prefetch": prefetch}
                )
                self.assertEqual(error.message, f"[internal.prefetch[0].{path}: {own.text}]")
            message = json_format.ParseDict({"prefetch": [part]}, pb.QueryPoints())
            error = self.assertRaises(ValidationError, queries.read_query, message)
            self.assertEqual(error.message, f"[prefetch[0].{path}: {own.text}]")

    def test_expressions_that_are_nested_too_deeply(self) -> None:
        json, message = _nested(64)
        query = json_queries.read_query({"query": {"formula": json}})
        parsed = pb.QueryPoints()
        json_format.ParseDict(message, parsed.query.formula.expression)
        self.assertEqual(queries.read_query(parsed), query)
        own = _expression(*_nested(65), "expressions nested deeper than 64 levels")
        self.assert_both(own, {"query": own.json}, {"query": own.message}, ("", ""))
        json, _ = _nested(10_000)
        error = self.assertRaises(BadInput, json_queries.read_query, {"query": {"formula": json}})
        self.assertIn("nested deeper", error.message)

    def test_prefetches_that_are_nested_too_deeply(self) -> None:
        text = "Bad request: prefetches depth 65 exceeds max depth 64"
        for depth in (65, 10_000):
            json: Any = {"limit": 1}
            for _ in range(depth - 1):
                json = {"query": 1, "prefetch": json}
            body = {"query": 1, "prefetch": json}
            error = self.assertRaises(BadRequest, json_queries.read_query, body)
            self.assertEqual(error.message, text)
        message = pb.QueryPoints()
        inner = message.prefetch.add()
        for _ in range(64):
            inner = inner.prefetch.add()
        error = self.assertRaises(BadRequest, queries.read_query, message)
        self.assertEqual(error.message, text)

    def test_the_deepest_tree_with_the_deepest_formula_and_filter_is_read(self) -> None:
        condition: Any = {"must": []}
        for _ in range(62):
            condition = {"must": [{"nested": {"key": "k", "filter": condition}}]}
        expression: Any = {"must": [condition]}
        for _ in range(63):
            expression = {"mult": [expression]}
        json: Any = {"query": 1, "limit": 1}
        for _ in range(62):
            json = {"query": {"formula": 1}, "prefetch": json}
        json = {"query": {"formula": expression}, "prefetch": json}
        query = json_queries.read_query({"query": {"formula": 1}, "prefetch": json})
        query.check()

    def test_expressions_of_which_only_grpc_knows(self) -> None:
        for json in ({"acosh": 1}, {"max": [1, 2]}, {"min": [1, 2]}):
            for body in ({"formula": json}, {"formula": {"sum": [1, json]}}):
                error = self.assertRaises(FormatError, json_queries.read_query, {"query": body})
                self.assertIn("data did not match any variant of untagged enum", error.message)
        for kind in ("max", "min"):
            message: dict[str, Any] = {"query": {"formula": {"expression": {"neg": {kind: {}}}}}}
            parsed = json_format.ParseDict(message, pb.QueryPoints())
            error = self.assertRaises(BadInput, queries.read_query, parsed)
            text = f"Wrong input: Validation failed: `{kind}` needs at least one operand"
            self.assertEqual(error.message, text)


class RefusedGroups(SynchronousTestCase):
    """Limits of groups and of matrices."""

    def assert_problem(self, read: Callable[[Any], object], value: Any, problem: str) -> None:
        error = self.assertRaises(ValidationError, read, value)
        self.assertEqual(error.message, f"[{problem}]")

    def test_queries_for_groups(self) -> None:
        for name in ("limit", "group_size"):
            text = f"{name}: value 0 invalid, must be 1 or larger"
            body = {"group_by": "city", name: 0}
            self.assert_problem(
                json_groups.read_query_groups, body, f"search_group_request.group_request.{text}"
            )
            message = json_format.ParseDict(body, pb.QueryPointGroups())
            self.assert_problem(groups.read_query_groups, message, text)

    def test_older_requests_for_groups(self) -> None:
        for name in ("limit", "group_size"):
            text = f"{name}: value 0 invalid, must be 1 or larger"
            body = {"group_by": "city", "limit": 1, "group_size": 1, name: 0}
            cases = (
                (json_groups.read_search_groups, {"vector": [1]}, "search_group_request"),
                (json_groups.read_recommend_groups, {"positive": [1]}, "recommend_group_request"),
            )
            for read, part, place in cases:
                self.assert_problem(read, body | part, f"{place}.group_request.{text}")
            search = json_format.ParseDict(body | {"vector": [1]}, pb.SearchPointGroups())
            self.assert_problem(groups.read_search_groups, search, text)
            recommend = json_format.ParseDict(
                body | {"positive": [{"num": 1}]}, pb.RecommendPointGroups()
            )
            self.assert_problem(groups.read_recommend_groups, recommend, text)

    def test_the_field_of_groups_is_a_path(self) -> None:
        for key in ("", "a b"):
            error = self.assertRaises(FormatError, json_groups.read_query_groups, {"group_by": key})
            self.assertIn("group_by: Invalid json path", error.message)
            message = pb.QueryPointGroups(group_by=key)
            self.assertRaises(MalformedMessage, groups.read_query_groups, message)
        self.assertRaises(FormatError, json_groups.read_query_groups, {})

    def test_matrices(self) -> None:
        for name, least in (("sample", 2), ("limit", 1)):
            text = f"{name}: value {least - 1} invalid, must be {least} or larger"
            body = {name: least - 1}
            self.assert_problem(json_reads.read_matrix, body, f"search_request.{text}")
            message = json_format.ParseDict(body, pb.SearchMatrixPoints())
            self.assert_problem(groups.read_matrix, message, text)


class RefusedOlderRequests(SynchronousTestCase):
    """Recommendations and discoveries without examples."""

    def assert_both(self, text: str, json: Json, message: Any) -> None:
        kinds: Mapping[type, tuple[Callable[[Any], object], Callable[[Any], object]]] = {
            pb.RecommendPoints: (json_searches.read_recommend, searches.read_recommend),
            pb.DiscoverPoints: (json_searches.read_discover, searches.read_discover),
        }
        read_json, read_message = kinds[type(message)]
        for read, value in ((read_json, json), (read_message, message)):
            error = self.assertRaises(BadRequest, read, value)
            self.assertEqual(error.message, f"Bad request: {text}")

    def test_recommendations(self) -> None:
        text = "At least one positive vector ID required with this strategy"
        self.assert_both(text, {"limit": 1}, pb.RecommendPoints(limit=1))
        negative = pb.RecommendPoints(limit=1)
        negative.negative.add(num=1)
        self.assert_both(text, {"limit": 1, "negative": [1]}, negative)
        text = "At least one positive or negative vector ID required with this strategy"
        best = pb.RecommendPoints(limit=1, strategy=pb.RecommendStrategy.BestScore)
        self.assert_both(text, {"limit": 1, "strategy": "best_score"}, best)

    def test_discoveries(self) -> None:
        text = "target and/or context must be specified"
        self.assert_both(text, {"limit": 1, "context": []}, pb.DiscoverPoints(limit=1))
