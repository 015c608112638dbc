"""Queries over the REST wire."""

from __future__ import annotations

from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import Reply, RestClient
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.queries import Query, Selection
from vexfs_twisted.model.query_forms import PointExample, VectorExample
from vexfs_twisted.model.search_params import Acorn, Quantization, SearchParams

UUID = "550e8400-e29b-41d4-a716-446655440000"
PROBE = [0.5, 0.25]


class RestSearchCase(SynchronousTestCase):
    """A collection `a` of three points with an unnamed vector of two numbers."""

    def setUp(self) -> None:
        self.client = RestClient(self)
        self.client.ask("PUT", "/collections/a", {"vectors": {"size": 2, "distance": "Dot"}})
        points = [
            {"id": 1, "vector": [1, 0], "payload": {"n": 1}},
            {"id": 2, "vector": [0, 1]},
            {"id": UUID, "vector": [0.2, 0.2]},
        ]
        self.client.ask("PUT", "/collections/a/points", {"points": points})

    def ask(self, path: str, body: Any) -> Reply:
        return self.client.ask("POST", f"/collections/a/points/{path}", body)

    def query(self, **body: Any) -> Query:
        reply = self.ask("query", body)
        self.assertEqual(reply.status, 200, reply.body)
        name, arguments = self.client.operations.calls[-1]
        self.assertIn(name, ("read", "stream"))
        asked = arguments[1]
        assert isinstance(asked, Query)
        return asked


class Queries(RestSearchCase):
    def test_a_vector(self) -> None:
        points = self.ask("query", {"query": PROBE}).result["points"]
        self.assertEqual([point["id"] for point in points], [1, 2, UUID])
        self.assertEqual(points[0], {"id": 1, "version": 0, "score": 0.5})

    def test_scores_are_written_in_shortest_float32_form(self) -> None:
        raw = self.ask("query", {"query": [0.15, 0.31], "limit": 1}).body
        self.assertIn(b'"score":0.31}', raw)
        raw = self.ask("query", {"query": [4.358899, 1.4063001]}).body
        self.assertIn(b'"score":4.358899}', raw)
        self.assertIn(b'"score":1.4063001}', raw)

    def test_what_is_asked_for_comes_along(self) -> None:
        body = {"query": PROBE, "limit": 1, "with_payload": True, "with_vectors": True}
        (point,) = self.ask("query", body).result["points"]
        self.assertEqual(point["payload"], {"n": 1})
        self.assertEqual(point["vector"], [1, 0])

    def test_without_a_query_points_come_in_order_with_score_one(self) -> None:
        points = self.ask("query", {}).result["points"]
        self.assertEqual(
            [(point["id"], point["score"]) for point in points], [(1, 1), (2, 1), (UUID, 1)]
        )

    def test_the_forms_of_a_target(self) -> None:
        for form, target in (
            (PROBE, VectorExample(np.array(PROBE, dtype=np.float32))),
            ({"nearest": PROBE}, VectorExample(np.array(PROBE, dtype=np.float32))),
            ([1, 2], VectorExample(np.array([1, 2], dtype=np.float32))),
            (2, PointExample(2)),
            (UUID.upper(), PointExample(UUID)),
            ({"nearest": 2, "mmr": None}, PointExample(2)),
            (None, None),
        ):
            self.assertEqual(self.query(query=form).form, target)

    def test_defaults(self) -> None:
        asked = self.query(query=PROBE)
        self.assertEqual((asked.using, asked.limit, asked.offset), ("", 10, 0))
        self.assertEqual(asked.selection, Selection())
        self.assertEqual(asked.params, SearchParams())
        self.assertIsNone(asked.filter)
        self.assertIsNone(asked.score_threshold)

    def test_nulls_are_defaults_and_unknown_fields_are_ignored(self) -> None:
        names = ["using", "filter", "params", "score_threshold", "limit", "offset", "prefetch"]
        names += ["with_payload", "with_vector", "lookup_from", "shard_key"]
        asked = self.query(query=PROBE, vector=[1], wait=True, **dict.fromkeys(names))
        self.assertEqual(asked, self.query(query=PROBE))

    def test_every_part(self) -> None:
        asked = self.query(
            query=PROBE,
            using="",
            filter={"must_not": {"has_id": [1]}},
            params={
                "hnsw_ef": 64,
                "exact": True,
                "indexed_only": True,
                "quantization": {"ignore": True, "rescore": False, "oversampling": 2.5},
                "acorn": {"enable": True, "max_selectivity": 0.4},
            },
            score_threshold=0.5,
            limit=2**64 - 1,
            offset=1,
            prefetch=[],
        )
        self.assertEqual(asked.filter, Filter(must_not=(HasId(frozenset({1})),)))
        self.assertEqual(
            asked.params,
            SearchParams(64, True, Quantization(True, False, 2.5), True, Acorn(True, 0.4)),
        )
        self.assertEqual((asked.score_threshold, asked.limit, asked.offset), (0.5, 2**64 - 1, 1))

    def test_values_out_of_range_are_422(self) -> None:
        for body, text in (
            ({"limit": 0}, "[internal.limit: value 0 invalid, must be 1 or larger]"),
            (
                {"params": {"hnsw_ef": 0}},
                "[internal.params.hnsw_ef: value 0 invalid, must be 1 or larger]",
            ),
            (
                {"params": {"quantization": {"oversampling": 0.5}}},
                (
                    "[internal.params.quantization.oversampling: "
                    "value 0.5 invalid, must be 1.0 or larger]"
                ),
            ),
        ):
            reply = self.ask("query", {"query": PROBE, **body})
            self.assertEqual(reply.status, 422)
            self.assertEqual(reply.error, f"Validation error in JSON body: {text}")

    def test_parts_that_need_a_query(self) -> None:
        for part, text in (
            (
                {"prefetch": {"limit": 5}},
                (
                    "Bad request: A query is needed to merge the prefetches. "
                    "Can't have prefetches without defining a query."
                ),
            ),
            (
                {"score_threshold": 0.5},
                (
                    "Bad request: A query is needed to use the score_threshold. "
                    "Can't have score_threshold without defining a query."
                ),
            ),
        ):
            reply = self.ask("query", part)
            self.assertEqual((reply.status, reply.error), (400, text))

    def test_what_comes_later_is_refused(self) -> None:
        query: Any
        for query in (
            {"recommend": {"positive": [1]}},
            {"discover": {"target": 1, "context": []}},
            {"context": []},
            {"order_by": "n"},
            {"fusion": "rrf"},
            {"rrf": {}},
            {"formula": 1},
            {"sample": "random"},
            {"relevance_feedback": {}},
            {"nearest": PROBE, "mmr": {}},
            {"indices": [1], "values": [1]},
            {"nearest": {"indices": [1], "values": [1]}},
            [[1, 2], [3, 4]],
            {"text": "words", "model": "m"},
        ):
            reply = self.ask("query", {"query": query})
            self.assertEqual(reply.status, 501, query)
            self.assertRegex(reply.error, "not supported yet$")
        for part in (
            {"prefetch": [{"query": PROBE}]},
            {"lookup_from": {"collection": "b"}},
            {"params": {"idf": "global"}},
        ):
            reply = self.ask("query", {"query": PROBE, **part})
            self.assertEqual(reply.status, 501)
            self.assertIn("not supported yet", reply.error)

    def test_what_is_no_query_is_400(self) -> None:
        for query in ({}, 1.5, True, "abc", -1, [1, "2"], [1, None], [True, False], {"x": 1}):
            reply = self.ask("query", {"query": query})
            self.assertEqual(reply.status, 400, query)
            self.assertIn("Format error in JSON body: ", reply.error)
        part: Any
        for part in (
            {"limit": 1.5},
            {"offset": -1},
            {"using": 1},
            {"params": []},
            {"params": {"exact": "yes"}},
            {"score_threshold": "0.5"},
        ):
            self.assertEqual(self.ask("query", {"query": PROBE, **part}).status, 400, part)

    def test_vectors_without_sense_are_refused(self) -> None:
        self.assertEqual(self.ask("query", {"query": []}).status, 422)
        reply = self.ask("query", {"query": [1e39, 0]})
        self.assertEqual(reply.error, "Wrong input: Vector contains NaN or infinite values")

    def test_a_batch_is_answered_in_order(self) -> None:
        searches = [{"query": PROBE, "limit": 1}, {"limit": 2}, {"query": [0, 1], "limit": 1}]
        answers = self.ask("query/batch", {"searches": searches}).result
        ids = [[point["id"] for point in answer["points"]] for answer in answers]
        self.assertEqual(ids, [[1], [1, 2], [2]])
        self.assertEqual(self.ask("query/batch", {"searches": []}).result, [])

    def test_a_batch_says_which_query_is_wrong(self) -> None:
        reply = self.ask("query/batch", {"searches": [{}, {"limit": 0}]})
        self.assertEqual(
            reply.error,
            "Validation error in JSON body: "
            "[searches[1].internal.limit: value 0 invalid, must be 1 or larger]",
        )
        self.assertEqual(self.ask("query/batch", {}).status, 400)
        self.assertEqual(self.ask("query/batch", {"searches": {}}).status, 400)


class Searches(RestSearchCase):
    def test_a_bare_vector(self) -> None:
        points = self.ask("search", {"vector": PROBE, "limit": 2}).result
        self.assertEqual([point["id"] for point in points], [1, 2])
        self.assertEqual(set(points[0]), {"id", "version", "score"})

    def test_a_named_vector(self) -> None:
        body = {"vector": {"name": "", "vector": PROBE}, "limit": 1, "with_payload": ["n"]}
        self.assertEqual(len(self.ask("search", body).result), 1)
        body = {"vector": {"name": "x", "vector": PROBE}, "top": 3}
        self.ask("search", body)
        asked = self.client.operations.calls[-1][1][1]
        self.assertEqual((asked.using, asked.limit), ("x", 3))

    def test_a_limit_is_needed(self) -> None:
        reply = self.ask("search", {"vector": PROBE})
        self.assertEqual(
            (reply.status, reply.error), (400, "Format error in JSON body: missing field `limit`")
        )
        reply = self.ask("search", {"vector": PROBE, "limit": 0})
        self.assertEqual(reply.status, 422)
        self.assertIn("limit: value 0 invalid, must be 1 or larger", reply.error)

    def test_vectors_that_are_none(self) -> None:
        for vector in (None, 1, "x", {}, {"name": "x"}, {"name": 1, "vector": PROBE}, ["x"]):
            reply = self.ask("search", {"vector": vector, "limit": 1})
            self.assertEqual(reply.status, 400, vector)
        sparse = {"name": "s", "vector": {"indices": [1], "values": [1]}}
        reply = self.ask("search", {"vector": sparse, "limit": 1})
        self.assertEqual((reply.status, reply.error), (501, "Sparse vectors are not supported yet"))

    def test_a_batch(self) -> None:
        searches = [{"vector": PROBE, "limit": 1}, {"vector": [0, 1], "limit": 1}]
        answers = self.ask("search/batch", {"searches": searches}).result
        self.assertEqual([[point["id"] for point in points] for points in answers], [[1], [2]])
        reply = self.ask("search/batch", {"searches": [{"vector": PROBE, "limit": 0}]})
        self.assertIn("searches[0].search_request.limit: value 0 invalid", reply.error)
