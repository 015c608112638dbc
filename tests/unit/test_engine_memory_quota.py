"""Reads that may fetch so many bytes and no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.engine_support import (
    EVERYTHING,
    EngineTestCase,
    floats,
    to_vector,
    unnamed,
    upsert,
    write,
)
from vexfs_twisted.engine.memory_quota import MemoryQuota, current
from vexfs_twisted.engine.query import records
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import (
    ALL_PAYLOAD,
    PayloadMode,
    PayloadSelector,
    Query,
    QueryBatch,
    Retrieve,
    Scroll,
    Selection,
)
from vexfs_twisted.model.read_context import ReadContext
from vexfs_twisted.model.scored_points import AnswerTooLarge
from vexfs_twisted.storage.coalescer import within_quota

SIZE = 50_000
COUNT = 20
PAYLOADS = Selection(ALL_PAYLOAD)
NAMES = Selection(PayloadSelector(PayloadMode.INCLUDE, (PayloadPath.parse("n"),)))


class Portions(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.collection = self.catalog.create("c", unnamed())
        ids = list(range(COUNT))
        payloads: list[Any] = [{"n": number, "text": "x" * SIZE} for number in ids]
        write(self.collection, upsert(ids, floats(*[[1, 2, 3, 4]] * COUNT), payloads))

    def lengths(self, found: Sequence[Any]) -> list[int]:
        return [len(own) for own in found]

    def reads(self, selection: Selection) -> Sequence[Callable[[], Any]]:
        """All points by every way there is, as lists."""
        collection = self.collection
        nearest = to_vector([1, 2, 3, 4], limit=COUNT, selection=selection)
        plain = Query(limit=COUNT, selection=selection)
        return (
            lambda: collection.read(Scroll(limit=COUNT, selection=selection)).records,
            lambda: collection.read(Retrieve(range(COUNT), selection)),
            lambda: collection.read(QueryBatch([nearest]))[0],
            lambda: collection.read(QueryBatch([plain]))[0],
        )

    def test_enough_is_enough(self) -> None:
        for read in self.reads(EVERYTHING):
            expected = read()
            with MemoryQuota(COUNT * (SIZE + 1000)):
                self.assertEqual(str(read()), str(expected))
            self.assertIsNone(current())

    def test_too_little(self) -> None:
        for read in self.reads(PAYLOADS):
            with MemoryQuota(SIZE * 3):
                error = self.assertRaises(AnswerTooLarge, read)
            self.assertGreaterEqual(error.size, COUNT * SIZE)
            self.assertLess(error.size, 2 * COUNT * SIZE)
            with MemoryQuota(error.size):
                self.assertEqual(len(read()), COUNT)

    def test_more_is_asked_for_each_time(self) -> None:
        """Where the first points are small, what is told grows until it is enough."""
        write(self.collection, upsert([0], floats([1, 2, 3, 4]), [{"n": 0}]))
        (read, *_) = self.reads(PAYLOADS)
        size, attempts = 1000, 0
        while True:
            try:
                with MemoryQuota(size):
                    self.assertEqual(len(read()), COUNT)
                break
            except AnswerTooLarge as error:
                self.assertGreaterEqual(error.size, 2 * size)
                size, attempts = error.size, attempts + 1
        self.assertLess(attempts, 12)

    def test_what_is_not_returned_does_not_count(self) -> None:
        for selection in (Selection(), NAMES):
            for read in self.reads(selection):
                with MemoryQuota(COUNT * 500):
                    self.assertEqual(len(read()), COUNT)

    def test_payloads_that_are_not_returned_are_not_gathered(self) -> None:
        self.patch(records, "_STEP_BYTES", SIZE)
        steps: list[int] = []
        real = records.records_of

        def counted(snapshot: Any, rows: Any, values: Sequence[bytes], selection: Any) -> Any:
            steps.append(sum(map(len, values)))
            return real(snapshot, rows, values, selection)

        self.patch(records, "records_of", counted)
        self.assertEqual(len(self.collection.read(Retrieve(range(COUNT), Selection()))), COUNT)
        self.assertEqual(len(steps), COUNT)
        self.assertLess(max(steps), 2 * SIZE)

    def test_no_bound(self) -> None:
        for read in self.reads(PAYLOADS):
            with MemoryQuota(None):
                self.assertEqual(len(read()), COUNT)

    def together(self, calls: list[int], *reads: tuple[Sequence[int], int | None]) -> list[Any]:
        """What comes of reads of ids, each with so many bytes, that are put together."""

        def read_each(requests: Sequence[Any], *_: object) -> Any:
            calls.append(len(requests))
            return self.collection.retrieve_each(requests)

        contexts = [ReadContext() for _ in reads]
        for context, (_, size) in zip(contexts, reads, strict=True):
            context.size = size
        return list(
            within_quota(
                read_each, [Retrieve(ids, PAYLOADS) for ids, _ in reads], contexts, lambda: None
            )
        )

    def test_reads_that_are_put_together_share_their_portions(self) -> None:
        calls: list[int] = []
        found = self.together(calls, (range(3), 4 * SIZE), (range(3), SIZE))
        self.assertEqual(self.lengths(found), [3, 3])
        self.assertEqual(calls, [2])

    def test_of_reads_that_are_put_together_only_the_large_ones_begin_again(self) -> None:
        small, large = ([1], 2 * SIZE), (range(COUNT), 2 * SIZE)
        found = self.together([], small, large, small)
        self.assertEqual([type(own) for own in found], [list, AnswerTooLarge, list])

    def test_one_without_a_bound_frees_the_others(self) -> None:
        found = self.together([], (range(COUNT), 1), (range(COUNT), None))
        self.assertEqual(self.lengths(found), [COUNT, COUNT])
