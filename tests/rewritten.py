"""A collection most rows of which are dead, since some points are written again and again."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.engine_support import EVERYTHING, EngineTestCase, to_vector, upsert, write
from vexfs_twisted.engine.optimizer import moves, optimizer, plan
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import QueryBatch, Scroll
from vexfs_twisted.model.vector_kinds import MultiVector, MultiVectors, SparseVector, SparseVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

COLD, HOT = 60, 40


class Rewritten(EngineTestCase):
    """A hundred points with vectors of every kind, of which forty are written again and again."""

    def setUp(self) -> None:
        super().setUp()
        self.eagerly()
        params = VectorParams(Distance.EUCLID, 4)
        multi = MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        vectors = {UNNAMED: params, "m": VectorParams(Distance.EUCLID, 4, multivector_config=multi)}
        self.request = CreateCollection(
            vectors,
            sparse_vectors={"s": SparseVectorParams()},
            optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
        )
        self.collection = self.catalog.create("a", self.request)
        number = PayloadPath.parse("number")
        write(self.collection, CreateFieldIndex(number, FieldSchema(FieldType.INTEGER)))
        self.put(range(COLD + HOT))

    def eagerly(self) -> None:
        """Let points be moved after a few rows."""
        self.patch(optimizer, "QUIET_SECONDS", 0)
        for name, value in (("LEAST_SPREAD", 300), ("SPREAD", 4), ("ROWS_AT_ONCE", 8)):
            self.patch(moves, name, value)
        self.patch(plan, "LONG_RANGE", 100)

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
