"""Random query trees are answered alike over both wires, and none is answered by a fault.

The trees ask about data that is there: some are refused, by both in the same words.
"""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.contract import model_json, point_messages, query_messages
from tests.query_json import group_query_to_json, query_to_json
from tests.query_trees import (
    Ground,
    dense_vectors,
    group_queries,
    multi_vectors,
    queries,
    sparse_vectors,
)
from tests.rest_harness import Reply, RestClient
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.groups import GroupQuery, PointGroup
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import LookupLocation, Query, ScoredPoint
from vexfs_twisted.model.query_forms import Sample
from vexfs_twisted.rpc.codecs.groups import read_query_groups, write_groups
from vexfs_twisted.rpc.codecs.points import write_scored
from vexfs_twisted.rpc.codecs.queries import read_query
from vexfs_twisted.rpc.generated import points_pb2 as pb

COUNT = 12
CONFIG = {
    "vectors": {
        "": {"size": 3, "distance": "Cosine"},
        "multi": {"size": 2, "distance": "Dot", "multivector_config": {"comparator": "max_sim"}},
    },
    "sparse_vectors": {"text": {"modifier": "idf"}},
}


def _paths(*texts: str) -> st.SearchStrategy[PayloadPath]:
    return st.sampled_from([PayloadPath.parse(text) for text in texts])


GROUND = Ground(
    vectors={"": dense_vectors(3), "multi": multi_vectors(2), "text": sparse_vectors(5)},
    ids=st.integers(0, COUNT),
    numbers=_paths("n"),
    groups=_paths("city", "n", "nothing"),
    corpora=None,
    lookups=st.sampled_from([LookupLocation("a"), LookupLocation("a", ""), LookupLocation("b")]),
)


def _points() -> list[dict[str, Any]]:
    generator = np.random.default_rng(3)
    points = []
    for number in range(COUNT):
        vectors = {
            "": generator.normal(size=3).tolist(),
            "multi": generator.normal(size=(2, 2)).tolist(),
            "text": {"indices": [number % 4, 5], "values": generator.normal(size=2).tolist()},
        }
        payload = {
            "n": number - 3,
            "a": {"b": "red" if number % 2 else number / 2, "when": "2024-02-29"},
            "when": "2024-03-01T00:00:00Z",
            "place": {"lon": 13.4, "lat": 52.5 - number},
            "city": ["Berlin", "Paris"][: number % 3],
        }
        if number >= COUNT - 3:
            del vectors[("", "multi", "text")[number % 3]]
        points.append({"id": number, "vector": vectors, "payload": payload})
    return points


class QueryWires(SynchronousTestCase):
    def setUp(self) -> None:
        self.client = RestClient(self)
        for name in ("a", "b", "other"):
            self.client.ask("PUT", f"/collections/{name}", CONFIG)
            reply = self.client.ask("PUT", f"/collections/{name}/points", {"points": _points()})
            self.assertEqual(reply.status, 200, reply.body)
        index = {"field_name": "n", "field_schema": "integer"}
        self.client.ask("PUT", "/collections/a/index", index)

    def over_grpc(self, request: Any) -> Any:
        """The answer of the operations to a request as it was read from its message."""
        found: list[Any] = []
        done = self.client.operations.read("a", request)
        done.addCallbacks(found.append, lambda failure: found.append(failure.value))
        self.client.operations.pump()
        (answer,) = found
        if isinstance(answer, Exception) and not isinstance(answer, DomainError):
            raise answer
        return answer

    def assert_same(self, reply: Reply, read: Any, answer: Any) -> None:
        """Assert that an answer over REST, which `read` reads, is that over gRPC."""
        if isinstance(answer, DomainError):
            self.assertIn(reply.status, (400, 404), reply.body)
            self.assertEqual(reply.error, answer.message)
        else:
            self.assertEqual(reply.status, 200, reply.body)
            self.assertEqual(read(reply.result), answer)

    @settings(max_examples=examples(40))
    @given(queries(GROUND))
    def test_queries(self, query: Query) -> None:
        reply = self.client.ask("POST", "/collections/a/points/query", query_to_json(query))
        message = query_messages.query("a", query, {})
        answer = self.over_grpc(read_query(message))
        if _is_random(query):
            self.assertEqual(reply.status == 200, not isinstance(answer, DomainError))
            return

        def read(result: Any) -> Any:
            response = pb.QueryResponse()
            if not isinstance(answer, DomainError):
                write_scored(answer, response.result)
            ours = [point_messages.read_scored_point(p, query.selection) for p in response.result]
            theirs = list(map(model_json.read_scored_point, result["points"]))
            self.assertEqual(list(map(_plain, ours)), list(map(_plain, theirs)))
            return answer

        self.assert_same(reply, read, answer)

    @settings(max_examples=examples(20))
    @given(group_queries(GROUND))
    def test_groups(self, request: GroupQuery) -> None:
        body = group_query_to_json(request)
        reply = self.client.ask("POST", "/collections/a/points/query/groups", body)
        answer = self.over_grpc(read_query_groups(query_messages.group_query("a", request, {})))
        if _is_random(request.query):
            return

        def read(result: Any) -> Any:
            groups = write_groups(answer).result.groups
            ours = [point_messages.read_group(group, request) for group in groups]
            theirs = list(map(model_json.read_group, result["groups"]))
            self.assertEqual(list(map(_plain_group, ours)), list(map(_plain_group, theirs)))
            return answer

        self.assert_same(reply, read, answer)


def _plain(point: ScoredPoint) -> list[Any]:
    """A point as values that can be compared, with its score as float32."""
    vectors = None if point.vectors is None else str(sorted(point.vectors.items(), key=_name_of))
    rounded = np.float32(point.score)
    return [point.id, rounded, point.version, point.payload, vectors, point.order_value]


def _plain_group(group: PointGroup) -> list[Any]:
    lookup = group.lookup
    record = None
    if lookup is not None:
        record = _plain(ScoredPoint(lookup.id, 0, 0, lookup.payload, lookup.vectors))
    return [group.id, list(map(_plain, group.hits)), record]


def _name_of(vector: tuple[str, Any]) -> str:
    return vector[0]


def _is_random(query: Any) -> bool:
    """Whether a query or one of its prefetches is a sample."""
    return isinstance(query.form, Sample) or any(map(_is_random, query.prefetch))
