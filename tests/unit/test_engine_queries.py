"""Query trees and groups on one collection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from vexfs_twisted.engine.query.groups import rank_groups
from vexfs_twisted.engine.query.leaves import SnapshotSource
from vexfs_twisted.engine.query.plan import Leaf, Ranked, sound
from vexfs_twisted.engine.read_bounds import ReadBoundsOfEach
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.groups import GroupQuery
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import (
    Direction,
    Discover,
    Mmr,
    OrderBy,
    PointExample,
    QueryForm,
    Recommend,
    RecommendStrategy,
    Sample,
    VectorExample,
)

_LIST = PayloadPath.parse("list")
_GROUP = PayloadPath.parse("group")
_COUNT = 24


class QueriesTestCase(EngineTestCase):
    """Points on a line at 1, 2 and so on, with two values each to order by.

    Points 2 and 3 are a group, 4 and 20 are one, and each of the others is alone in one.
    """

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("c", unnamed(1, Distance.EUCLID))
        groups = {2: "near", 3: "near", 4: "wide", 20: "wide"}
        payloads = [{"list": [n, n + 0.5], "group": groups.get(n, n)} for n in range(_COUNT)]
        vectors = np.arange(1, _COUNT + 1, dtype=np.float32)[:, np.newaxis]
        write(self.collection, upsert(range(_COUNT), vectors, payloads))
        write(self.collection, CreateFieldIndex(_LIST, FieldSchema(FieldType.FLOAT)))


class OrderTests(QueriesTestCase):
    def test_excluded_points_with_several_values(self) -> None:
        """However many places they have in the order, the limit is full."""
        for direction, expected in ((Direction.ASC, [1, 2]), (Direction.DESC, [23, 22])):
            below = Prefetch(OrderBy(_LIST, direction), limit=3)
            query = Query(PointExample(0), prefetch=(below,))
            found = {point.id for point in self.collection.read(query)}
            self.assertEqual(found, set(expected))


class _Forgetful(SnapshotSource):
    """Misses the best point at first, as a search by a graph may."""

    _reads = 0

    def read(self, leaves: Sequence[Leaf], bounds: ReadBoundsOfEach) -> list[Ranked | Exception]:
        """See LeafSource."""
        self._reads += 1
        if self._reads > 1:
            return super().read(leaves, bounds)
        found = super().read([leaf._replace(limit=leaf.limit + 1) for leaf in leaves], bounds)
        return [sound(own).where(slice(1, None)) for own in found]


class GroupTests(QueriesTestCase):
    def test_groups_are_in_the_order_of_scores(self) -> None:
        """Also if a later execution finds a better point than the first."""
        near = VectorExample(floats([4.25])[0])
        far = VectorExample(floats([100.0])[0])
        forms: tuple[QueryForm, ...] = (
            near,
            Recommend((near,), (), RecommendStrategy.AVERAGE_VECTOR),
            Recommend((near,), (far,), RecommendStrategy.BEST_SCORE),
            Discover(near, ()),
        )
        for form in forms:
            request = GroupQuery(Query(form, limit=2), _GROUP, group_size=2)
            with self.collection.snapshot() as snapshot:
                groups = rank_groups(_Forgetful(snapshot), request)
                self.assertEqual(groups, rank_groups(SnapshotSource(snapshot), request), form)
            hits = [point.id for group in self.collection.read(request) for point in group.hits]
            self.assertEqual(hits, [3, 2, 4, 20], form)

    def test_limits_beyond_all_points(self) -> None:
        """Every group and point is found, and nothing is made room for by a limit."""
        example = VectorExample(floats([1.0])[0])
        forms = (example, Mmr(example, 0.5), Sample(), OrderBy(_LIST), None)
        most = 2**64 - 1
        for form in forms:
            query = Query(form, limit=most)
            groups = self.collection.read(GroupQuery(query, _GROUP, group_size=most))
            found = sorted(point.id for group in groups for point in group.hits)
            self.assertEqual(found, list(range(_COUNT)), form)
