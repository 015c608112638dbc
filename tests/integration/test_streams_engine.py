"""Streams over a real engine with its threads: writers, slow readers, growth, the stop."""

from __future__ import annotations

from typing import Any

import numpy as np
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from tests.engine_support import EVERYTHING, unnamed
from tests.suites.values import dense
from vexfs_twisted.engine import collection_store
from vexfs_twisted.engine.catalog import Catalog
from vexfs_twisted.engine.storage import tables
from vexfs_twisted.interfaces import OutgoingStream
from vexfs_twisted.lifecycle import SequentialService
from vexfs_twisted.model.errors import Interrupted, TimedOut, TooMany, Unavailable
from vexfs_twisted.model.queries import Count, Query, Record, Scroll
from vexfs_twisted.model.query_forms import VectorExample
from vexfs_twisted.model.streams import UNLIMITED
from vexfs_twisted.model.updates import Upsert
from vexfs_twisted.model.vectors import UNNAMED, VectorColumn
from vexfs_twisted.operations.service import Operations
from vexfs_twisted.storage.service import StorageService
from vexfs_twisted.streaming.service import Streams
from vexfs_twisted.streaming.settings import StreamSettings

reactor: Any = _reactor

NAME = "things"
EVERY_POINT = Scroll(limit=UNLIMITED, selection=EVERYTHING)


def points(first: int, count: int, turn: int = 0, payload: int = 20) -> Upsert:
    """Points whose vectors and payloads all hold `turn`."""
    vectors = np.full((count, 4), turn, dtype=np.float32)
    text = b'{"turn":%d,"text":"%s"}' % (turn, b"x" * payload)
    return Upsert(range(first, first + count), {UNNAMED: VectorColumn.of(vectors)}, [text] * count)


class StreamsCase(TestCase):
    """Operations over an empty store."""

    timeout = 60
    settings = StreamSettings()

    async def setUp(self) -> None:  # type: ignore[override]
        self.storage = StorageService(Catalog(self.mktemp()), reactor.callFromThread, reactor)
        await self.storage.startService()
        self.streams = Streams(reactor, self.settings)
        self.operations = Operations(self.storage, reactor, self.streams)
        await self.operations.create_collection(NAME, unnamed(4))

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.streams.stopService()
        await self.storage.stopService()
        status = self.streams.status
        self.assertEqual((status.open_streams, status.used_bytes), (0, 0))

    async def write(self, update: Upsert) -> None:
        await self.operations.update(NAME, update, wait=True)

    async def read(self, stream: OutgoingStream[Record]) -> list[Record]:
        records: list[Record] = []
        while (batch := await stream.take()) is not None:
            records.extend(batch.points)
        return records


class Reading(StreamsCase):
    async def test_a_scroll_among_writers_sees_one_moment(self) -> None:
        """Each write replaces all points, so that a mixture of two moments would show."""
        await self.write(points(0, 3000))
        stop = False
        written = 0

        async def write_on() -> None:
            nonlocal written
            while not stop:
                await self.write(points(0, 3000, written + 1))
                written += 1

        writing = Deferred.fromCoroutine(write_on())
        read = 0
        # However much faster the one is than the other.
        while read < 5 or written < 2:
            read += 1
            found = await self.read(await self.operations.stream(NAME, EVERY_POINT))
            self.assertEqual([record.id for record in found], list(range(3000)))
            self.assertEqual(len({record.payload for record in found}), 1)
            turns = {float(dense(record.vectors[""])[0]) for record in found if record.vectors}
            self.assertEqual(len(turns), 1)
        stop = True
        await writing

    async def test_many_streams_read_everything(self) -> None:
        await self.write(points(0, 2000))
        opened = [self.operations.stream(NAME, EVERY_POINT) for _ in range(30)]
        streams = await gatherResults(opened)
        reading = [Deferred.fromCoroutine(self.read(stream)) for stream in streams]
        for found in await gatherResults(reading):
            self.assertEqual(len(found), 2000)

    async def test_a_deadline_in_mid_stream(self) -> None:
        await self.write(points(0, 50_000))
        stream = await self.opened(0.05)
        with self.assertRaises(TimedOut):
            while True:
                self.assertIsNotNone(await stream.take())
                await _sleep(0.01)

    async def opened(self, timeout: float) -> OutgoingStream[Record]:
        """A stream of all points, with more time than that where it is not enough to open it."""
        while True:
            try:
                return await self.operations.stream(NAME, EVERY_POINT, timeout)
            except TimedOut:
                timeout *= 2

    async def test_a_large_search_is_ranked_once(self) -> None:
        await self.write(points(0, 30_000))
        query = Query(VectorExample(np.ones(4, dtype=np.float32)), limit=20_000)
        stream = await self.operations.stream(NAME, query)
        found = 0
        while (batch := await stream.take()) is not None:
            found += len(batch.points)
            await self.write(points(0, 10, turn=found))
        self.assertEqual(found, 20_000)


class SlowReaders(StreamsCase):
    settings = StreamSettings(budget_bytes=4 << 20, max_streams=50)

    async def test_clients_who_stop_reading_hold_their_share_and_no_more(self) -> None:
        await self.write(points(0, 5000, payload=200))
        streams = [await self.operations.stream(NAME, EVERY_POINT) for _ in range(49)]
        await gatherResults([stream.take() for stream in streams])
        while self.streams.status.used_bytes <= 49 * 20_000:
            await _sleep(0.01)
        # Time to take more, if they did.
        await _sleep(0.3)
        self.assertLessEqual(self.streams.status.used_bytes, (4 << 20) // 2)
        self.assertGreater(self.streams.status.used_bytes, 49 * 20_000)
        # The last one goes on, and so does a client that writes more than is left.
        incoming = await self.operations.stream_upsert()
        for turn in range(10):
            await incoming.put(NAME, points(10_000 + 1000 * turn, 1000, payload=2000))
        self.assertEqual(await incoming.finish(), 10_000)
        last = await self.operations.stream(NAME, EVERY_POINT)
        self.assertEqual(len(await self.read(last)), 15_000)
        for stream in streams:
            stream.close()

    async def test_no_more_than_may_be_open(self) -> None:
        await self.write(points(0, 10))
        streams = [await self.operations.stream(NAME, EVERY_POINT) for _ in range(50)]
        with self.assertRaises(TooMany):
            await self.operations.stream_upsert()
        with self.assertRaises(TooMany):
            await self.operations.stream(NAME, EVERY_POINT)
        self.assertEqual(len(await self.read(streams.pop())), 10)
        incoming = await self.operations.stream_upsert()
        self.assertEqual(await incoming.finish(), 0)
        for stream in streams:
            stream.close()


class Growth(StreamsCase):
    """The tables must grow under open streams."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.patch(tables, "FIRST_MAP_SIZE", 1 << 20)
        self.patch(collection_store, "PATIENCE_S", 0.2)
        await super().setUp()

    async def test_a_stream_in_the_way_fails_and_no_write_is_lost(self) -> None:
        await self.write(points(0, 5000))
        slow = await self.operations.stream(NAME, EVERY_POINT)
        self.assertIsNotNone(await slow.take())
        incoming = await self.operations.stream_upsert()
        for turn in range(20):
            await incoming.put(NAME, points(5000 + 500 * turn, 500, payload=1000))
        self.assertEqual(await incoming.finish(), 10_000)
        with self.assertRaises(Interrupted):
            await self.read(slow)
        self.assertEqual(await self.operations.read(NAME, Count()), 15_000)
        again = await self.operations.stream(NAME, EVERY_POINT)
        self.assertEqual(len(await self.read(again)), 15_000)

    async def test_streams_that_end_in_time_read_everything(self) -> None:
        self.patch(collection_store, "PATIENCE_S", 30.0)
        await self.write(points(0, 3000))
        stream = await self.operations.stream(NAME, EVERY_POINT)
        writing = self.operations.update(NAME, points(3000, 3000, payload=2000), wait=True)
        self.assertEqual(len(await self.read(stream)), 3000)
        await writing
        self.assertEqual(await self.operations.read(NAME, Count()), 6000)


class Stopping(TestCase):
    """A server that stops while streams are open."""

    timeout = 60

    async def test_open_streams_are_told_and_nothing_hangs(self) -> None:
        storage = StorageService(Catalog(self.mktemp()), reactor.callFromThread, reactor)
        streams = Streams(reactor, StreamSettings(stop_grace=0.5))
        operations = Operations(storage, reactor, streams)
        server = SequentialService([storage, streams])
        await server.startService()
        await operations.create_collection(NAME, unnamed(4))
        await operations.update(NAME, points(0, 20_000), wait=True)
        reading = await operations.stream(NAME, EVERY_POINT)
        self.assertIsNotNone(await reading.take())
        writing = await operations.stream_upsert()
        await writing.put(NAME, points(20_000, 100))
        stopped = server.stopService()
        with self.assertRaises(Unavailable):
            await operations.stream(NAME, EVERY_POINT)
        await stopped
        with self.assertRaises(Unavailable):
            await reading.take()
        with self.assertRaises(Unavailable):
            await writing.finish()
        # What was gathered before the stop was written by then.
        self.assertEqual(writing.points_written, 100)
        await server.startService()
        self.assertEqual(await operations.read(NAME, Count()), 20_100)
        found = 0
        again = await operations.stream(NAME, EVERY_POINT)
        while (batch := await again.take()) is not None:
            found += len(batch.points)
        self.assertEqual(found, 20_100)
        await server.stopService()


def _sleep(seconds: float) -> Deferred[None]:
    slept: Deferred[None] = Deferred()
    reactor.callLater(seconds, slept.callback, None)
    return slept
