"""The optimizer of a collection, as clients see it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import numpy as np

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import Point, delete, nearest, unnamed
from vexfs_twisted.engine.optimizer import moves, recounting
from vexfs_twisted.engine.storage.bitmap import CHUNK_ROWS
from vexfs_twisted.engine.writes import point_batch
from vexfs_twisted.model.collection import (
    CollectionInfo,
    CollectionInfoRequest,
    CollectionStatus,
    UpdateCollection,
)
from vexfs_twisted.model.collection_params import HnswConfigDiff, OptimizersConfigDiff
from vexfs_twisted.model.errors import NotFound, StorageFull
from vexfs_twisted.model.optimizations import Optimizations, OptimizationsRequest
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

_SIZE = 256
"""A vector of this size takes one kilobyte, the unit of thresholds."""

_POINTS = 100
_PATIENCE = 50.0


class OptimizationsContract(ContractCase):
    """Graphs over the vectors of a collection."""

    async def fill(self, **optimizers: int) -> None:
        """Create the collection with these settings, and write a hundred points of random vectors.

        Point n has the vector n of `self.vectors`.
        """
        settings = OptimizersConfigDiff(**optimizers)  # type: ignore[arg-type]
        await self.create(unnamed(_SIZE, optimizers_config=settings))
        generator = np.random.default_rng(5)
        self.vectors = generator.standard_normal((_POINTS, _SIZE), dtype=np.float32)
        columns = {UNNAMED: VectorColumn.of(self.vectors)}
        await self.update(Upsert(list(range(_POINTS)), columns, [b"{}"] * _POINTS))

    async def until(self, holds: Callable[[CollectionInfo], bool]) -> CollectionInfo:
        """Wait until the description of the collection satisfies `holds`; returns it."""
        end = monotonic() + _PATIENCE
        while not holds(info := await self.operations.read(NAME, CollectionInfoRequest())):
            self.assertLess(monotonic(), end, info)
        return info

    async def until_indexed(self) -> CollectionInfo:
        """Wait until there are graphs and the optimizer is idle; returns the description."""
        return await self.until(
            lambda info: info.status is CollectionStatus.GREEN and bool(info.indexed_vectors_count)
        )

    async def change(self, **optimizers: int | str) -> None:
        """Change settings of the optimizer."""
        settings = OptimizersConfigDiff(**optimizers)  # type: ignore[arg-type]
        await self.operations.update_collection(NAME, UpdateCollection(optimizers_config=settings))

    async def told(self) -> Optimizations:
        """The optimizations that the collection reports."""
        return await self.operations.read(NAME, OptimizationsRequest())

    async def test_vectors_get_a_graph(self) -> None:
        await self.fill(indexing_threshold=10)
        info = await self.until_indexed()
        self.assertEqual(info.indexed_vectors_count, _POINTS)
        self.assertEqual(info.points_count, _POINTS)
        self.assertGreaterEqual(info.segments_count, 1)
        self.assertIsNone(info.optimizer_error)
        for point in (0, 50, 99):
            (found,) = await self.query(form=nearest(self.vectors[point].tolist()), limit=1)
            self.assertEqual(found.id, point)

    async def test_dead_vectors_do_not_count(self) -> None:
        await self.fill(indexing_threshold=10)
        await self.until_indexed()
        await self.update(delete(*range(10)))
        info = await self.until(lambda info: info.status is CollectionStatus.GREEN)
        self.assertEqual(info.indexed_vectors_count, _POINTS - 10)

    async def test_a_few_vectors_get_one_where_few_are_asked_for(self) -> None:
        await self.create(
            unnamed(_SIZE, optimizers_config=OptimizersConfigDiff(indexing_threshold=1))
        )
        rows = np.random.default_rng(7).standard_normal((61, _SIZE))
        await self.put(*(Point(number, row.tolist()) for number, row in enumerate(rows[:50])))
        await self.until(lambda info: info.indexed_vectors_count == 50)
        await self.put(Point(50, rows[50].tolist()))
        await self.until(lambda info: info.indexed_vectors_count == 51)
        await self.put(*(Point(number, rows[number].tolist()) for number in range(51, 61)))
        info = await self.until(
            lambda info: info.status is CollectionStatus.GREEN and info.indexed_vectors_count == 61
        )
        self.assertEqual(info.points_count, 61)

    async def test_too_few_vectors_get_none(self) -> None:
        await self.fill(indexing_threshold=1000)
        info = await self.operations.read(NAME, CollectionInfoRequest())
        self.assertIs(info.status, CollectionStatus.GREEN)
        self.assertEqual(info.indexed_vectors_count, 0)

    async def test_a_threshold_of_zero_turns_graphs_off(self) -> None:
        await self.fill(indexing_threshold=0)
        info = await self.operations.read(NAME, CollectionInfoRequest())
        self.assertIs(info.status, CollectionStatus.GREEN)
        self.assertEqual(info.indexed_vectors_count, 0)
        await self.change(indexing_threshold=10)
        await self.until_indexed()

    async def test_without_links_there_are_no_graphs(self) -> None:
        await self.fill(indexing_threshold=10)
        await self.until_indexed()
        links = UpdateCollection(hnsw_config=HnswConfigDiff(m=0))
        await self.operations.update_collection(NAME, links)
        await self.until(lambda info: not info.indexed_vectors_count)

    async def test_work_that_is_paused_shows_grey(self) -> None:
        await self.fill(indexing_threshold=10, max_optimization_threads=0)
        info = await self.operations.read(NAME, CollectionInfoRequest())
        self.assertIs(info.status, CollectionStatus.GREY)
        self.assertEqual(info.indexed_vectors_count, 0)
        await self.change(max_optimization_threads="auto")
        await self.until_indexed()

    async def test_what_waits_is_told(self) -> None:
        await self.fill(indexing_threshold=10, max_optimization_threads=0)
        told = await self.told()
        (waiting,) = told.queued
        self.assertEqual(waiting.optimizer, "indexing")
        self.assertGreater(sum(segment.points_count for segment in waiting.segments), 0)
        self.assertEqual((list(told.running), list(told.completed)), ([], []))

    async def test_what_is_done_is_told(self) -> None:
        await self.fill(indexing_threshold=10)
        await self.until_indexed()
        told = await self.told()
        self.assertEqual((list(told.running), list(told.queued)), ([], []))
        (done,) = told.completed
        self.assertEqual((done.optimizer, done.error, done.cancelled), ("indexing", None, None))
        self.assertEqual(done.progress.done, done.progress.total)
        idle = {segment.uuid: segment.points_count for segment in told.idle_segments}
        self.assertEqual(sum(idle.values()), _POINTS)
        self.assertIn(done.uuid, idle)

    async def test_points_that_nothing_waits_for_are_idle(self) -> None:
        await self.fill(indexing_threshold=0)
        told = await self.told()
        self.assertEqual(sum(segment.points_count for segment in told.idle_segments), _POINTS)
        self.assertEqual(list(told.queued), [])

    async def test_as_many_rows_as_there_can_be(self) -> None:
        """Updates are refused as on a full device, until points were moved in the background."""
        self.patch(point_batch, "MOST_ROWS", 3 * CHUNK_ROWS)
        for module, name in ((recounting, "LEAST_UNUSED"), (moves, "LEAST_SPREAD")):
            self.patch(module, name, CHUNK_ROWS)
        await self.fill(indexing_threshold=0, max_optimization_threads=0)
        again = Upsert(
            list(range(10, _POINTS)),
            {UNNAMED: VectorColumn.of(self.vectors[10:])},
            [b"{}"] * (_POINTS - 10),
        )
        message = "Storage is full: no rows are left until the optimizer has moved points"
        error: StorageFull | None = None
        while error is None:
            try:
                await self.update(again)
            except StorageFull as found:
                error = found
        self.assertIn(message, str(error))
        before = repr(await self.retrieve(*range(_POINTS)))
        with self.assertRaises(StorageFull):
            await self.update(again)
        self.assertEqual(repr(await self.retrieve(*range(_POINTS))), before)
        await self.update(delete(_POINTS - 1))
        self.assertEqual(await self.count(), _POINTS - 1)
        await self.change(max_optimization_threads=1)
        await self.until(lambda info: info.status is CollectionStatus.GREEN)
        end = monotonic() + _PATIENCE
        while True:
            try:
                await self.update(again)
                break
            except StorageFull:
                self.assertLess(monotonic(), end)
        self.assertEqual(await self.count(), _POINTS)
        await self.until(lambda info: info.status is CollectionStatus.GREEN)

    async def test_nothing_is_told_of_a_missing_collection(self) -> None:
        await self.refused(NotFound, self.told(), "Not found: Collection `things` doesn't exist!")
