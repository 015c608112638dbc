"""The commands `verify` and `repair`, on folders with damage of every kind."""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any
from unittest.mock import patch

import numpy as np

from tests.engine_support import EngineTestCase, upsert, write
from tests.unit.test_engine_checksums import PAYLOAD
from vexfs_twisted.engine.storage.page_check import locate_record
from vexfs_twisted.model.collection import (
    CollectionInfoRequest,
    CollectionStatus,
    CreateAlias,
    CreateCollection,
)
from vexfs_twisted.model.collection_params import Distance, SparseVectorParams, VectorParams
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Retrieve, Scroll, Selection
from vexfs_twisted.model.vector_kinds import SparseVectors
from vexfs_twisted.model.vectors import VectorColumn
from vexfs_twisted.repair_command import run_repair
from vexfs_twisted.verify_command import run_verify

COUNT = 2000
DENSE = "d"
SPARSE = "s"


class CommandTests(EngineTestCase):
    """Two collections with dense and sparse vectors and a payload index."""

    def setUp(self) -> None:
        super().setUp()
        request = CreateCollection(
            vectors={DENSE: VectorParams(Distance.DOT, 4)},
            sparse_vectors={SPARSE: SparseVectorParams()},
        )
        dense = np.random.default_rng(1).random((COUNT, 4), dtype=np.float32)
        sparse = SparseVectors(
            np.arange(COUNT + 1), np.arange(COUNT, dtype=np.uint32), np.ones(COUNT, np.float32)
        )
        vectors = {DENSE: VectorColumn.of(dense), SPARSE: VectorColumn(sparse)}
        for name in ("a", "b"):
            collection = self.catalog.create(name, request)
            payloads = [{"n": n, "text": "x" * (n % 70)} for n in range(COUNT)]
            write(collection, upsert(range(COUNT), vectors, payloads))
            schema = FieldSchema(FieldType.INTEGER)
            write(collection, CreateFieldIndex(PayloadPath.parse("n"), schema))
        self.home = self.catalog.get("a").path
        self.file = self.home / "data.mdb"
        self.catalog.update_aliases([CreateAlias("a", "alias")])
        self.catalog.close()

    def flip(self, name: str, place: int) -> None:
        with (self.home / name).open("r+b") as stream:
            stream.seek(place)
            byte = stream.read(1)[0]
            stream.seek(place)
            stream.write(bytes([byte ^ 1]))

    def place(self, table: str, key: bytes) -> int:
        found = locate_record(self.file, table, key)
        assert found is not None
        return found

    def verify(self) -> tuple[int, Any]:
        """The status of `verify`, and what it says of the collection `a`."""
        with patch.object(sys, "stdout", io.StringIO()) as out:
            status = run_verify([str(self.path), "--json"])
        report = json.loads(out.getvalue())
        self.assertEqual(report["sound"], status == 0)
        (own,) = (found for found in report["collections"] if found["name"] == "a")
        others = [found for found in report["collections"] if found["name"] != "a"]
        self.assertEqual([found["damages"] for found in others], [[]])
        return status, own

    def repair(self, status: int = 0) -> Any:
        """Repair; what is lost."""
        lost = self.path / "lost.json"
        with patch.object(sys, "stdout", io.StringIO()):
            found = run_repair([str(self.path), "a", "--yes", f"--lost={lost}"])
        self.assertEqual(found, status)
        return json.loads(lost.read_text())

    def test_sound_data(self) -> None:
        status, report = self.verify()
        self.assertEqual(status, 0)
        self.assertEqual((report["vectors"], report["damages"]), (2 * COUNT, []))
        self.assertGreater(report["records"], 2 * COUNT)
        with patch.object(sys, "stdout", io.StringIO()) as out:
            self.assertEqual(run_verify([str(self.path)]), 0)
        self.assertIn("sound", out.getvalue())
        before = self.all()
        self.assertEqual(self.repair(), {"points": [], "rows": [], "vectors": {}, "notes": []})
        self.assertEqual(self.all(), before)
        self.assertEqual(self.verify()[0], 0)

    def all(self) -> Any:
        """All points, and the aliases."""
        catalog = self.reopen()
        collection = catalog.get(catalog.resolve("alias"))
        found = collection.read(Scroll(limit=COUNT, selection=PAYLOAD)).records
        collection.optimize()
        status = collection.read(CollectionInfoRequest()).status
        self.assertNotEqual(status, CollectionStatus.RED)
        catalog.close()
        return found

    def test_a_record_and_vectors(self) -> None:
        self.flip("data.mdb", self.place("rows", (7).to_bytes(8, "big")) + 40)
        self.flip("vectors-1.f32", 4096 + 16 * 9 + 3)
        self.flip("vectors-2.f32", 4096 + 4 * 11 + 3)
        self.flip("vectors-2.indices", 4096 + 4 * 12 + 3)
        status, report = self.verify()
        self.assertEqual(status, 1)
        places = {(own["file"], own["offset"]) for own in report["damages"]}
        self.assertIn(("vectors-1.f32", 4096 + 16 * 9), places)
        self.assertEqual(len(report["damages"]), 4)
        lost = self.repair()
        self.assertEqual(lost["points"], [7])
        self.assertEqual(lost["vectors"], {DENSE: [9], SPARSE: [11, 12]})
        self.assertEqual(self.verify()[0], 0)
        self.assertEqual(len(self.all()), COUNT - 1)
        collection = self.reopen().get("a")
        (record,) = collection.read(Retrieve([9], Selection(vectors=True)))
        self.assertEqual(set(record.vectors or {}), {SPARSE})
        self.assertTrue((self.home / "data.mdb.damaged").exists())

    def test_pages_of_zeros(self) -> None:
        page = self.place("rows", (700).to_bytes(8, "big")) // 4096
        with self.file.open("r+b") as stream:
            stream.seek(page * 4096)
            stream.write(bytes(4096))
        self.assertEqual(self.verify()[0], 1)
        self.quarantined("a", f"data.mdb at byte {page * 4096}")
        lost = self.repair()
        self.assertIn(700, lost["points"])
        self.assertEqual(lost["rows"], [])
        self.assertEqual(len(self.all()), COUNT - len(lost["points"]))
        self.assertLess(len(lost["points"]), 200)

    def test_bitmaps_and_points_follow_from_rows(self) -> None:
        for table, key in (("bits", bytes(10)), ("points", b"\0" + (9).to_bytes(8, "big"))):
            self.flip("data.mdb", self.place(table, key) + 8 + len(key) + 3)
        before = self.repair()
        self.assertEqual(before["points"] + before["rows"], [])
        self.assertEqual(len(self.all()), COUNT)

    def test_vector_files_that_are_gone_or_cut_off(self) -> None:
        (self.home / "vectors-2.offsets").unlink()
        os.truncate(self.home / "vectors-1.f32", 4096 + 1000 * 16)
        status, report = self.verify()
        self.assertEqual((status, len(report["damages"])), (1, 2))
        lost = self.repair()
        self.assertEqual(len(lost["vectors"][SPARSE]), COUNT)
        self.assertEqual(lost["points"], [])
        self.assertEqual(self.verify()[0], 0)
        self.assertEqual(len(self.all()), COUNT)

    def test_what_cannot_be_repaired_is_left_alone(self) -> None:
        self.flip("data.mdb", self.place("meta", b"config") + 8 + 6 + 9)
        before = self.file.read_bytes()
        with patch.object(sys, "stderr", io.StringIO()) as errors:
            self.assertEqual(run_repair([str(self.path), "a", "--yes"]), 2)
            self.assertEqual(run_repair([str(self.path), "a"]), 2)
            self.assertEqual(run_repair([str(self.path), "c", "--yes"]), 2)
            self.assertEqual(run_repair([str(self.path)]), 2)
            self.assertEqual(run_verify([str(self.path / "elsewhere")]), 2)
        self.assertIn("restore it from a snapshot", errors.getvalue())
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual(self.reopen().get("b").read(Count()), COUNT)

    def test_the_catalog(self) -> None:
        (self.path / "catalog" / "register-1").write_bytes(b"nothing")
        with patch.object(sys, "stdout", io.StringIO()) as out:
            self.assertEqual(run_verify([str(self.path)]), 1)
        self.assertIn("catalog/register-1", out.getvalue())
