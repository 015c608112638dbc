"""Payload indexes outlive the process: what they read again after a stop, a crash and damage."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.engine_support import EngineTestCase, unnamed, upsert, write
from tests.former_tables import to_format_1
from vexfs_twisted.engine import checkpoints
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.filtering import row_filter
from vexfs_twisted.engine.payload_index import cache, files
from vexfs_twisted.engine.storage import payload_changelog
from vexfs_twisted.engine.storage.file_map import map_of
from vexfs_twisted.engine.storage.table_reader import TableReader
from vexfs_twisted.jsonform.payload_index import read_field_schema
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.filters import FieldCondition, Filter, MatchText, MatchValue
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Facet
from vexfs_twisted.model.updates import DeletePoints, SetPayload
from vexfs_twisted.text.batch import TokenBatch
from vexfs_twisted.text.reader import TextReader

POINTS = 40


def index(path: str, kind: FieldType) -> CreateFieldIndex:
    return CreateFieldIndex(PayloadPath.parse(path), FieldSchema(kind))


class CheckpointCase(EngineTestCase):
    """A collection of points {"v": id % 3, "k": "x<id>"} with an index of each, all by columns."""

    def setUp(self) -> None:
        super().setUp()
        collection = self.catalog.create("a", unnamed())
        payloads = [{"v": n % 3, "k": f"x{n}"} for n in range(POINTS)]
        write(collection, upsert(range(POINTS), None, payloads))
        write(collection, index("v", FieldType.INTEGER), index("k", FieldType.KEYWORD))
        self.patch(row_filter, "FEW_ROWS", -1)
        self.patch(checkpoints, "LEAST_CHANGES", 5)

    @property
    def collection(self) -> Collection:
        return self.catalog.get("a")

    def crash(self) -> None:
        """Go on with a copy of what is on disk; the old process never closes."""
        path = Path(tempfile.mkdtemp(prefix="vexfs-engine-"))
        self.addCleanup(shutil.rmtree, path)
        shutil.copytree(self.path, path, dirs_exist_ok=True)
        self.addCleanup(self.catalog.close)
        self.path, self.catalog = path, Catalog(path)
        self.catalog.open()

    def ones(self) -> int:
        """How many points have v = 1."""
        ones = Filter(must=(FieldCondition(PayloadPath.parse("v"), MatchValue(1)),))
        return self.collection.read(Count(ones))

    def answers(self) -> tuple[Any, ...]:
        counted = {
            path: i.points
            for path, i in self.collection.read(CollectionInfoRequest()).payload_schema.items()
        }
        facet = self.collection.read(Facet(PayloadPath.parse("v")))
        return self.ones(), counted, [tuple(hit) for hit in facet]

    def files(self) -> list[Path]:
        return sorted(self.directory().glob("column-*"))

    def payload_reads(self) -> list[int]:
        """The rows whose payload is read from now on."""
        reads: list[int] = []
        values = TableReader.values

        def noted(reader: TableReader, of_rows: Any) -> list[bytes]:
            reads.extend(of_rows.tolist())
            return values(reader, of_rows)

        self.patch(TableReader, "values", noted)
        return reads


class StopTests(CheckpointCase):
    """Columns are as they were after a clean stop."""

    def setUp(self) -> None:
        super().setUp()
        write(self.collection, SetPayload(b'{"v":1}', [0]), DeletePoints([1]))

    def test_a_restart_reads_no_payload_again(self) -> None:
        before = self.answers()
        self.assertEqual(before, (13, {"v": 39, "k": 39}, [(0, 13), (1, 13), (2, 13)]))
        self.reopen()
        self.assertEqual(len(self.files()), 2)
        reads = self.payload_reads()
        self.assertEqual(self.answers(), before)
        self.assertEqual(reads, [])

    def test_damaged_files_are_replaced(self) -> None:
        before = self.answers()
        self.catalog.close()
        first, second = self.files()
        data = first.read_bytes()
        first.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        second.write_bytes(b"")
        self.catalog = Catalog(self.path)
        self.catalog.open()
        self.assertTrue(self.collection.is_checkpoint_due())
        self.assertEqual(self.answers(), before)

    def test_files_of_an_older_format_are_replaced(self) -> None:
        before = self.answers()
        self.catalog.close()
        kept = [file.read_bytes() for file in self.files()]
        for file, data in zip(self.files(), kept, strict=True):
            older = data.replace(b"vexfscolumn-5", b"vexfscolumn-3", 1)
            self.assertNotEqual(older, data)
            file.write_bytes(older)
        self.catalog = Catalog(self.path)
        self.catalog.open()
        self.assertTrue(self.collection.is_checkpoint_due())
        self.assertEqual(self.answers(), before)
        self.collection.checkpoint()
        self.assertTrue(all(f.read_bytes().startswith(b"vexfscolumn-5") for f in self.files()))

    def test_files_of_the_version_before_are_of_use(self) -> None:
        """Their arrays begin anywhere."""
        write(self.collection, upsert([3]))
        before = self.answers()
        self.patch(files, "_FORMAT", files._UNALIGNED)
        self.patch(files, "_aligned", iter)
        self.reopen()
        self.assertTrue(all(f.read_bytes().startswith(b"vexfscolumn-4") for f in self.files()))
        reads = self.payload_reads()
        self.assertEqual(self.answers(), before)
        self.assertEqual(reads, [])

    def test_columns_that_are_loaded_are_mapped(self) -> None:
        self.reopen()
        columns = self.collection.indexes.columns._columns
        self.assertEqual(len(columns), 2)
        for column in columns.values():
            for pairs in column.parts.values():
                for array in (pairs.values, pairs.rows):
                    self.assertIsNotNone(map_of(array))

    def test_a_stop_leaves_files_alone_that_miss_nothing(self) -> None:
        self.reopen()
        before = [file.stat() for file in self.files()]
        write(self.collection, DeletePoints([2, 3]))
        self.reopen()
        self.assertEqual([file.stat() for file in self.files()], before)
        write(self.collection, upsert([0]))
        self.reopen()
        self.assertNotEqual([file.stat() for file in self.files()], before)

    def test_the_files_of_dropped_indexes_go(self) -> None:
        self.collection.checkpoint()
        self.assertEqual(len(self.files()), 2)
        write(self.collection, DeleteFieldIndex(PayloadPath.parse("k")))
        self.reopen()
        self.assertEqual(len(self.files()), 1)


class CrashTests(CheckpointCase):
    """After a crash only what has changed since the last checkpoint is read again."""

    def setUp(self) -> None:
        super().setUp()
        self.collection.checkpoint()

    def test_only_new_and_touched_rows_are_read(self) -> None:
        write(self.collection, SetPayload(b'{"v":1}', [0, 3]), upsert([5], None, [{"v": 1}]))
        write(self.collection, SetPayload(b'{"v":1}', [6]), DeletePoints([6, 7]))
        write(self.collection, SetPayload(b'{"v":2}', filter=Filter(must=(v_is(1),))))
        before = self.answers()
        self.crash()
        reads = self.payload_reads()
        self.assertEqual(self.answers(), before)
        changed = {n for n in range(POINTS) if n % 3 == 1} - {7} | {0, 3, POINTS}
        self.assertEqual(set(reads), changed)

    def test_nothing_is_read_where_nothing_has_changed(self) -> None:
        before = self.answers()
        for _ in range(2):
            self.crash()
            reads = self.payload_reads()
            self.assertEqual(self.answers(), before)
            self.assertEqual(reads, [])

    def test_payload_changes_are_remembered_over_several_lives(self) -> None:
        for point in range(0, 12, 3):
            write(self.collection, SetPayload(b'{"v":1}', [point]))
            self.crash()
        self.assertEqual(self.ones(), 13 + 4)

    def test_a_file_older_than_what_is_remembered_is_of_no_use(self) -> None:
        self.patch(payload_changelog, "_MOST_ROWS", 3)
        for point in range(0, 15, 3):
            write(self.collection, SetPayload(b'{"v":1}', [point]))
        self.crash()
        self.assertTrue(self.collection.is_checkpoint_due())
        self.assertEqual(self.ones(), 13 + 5)

    def test_a_file_of_a_later_moment_is_not_used(self) -> None:
        self.catalog.close()
        earlier = {file: file.read_bytes() for file in self.directory().iterdir()}
        self.catalog.open()
        write(self.collection, SetPayload(b'{"v":1}', [0]))
        self.catalog.close()
        for file, data in earlier.items():
            if not file.name.startswith("column-"):
                file.write_bytes(data)
        self.catalog.open()
        self.assertEqual(self.ones(), 13)

    def test_a_collection_of_format_1_is_brought_up_to_date(self) -> None:
        write(self.collection, SetPayload(b'{"v":1}', [0]))
        self.catalog.close()
        to_format_1(self.directory())
        self.catalog.open()
        reads = self.payload_reads()
        self.assertEqual(self.ones(), 14)
        self.assertEqual(reads, [])
        write(self.collection, SetPayload(b'{"v":1}', [3]))
        self.crash()
        self.assertEqual(self.ones(), 15)


class TokenTests(CheckpointCase):
    """The tokens of a text index are kept with its column."""

    def setUp(self) -> None:
        super().setUp()
        texts = [{"t": f"red fish {n % 4}"} for n in range(POINTS)]
        write(self.collection, self.declared(), upsert(range(POINTS), None, texts))
        self.collection.checkpoint()
        self.read: list[str] = []
        cut = TextReader.tokens_of_many

        def noted(reader: TextReader, of_texts: Iterable[str], *more: Any) -> TokenBatch:
            self.read.extend(of_texts)
            return cut(reader, of_texts, *more)

        self.patch(TextReader, "tokens_of_many", noted)

    def declared(self, **options: Any) -> CreateFieldIndex:
        declared = {"type": "text", **options}
        return CreateFieldIndex(PayloadPath.parse("t"), read_field_schema(declared))

    def count(self, text: str) -> int:
        condition = FieldCondition(PayloadPath.parse("t"), MatchText(text))
        return self.collection.read(Count(Filter(must=(condition,))))

    def test_only_new_text_is_read_after_a_crash(self) -> None:
        write(self.collection, upsert([100], None, [{"t": "blue fish 3"}]))
        write(self.collection, SetPayload(b'{"t":"Red bird"}', [0]))
        self.crash()
        self.patch(cache, "FEW_FRESH", 0)
        self.assertEqual([self.count(text) for text in ("fish", "RED fish 3", "bird")], [40, 10, 1])
        self.assertEqual(sorted(self.read), ["Red bird", "blue fish 3"])

    def test_all_is_read_again_where_it_would_be_read_otherwise(self) -> None:
        self.assertEqual(self.count("redder"), 0)
        write(self.collection, self.declared(max_token_len=3))
        self.crash()
        self.assertTrue(self.collection.is_checkpoint_due())
        self.assertEqual([self.count("red"), self.count("fish")], [POINTS, 0])
        self.collection.checkpoint()
        self.crash()
        self.read.clear()
        self.assertEqual([self.count("red"), self.count("fish")], [POINTS, 0])
        self.assertEqual(self.read, [])


class DueTests(CheckpointCase):
    """When a checkpoint is due, and what it does in memory."""

    def setUp(self) -> None:
        super().setUp()
        self.collection.checkpoint()

    def test_after_new_and_touched_rows_enough(self) -> None:
        self.assertFalse(self.collection.is_checkpoint_due())
        write(self.collection, upsert([100, 101, 102]), DeletePoints([4, 5, 7, 8, 10, 11, 13]))
        write(self.collection, SetPayload(b"{}", [0, 1]))
        self.assertFalse(self.collection.is_checkpoint_due())
        write(self.collection, SetPayload(b"{}", [2]))
        self.assertTrue(self.collection.is_checkpoint_due())
        self.collection.checkpoint()
        self.assertFalse(self.collection.is_checkpoint_due())
        self.crash()
        self.assertFalse(self.collection.is_checkpoint_due())

    def test_after_an_index_is_made_or_dropped(self) -> None:
        for update in (index("m", FieldType.FLOAT), DeleteFieldIndex(PayloadPath.parse("m"))):
            write(self.collection, update)
            self.assertTrue(self.collection.is_checkpoint_due())
            self.collection.checkpoint()
            self.assertFalse(self.collection.is_checkpoint_due())
        self.assertEqual(len(self.files()), 2)

    def test_a_filter_after_it_has_nothing_left_to_read(self) -> None:
        write(self.collection, SetPayload(b'{"v":1}', [0, 3]), upsert([100], None, [{"v": 1}]))
        self.collection.checkpoint()
        reads = self.payload_reads()
        self.assertEqual(self.ones(), 16)
        self.assertEqual(reads, [])

    def test_one_that_fails_is_not_due_before_as_much_has_changed_again(self) -> None:
        obstacle = self.files()[0].with_suffix(".bin.new")
        obstacle.mkdir()
        many = [0, 1, 2, 3, 4, 5]
        write(self.collection, SetPayload(b'{"v":1}', many))
        self.assertTrue(self.collection.is_checkpoint_due())
        self.assertRaises(OSError, self.collection.checkpoint)
        self.assertFalse(self.collection.is_checkpoint_due())
        write(self.collection, SetPayload(b'{"v":1}', many))
        self.assertTrue(self.collection.is_checkpoint_due())
        obstacle.rmdir()
        self.collection.checkpoint()
        self.assertFalse(self.collection.is_checkpoint_due())

    def test_a_collection_that_is_gone_gets_none(self) -> None:
        collection, directory = self.collection, self.directory()
        write(collection, index("m", FieldType.FLOAT))
        self.catalog.delete("a")
        self.assertFalse(collection.is_checkpoint_due())
        collection.checkpoint()
        self.assertFalse(directory.exists())


class MemoryTests(CheckpointCase):
    """Columns in memory take in what has changed when that is worth it, without a checkpoint."""

    def test_one_row_after_many_that_came_and_went(self) -> None:
        self.patch(cache, "FEW_FRESH", 2)
        self.assertEqual(self.ones(), 13)
        for _ in range(40):
            write(self.collection, upsert([0], None, [{"v": 1}]))
        self.assertEqual(self.ones(), 14)
        reads = self.payload_reads()
        self.assertEqual(self.ones(), 14)
        self.assertEqual(reads, [])


def v_is(number: int) -> FieldCondition:
    """The condition that v is a number."""
    return FieldCondition(PayloadPath.parse("v"), MatchValue(number))
