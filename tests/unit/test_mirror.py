"""The mirror of collections on a device: what is on it, what searches make of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from attrs import evolve

from tests.engine_support import Floats, field, to_vector, unnamed, upsert, write
from tests.mirror_support import MirrorCase, wait_until
from tests.small_chunks import eager_moves, patch_small_chunks
from tests.suites.device import Fault, MemoryDevice
from vexfs_twisted.engine.acceleration import SearchAccelerator, view_of
from vexfs_twisted.engine.read_bounds import ReadBounds
from vexfs_twisted.interfaces import IVectorDevice
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import Datatype, Distance, VectorParams
from vexfs_twisted.model.commands import CreateVectorName, DeleteVectorName
from vexfs_twisted.model.damage import Damage
from vexfs_twisted.model.device import DeviceFull, DeviceKind, NoSuchFile
from vexfs_twisted.model.filters import Filter, Range
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import QueryBatch, Retrieve, ScoredPoint
from vexfs_twisted.model.read_context import Cancelled, ReadContext
from vexfs_twisted.model.search_params import SearchParams
from vexfs_twisted.model.status import DeviceStatus
from vexfs_twisted.model.updates import DeletePoints, UpdateVectors
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

DIM = 6


def some(count: int, seed: int = 1) -> Floats:
    """Random vectors, shape [count, DIM]."""
    return np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)


def ids_of(points: Sequence[ScoredPoint]) -> list[PointId]:
    """The ids in order."""
    return [point.id for point in points]


class WithPoints(MirrorCase):
    """A collection of `count` points, attached or not."""

    distance = Distance.DOT
    count = 200

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("c", unnamed(DIM, self.distance))
        self.vectors = some(self.count)
        write(self.collection, upsert(range(self.count), self.vectors))

    def accelerator(self) -> SearchAccelerator | None:
        """What searches of the collection ask before the engine."""
        return self.catalog.accelerators.get(self.collection.directory)

    def exact(self, query: Floats, **options: object) -> Sequence[ScoredPoint]:
        """What the engine answers by itself."""
        params = SearchParams(exact=True)
        return self.collection.read(QueryBatch([to_vector(query, params=params, **options)]))[0]

    def ask(self, query: Floats, **options: object) -> Sequence[ScoredPoint]:
        """What is answered."""
        return self.collection.read(QueryBatch([to_vector(query, **options)]))[0]

    def assert_asked(self, query: Floats, times: int = 1, **options: object) -> None:
        """The answer is the engine's own, and the device was asked so often for it."""
        before = self.searches()
        answer = self.ask(query, **options)
        self.assertEqual(self.searches() - before, times)
        self.assertEqual(list(answer), list(self.exact(query, **options)))


class Searches(WithPoints):
    def test_a_search_without_a_filter_asks_the_device(self) -> None:
        self.attach()
        for query in some(5, seed=2):
            self.assert_asked(query, limit=10)

    def test_several_queries_at_once(self) -> None:
        self.attach()
        queries = some(20, seed=3)
        before = self.searches()
        found = self.collection.read(QueryBatch([to_vector(query, limit=7) for query in queries]))
        self.assertEqual(self.searches() - before, 20)
        for query, points in zip(queries, found, strict=True):
            self.assertEqual(list(points), list(self.exact(query, limit=7)))

    def test_offset_and_threshold(self) -> None:
        self.attach()
        self.assert_asked(some(1)[0], limit=5, offset=20)
        self.assert_asked(some(1)[0], limit=50, score_threshold=1.0)

    def test_limits_beyond_what_there_is(self) -> None:
        self.attach()
        self.assert_asked(some(1)[0], limit=1000)
        self.assert_asked(some(1)[0], limit=10, offset=195)

    def test_more_neighbours_than_a_device_may_be_asked_for(self) -> None:
        self.mirror = self.make_mirror(most_neighbours=40)
        self.attach()
        self.assert_asked(some(1)[0], limit=20)
        self.assert_asked(some(1)[0], times=0, limit=100)
        self.assertTrue(self.mirror.status().attached)

    def test_a_cursor_over_a_search(self) -> None:
        self.attach()
        query = to_vector(some(1)[0], limit=12)
        before = self.searches()
        cursor = self.collection.open_cursor(query)
        self.addCleanup(cursor.close)
        batch = cursor.next(100, 1 << 20)
        self.assertEqual(self.searches() - before, 1)
        assert batch is not None
        self.assertEqual(list(batch.points), list(self.exact(some(1)[0], limit=12)))

    def test_a_vector_name_that_is_removed_and_created_again(self) -> None:
        self.attach()
        query = some(1)[0]
        self.assert_asked(query, limit=10)
        params = VectorParams(self.distance, DIM)
        write(self.collection, DeleteVectorName(UNNAMED), CreateVectorName(UNNAMED, params))
        self.assertEqual(list(self.ask(query, limit=10)), [])
        column = VectorColumn.of(some(self.count, seed=9))
        write(self.collection, UpdateVectors(range(self.count), {UNNAMED: column}))
        self.assertEqual(list(self.ask(query, limit=10)), list(self.exact(query, limit=10)))
        self.settle(self.collection)
        self.assert_asked(query, limit=10)
        write(self.collection, DeleteVectorName(UNNAMED))
        self.settle(self.collection)
        wait_until(lambda: self.device.list_files() == [], "the device has nothing of it")

    def test_what_the_engine_answers_by_itself(self) -> None:
        self.attach()
        filter_ = Filter(must=(field("a", Range(gte=1.0)),))
        for options in (
            {"filter": filter_},
            {"params": SearchParams(exact=True)},
            {"params": SearchParams(indexed_only=True)},
        ):
            before = self.searches()
            self.ask(some(1)[0], limit=3, **options)
            self.assertEqual(self.searches(), before, options)


class EuclidSearches(Searches):
    distance = Distance.EUCLID


class CosineSearches(Searches):
    distance = Distance.COSINE


class Staleness(WithPoints):
    """Updates and deletions never let a dead row be seen."""

    def test_deleted_points_are_gone_at_once(self) -> None:
        self.attach()
        query = self.vectors[7]
        gone = ids_of(self.ask(query, limit=12))
        write(self.collection, DeletePoints(gone))
        self.assert_asked(query, limit=30)
        self.assertFalse(set(gone) & set(ids_of(self.ask(query, limit=30))))

    def test_so_many_deleted_that_the_device_is_asked_for_more(self) -> None:
        self.attach()
        query = self.vectors[7]
        nearest = ids_of(self.ask(query, limit=150))
        write(self.collection, DeletePoints(nearest[:120]))
        points = self.ask(query, limit=20)
        self.assertEqual(list(points), list(self.exact(query, limit=20)))
        self.assertEqual(len(points), 20)

    def test_replaced_points_have_their_new_vectors_at_once(self) -> None:
        self.attach()
        self.device.inject(Fault.HANGS)
        self.addCleanup(self.device.heal)
        write(self.collection, upsert(range(50), -self.vectors[:50]))
        self.mirror.attend(self.collection)
        self.device.hanging.wait(10)
        self.device.heal()
        self.assert_asked(self.vectors[3], limit=40)
        self.settle()
        self.assert_asked(self.vectors[3], limit=40)

    def test_every_kind_of_write_in_between(self) -> None:
        self.attach()
        random = np.random.default_rng(8)
        for turn in range(40):
            ids = random.choice(260, size=9, replace=False).tolist()
            kind = turn % 4
            if kind == 0:
                write(self.collection, DeletePoints(ids))
            elif kind == 1:
                known = [
                    r.id for r in self.collection.read(Retrieve(ids, to_vector([0]).selection))
                ]
                moved = VectorColumn.of(some(len(known), seed=turn))
                if known:
                    write(self.collection, UpdateVectors(known, {UNNAMED: moved}))
            else:
                write(self.collection, upsert(ids, some(9, seed=turn)))
            if turn % 3 == 0:
                self.settle(self.collection)
            elif turn % 3 == 1:
                self.mirror.attend(self.collection)
            query = some(1, seed=100 + turn)[0]
            self.assertEqual(list(self.ask(query, limit=25)), list(self.exact(query, limit=25)))
        self.assertTrue(self.mirror.status().attached, self.mirror.status().detached)

    def test_an_older_view_has_rows_that_were_never_sent(self) -> None:
        self.attach()
        query = 10 * self.vectors[0]
        write(self.collection, upsert([900], query[np.newaxis]))
        space = self.collection.state.dense[UNNAMED]
        old = self.collection.vectors()[UNNAMED]
        write(self.collection, DeletePoints([900]))
        self.settle(self.collection)
        accelerator = self.accelerator()
        assert accelerator is not None
        queries = space.queries(query[np.newaxis])
        found = accelerator.nearest(UNNAMED, old, queries, np.array([3]))
        assert found is not None
        self.assertEqual(int(found[0].rows[0]), self.count)

    def test_a_file_that_is_mostly_dead_is_made_anew(self) -> None:
        self.attach()
        (name,) = self.device.list_files()
        for turn in range(3):
            write(self.collection, upsert(range(self.count), some(self.count, seed=turn)))
            self.settle(self.collection)
        wait_until(lambda: self.mirror.status().vectors <= 2 * self.count, "dead rows are gone")
        (other,) = self.device.list_files()
        self.assertNotEqual(name, other)
        self.assert_asked(self.vectors[0], limit=10)


class LaterRows(WithPoints):
    """Rows are counted from a later one, again and again; the device goes on with the numbers."""

    def setUp(self) -> None:
        super().setUp()
        patch_small_chunks(self.patch)
        for patched in eager_moves():
            self.patch(*patched)

    def use_up(self, seed: int) -> int:
        """Write most points again, and the others come to be moved; the row that is now the base.

        The device is not told.
        """
        kept = self.count // 10
        for _ in range(5):
            write(self.collection, upsert(range(kept, self.count), some(self.count - kept, seed)))
        self.collection.optimize()
        return self.collection.state.base

    def test_searches_ask_the_device(self) -> None:
        self.attach()
        bases = [0]
        for turn in range(4):
            bases.append(self.use_up(turn))
            self.assertLess(*bases[-2:])
            self.settle(self.collection)
            self.assert_asked(some(1, turn)[0], limit=10)
            write(self.collection, upsert([3, 500 + turn], some(2, turn)))
            self.assert_asked(some(1, turn)[0], limit=30)
        self.assertTrue(self.mirror.status().attached, self.mirror.status().detached)
        self.mirror.detach()
        self.device = MemoryDevice()
        self.attach()
        self.assert_asked(some(1)[0], limit=10)

    def test_an_older_view_counts_rows_from_its_own(self) -> None:
        self.mirror = self.make_mirror(rebuilt_from=10**6)
        self.attach()
        state = self.collection.state
        old, space = view_of(state, UNNAMED), state.dense[UNNAMED]
        self.use_up(1)
        queries = space.queries(some(3, seed=5))
        limits = np.full(3, 20, dtype=np.int64)
        accelerator = self.accelerator()
        assert accelerator is not None
        for is_settled in (False, True):
            if is_settled:
                self.settle(self.collection)
            found = accelerator.nearest(UNNAMED, old, queries, limits)
            assert found is not None
            expected = old.nearest(old.rows(), queries, limits)
            for own, wanted in zip(found, expected, strict=True):
                self.assertEqual(own.rows.tolist(), wanted.rows.tolist())
        self.assertTrue(self.mirror.status().attached, self.mirror.status().detached)


class Feeding(WithPoints):
    def test_what_is_there_is_caught_up_with(self) -> None:
        self.mirror = self.make_mirror(batch_bytes=4 * DIM * 16)
        self.attach()
        status = self.mirror.status()
        self.assertEqual((status.vectors, status.files, status.waiting), (self.count, 1, 0))
        self.assertGreaterEqual(status.calls["insert"].count, self.count // 16)
        self.assert_asked(self.vectors[0], limit=10)

    def test_what_is_written_later_follows(self) -> None:
        self.attach()
        write(self.collection, upsert(range(300, 340), some(40)))
        self.settle(self.collection)
        self.assertEqual(self.mirror.status().vectors, self.count + 40)

    def test_too_much_that_waits_is_left_to_the_engine(self) -> None:
        self.mirror = self.make_mirror(most_unmirrored=10)
        self.attach()
        write(self.collection, upsert(range(300, 320), some(20)))
        self.assert_asked(self.vectors[0], times=0, limit=10)
        self.settle(self.collection)
        self.assert_asked(self.vectors[0], limit=10)

    def test_each_vector_name_has_a_file_and_others_none(self) -> None:
        vectors = {
            "a": VectorParams(Distance.DOT, 2),
            "b": VectorParams(Distance.EUCLID, 3),
            "half": VectorParams(Distance.DOT, 2, datatype=Datatype.FLOAT16),
            "city": VectorParams(Distance.MANHATTAN, 2),
        }
        collection = self.catalog.create("named", CreateCollection(vectors=vectors))
        columns = {
            name: VectorColumn.of(np.ones((4, params.size), dtype=np.float32))
            for name, params in vectors.items()
        }
        write(collection, upsert(range(4), columns))
        self.attach()
        own = [name for name in self.device.list_files() if name.startswith(collection.directory)]
        self.assertEqual(len(own), 2)
        for name, asked in (("a", 1), ("b", 1), ("half", 0), ("city", 0)):
            before = self.searches()
            query = to_vector([1.0] * vectors[name].size, using=name, limit=3)
            self.assertEqual(ids_of(collection.read(QueryBatch([query]))[0]), [0, 1, 2])
            self.assertEqual(self.searches() - before, asked, name)

    def test_a_deleted_collection_takes_its_files_along(self) -> None:
        self.attach()
        self.catalog.delete("c")
        self.mirror.forget(self.collection)
        wait_until(lambda: not self.device.list_files(), "the file is deleted")
        self.mirror.attend(self.collection)
        self.settle()
        self.assertEqual(self.device.list_files(), [])
        self.assertTrue(self.mirror.status().attached)

    def test_a_quarantined_collection_takes_its_files_along_when_it_is_deleted(self) -> None:
        self.attach()
        self.catalog.quarantine(self.collection, [Damage("data.mdb", 0, "found so")])
        held = self.catalog.find_any("c")
        assert held is not None
        self.assertEqual(len(self.device.list_files()), 1)
        self.catalog.delete("c")
        self.mirror.forget(held)
        wait_until(lambda: not self.device.list_files(), "the file is deleted")
        self.assertTrue(self.mirror.status().attached)

    def test_files_that_a_quarantined_collection_has_left_behind_are_removed(self) -> None:
        self.device.create(f"{self.collection.directory}-1-77", 3)
        self.catalog.quarantine(self.collection, [Damage("data.mdb", 0, "found so")])
        self.attach()
        wait_until(lambda: not self.device.list_files(), "the file is deleted")

    def test_an_empty_collection_has_no_file(self) -> None:
        self.catalog.create("empty", unnamed())
        self.attach()
        self.assertEqual(len(self.device.list_files()), 1)

    def test_detaching_removes_the_files(self) -> None:
        self.attach()
        other = MemoryDevice()
        held, self.device = self.device, other
        status = self.mirror.detach()
        self.assertFalse(status.attached)
        assert status.detached is not None
        self.assertEqual(status.detached.code, "released")
        self.assertIsNone(self.accelerator())
        self.assertEqual(held.calls["delete"], 2)

    def test_files_of_an_earlier_run_are_removed_and_those_of_others_stay(self) -> None:
        stray = f"{self.collection.directory}-1-77"
        self.device.create(stray, 3)
        self.device.create("somebody-else", 3)
        self.attach()
        names = self.device.list_files()
        self.assertNotIn(stray, names)
        self.assertIn("somebody-else", names)

    def test_what_there_is_no_room_for_is_left_to_the_engine(self) -> None:
        self.device = _Small()
        other = self.catalog.create("other", unnamed(DIM))
        write(other, upsert(range(5), some(5)))
        self.attach()
        status = self.mirror.status()
        self.assertEqual((status.attached, status.files), (True, 1))
        self.assertEqual(len(status.left_out), 1)
        for collection in (self.collection, other):
            (points,) = collection.read(QueryBatch([to_vector(some(1)[0], limit=5)]))
            self.assertEqual(len(points), 5)


class Replacing(WithPoints):
    """A device is asked for while another one is in use."""

    def attach_other(self, device: MemoryDevice, path: str = "/other") -> DeviceStatus:
        self.device, self.first = device, self.device
        return self.mirror.attach(path)

    def assert_first_is_kept(self) -> None:
        status = self.mirror.status()
        self.assertEqual((status.path, status.attached), ("/device", True))
        self.assertEqual((status.findings, status.is_sound), ((), True))
        self.device = self.first
        self.assert_asked(some(1)[0], limit=10)
        self.assertEqual(len(self.first.list_files()), 1)

    def test_an_unsound_one_is_refused_and_the_other_kept(self) -> None:
        self.attach()
        for fault in (Fault.STORES_NOTHING, Fault.EIO):
            other = MemoryDevice()
            other.inject(fault)
            refused = self.attach_other(other)
            self.assertEqual((refused.path, refused.attached), ("/other", False))
            self.assertTrue(refused.findings)
            self.assert_first_is_kept()

    def test_one_that_hangs_is_refused_and_the_other_kept(self) -> None:
        self.attach()
        # The sound one had all the time that it needed.
        self.mirror._settings = evolve(self.mirror._settings, probe_seconds=0.2)
        other = MemoryDevice()
        other.inject(Fault.HANGS)
        self.addCleanup(other.heal)
        refused = self.attach_other(other)
        self.assertEqual([finding.code for finding in refused.findings], ["hangs"])
        self.assert_first_is_kept()

    def test_a_sound_one_takes_the_place_of_the_other(self) -> None:
        self.attach()
        self.assertTrue(self.attach_other(MemoryDevice()).attached)
        self.settle()
        self.assertEqual(self.mirror.status().path, "/other")
        self.assert_asked(some(1)[0], limit=10)
        self.assertEqual(self.first.calls["delete"], 2, "of the probe and of the collection")

    def test_a_single_vector_file_in_use_is_not_probed(self) -> None:
        """A probe would empty it."""
        self.device.kind = DeviceKind.FILE
        self.attach()
        before = self.device.calls.copy()
        refused = self.mirror.attach("/somewhere/../device")
        self.assertEqual([finding.code for finding in refused.findings], ["in_use"])
        self.assertEqual(self.device.calls, before)
        self.first = self.device
        self.assert_first_is_kept()


class _Small(MemoryDevice):
    """A device with room for one file."""

    def create(self, name: str, dimensions: int) -> object:  # type: ignore[override]
        if self.list_files():
            raise DeviceFull("there is one file")
        return super().create(name, dimensions)


class Distrust(WithPoints):
    """A device that goes wrong is detached for a reason, and nobody notices."""

    def expect(self, code: str, *faults: Fault) -> None:
        """Searches and writes go on as ever, and the device is detached for that reason."""
        self.attach()
        self.device.inject(*faults)
        self.addCleanup(self.device.heal)
        query = some(1, seed=5)[0]
        for turn in range(3):
            self.assertEqual(list(self.ask(query, limit=10)), list(self.exact(query, limit=10)))
            write(self.collection, upsert([500 + turn], some(1, seed=turn)))
            self.settle(self.collection)
        status = self.mirror.status()
        self.assertFalse(status.attached)
        assert status.detached is not None
        self.assertEqual(status.detached.code, code, status.detached.text)
        self.assertIsNone(self.accelerator())
        before = self.searches()
        self.ask(query, limit=10)
        self.assertEqual(self.searches(), before)

    def test_errors(self) -> None:
        self.expect("failed", Fault.EIO)

    def test_hanging(self) -> None:
        # The probe is made, and what is stored is sent, before the device hangs.
        self.mirror = self.make_mirror(search_seconds=2.0, call_seconds=2.0)
        self.expect("hangs", Fault.HANGS)

    def test_storing_nothing(self) -> None:
        self.expect("wrong_count", Fault.STORES_NOTHING)

    def test_miscounting(self) -> None:
        self.expect("wrong_count", Fault.MISCOUNTS)

    def test_short_answers(self) -> None:
        self.expect("wrong_count", Fault.SHORT_COUNTS)

    def test_ids_of_other_vectors(self) -> None:
        self.expect("wrong_scores", Fault.WRONG_IDS)

    def test_ids_and_scores_made_up(self) -> None:
        self.expect("wrong_scores", Fault.UNKNOWN_IDS, Fault.CONSTANT_SCORES)

    def test_constant_scores(self) -> None:
        self.expect("wrong_scores", Fault.CONSTANT_SCORES)

    def test_the_wrong_order(self) -> None:
        self.expect("wrong_order", Fault.WRONG_ORDER)

    def test_another_metric(self) -> None:
        self.expect("wrong_scores", Fault.WRONG_METRIC)

    def test_neighbours_that_are_not_the_nearest(self) -> None:
        self.expect("wrong_neighbours", Fault.MISSES_NEAREST)

    def test_slowness(self) -> None:
        self.mirror = self.make_mirror(slow_seconds=1e-9)
        self.attach()
        for query in some(40, seed=4):
            self.assertEqual(len(self.ask(query, limit=3)), 3)
        detached = self.mirror.status().detached
        assert detached is not None
        self.assertEqual(detached.code, "slow")

    def test_a_read_that_is_stopped_says_nothing_of_the_device(self) -> None:
        self.attach()
        accelerator = self.accelerator()
        assert accelerator is not None
        context = ReadContext()
        vectors = self.collection.vectors()[UNNAMED]
        with ReadBounds([context], is_short=False):
            context.cancel()
            with self.assertRaises(Cancelled):
                accelerator.nearest(UNNAMED, vectors, some(1), np.array([3]))
        self.assertTrue(self.mirror.status().attached)
        self.assert_asked(some(1)[0], limit=3)

    def test_neighbours_are_checked_one_search_in_so_many(self) -> None:
        self.mirror = self.make_mirror(check_every=5)
        self.attach()
        self.ask(some(1)[0], limit=10)
        self.device.inject(Fault.MISSES_NEAREST)
        for _ in range(4):
            self.ask(some(1)[0], limit=10)
            self.assertTrue(self.mirror.status().attached)
        self.assertEqual(
            list(self.ask(some(1)[0], limit=10)), list(self.exact(some(1)[0], limit=10))
        )
        self.assertFalse(self.mirror.status().attached)

    def test_an_unsound_device_is_never_asked(self) -> None:
        self.device.inject(Fault.CONSTANT_SCORES)
        status = self.mirror.attach("/device")
        self.assertFalse(status.attached)
        self.assertIn("constant_scores", [finding.code for finding in status.findings])
        before = self.searches()
        self.ask(some(1)[0], limit=3)
        self.assertEqual(self.searches(), before)

    def test_a_device_that_hangs_in_the_probe(self) -> None:
        self.mirror = self.make_mirror(probe_seconds=0.2)
        self.device.inject(Fault.HANGS)
        self.addCleanup(self.device.heal)
        status = self.mirror.attach("/device")
        self.assertEqual([finding.code for finding in status.findings], ["hangs"])

    def test_a_device_that_is_not_there(self) -> None:
        def fail(_: str) -> IVectorDevice:
            raise NoSuchFile("nothing is there")

        self.open_device = fail  # type: ignore[method-assign,assignment]
        status = self.make_mirror().attach("/nowhere")
        self.assertEqual(status.path, "/nowhere")
        self.assertEqual([finding.code for finding in status.findings], ["no_such_file"])

    def test_a_device_that_was_given_up_is_no_longer_called_sound(self) -> None:
        self.attach()
        self.assertTrue(self.mirror.status().is_sound)
        self.device.inject(Fault.WRONG_ORDER)
        self.ask(some(1)[0], limit=10)
        self.assertEqual(self.mirror.status().is_sound, False)
        self.assertEqual(self.mirror.detach().is_sound, False)

    def test_a_device_that_was_released_is_still_called_sound(self) -> None:
        self.attach()
        self.assertEqual(self.mirror.detach().is_sound, True)

    def test_detaching_forgets_a_device_that_was_refused(self) -> None:
        self.device.inject(Fault.CONSTANT_SCORES)
        self.assertEqual(self.mirror.attach("/device").is_sound, False)
        self.assertEqual(self.mirror.detach(), DeviceStatus())

    def test_another_device_takes_its_place(self) -> None:
        self.expect("failed", Fault.EIO)
        self.device = MemoryDevice()
        self.attach()
        self.assert_asked(some(1)[0], limit=10)
