"""The optimizer of a collection: graphs are built, verified, rebuilt and removed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import numpy as np

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    Floats,
    to_vector,
    unnamed,
    upsert,
    write,
)
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.optimizer import dead_rows, optimizer
from vexfs_twisted.engine.vector_index.graph.builder import GraphBuilder
from vexfs_twisted.engine.vector_index.segments import Segments
from vexfs_twisted.model.collection import (
    CollectionInfo,
    CollectionInfoRequest,
    CollectionStatus,
    CreateCollection,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import (
    Distance,
    HnswConfigDiff,
    OptimizersConfigDiff,
    VectorParams,
    VectorParamsDiff,
)
from vexfs_twisted.model.errors import StorageFull
from vexfs_twisted.model.optimizations import OptimizationsRequest
from vexfs_twisted.model.queries import QueryBatch, Scroll
from vexfs_twisted.model.updates import DeletePoints
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

NAME = "things"
SIZE = 32
EAGER = OptimizersConfigDiff(indexing_threshold=8, vacuum_min_vector_number=100)
"""64 vectors are worth a graph."""


def random_rows(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal((count, SIZE), dtype=np.float32)


def wanted(optimizers: OptimizersConfigDiff = EAGER, *names: str) -> CreateCollection:
    vectors = {name: VectorParams(Distance.EUCLID, SIZE) for name in names or (UNNAMED,)}
    return CreateCollection(vectors=vectors, optimizers_config=optimizers)


def change(collection: Collection, **changes: object) -> None:
    """Change settings of the optimizer."""
    write(
        collection,
        UpdateCollection(optimizers_config=OptimizersConfigDiff(**changes)),  # type: ignore[arg-type]
    )


def links(collection: Collection, m: int, ef_construct: int | None = None) -> None:
    """Change settings of graphs."""
    diff = HnswConfigDiff(m=m, ef_construct=ef_construct)
    write(collection, UpdateCollection(hnsw_config=diff))


def segments(collection: Collection, name: str = UNNAMED) -> Segments:
    return collection._store.state.spaces[name].segments


class OptimizerTestCase(EngineTestCase):
    """A collection of two hundred points, whose vectors are nearest to themselves."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(optimizer, "QUIET_SECONDS", 0)
        self.rows = random_rows(200)
        self.collection = self.catalog.create(NAME, wanted())
        write(self.collection, upsert(range(200), self.rows))

    def open_again(self) -> None:
        self.collection = self.reopen().get(NAME)

    def info(self) -> CollectionInfo:
        return self.collection.read(CollectionInfoRequest())

    def graph_files(self) -> set[Path]:
        return set(self.directory().glob("graph-*"))

    def assertFindsItself(self, *points: int) -> None:
        queries = [to_vector(self.rows[point], limit=1) for point in points]
        for point, (found,) in zip(points, self.collection.read(QueryBatch(queries)), strict=True):
            self.assertEqual((found.id, found.score), (point, 0.0))

    def assertIndexed(self, count: int) -> None:
        self.assertEqual(self.info().indexed_vectors_count, count)
        self.assertEqual(self.info().status, CollectionStatus.GREEN)
        self.assertEqual(len(self.graph_files()), len(segments(self.collection)))


class BuildingTests(OptimizerTestCase):
    """Graphs over rows that have none."""

    def test_rows_get_a_graph(self) -> None:
        self.assertEqual(self.info().status, CollectionStatus.YELLOW)
        self.assertEqual(self.info().indexed_vectors_count, 0)
        self.assertTrue(self.collection.is_optimizer_due())
        self.collection.optimize()
        self.assertIndexed(200)
        self.assertEqual(self.info().segments_count, 2)
        self.assertFalse(self.collection.is_optimizer_due())
        self.assertFindsItself(0, 100, 191, 199)

    def test_a_write_makes_the_optimizer_due(self) -> None:
        self.collection.optimize()
        write(self.collection, upsert([7], random_rows(1)))
        self.assertTrue(self.collection.is_optimizer_due())
        self.collection.optimize()
        self.assertIndexed(200)

    def test_graphs_grow(self) -> None:
        self.collection.optimize()
        self.rows = np.concatenate([self.rows, random_rows(100, seed=1)])
        write(self.collection, upsert(range(200, 300), self.rows[200:]))
        self.collection.optimize()
        (own,) = segments(self.collection)
        self.assertEqual((own.start, own.stop, own.nodes), (0, 300, 300))
        self.assertIndexed(300)
        self.assertFindsItself(0, 200, 255, 299)

    def test_every_name_has_graphs_of_its_own(self) -> None:
        collection = self.catalog.create("named", wanted(EAGER, "one", "two"))
        column = VectorColumn.of(self.rows)
        write(collection, upsert(range(200), {"one": column}))
        collection.optimize()
        write(collection, upsert(range(200, 400), {"one": column, "two": column}))
        collection.optimize()
        self.assertEqual(collection.read(CollectionInfoRequest()).indexed_vectors_count, 400 + 200)
        self.assertEqual([s.stop for s in segments(collection, "two")], [400])

    def test_nothing_is_built_where_indexing_is_off(self) -> None:
        change(self.collection, indexing_threshold=0)
        self.collection.optimize()
        self.assertIndexed(0)
        self.assertEqual(self.info().segments_count, 1)
        change(self.collection, indexing_threshold=8)
        self.assertTrue(self.collection.is_optimizer_due())
        self.assertEqual(self.info().status, CollectionStatus.YELLOW)
        self.collection.optimize()
        self.assertIndexed(200)

    def test_work_that_is_paused_shows_grey(self) -> None:
        change(self.collection, max_optimization_threads=0)
        self.collection.optimize()
        self.assertEqual(self.info().status, CollectionStatus.GREY)
        self.assertEqual(self.info().indexed_vectors_count, 0)
        change(self.collection, max_optimization_threads="auto")
        self.collection.optimize()
        self.assertIndexed(200)

    def test_work_that_is_paused_leaves_what_is_done(self) -> None:
        self.collection.optimize()
        change(self.collection, max_optimization_threads=0)
        self.open_again()
        self.assertEqual(self.info().status, CollectionStatus.YELLOW)
        self.collection.optimize()
        self.assertIndexed(200)


class StoppingTests(OptimizerTestCase):
    """Work that is given up or fails."""

    def test_a_build_stops_when_asked(self) -> None:
        asked = iter([False, True])
        self.collection.optimize(lambda: next(asked, True))
        self.assertEqual(self.info().indexed_vectors_count, 0)
        self.assertEqual(self.graph_files(), set())
        (ended,) = self.collection.read(OptimizationsRequest()).completed
        self.assertEqual(ended.cancelled, "it was asked to stop")
        self.assertTrue(self.collection.is_optimizer_due())
        self.collection.optimize()
        self.assertIndexed(200)

    def test_nothing_is_begun_after_closing(self) -> None:
        self.catalog.close()
        self.assertFalse(self.collection.is_optimizer_due())
        self.collection.optimize()

    def test_what_fails_is_told_and_tried_again_later(self) -> None:
        now = [0.0]
        work = optimizer.Optimizer(self.collection._store, lambda: now[0])
        self.collection._optimizer = work
        with self.no_room():
            self.assertRaises(StorageFull, self.collection.optimize)
        self.assertEqual(self.info().optimizer_error, "Storage is full: no room")
        self.assertEqual(self.info().status, CollectionStatus.YELLOW)
        (ended,) = self.collection.read(OptimizationsRequest()).completed
        self.assertEqual(ended.error, self.info().optimizer_error)
        self.assertEqual(self.graph_files(), set())
        self.assertFalse(self.collection.is_optimizer_due())
        now[0] += optimizer.REST_SECONDS
        self.assertTrue(self.collection.is_optimizer_due())
        self.collection.optimize()
        self.assertIsNone(self.info().optimizer_error)
        self.assertIndexed(200)

    def test_what_fails_is_tried_again_at_once_with_other_settings(self) -> None:
        with self.no_room():
            self.assertRaises(StorageFull, self.collection.optimize)
        links(self.collection, m=8)
        self.collection.optimize()
        self.assertIndexed(200)

    @contextmanager
    def no_room(self) -> Iterator[None]:
        """The time in which graphs cannot be written."""

        def save(*args: object) -> None:
            raise StorageFull("no room")

        patch = self.patch(GraphBuilder, "save", save)
        yield
        patch.restore()


class ReopeningTests(OptimizerTestCase):
    """Graphs after a start."""

    def setUp(self) -> None:
        super().setUp()
        self.collection.optimize()

    def test_graphs_are_used_again_once_they_are_verified(self) -> None:
        (file,) = self.graph_files()
        self.open_again()
        self.assertEqual(self.collection.indexes.graphs, {})
        self.assertEqual(self.info().status, CollectionStatus.YELLOW)
        self.assertFindsItself(0, 199)
        self.collection.optimize()
        self.assertEqual(self.graph_files(), {file})
        self.assertIn(segments(self.collection)[0].uuid, self.collection.indexes.graphs)
        self.assertIndexed(200)
        self.assertEqual(list(self.collection.read(OptimizationsRequest()).completed), [])

    def check_rebuilt(self) -> None:
        """Open with a damaged graph: rows are found all the same, and have a graph again."""
        damaged = self.graph_files()
        self.open_again()
        self.assertFindsItself(0, 100, 199)
        self.collection.optimize()
        self.assertIndexed(200)
        self.assertFalse(damaged & self.graph_files())
        self.assertFindsItself(0, 100, 199)
        self.open_again()
        self.collection.optimize()
        self.assertIndexed(200)

    def test_a_graph_that_is_missing_is_built_again(self) -> None:
        self.catalog.close()
        for file in self.graph_files():
            file.unlink()
        self.check_rebuilt()

    def test_a_graph_that_was_cut_off_is_built_again(self) -> None:
        self.catalog.close()
        for file in self.graph_files():
            os.truncate(file, file.stat().st_size - 1)
        self.check_rebuilt()

    def test_a_graph_of_which_a_byte_is_wrong_is_built_again(self) -> None:
        self.catalog.close()
        for file in self.graph_files():
            data = bytearray(file.read_bytes())
            data[-100] ^= 0x40
            file.write_bytes(data)
        self.check_rebuilt()

    def test_what_a_crash_has_left_is_removed(self) -> None:
        (file,) = self.graph_files()
        for name in ("graph-half.new", "graph-whole-but-not-committed"):
            (self.directory() / name).write_bytes(file.read_bytes())
        self.open_again()
        self.assertEqual(self.graph_files(), {file})


class RenewingTests(OptimizerTestCase):
    """Graphs that are not as they should be any more."""

    def setUp(self) -> None:
        super().setUp()
        self.collection.optimize()

    def test_graphs_are_built_again_with_other_links(self) -> None:
        links(self.collection, m=8, ef_construct=50)
        self.assertEqual(self.info().status, CollectionStatus.YELLOW)
        self.collection.optimize()
        (own,) = segments(self.collection)
        self.assertEqual((own.facts.m, own.facts.ef_construct), (8, 50))
        self.assertIndexed(200)

    def test_one_name_may_have_links_of_its_own(self) -> None:
        collection = self.catalog.create("named", wanted(EAGER, "one", "two"))
        column = VectorColumn.of(self.rows)
        write(collection, upsert(range(200), {"one": column, "two": column}))
        collection.optimize()
        before = segments(collection, "one")
        diff = VectorParamsDiff(hnsw_config=HnswConfigDiff(m=4))
        write(collection, UpdateCollection(vectors={"two": diff}))
        collection.optimize()
        self.assertEqual(segments(collection, "one"), before)
        self.assertEqual([s.facts.m for s in segments(collection, "two")], [4])

    def test_without_links_there_are_no_graphs(self) -> None:
        links(self.collection, m=0)
        self.collection.optimize()
        self.assertIndexed(0)
        self.assertFindsItself(0, 199)

    def test_dead_rows_are_vacuumed_and_take_no_room(self) -> None:
        file = self.directory() / "vectors-1.f32"
        write(self.collection, DeletePoints(list(range(40, 200))))
        before = file.stat().st_blocks
        self.collection.optimize()
        self.assertIndexed(40)
        (own,) = segments(self.collection)
        self.assertEqual((own.nodes, own.unfreed_from), (40, None))
        self.assertLess(file.stat().st_blocks, before)
        self.assertFindsItself(0, 39)

    def test_dead_rows_before_the_first_live_one_take_no_room_either(self) -> None:
        file = self.directory() / "vectors-1.f32"
        write(self.collection, DeletePoints(list(range(150))))
        before = file.stat().st_blocks
        self.collection.optimize()
        (own,) = segments(self.collection)
        self.assertEqual((own.start, own.stop, own.nodes), (150, 200, 50))
        self.assertEqual(before - file.stat().st_blocks, 150 * 128 // 4096 * 8)
        self.assertFindsItself(150, 191, 199)

    def test_dead_rows_that_are_in_no_graph_take_no_room(self) -> None:
        self.patch(dead_rows, "LEAST_ROWS", 10)
        collection = self.catalog.create("scanned", unnamed(32))
        file = collection.path / "vectors-1.f32"
        rows = np.tile(self.rows, (5, 1))
        write(collection, upsert(range(1000), rows))
        full = file.stat().st_blocks
        store = collection._store
        with store.read() as snapshot:
            write(collection, DeletePoints(list(range(900))))
            collection.optimize()
            # An older moment, in which the rows are live.
            self.assertEqual(file.stat().st_blocks, full)
            np.testing.assert_array_equal(snapshot.state.dense[UNNAMED].matrix[:1000], rows)
        del snapshot
        for number in range(5):
            # As many rows again, again and again, take no more room.
            write(collection, upsert(range(900, 1000), rows[900:]))
            collection.optimize()
            self.assertLess(file.stat().st_blocks * 512, 400 * 128, number)
        page = collection.read(Scroll(limit=200, selection=EVERYTHING))
        self.assertEqual([record.id for record in page.records], list(range(900, 1000)))
        for record in page.records:
            np.testing.assert_array_equal((record.vectors or {})[UNNAMED], rows[int(record.id)])

    def test_dead_rows_beside_graphs_take_no_room(self) -> None:
        self.patch(dead_rows, "LEAST_ROWS", 10)
        file = self.directory() / "vectors-1.f32"
        links(self.collection, m=0)
        self.collection.optimize()
        write(self.collection, DeletePoints(list(range(150))))
        before = file.stat().st_blocks
        self.collection.optimize()
        self.assertEqual(before - file.stat().st_blocks, 150 * 128 // 4096 * 8)
        self.assertFindsItself(150, 191, 199)

    def test_room_is_given_back_only_when_no_reader_is_left(self) -> None:
        write(self.collection, DeletePoints(list(range(40, 200))))
        store = self.collection._store
        with store.read() as snapshot:
            # An older moment, in which the rows are live.
            write(self.collection, upsert([0], self.rows[:1]))
            self.collection.optimize()
            self.assertEqual([s.unfreed_from for s in segments(self.collection)], [0])
            np.testing.assert_array_equal(snapshot.state.dense[UNNAMED].matrix[:200], self.rows)
        del snapshot
        self.assertEqual(self.info().status, CollectionStatus.GREEN)
        write(self.collection, upsert([0], self.rows[:1]))
        self.collection.optimize()
        self.assertEqual([s.unfreed_from for s in segments(self.collection)], [None])

    def test_segments_without_live_rows_are_dropped(self) -> None:
        write(self.collection, DeletePoints(list(range(200))))
        self.collection.optimize()
        self.assertIndexed(0)
        self.assertEqual(self.info().segments_count, 1)

    def test_segments_are_merged_when_fewer_are_wanted(self) -> None:
        change(self.collection, default_segment_number=4)
        for first in (200, 400):
            rows = random_rows(200, seed=first)
            self.rows = np.concatenate([self.rows, rows])
            write(self.collection, upsert(range(first, first + 200), rows))
            self.collection.optimize()
        self.assertEqual(len(segments(self.collection)), 3)
        change(self.collection, default_segment_number=1)
        self.collection.optimize()
        self.assertEqual([(s.start, s.stop) for s in segments(self.collection)], [(0, 600)])
        self.assertIndexed(600)
        self.assertFindsItself(0, 250, 450, 599)


class ReportTests(OptimizerTestCase):
    """What is told of the work."""

    def test_what_waits_is_told_with_the_points_it_is_about(self) -> None:
        told = self.collection.read(OptimizationsRequest())
        (queued,) = told.queued
        self.assertEqual(queued.optimizer, "indexing")
        self.assertEqual([s.points_count for s in queued.segments], [200])
        self.assertEqual((told.running, told.idle_segments), ((), []))

    def test_what_is_done_is_told_the_newest_first(self) -> None:
        self.collection.optimize()
        links(self.collection, m=8)
        self.collection.optimize()
        told = self.collection.read(OptimizationsRequest())
        self.assertEqual([o.optimizer for o in told.completed], ["config mismatch", "indexing"])
        newest = told.completed[0]
        (own,) = segments(self.collection)
        self.assertEqual(newest.uuid, own.uuid)
        self.assertEqual((newest.progress.done, newest.progress.total), (200, 200))
        assert newest.progress.finished_at is not None
        self.assertGreaterEqual(newest.progress.finished_at, newest.progress.started_at)
        self.assertEqual([s.points_count for s in told.idle_segments], [200, 0])
        self.assertEqual(told.queued, [])

    def test_what_is_under_way_is_told_with_how_far_it_is(self) -> None:
        seen = []

        def look() -> bool:
            told = self.collection.read(OptimizationsRequest())
            if told.running:
                seen.append((told, self.info().status))
            return False

        self.collection.optimize(look)
        told, status = seen[-1]
        (running,) = told.running
        self.assertEqual((running.optimizer, running.progress.total), ("indexing", 200))
        self.assertEqual(told.queued, [])
        self.assertEqual(told.idle_segments, [])
        self.assertEqual(status, CollectionStatus.YELLOW)
        self.assertEqual(list(self.collection.read(OptimizationsRequest()).running), [])

    def test_an_empty_collection_has_an_idle_segment(self) -> None:
        collection = self.catalog.create("empty", wanted())
        told = collection.read(OptimizationsRequest())
        self.assertEqual([s.points_count for s in told.idle_segments], [0])
        self.assertEqual(attrs.evolve(told, idle_segments=()), type(told)(queued=[], completed=[]))


class SeldomTests(EngineTestCase):
    """A vector that no point of a long time has had."""

    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create(NAME, wanted(EAGER, "often", "seldom"))
        self.rows = random_rows(200)
        both = {name: VectorColumn.of(self.rows) for name in ("often", "seldom")}
        write(self.collection, upsert(range(200), both))
        # Its file is made for no more than 2,048 rows.
        for start in range(200, 6200, 1000):
            often = VectorColumn.of(random_rows(1000, start))
            write(self.collection, upsert(range(start, start + 1000), {"often": often}))

    def check(self) -> None:
        """Each of the vectors is found, by whatever way."""
        queries = [to_vector(row, using="seldom", limit=1) for row in self.rows]
        found = [answer[0].id for answer in self.collection.read(QueryBatch(queries))]
        self.assertEqual(found, list(range(200)))

    def test_it_gets_a_graph_and_is_there_after_a_restart(self) -> None:
        self.check()
        self.collection.optimize()
        (segment,) = segments(self.collection, "seldom")
        self.assertIn(segment.uuid, self.collection.indexes.graphs)
        self.check()
        for _ in range(2):
            self.collection = self.reopen().get(NAME)
            self.check()
            self.collection.optimize()
            self.check()

    def test_a_file_that_was_left_shorter_is_opened(self) -> None:
        directory = self.directory()
        self.catalog.close()
        (path,) = directory.glob("vectors-2.*")
        os.truncate(path, 4096 + 200 * SIZE * 4)
        self.collection = self.reopen().get(NAME)
        self.check()
        self.catalog.close()
        os.truncate(path, 4096 + 199 * SIZE * 4)
        self.quarantined(NAME, path.name)
