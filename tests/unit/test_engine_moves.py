"""Points that are never written again are moved, so that live rows lie close together."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine_support import EVERYTHING, EngineTestCase, field, to_vector, upsert, write
from vexfs_twisted.engine.optimizer import moves, optimizer, plan
from vexfs_twisted.model.collection import CreateCollection, UpdateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, QueryBatch, Scroll
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors, SparseVector, SparseVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

COLD, HOT = 60, 40


class Moves(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.patch(optimizer, "QUIET_SECONDS", 0)
        for name, value in (("LEAST_SPREAD", 300), ("SPREAD", 4), ("ROWS_AT_ONCE", 8)):
            self.patch(moves, name, value)
        self.patch(plan, "LONG_RANGE", 100)
        params = VectorParams(Distance.EUCLID, 4)
        multi = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        vectors = {UNNAMED: params, "m": VectorParams(Distance.EUCLID, 4, multivector_config=multi)}
        request = CreateCollection(
            vectors,
            sparse_vectors={"s": SparseVectorParams()},
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
        )
        self.collection = self.catalog.create("a", request)
        number = PayloadPath.parse("number")
        write(self.collection, CreateFieldIndex(number, FieldSchema(FieldType.INTEGER)))
        self.put(range(COLD + HOT))

    def put(self, ids: range) -> None:
        """Write points whose vectors and payloads tell their ids."""
        dense = np.array([[i, 1, 2, 3] for i in ids], dtype=np.float32)
        lines = MultiVectors.of([MultiVector(np.full((1 + i % 3, 4), i, np.float32)) for i in ids])
        indices = [np.array([i, i + 100], np.uint32) for i in ids]
        values = [np.array([1, i], np.float32) for i in ids]
        columns = {
            UNNAMED: VectorColumn.of(dense),
            "m": VectorColumn(lines),
            "s": VectorColumn(SparseVectors.of(indices, values, str)),
        }
        write(self.collection, upsert(list(ids), columns, [{"number": i} for i in ids]))

    def rewrite(self, times: int) -> None:
        """Write the hot points again."""
        for _ in range(times):
            self.put(range(COLD, COLD + HOT))

    def told(self) -> list[Any]:
        """All that is told of the points, with their versions."""
        page = self.collection.read(Scroll(limit=100, selection=EVERYTHING))
        found = []
        for record in page.records:
            own: dict[str, object] = {}
            for name, vector in (record.vectors or {}).items():
                if isinstance(vector, SparseVector):
                    own[name] = vector.indices.tolist(), vector.values.tolist()
                else:
                    own[name] = np.asarray(getattr(vector, "rows", vector)).tolist()
            found.append((record.id, record.payload, own))
        query = to_vector([0, 1, 2, 3], limit=100)
        (hits,) = self.collection.read(QueryBatch([query]))
        return [found, [(hit.id, hit.score, hit.version) for hit in hits]]

    def first(self) -> int:
        """The first live row."""
        return int(self.collection._store.state.live.rows()[0])

    def test_points_stay_what_they_are(self) -> None:
        self.rewrite(20)
        before, operation = self.told(), self.collection._store.state.next_operation
        rows = self.collection._store.state.next_row
        self.assertEqual(self.first(), 0)
        with self.collection._store.read() as snapshot:
            self.collection.optimize()
            # An older moment has them where they were.
            self.assertEqual(snapshot.state.live.rows()[:COLD].tolist(), list(range(COLD)))
        state = self.collection._store.state
        self.assertEqual(state.next_row, rows + COLD)
        self.assertGreater(self.first(), rows - 2 * (COLD + HOT))
        # Sixty points are moved eight at a time.
        self.assertEqual(state.next_operation, operation + 8)
        self.assertEqual(self.told(), before)
        self.assertEqual(
            self.collection.read(Count(Filter(must=(field("number", MatchValue(7)),)))), 1
        )
        self.collection.optimize()
        self.assertEqual(self.collection._store.state.next_row, rows + COLD)
        (segment,) = self.collection._store.state.dense[UNNAMED].segments
        self.assertLess(segment.stop - segment.start, 3 * (COLD + HOT))
        self.collection = self.reopen().get("a")
        self.assertEqual(self.told(), before)

    def test_few_rows_and_dense_ones_stay(self) -> None:
        self.rewrite(5)
        self.collection.optimize()
        self.assertEqual(self.first(), 0)
        self.patch(moves, "LEAST_SPREAD", 10)
        self.patch(moves, "SPREAD", 100)
        self.rewrite(20)
        self.collection.optimize()
        self.assertEqual(self.first(), 0)

    def test_a_few_bytes_are_moved_at_a_time(self) -> None:
        self.patch(moves, "BYTES_AT_ONCE", 40)
        self.rewrite(20)
        operation = self.collection._store.state.next_operation
        before = self.told()
        self.collection.optimize()
        # A dense vector takes 16 bytes, a multivector up to 48: one or two points at a time.
        self.assertGreaterEqual(self.collection._store.state.next_operation - operation, COLD // 2)
        self.assertEqual(self.told(), before)

    def test_nothing_is_moved_while_the_optimizer_is_paused(self) -> None:
        self.rewrite(20)
        paused = OptimizersConfigDiff(max_optimization_threads=0)
        write(self.collection, UpdateCollection(optimizers_config=paused))
        self.collection.optimize()
        self.assertEqual(self.first(), 0)

    def test_a_collection_that_becomes_empty(self) -> None:
        self.rewrite(20)
        write(self.collection, DeletePoints(filter=Filter()))
        self.collection.optimize()
        self.assertEqual(self.told(), [[], []])
