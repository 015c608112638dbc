"""Streams: they read and write the same points as the unary calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError

from tests.suites.operations_contract.case import NAME, ContractCase, ids_of
from tests.suites.values import (
    EVERYTHING,
    Point,
    must,
    plain_upsert,
    sparse,
    upsert,
    vector,
    within,
)
from vexfs_twisted.interfaces import IncomingStream, IStreamOperations, OutgoingStream
from vexfs_twisted.model.collection import CreateCollection
from vexfs_twisted.model.collection_params import (
    Distance,
    MultiVectorComparator,
    MultiVectorConfig,
    SparseVectorParams,
    VectorParams,
)
from vexfs_twisted.model.errors import BadInput, BadRequest, DomainError, NotFound
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Query, Record, Retrieve, ScoredPoint, Scroll
from vexfs_twisted.model.query_forms import OrderBy, VectorExample
from vexfs_twisted.model.streams import UNLIMITED, Acknowledgement
from vexfs_twisted.model.updates import DeletePoints, Upsert

_COUNT = 250
_UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


class StreamsCase(ContractCase):
    """Base of the topics of streams, for providers of IStreamOperations."""

    @property
    def streaming(self) -> IStreamOperations:
        """The operations as IStreamOperations."""
        return IStreamOperations(self.operations)

    async def read(self, stream: OutgoingStream[Any]) -> list[Any]:
        """All points of a stream."""
        points: list[Any] = []
        while (batch := await stream.take()) is not None:
            self.assertTrue(batch.points)
            points.extend(batch.points)
        return points

    async def written_until(self, error: type[DomainError], stream: IncomingStream) -> int:
        """Assert that a stream fails with this class; returns the number of points written."""
        await self.refused(error, stream.finish())
        return stream.points_written

    def assert_same(
        self,
        found: Sequence[Record | ScoredPoint],
        expected: Sequence[Record | ScoredPoint],
    ) -> None:
        """Assert that the points are equal, vectors included."""
        self.assertEqual([_plain(point) for point in found], [_plain(point) for point in expected])


class OutgoingStreamsContract(StreamsCase):
    """Points that are read as streams."""

    async def prepare(self) -> None:
        """More points than go into a batch."""
        await self.create()
        ids: list[PointId] = [*range(_COUNT - 1), _UUID]
        points = [Point(i, [n % 7, n % 5, 1, 0], {"n": n}) for n, i in enumerate(ids)]
        await self.put(*points)

    async def test_a_scroll_of_everything(self) -> None:
        page = await self.scroll(limit=1000, selection=EVERYTHING)
        request = Scroll(limit=UNLIMITED, selection=EVERYTHING)
        found = await self.read(await self.streaming.stream(NAME, request))
        self.assertEqual(len(found), _COUNT)
        self.assert_same(found, page.records)

    async def test_a_scroll_from_an_offset_to_a_limit_by_a_filter(self) -> None:
        options: dict[str, Any] = {
            "offset": 30,
            "limit": 120,
            "filter": must(within("n", gte=10, lt=200)),
            "selection": EVERYTHING,
        }
        page = await self.scroll(**options)
        found = await self.read(await self.streaming.stream(NAME, Scroll(**options)))
        self.assertEqual(len(found), 120)
        self.assert_same(found, page.records)

    async def test_a_scroll_that_finds_nothing(self) -> None:
        request = Scroll(limit=UNLIMITED, filter=must(within("n", gte=1000)))
        self.assertEqual(await self.read(await self.streaming.stream(NAME, request)), [])

    async def test_a_query_is_in_the_order_of_its_answer(self) -> None:
        query = Query(
            VectorExample(vector([3, 2, 1, 0])), limit=10_000, selection=EVERYTHING, offset=3
        )
        answer = await self.operations.read(NAME, query)
        found = await self.read(await self.streaming.stream(NAME, query))
        self.assertEqual(len(found), _COUNT - 3)
        self.assert_same(found, answer)

    async def test_a_query_with_a_threshold(self) -> None:
        """A score must be better than the threshold: all points have a 1 in their third place."""
        target = VectorExample(vector([0, 1, 4, 0]))
        for threshold, remainders in ((3.5, range(5)), (4.0, range(1, 5)), (7.0, [4]), (8.0, [])):
            query = Query(target, limit=10_000, score_threshold=threshold, selection=EVERYTHING)
            found = await self.read(await self.streaming.stream(NAME, query))
            self.assertEqual(len(found), len(remainders) * _COUNT // 5)
            self.assert_same(found, await self.operations.read(NAME, query))

    async def test_points_that_are_in_no_order_but_that_of_their_ids(self) -> None:
        for filter_ in (None, must(within("n", gte=100))):
            query = Query(filter=filter_, offset=5, limit=UNLIMITED - 5)
            found = await self.read(await self.streaming.stream(NAME, query))
            self.assert_scores(found, [1.0] * (_COUNT - 5 if filter_ is None else 145))
            self.assert_same(found, await self.operations.read(NAME, query))

    async def test_points_in_the_order_of_the_ids_asked_for(self) -> None:
        ids: list[PointId] = [*range(_COUNT, 0, -1), _UUID, 5]
        found = await self.read(await self.streaming.stream(NAME, Retrieve(ids, EVERYTHING)))
        self.assertEqual(ids_of(found), [*range(_COUNT - 2, 0, -1), _UUID])
        self.assert_same(found, await self.retrieve(*ids))

    async def test_one_moment(self) -> None:
        """What is written while a stream is read is not in it."""
        stream = await self.streaming.stream(NAME, Scroll(limit=UNLIMITED))
        first = await stream.take()
        assert first is not None
        await self.update(DeletePoints(ids=list(range(0, _COUNT, 2))))
        await self.update(plain_upsert(range(1000, 1500)))
        ids = ids_of([*first.points, *await self.read(stream)])
        self.assertEqual(ids, [*range(_COUNT - 1), _UUID])

    async def test_a_collection_that_is_deleted_meanwhile(self) -> None:
        await self.update(plain_upsert(range(40_000)))
        stream = await self.streaming.stream(NAME, Scroll(limit=UNLIMITED))
        self.assertIsNotNone(await stream.take())
        await self.operations.delete_collection(NAME)
        error = await self.refused(NotFound, self.read(stream))
        self.assertEqual(error.message, f"Not found: Collection `{NAME}` doesn't exist!")

    async def test_a_stream_that_is_closed(self) -> None:
        stream = await self.streaming.stream(NAME, Scroll(limit=UNLIMITED))
        self.assertIsNotNone(await stream.take())
        stream.close()
        stream.close()
        with self.assertRaises(CancelledError):
            await stream.take()

    async def test_what_is_wrong_is_said_as_for_calls(self) -> None:
        streaming = self.streaming
        await self.refused(
            NotFound,
            self._opened(streaming.stream("nothing", Scroll())),
            "Not found: Collection `nothing` doesn't exist!",
        )
        await self.refused(
            BadInput,
            self._opened(streaming.stream(NAME, Query(VectorExample(vector([1, 2]))))),
            "Wrong input: Vector dimension error: expected dim: 4, got 2",
        )

    async def test_a_scroll_has_no_other_order(self) -> None:
        order = OrderBy(PayloadPath.parse("n"))
        opening = self.streaming.stream(NAME, Scroll(order_by=order))
        await self.refused(BadInput, self._opened(opening))

    async def _opened(self, opening: Any) -> object:
        """The first batch: over a wire, errors may be raised only then."""
        stream = await opening
        return await stream.take()


class IncomingStreamsContract(StreamsCase):
    """Points that are written as streams."""

    async def test_messages_of_any_size_are_written(self) -> None:
        await self.create()
        stream = await self.streaming.stream_upsert()
        first = 0
        for size in (1, 2, 700, 5, 3000, 1, 1, 40):
            await stream.put(NAME, plain_upsert(range(first, first + size)))
            first += size
        self.assertEqual(await stream.finish(), first)
        self.assertEqual(await self.count(), first)

    async def test_the_last_message_of_a_point_wins(self) -> None:
        await self.create()
        stream = await self.streaming.stream_upsert()
        for turn in range(5):
            await stream.put(NAME, upsert(Point(1, [turn, 0, 0, 0], {"turn": turn})))
        self.assertEqual(await stream.finish(), 5)
        record = await self.only(1)
        self.assert_payload(record, {"turn": 4})
        self.assert_vectors(record, {"": [4, 0, 0, 0]})

    async def test_vectors_of_every_kind(self) -> None:
        multi = VectorParams(
            Distance.DOT, 2, multivector_config=MultiVectorConfig(MultiVectorComparator.MAX_SIM)
        )
        request = CreateCollection({"m": multi}, sparse_vectors={"s": SparseVectorParams()})
        await self.create(request)
        stream = await self.streaming.stream_upsert()
        kinds: list[dict[str, Any]] = [
            {"s": sparse({1: 2, 5: 3})},
            {"m": [[1, 2], [3, 4]], "s": sparse({})},
            {"m": [[5, 6]]},
            {},
        ]
        for number in range(0, 40, 2):
            own = kinds[number // 2 % 4]
            await stream.put(NAME, upsert(Point(number, own), Point(number + 1, own)))
        self.assertEqual(await stream.finish(), 40)
        scroll = Scroll(limit=UNLIMITED, selection=EVERYTHING)
        found = await self.read(await self.streaming.stream(NAME, scroll))
        self.assertEqual(len(found), 40)
        for record in found:
            self.assert_vectors(record, kinds[int(record.id) // 2 % 4])

    async def test_each_message_is_acknowledged_when_it_is_there(self) -> None:
        await self.create()
        stream = await self.streaming.stream_upsert(acknowledge=True)
        for number in range(3):
            await stream.put(NAME, plain_upsert([2 * number, 2 * number + 1]))
            (heard,) = await stream.acknowledged()
            self.assertEqual(heard, Acknowledgement(number, 2, number))
            self.assertEqual(await self.count(), 2 * number + 2)
        self.assertEqual(await stream.finish(), 6)
        self.assertEqual(len(await stream.acknowledged()), 0)

    async def test_all_before_an_error_is_written_and_nothing_after(self) -> None:
        await self.create()
        stream = await self.streaming.stream_upsert()
        for number in range(20):
            size = 5 if number == 11 else 4
            await stream.put(NAME, plain_upsert([10 * number, 10 * number + 1], size))
        self.assertEqual(await self.written_until(BadInput, stream), 22)
        self.assertEqual(await self.count(), 22)

    async def test_a_message_without_points(self) -> None:
        await self.create()
        stream = await self.streaming.stream_upsert()
        await stream.put(NAME, plain_upsert([1]))
        await stream.put(NAME, Upsert([], {}, []))
        await self.refused(BadRequest, stream.finish(), "Bad request: Empty update request")
        self.assertEqual((stream.points_written, await self.count()), (1, 1))

    async def test_several_collections(self) -> None:
        await self.create()
        await self.create(name="others")
        stream = await self.streaming.stream_upsert()
        for number in range(10):
            await stream.put(("others", NAME)[number % 2], plain_upsert([number]))
        self.assertEqual(await stream.finish(), 10)
        self.assertEqual((await self.count(), await self.count(name="others")), (5, 5))

    async def test_a_collection_that_does_not_exist(self) -> None:
        stream = await self.streaming.stream_upsert()
        await stream.put(NAME, plain_upsert([1]))
        self.assertEqual(await self.written_until(NotFound, stream), 0)

    async def test_a_stream_that_is_closed_writes_no_more(self) -> None:
        await self.create()
        stream = await self.streaming.stream_upsert(acknowledge=True)
        await stream.put(NAME, plain_upsert([1]))
        await stream.acknowledged()
        stream.close()
        with self.assertRaises(CancelledError):
            await stream.put(NAME, plain_upsert([2]))
        with self.assertRaises(CancelledError):
            await stream.finish()
        self.assertEqual(await self.count(), 1)

    async def test_many_streams_at_once(self) -> None:
        await self.create()
        streams = [await self.streaming.stream_upsert() for _ in range(5)]
        for turn in range(10):
            for number, stream in enumerate(streams):
                first = 10_000 * number + 30 * turn
                await stream.put(NAME, plain_upsert(range(first, first + 30)))
        for stream in streams:
            self.assertEqual(await stream.finish(), 300)
        self.assertEqual(await self.count(), 1500)


def _plain(point: Any) -> Any:
    """The point with its vectors as lists, so that == works."""
    vectors = point.vectors
    return point._replace(
        vectors=None if vectors is None else {name: vectors[name].tolist() for name in vectors}
    )
