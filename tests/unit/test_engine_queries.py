"""Query trees on one collection."""

from __future__ import annotations

import numpy as np

from tests.engine_support import EngineTestCase, unnamed, upsert, write
from vexfs_twisted.model.collection_params import Distance
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Prefetch, Query
from vexfs_twisted.model.query_forms import (
    Direction,
    OrderBy,
    PointExample,
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
