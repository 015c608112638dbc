"""Deleted collections are freed at once, without the garbage collector."""

from __future__ import annotations

import gc
import os
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import EVERYTHING, Point, equals, must, nearest, unnamed, upsert
from vexfs_twisted.interfaces import IStreamOperations, OutgoingStream
from vexfs_twisted.model.collection import CollectionInfoRequest, CollectionStatus
from vexfs_twisted.model.collection_params import (
    OptimizersConfigDiff,
    QuantizationConfig,
    ScalarQuantization,
    ScalarType,
)
from vexfs_twisted.model.errors import DomainError
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Count, Facet, Query, QueryBatch, Retrieve, Scroll, Selection
from vexfs_twisted.model.query_forms import PointExample
from vexfs_twisted.model.streams import UNLIMITED
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn

_SIZE = 256
_POINTS = 100
_PATIENCE = 50.0
_ONES = nearest([1.0] * _SIZE)
_SHORT = Query(nearest([1.0]), limit=5)


def held_files() -> list[str]:
    """Removed files of collections that this process still has open or mapped."""
    found = [
        line.split(maxsplit=5)[-1] for line in Path("/proc/self/maps").read_text().splitlines()
    ]
    for number in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{number}"))
    return [name for name in found if "/collections/" in name and name.endswith("(deleted)")]


class ReleaseCase(ContractCase):
    """A collection with graphs, codes and columns; the garbage collector is disabled."""

    async def prepare(self) -> None:
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        await self.create(
            unnamed(
                _SIZE,
                optimizers_config=OptimizersConfigDiff(indexing_threshold=10),
                quantization_config=QuantizationConfig(scalar=ScalarQuantization(ScalarType.INT8)),
            )
        )
        index = CreateFieldIndex(PayloadPath.parse("k"), FieldSchema(FieldType.KEYWORD))
        await self.update(index)
        data = np.random.default_rng(1).standard_normal((_POINTS, _SIZE), dtype=np.float32)
        payloads = [b'{"k": "a", "n": %d}' % number for number in range(_POINTS)]
        await self.update(Upsert(list(range(_POINTS)), {UNNAMED: VectorColumn.of(data)}, payloads))
        end = monotonic() + _PATIENCE
        while True:
            info = await self.operations.read(NAME, CollectionInfoRequest())
            if info.status is CollectionStatus.GREEN and info.indexed_vectors_count:
                return
            self.assertLess(monotonic(), end, info)

    async def fails(self, call: Awaitable[object]) -> None:
        """Assert that a call is refused. Unlike assertFails it does not keep the error."""
        try:
            await call
        except DomainError:
            return
        self.fail("it was not refused")

    async def assert_nothing_is_held(self) -> None:
        """Delete the collection; assert that none of its files is open or mapped."""
        self.assertTrue(await self.operations.delete_collection(NAME))
        self.assertEqual(held_files(), [])


class ReleaseContract(ReleaseCase):
    """A collection is used and deleted."""

    async def test_after_reads(self) -> None:
        query = Query(_ONES, limit=5, selection=EVERYTHING)
        await self.operations.read(NAME, query)
        await self.operations.read(NAME, QueryBatch([query, query]))
        await self.operations.read(NAME, Query(_ONES, limit=5, filter=must(equals("n", 3))))
        await self.operations.read(NAME, Scroll(selection=EVERYTHING, limit=50))
        await self.operations.read(NAME, Count(must(equals("k", "a"))))
        await self.operations.read(NAME, Facet(PayloadPath.parse("k")))
        await self.operations.read(NAME, Retrieve([1, 2], EVERYTHING))
        await self.assert_nothing_is_held()

    async def test_after_calls_that_were_refused(self) -> None:
        await self.fails(self.operations.read(NAME, _SHORT))
        await self.fails(self.operations.read(NAME, Query(_ONES, limit=5, using="x")))
        await self.fails(self.operations.read(NAME, Query(PointExample(10**9), limit=1)))
        await self.fails(self.operations.read(NAME, QueryBatch([_SHORT, _SHORT])))
        await self.fails(self.operations.read(NAME, Facet(PayloadPath.parse("x"))))
        await self.fails(self.operations.read(NAME, Retrieve([1], Selection(vectors=("x",)))))
        await self.fails(self.update(upsert(Point(1, [1.0]))))
        await self.assert_nothing_is_held()

    async def test_while_others_call(self) -> None:
        query = Query(_ONES, limit=5, selection=EVERYTHING)
        calls = [self.operations.read(NAME, query) for _ in range(20)]
        calls += [self.operations.read(NAME, _SHORT) for _ in range(5)]
        deleted = self.operations.delete_collection(NAME)
        for call in calls:
            with suppress(DomainError):
                await call
        self.assertTrue(await deleted)
        self.assertEqual(held_files(), [])


class StreamReleaseContract(ReleaseCase):
    """A collection is deleted while it is streamed."""

    async def test_while_streams_are_open(self) -> None:
        streaming = IStreamOperations(self.operations)
        query = Query(_ONES, limit=_POINTS, selection=EVERYTHING)
        streams: list[OutgoingStream[Any]] = [
            await streaming.stream(NAME, Scroll(limit=UNLIMITED, selection=EVERYTHING)),
            await streaming.stream(NAME, query),
            await streaming.stream(NAME, Retrieve(list(range(_POINTS)), EVERYTHING)),
        ]
        for stream in streams:
            self.assertIsNotNone(await stream.take())
        await self.assert_nothing_is_held()
        for stream in streams:
            stream.close()
