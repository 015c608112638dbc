"""Query trees are read from both wires as they are, whatever they are made of."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from tests import examples
from tests.contract import query_messages
from tests.query_json import group_query_to_json, query_to_json
from tests.query_trees import Ground, group_queries, queries
from vexfs_twisted.model.groups import GroupQuery
from vexfs_twisted.model.queries import Query
from vexfs_twisted.model.query_forms import Context
from vexfs_twisted.rest.bodies.content import parse
from vexfs_twisted.rest.codecs.groups import read_query_groups as read_json_groups
from vexfs_twisted.rest.codecs.queries import read_query as read_json_query
from vexfs_twisted.rpc.codecs.groups import read_query_groups
from vexfs_twisted.rpc.codecs.queries import read_query
from vexfs_twisted.rpc.generated import points_pb2 as pb

GROUND = Ground()


class QueryCodecs(SynchronousTestCase):
    @settings(max_examples=examples(60))
    @given(queries(GROUND))
    def test_a_query_is_read_from_json(self, query: Query) -> None:
        query.check()
        body = parse(json.dumps(query_to_json(query)).encode())
        self.assertEqual(read_json_query(body), query)

    @settings(max_examples=examples(60))
    @given(queries(Ground(is_in_messages=True)))
    def test_a_query_is_read_from_a_message(self, query: Query) -> None:
        data = query_messages.query("c", query, {}).SerializeToString()
        # Twice, as the decoding of its plain part is remembered.
        for _ in range(2):
            self.assertEqual(read_query(pb.QueryPoints.FromString(data)), query)

    def test_a_context_without_pairs_is_read_from_both(self) -> None:
        context: Any
        for context in ([], None):
            self.assertEqual(read_json_query({"query": {"context": context}}).form, Context())
        message = pb.QueryPoints(query=pb.Query(context=pb.ContextInput()))
        self.assertEqual(read_query(message).form, Context())

    @settings(max_examples=examples(40))
    @given(group_queries(GROUND))
    def test_a_query_for_groups_is_read_from_both(self, request: GroupQuery) -> None:
        body = parse(json.dumps(group_query_to_json(request)).encode())
        self.assertEqual(read_json_groups(body), request)
        data = query_messages.group_query("c", request, {}).SerializeToString()
        self.assertEqual(read_query_groups(pb.QueryPointGroups.FromString(data)), request)
