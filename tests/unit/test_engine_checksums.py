"""Checksums of records: what is not what was written is never answered."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import lmdb
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.engine_support import EngineTestCase, floats, unnamed, upsert, write
from tests.former_tables import to_format_3
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.errors import DamagedRecord
from vexfs_twisted.engine.storage.page_check import locate_record
from vexfs_twisted.engine.storage.record_checksums import (
    are_sealed,
    is_sealed,
    seal_each,
    sealed,
    unsealed,
)
from vexfs_twisted.model.collection import CollectionInfoRequest, CollectionStatus
from vexfs_twisted.model.errors import DataDamaged
from vexfs_twisted.model.queries import ALL_PAYLOAD, Count, Record, Retrieve, Scroll, Selection
from vexfs_twisted.model.updates import DeletePoints, SetPayload

COUNT = 300
PAYLOAD = Selection(ALL_PAYLOAD)


class SealTests(SynchronousTestCase):
    """The codec."""

    @given(st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=60))))
    def test_many_are_sealed_as_one_is(self, records: list[tuple[bytes, bytes]]) -> None:
        keys, data = [key for key, _ in records], [value for _, value in records]
        values = [sealed(key, value) for key, value in records]
        self.assertEqual(list(seal_each(keys, data)), values)
        self.assertTrue(are_sealed(keys, values))
        self.assertEqual([unsealed("t", *own) for own in zip(keys, values, strict=True)], data)

    @given(st.binary(min_size=1, max_size=20), st.binary(max_size=60), st.data())
    def test_every_flipped_bit_is_found(
        self, key: bytes, value: bytes, data: st.DataObject
    ) -> None:
        record = bytearray(key + sealed(key, value))
        place = data.draw(st.integers(0, 8 * len(record) - 1))
        record[place // 8] ^= 1 << place % 8
        changed = bytes(record)
        self.assertFalse(is_sealed("t", changed[: len(key)], changed[len(key) :]))
        with self.assertRaises(DamagedRecord):
            unsealed("t", changed[: len(key)], changed[len(key) :])


class ChecksumTests(EngineTestCase):
    """A collection of which a record is changed behind its back."""

    def setUp(self) -> None:
        super().setUp()
        collection = self.catalog.create("a", unnamed())
        ids = list(range(COUNT))
        payloads = [{"n": n, "text": "x" * (n % 50)} for n in ids]
        write(collection, upsert(ids, floats([1, 2, 3, 4]).repeat(COUNT, axis=0), payloads))
        self.home = self.directory()
        self.file = self.home / "data.mdb"

    @property
    def collection(self) -> Collection:
        """The collection as it is open now."""
        return self.catalog.get("a")

    def flip(self, table: str, key: bytes, place: int) -> int:
        """Flip a bit of a record, `place` bytes into its node; where it is in the file."""
        self.catalog.close()
        offset = locate_record(self.file, table, key)
        assert offset is not None
        with self.file.open("r+b") as file:
            file.seek(offset + place)
            byte = file.read(1)[0]
            file.seek(offset + place)
            file.write(bytes([byte ^ 4]))
        return offset

    def all(self) -> Sequence[Record]:
        """Every point, as it is read in pages."""
        return self.collection.read(Scroll(limit=COUNT, selection=PAYLOAD)).records

    def test_a_row_that_was_changed_is_no_answer(self) -> None:
        before = {record.id: record for record in self.all()}
        offset = self.flip("rows", (7).to_bytes(8, "big"), 8 + 8 + 20)
        self.reopen()
        answers = self.collection.retrieve_each(
            [Retrieve([number], PAYLOAD) for number in (6, 7, 8)]
        )
        self.assertEqual([len(answer) for answer in (answers[0], answers[2])], [1, 1])  # type: ignore[arg-type]
        self.assertEqual(answers[0][0], before[6])  # type: ignore[index]
        error = answers[1]
        assert isinstance(error, DataDamaged)
        self.assertIn(f"data.mdb at byte {offset}", error.message)
        self.assertRaises(DataDamaged, self.all)
        self.assertEqual(self.collection.read(Count()), COUNT)
        info = self.collection.read(CollectionInfoRequest())
        self.assertEqual(info.status, CollectionStatus.RED)
        self.assertIn(f"data.mdb at byte {offset}", str(info.optimizer_error))

    def test_reads_that_share_a_snapshot_with_one_that_finds_damage_are_answered(self) -> None:
        self.flip("rows", (7).to_bytes(8, "big"), 8 + 8 + 20)
        self.reopen()
        first = Scroll(limit=6, selection=PAYLOAD)
        following = Scroll(limit=6, offset=6, selection=PAYLOAD)
        answers = self.collection.read_each([first, following, Count()])
        self.assertEqual([record.id for record in answers[0].records], list(range(6)))
        self.assertIsInstance(answers[1], DataDamaged)
        self.assertEqual(answers[2], COUNT)

    def test_a_write_over_it_and_a_deletion_are_done(self) -> None:
        for number in (7, 9):
            self.flip("rows", number.to_bytes(8, "big"), 8 + 8 + 20)
        self.reopen()
        (outcome,) = self.collection.apply([SetPayload(b'{"n":1}', ids=[7])])
        self.assertIsInstance(outcome, DataDamaged)
        write(self.collection, upsert([7], floats([1, 1, 1, 1]), [{"n": 7}]))
        write(self.collection, DeletePoints(ids=[9]))
        self.assertEqual(len(self.all()), COUNT - 1)

    def test_an_id_that_was_changed_is_no_answer(self) -> None:
        key = b"\0" + (7).to_bytes(8, "big")
        self.flip("points", key, 8 + len(key) + 7)
        self.reopen()
        self.assertRaises(DataDamaged, self.collection.read, Retrieve([7], PAYLOAD))
        self.assertRaises(DataDamaged, self.all)

    def test_keys_that_were_changed_are_found_at_the_start(self) -> None:
        for table, key in (("points", b"\0" + bytes(7) + b"\7"), ("rows", bytes(7) + b"\7")):
            before = self.file.read_bytes()
            self.flip(table, key, 8 + len(key) - 1)
            self.quarantined("a", "data.mdb at byte", f"tree '{table}': its keys are out of order")
            self.file.write_bytes(before)
            self.reopen()

    def test_settings_and_bitmaps_that_were_changed(self) -> None:
        for table, key in (("meta", b"config"), ("meta", b"state"), ("bits", bytes(10))):
            self.flip(table, key, 8 + len(key) + 1)
            self.quarantined("a", "data.mdb at byte", f"table `{table}`")
            self.flip(table, key, 8 + len(key) + 1)
            self.assertEqual(self.reopen().get("a").read(Count()), COUNT)

    def test_what_is_read_by_the_whole(self) -> None:
        chosen = random.Random(3)
        for number in chosen.sample(range(COUNT), 20):
            key = number.to_bytes(8, "big")
            place = 8 + chosen.randrange(8, 40)
            self.flip("rows", key, place)
            self.reopen()
            self.assertRaises(DataDamaged, self.all)
            self.flip("rows", key, place)


class FormerTests(EngineTestCase):
    """Tables of format 3, whose records have no checksums."""

    def test_one_is_read_and_written(self) -> None:
        collection = self.catalog.create("a", unnamed())
        ids = list(range(COUNT))
        payloads = [{"n": n} for n in ids]
        write(collection, upsert(ids, floats([1, 2, 3, 4]).repeat(COUNT, axis=0), payloads))
        before = collection.read(Scroll(limit=COUNT, selection=PAYLOAD))
        self.catalog.close()
        to_format_3(self.directory())
        collection = self.reopen().get("a")
        self.assertEqual(collection.read(Scroll(limit=COUNT, selection=PAYLOAD)), before)
        write(
            collection,
            SetPayload(b'{"m":1}', ids=[3]),
            upsert([5, COUNT], floats([1, 1, 1, 1], [2, 2, 2, 2])),
        )
        collection = self.reopen().get("a")
        self.assertEqual(collection.read(Count()), COUNT + 1)
        records = collection.read(Retrieve([3, 4, 5, COUNT], PAYLOAD))
        payload = [record.payload for record in records]
        self.assertEqual(payload, [b'{"n":3,"m":1}', b'{"n":4}', b"{}", b"{}"])
        self.catalog.close()
        self.assertEqual(old_records(self.directory()), COUNT - 2)


def old_records(directory: Path) -> int:
    """The rows of a collection that have no checksum."""
    with (
        lmdb.open(str(directory), max_dbs=8, readonly=True, lock=False) as environment,
        environment.begin() as transaction,
        transaction.cursor(environment.open_db(b"rows", transaction, create=False)) as cursor,
    ):
        return sum(not is_sealed("rows", key, value) for key, value in cursor)
