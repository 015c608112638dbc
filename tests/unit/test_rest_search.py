"""Queries over the REST wire."""

from __future__ import annotations

from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import Reply, RestClient
from vexfs_twisted.model.filters import Filter, HasId
from vexfs_twisted.model.queries import LookupLocation, Prefetch, Query, Selection
from vexfs_twisted.model.query_forms import (
    Context,
    ContextPair,
    Discover,
    Mmr,
    PointExample,
    Recommend,
    RecommendStrategy,
    Rrf,
    Sample,
    VectorExample,
)
from vexfs_twisted.model.search_params import Acorn, Quantization, SearchParams
from vexfs_twisted.model.vector_kinds import SparseVector

UUID = "550e8400-e29b-41d4-a716-446655440000"
PROBE = [0.5, 0.25]
ONE = np.array([1], dtype=np.float32)


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

    def test_forms(self) -> None:
        for query, form in (
            ({"nearest": 1, "mmr": {}}, Mmr(PointExample(1))),
            ({"recommend": {"positive": [1]}}, Recommend((PointExample(1),))),
            ({"discover": {"target": 1, "context": None}}, Discover(PointExample(1))),
            (
                {"context": {"positive": 1, "negative": 2}},
                Context((ContextPair(PointExample(1), PointExample(2)),)),
            ),
            ({"sample": "random"}, Sample()),
        ):
            self.assertEqual(self.query(query=query).form, form)

    def test_prefetches(self) -> None:
        ranked = {"query": PROBE, "filter": {"must": []}, "params": {"exact": True}}
        asked = self.query(query={"fusion": "rrf"}, prefetch=[ranked, {"limit": 3}])
        self.assertEqual(asked.form, Rrf())
        vector = VectorExample(np.array(PROBE, dtype=np.float32))
        first = Prefetch(vector, filter=Filter(), params=SearchParams(exact=True))
        self.assertEqual(asked.prefetch, (first, Prefetch(limit=3)))
        self.assertEqual(self.query(query=2, prefetch={}).prefetch, (Prefetch(),))

    def test_a_document_of_an_unknown_model_is_refused(self) -> None:
        reply = self.ask("query", {"query": {"text": "words", "model": "m"}})
        self.assertEqual(reply.status, 400)
        self.assertIn("InferenceService is not initialized", reply.error)

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
        text = "Wrong input: Not existing vector name error: s"
        self.assertEqual((reply.status, reply.error), (400, text))
        asked = self.client.operations.calls[-1][1][1]
        self.assertEqual(asked.form, VectorExample(SparseVector(np.array([1], np.uint32), ONE)))

    def test_recommendations(self) -> None:
        location = {"collection": "a", "vector": ""}
        body = {
            "positive": [1, PROBE],
            "negative": [2],
            "strategy": "best_score",
            "limit": 2,
            "offset": 0,
            "score_threshold": -5,
            "lookup_from": location,
        }
        asked = self.asked("recommend", body)
        examples = PointExample(1), VectorExample(np.array(PROBE, dtype=np.float32))
        strategy = RecommendStrategy.BEST_SCORE
        self.assertEqual(asked.form, Recommend(examples, (PointExample(2),), strategy))
        self.assertEqual(asked.lookup_from, LookupLocation("a", ""))
        self.assertEqual((asked.limit, asked.score_threshold), (2, -5))

    def test_discoveries(self) -> None:
        pairs = [{"positive": 1, "negative": PROBE}]
        pair = ContextPair(PointExample(1), VectorExample(np.array(PROBE, dtype=np.float32)))
        for body, form in (
            ({"target": 2, "context": pairs}, Discover(PointExample(2), (pair,))),
            ({"target": 2, "context": None}, Discover(PointExample(2))),
            ({"context": pairs}, Context((pair,))),
        ):
            self.assertEqual(self.asked("discover", body | {"limit": 1}).form, form)

    def test_batches_of_recommendations_and_discoveries(self) -> None:
        for path, search, name in (
            ("recommend", {"positive": [1]}, "recommend_request"),
            ("discover", {"target": 1}, "discover_request"),
        ):
            searches = [search | {"limit": 2}, search | {"limit": 1}]
            answers = self.ask(f"{path}/batch", {"searches": searches}).result
            self.assertEqual(list(map(len, answers)), [2, 1])
            searches[1]["limit"] = 0
            reply = self.ask(f"{path}/batch", {"searches": searches})
            text = f"[searches[1].{name}.limit: value 0 invalid, must be 1 or larger]"
            self.assertEqual(reply.error, f"Validation error in JSON body: {text}")

    def asked(self, path: str, body: Any) -> Query:
        """The query that the operations were asked."""
        reply = self.ask(path, body)
        self.assertEqual(reply.status, 200, reply.body)
        query = self.client.operations.calls[-1][1][1]
        assert isinstance(query, Query)
        return query

    def test_a_batch(self) -> None:
        searches = [{"vector": PROBE, "limit": 1}, {"vector": [0, 1], "limit": 1}]
        answers = self.ask("search/batch", {"searches": searches}).result
        self.assertEqual([[point["id"] for point in points] for points in answers], [[1], [2]])
        reply = self.ask("search/batch", {"searches": [{"vector": PROBE, "limit": 0}]})
        self.assertIn("searches[0].search_request.limit: value 0 invalid", reply.error)


class Groups(RestSearchCase):
    """Groups of points, and matrices."""

    def setUp(self) -> None:
        super().setUp()
        points = [
            {"id": 1, "vector": [1, 0], "payload": {"of": 1}},
            {"id": 2, "vector": [0, 1], "payload": {"of": UUID}},
            {"id": 3, "vector": [0.5, 0.5], "payload": {"of": -7}},
            {"id": 4, "vector": [0.25, 0.25], "payload": {"of": 1}},
        ]
        self.client.ask("PUT", "/collections/a/points", {"points": points})
        self.client.ask("PUT", "/collections/b", {})
        records = [{"id": i, "vector": {}, "payload": {"name": str(i)}} for i in (1, UUID)]
        self.client.ask("PUT", "/collections/b/points", {"points": records})

    def test_groups_of_a_query(self) -> None:
        body = {"query": [1, 0], "group_by": "of", "group_size": 2, "with_lookup": "b"}
        groups = self.ask("query/groups", body).result["groups"]
        self.assertEqual([group["id"] for group in groups], [1, -7, UUID])
        self.assertEqual(
            [[hit["id"] for hit in group["hits"]] for group in groups], [[1, 4], [3], [2]]
        )
        self.assertEqual(groups[0]["lookup"], {"id": 1, "payload": {"name": "1"}})
        self.assertNotIn("lookup", groups[1])
        self.assertEqual(groups[2]["lookup"], {"id": UUID, "payload": {"name": UUID}})

    def test_what_is_looked_up(self) -> None:
        lookup = {"collection": "b", "with_payload": False, "with_vectors": True}
        body = {"query": [1, 0], "group_by": "of", "limit": 1, "with_lookup": lookup}
        (group,) = self.ask("query/groups", body).result["groups"]
        self.assertEqual(group["lookup"], {"id": 1, "vector": {}})

    def test_older_requests(self) -> None:
        limits = {"group_by": "of", "limit": 2, "group_size": 1}
        groups = self.ask("search/groups", limits | {"vector": [1, 0]}).result["groups"]
        self.assertEqual([group["id"] for group in groups], [1, -7])
        groups = self.ask("recommend/groups", limits | {"positive": [1]}).result["groups"]
        self.assertEqual([group["id"] for group in groups], [-7, 1])
        self.assertEqual([hit["id"] for hit in groups[1]["hits"]], [4])

    def test_matrices(self) -> None:
        body = {"sample": 10, "limit": 1, "filter": {"must": [{"has_id": [1, 2, 3]}]}}
        pairs = self.ask("search/matrix/pairs", body).result["pairs"]
        self.assertEqual(pairs[0], {"a": 1, "b": 3, "score": 0.5})
        self.assertEqual([pair["a"] for pair in pairs], [1, 2, 3])
        offsets = self.ask("search/matrix/offsets", body).result
        self.assertEqual(offsets["ids"], [1, 2, 3])
        self.assertEqual(offsets["offsets_row"], [0, 1, 2])
        self.assertEqual(offsets["offsets_col"][:2], [2, 2])
        self.assertEqual(offsets["scores"], [0.5, 0.5, 0.5])
