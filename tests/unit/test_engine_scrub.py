"""The scrub: what it finds in the files of a collection in use, and what it leaves."""

from __future__ import annotations

import numpy as np

from tests.engine_support import EngineTestCase, column, floats, unnamed, upsert, write
from tests.former_tables import to_format_3
from tests.unit.test_engine_checksums import old_records
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.storage.page_check import locate_record
from vexfs_twisted.model.collection import CollectionInfoRequest, CollectionStatus, CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.errors import DataDamaged, Unavailable
from vexfs_twisted.model.queries import ALL_PAYLOAD, Count, Query, Retrieve, Scroll, Selection
from vexfs_twisted.model.query_forms import PointExample
from vexfs_twisted.model.updates import DeletePoints, UpdateVectors, Upsert
from vexfs_twisted.model.vector_kinds import MultiVectors, SparseVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

COUNT = 600
SIZE = 4
VECTORS = Selection(vectors=True)
ALL = Selection(ALL_PAYLOAD)
MULTI = VectorParams(
    Distance.DOT, 2, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM)
)


class ScrubTests(EngineTestCase):
    """A collection of 600 points, of which some bytes are changed."""

    def setUp(self) -> None:
        super().setUp()
        self.catalog.create("a", unnamed(SIZE))
        self.vectors = np.random.default_rng(3).random((COUNT, SIZE), dtype=np.float32)
        payloads = [{"n": n, "text": "x" * 40} for n in range(COUNT)]
        write(self.collection, upsert(range(COUNT), self.vectors, payloads))
        self.home = self.directory()

    @property
    def collection(self) -> Collection:
        """The collection as it is open now."""
        return self.catalog.get("a")

    def flip(self, file: str, place: int) -> None:
        with (self.home / file).open("r+b") as stream:
            stream.seek(place)
            byte = stream.read(1)[0]
            stream.seek(place)
            stream.write(bytes([byte ^ 1]))

    def status(self) -> tuple[CollectionStatus, str]:
        info = self.collection.read(CollectionInfoRequest())
        return info.status, str(info.optimizer_error)

    def vector(self, number: int) -> object:
        (record,) = self.collection.read(Retrieve([number], VECTORS))
        return (record.vectors or {}).get(UNNAMED)

    def test_sound_data_is_left_alone(self) -> None:
        write(self.collection, DeletePoints(ids=[1, 2]), upsert([3], floats([1, 2, 3, 4])))
        before = self.collection.state
        self.collection.scrub()
        self.assertIs(self.collection.state, before)
        self.assertEqual(self.collection.damages.all, ())
        self.assertNotEqual(self.status()[0], CollectionStatus.RED)

    def test_a_vector_that_was_changed_is_left_out(self) -> None:
        place = 4096 + 7 * SIZE * 4 + 5
        self.flip("vectors-1.f32", place)
        self.collection.scrub()
        status, told = self.status()
        self.assertEqual(status, CollectionStatus.RED)
        self.assertIn(f"vectors-1.f32 at byte {4096 + 7 * SIZE * 4}", told)
        self.assertIn("of point 7", told)
        self.assertIsNone(self.vector(7))
        self.assertIsNotNone(self.vector(8))
        self.assertEqual(self.collection.read(Count()), COUNT)
        self.collection.scrub()
        self.assertEqual(len(self.collection.damages.all), 1)
        write(self.collection, UpdateVectors([7], {UNNAMED: column([1, 1, 1, 1])}))
        self.collection.optimizer_step()
        self.reopen()
        self.assertIsNotNone(self.vector(7))
        self.assertEqual(self.status()[0], CollectionStatus.RED)

    def test_a_vector_that_was_changed_is_no_answer(self) -> None:
        """Before the scrub finds it; the point is read without it, and the others with theirs."""
        self.flip("vectors-1.f32", 4096 + 7 * SIZE * 4)
        answers = self.collection.retrieve_each(
            [Retrieve([6, 8], VECTORS), Retrieve([9, 7, 300], VECTORS), Retrieve([7], ALL)]
        )
        self.assertIsInstance(answers[1], DataDamaged)
        self.assertEqual([len(own) for own in (answers[0], answers[2])], [2, 1])  # type: ignore[arg-type]
        page = Scroll(limit=COUNT, selection=VECTORS)
        self.assertRaises(DataDamaged, self.collection.read, page)
        query = Query(PointExample(8), limit=COUNT, selection=VECTORS)
        self.assertIsInstance(self.collection.query_each([query])[0], DataDamaged)
        status, told = self.status()
        self.assertEqual(status, CollectionStatus.RED)
        self.assertIn(f"vectors-1.f32 at byte {4096 + 7 * SIZE * 4}", told)

    def test_a_vector_that_was_changed_is_not_moved(self) -> None:
        self.catalog.delete("a")
        params = VectorParams(Distance.DOT, 2)
        self.catalog.create("a", CreateCollection(vectors={"x": params, "y": params}))
        both = {"x": column([1, 2], [3, 4]), "y": column([5, 6], [7, 8])}
        write(self.collection, upsert([1, 2], both))
        self.home = self.directory()
        self.flip("vectors-1.f32", 4096)
        update = UpdateVectors([1], {"y": column([1, 1])})
        (outcome,) = self.collection.apply([update])
        self.assertIsInstance(outcome, DataDamaged)
        self.collection.scrub()
        write(self.collection, update)

    def test_records_that_were_changed(self) -> None:
        places = {}
        for table, key in (("rows", (7).to_bytes(8, "big")), ("meta", b"config")):
            found = locate_record(self.home / "data.mdb", table, key)
            assert found is not None
            places[table] = found
            self.flip("data.mdb", found + 8 + len(key) + 12)
        self.collection.scrub()
        told = {(own.file, own.offset) for own in self.collection.damages.all}
        self.assertEqual(told, {("data.mdb", place) for place in places.values()})
        for table, key in (("rows", (7).to_bytes(8, "big")), ("meta", b"config")):
            self.flip("data.mdb", places[table] + 8 + len(key) + 12)
        self.collection.scrub()
        self.assertEqual(self.collection.damages.all, ())

    def test_pages_that_lead_anywhere_close_the_collection(self) -> None:
        place = locate_record(self.home / "data.mdb", "rows", (7).to_bytes(8, "big"))
        assert place is not None
        collection = self.collection
        # The size of the key.
        self.flip("data.mdb", place + 7)
        collection.scrub()
        self.assertIsNotNone(self.catalog.find_quarantined("a"))
        error = self.assertRaises(DataDamaged, self.catalog.get, "a")
        self.assertIn("data.mdb at byte", error.message)
        self.assertRaises(Unavailable, collection.read, Count())
        self.assertIsNone(collection.optimizer_due_in())

    def test_a_former_format_gets_its_checksums(self) -> None:
        self.catalog.close()
        to_format_3(self.home)
        self.reopen()
        write(self.collection, upsert([7], floats([1, 2, 3, 4])))
        self.collection.scrub()
        self.flip("vectors-1.f32", 4096 + 9 * SIZE * 4)
        self.collection.scrub()
        self.assertIn("of point 9", self.status()[1])
        self.assertEqual(self.collection.read(Count()), COUNT)
        self.catalog.close()
        self.assertEqual(old_records(self.home), 0)

    def test_vectors_of_other_kinds(self) -> None:
        request = CreateCollection(vectors={"m": MULTI}, sparse_vectors={"s": SparseVectorParams()})
        collection = self.catalog.create("b", request)
        lines = MultiVectors(np.array([0, 1, 3]), floats([1, 2], [3, 4], [5, 6]))
        sparse = SparseVectors(
            np.array([0, 2, 3]), np.array([1, 5, 2], np.uint32), np.array([1, 2, 3], np.float32)
        )
        vectors = {"m": VectorColumn(lines), "s": VectorColumn(sparse)}
        write(collection, Upsert([1, 2], vectors, [b"{}", b"{}"]))
        self.home = collection.path
        for file, place in (("vectors-1.f32", 4096 + 8), ("vectors-2.indices", 4096)):
            self.flip(file, place)
        collection.scrub()
        told = [(own.file, own.offset, own.text) for own in collection.damages.all]
        self.assertEqual(
            [own[:2] for own in told], [("vectors-1.f32", 4104), ("vectors-2.indices", 4096)]
        )
        self.assertIn("`m` of point 2", told[0][2])
        self.assertIn("`s` of point 1", told[1][2])

    def test_it_takes_its_time(self) -> None:
        scrub = self.collection._scrub
        first = scrub.due_in()
        assert first is not None
        self.assertGreater(first, 30)
        scrub.wake()
        self.assertEqual(scrub.due_in(), 0)
        scrub.step()
        pause = scrub.due_in()
        assert pause is not None
        self.assertLess(pause, 10)
        self.collection.stop_optimizer()
        self.collection.close()
        self.assertIsNone(scrub.due_in())

    def test_offsets_of_zeros(self) -> None:
        collection = self.catalog.create("b", CreateCollection(vectors={"m": MULTI}))
        lines = MultiVectors(np.arange(4), floats([1, 2], [3, 4], [5, 6]))
        write(collection, Upsert([1, 2, 3], {"m": VectorColumn(lines)}, [b"{}"] * 3))
        with (collection.path / "vectors-1.offsets").open("r+b") as stream:
            stream.seek(4096)
            stream.write(bytes(4 * 8))
        every = Scroll(limit=COUNT, selection=VECTORS)
        self.assertRaises(DataDamaged, collection.read, every)
        collection.scrub()
        told = [own.text for own in collection.damages.all]
        self.assertEqual(sum("left out" in text for text in told), 3, told)
        left = collection.read(every).records
        self.assertEqual([(own.id, own.vectors) for own in left], [(1, {}), (2, {}), (3, {})])

    def test_offsets_that_lead_anywhere(self) -> None:
        request = CreateCollection(vectors={}, sparse_vectors={"s": SparseVectorParams()})
        collection = self.catalog.create("b", request)
        sparse = SparseVectors(
            np.arange(COUNT + 1), np.arange(COUNT, dtype=np.uint32), np.ones(COUNT, np.float32)
        )
        write(collection, Upsert(range(COUNT), {"s": VectorColumn(sparse)}, [b"{}"] * COUNT))
        with (collection.path / "vectors-1.offsets").open("r+b") as stream:
            for place in (100, 101, 300):
                stream.seek(4096 + 8 * place)
                value = -(1 << 40) if place == 300 else 1 << 62
                stream.write(value.to_bytes(8, "little", signed=True))
        collection.scrub()
        told = [own.text for own in collection.damages.all]
        # A row has two offsets.
        self.assertEqual(len(told), 5)
        self.assertIn("of point 99 ", told[0])
        places = [(own.file, own.offset) for own in collection.damages.all]
        numbers = 100, 100, 101, 300, 300
        self.assertEqual(places, [("vectors-1.offsets", 4096 + 8 * at) for at in numbers])
        # They are kept in a file for the next start.
        while collection.is_optimizer_due():
            collection.optimize()
        self.assertFalse(collection._is_damage_unsaved())
        left = collection.read(Scroll(limit=COUNT, selection=VECTORS)).records
        self.assertEqual(sum(bool(own.vectors) for own in left), COUNT - 5)
