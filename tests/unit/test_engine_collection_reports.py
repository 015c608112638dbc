"""What a collection tells of its counts, sizes and memory."""

from __future__ import annotations

import os
from uuid import UUID

from tests.engine_support import EngineTestCase, write
from tests.suites.values import Point, sparse, upsert
from vexfs_twisted.engine.storage.page_cache import cached_size, disk_size, files_in
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    MultiVectorComparator,
    MultiVectorConfig,
    OptimizersConfigDiff,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.collection_reports import (
    CollectionReportRequest,
    MemoryReportRequest,
    VectorCounts,
)
from vexfs_twisted.model.damage import Damage
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import DeletePoints

MULTI = VectorParams(
    Distance.DOT, 2, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM)
)
REQUEST = CreateCollection(
    {"d": VectorParams(Distance.DOT, 4), "m": MULTI},
    sparse_vectors={"s": SparseVectorParams()},
    optimizers_config=OptimizersConfigDiff(indexing_threshold=1),
    hnsw_config=HnswConfigDiff(full_scan_threshold=10),
)
CITY = CreateFieldIndex(PayloadPath.parse("city"), FieldSchema(FieldType.KEYWORD))
POINTS = 1000


class Reports(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("a", REQUEST)

    def fill(self) -> None:
        points = [
            Point(
                number,
                {"d": [1, 2, 3, number], "m": [[1, 2], [3, number]], "s": sparse({5: 1, 7: 2})},
                {"city": f"c{number % 3}"},
            )
            for number in range(POINTS)
        ]
        write(self.collection, upsert(*points))

    def test_of_an_empty_one(self) -> None:
        report = self.collection.read(CollectionReportRequest(has_details=True))
        self.assertEqual((report.name, report.points, report.segments), ("a", 0, 1))
        self.assertEqual(report.uuid, str(UUID(self.collection.directory)))
        self.assertEqual(report.vectors, dict.fromkeys("dms", VectorCounts(0, 0, 0)))
        assert report.details is not None
        (segment,) = report.details.segments
        self.assertEqual((segment.has_graph, segment.points), (False, 0))

    def test_counts_and_sizes_by_name(self) -> None:
        self.fill()
        report = self.collection.read(CollectionReportRequest())
        self.assertEqual(report.points, POINTS)
        sizes = {name: (own.count, own.size) for name, own in report.vectors.items()}
        each = {"d": 4 * 4, "m": 2 * 2 * 4, "s": 2 * 8}
        self.assertEqual(sizes, {name: (POINTS, POINTS * size) for name, size in each.items()})
        self.assertEqual(report.next_operation, self.collection.next_operation)
        self.assertIsNone(report.details)

    def test_graphs_are_segments(self) -> None:
        self.fill()
        before = self.collection.read(CollectionReportRequest())
        # No more than a scan takes anyway is searched by `indexed_only`.
        self.assertEqual(before.vectors["d"].unsearched, POINTS)
        self.collection.optimize()
        write(self.collection, DeletePoints([1, 2]))
        report = self.collection.read(CollectionReportRequest(has_details=True))
        self.assertEqual(report.vectors["d"].indexed, POINTS - 2)
        self.assertEqual(report.vectors["d"].unsearched, 0)
        assert report.details is not None
        *graphs, rest = report.details.segments
        self.assertEqual([(*own.vectors,) for own in graphs], [("d",), ("m",)])
        for own in graphs:
            (counts,) = own.vectors.values()
            self.assertEqual((counts.count, counts.indexed, counts.deleted), (998, 998, 2))
            self.assertGreater(own.disk, 0)
        self.assertEqual({name: own.count for name, own in rest.vectors.items()}["s"], 998)
        self.assertEqual(report.segments, len(report.details.segments))

    def test_payloads(self) -> None:
        self.fill()
        write(
            self.collection,
            CITY,
        )
        report = self.collection.read(CollectionReportRequest(has_details=True))
        assert report.details is not None
        self.assertEqual(report.details.payload_schema["city"].points, POINTS)
        self.assertGreater(report.details.payloads_size, POINTS * len('{"city":"c0"}'))

    def test_damage_is_counted(self) -> None:
        self.collection.damages.add([Damage("vectors-1.f32", 5, "x"), Damage("x", None, "y")])
        self.assertEqual(self.collection.read(CollectionReportRequest()).damages, 2)

    def test_memory_by_parts(self) -> None:
        self.fill()
        write(
            self.collection,
            CITY,
        )
        self.collection.optimize()
        report = self.collection.read(MemoryReportRequest())
        self.assertEqual(set(report.vectors), {"d", "m", "s"})
        self.assertEqual(set(report.graphs) - {"s"}, {"d", "m"})
        self.assertGreater(report.payload_indexes.heap, 0)
        self.assertGreater(report.payloads.disk, 0)
        every = sum(map(disk_size, files_in(self.collection.path)))
        self.assertEqual(report.total.disk, every)
        for use in (*report.vectors.values(), *report.graphs.values(), report.payloads):
            self.assertGreater(use.disk, 0)


class PageCache(EngineTestCase):
    def test_what_was_written_is_in_memory(self) -> None:
        file = self.path / "file"
        file.write_bytes(os.urandom(1_000_001))
        self.assertEqual(cached_size(file), 1_000_001)
        self.assertGreaterEqual(disk_size(file), 1_000_001)

    def test_files_that_are_empty_or_gone(self) -> None:
        file = self.path / "file"
        self.assertEqual((cached_size(file), disk_size(file)), (0, 0))
        file.touch()
        self.assertEqual((cached_size(file), disk_size(file)), (0, 0))
        self.assertEqual(list(files_in(self.path / "none")), [])
