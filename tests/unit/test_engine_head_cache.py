"""Ids and versions of what a search finds, while points change where they are."""

from __future__ import annotations

import numpy as np

from tests.engine_support import (
    UUID_1,
    EngineTestCase,
    Floats,
    column,
    floats,
    to_vector,
    upsert,
    write,
)
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Distance, VectorParams
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import QueryBatch
from vexfs_twisted.model.updates import DeletePoints, DeleteVectors, SetPayload

SPACE = VectorParams(Distance.DOT, 2)


def found(collection: Collection) -> list[tuple[PointId, int]]:
    """The id and the version of every point, by their score."""
    query = to_vector([1.0, 0.0], using="a", limit=100)
    alone, again = collection.read(QueryBatch([query])), collection.read(QueryBatch([query, query]))
    assert list(alone[0]) == list(again[0]) == list(again[1])
    return [(point.id, point.version) for point in alone[0]]


def ladder(*scores: float) -> Floats:
    """Vectors with these scores."""
    return floats(*([score, 0.0] for score in scores))


class HeadTests(EngineTestCase):
    """What is remembered is what is stored."""

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("c", CreateCollection({"a": SPACE, "b": SPACE}))

    def put(self, ids: list[PointId], *scores: float) -> int:
        """Write points with both vectors; the number of the operation."""
        rows = [row.tolist() for row in ladder(*scores)]
        (operation,) = write(self.collection, upsert(ids, {"a": column(*rows), "b": column(*rows)}))
        return operation

    def test_rewritten_points_tell_their_new_version(self) -> None:
        first = self.put([1, 2, 3], 3.0, 2.0, 1.0)
        self.assertEqual(found(self.collection), [(1, first), (2, first), (3, first)])
        (payload,) = write(self.collection, SetPayload(b'{"k":1}', ids=[2]))
        self.assertEqual(found(self.collection), [(1, first), (2, payload), (3, first)])
        (vectors,) = write(self.collection, DeleteVectors(("b",), ids=[3]))
        self.assertEqual(found(self.collection), [(1, first), (2, payload), (3, vectors)])

    def test_new_and_deleted_points(self) -> None:
        first = self.put([1, 2], 2.0, 1.0)
        found(self.collection)
        second = self.put([2, 7], 5.0, 4.0)
        self.assertEqual(found(self.collection), [(2, second), (7, second), (1, first)])
        write(self.collection, DeletePoints([7]))
        self.assertEqual(found(self.collection), [(2, second), (1, first)])

    def test_ids_of_both_kinds(self) -> None:
        first = self.put([2**64 - 1, UUID_1], 2.0, 1.0)
        self.assertEqual(found(self.collection), [(2**64 - 1, first), (UUID_1, first)])

    def test_more_points_than_there_was_room_for(self) -> None:
        first = self.put([1], 10_000.0)
        found(self.collection)
        scores = np.arange(9_000, dtype=np.float32)[::-1]
        second = self.put(list(range(2, 9_002)), *scores)
        expected = [(1, first), *((number, second) for number in range(2, 101))]
        self.assertEqual(found(self.collection), expected)

    def test_points_that_stay_while_others_come_and_go(self) -> None:
        first = self.put([1, 2], 20_000.0, 19_999.0)
        found(self.collection)
        for _ in range(6):
            last = self.put(list(range(3, 3_003)), *np.arange(3_000, dtype=np.float32)[::-1])
            expected = [(1, first), (2, first), *((number, last) for number in range(3, 101))]
            self.assertEqual(found(self.collection), expected)
