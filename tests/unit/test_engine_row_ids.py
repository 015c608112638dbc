"""Rows in the order of their ids, from memory."""

from __future__ import annotations

from tests.engine_support import UUID_1, UUID_2, EngineTestCase, field, unnamed, upsert, write
from vexfs_twisted.engine.collection import Collection
from vexfs_twisted.engine.mvcc.state import Snapshot
from vexfs_twisted.engine.payload_index.row_ids import RowIdCache
from vexfs_twisted.engine.query import scrolling
from vexfs_twisted.engine.storage.keys import decode_id
from vexfs_twisted.engine.storage.row_sets import RowSet
from vexfs_twisted.engine.storage.row_values import key_of
from vexfs_twisted.model.filters import Filter, MatchValue
from vexfs_twisted.model.ids import MAX_INTEGER_ID, PointId, sort_key
from vexfs_twisted.model.queries import Scroll
from vexfs_twisted.model.updates import DeletePoints

RED = Filter(must=(field("c", MatchValue("red")),))
MANY = 3000
"""More points than are tested before columns are built."""


def in_order(cache: RowIdCache, snapshot: Snapshot) -> list[PointId]:
    """The ids of all live rows as they are put in order."""
    moment = snapshot.rows
    rows = RowSet.of_bitmap(moment.live, moment.next_row)
    found = cache.at(moment).first(rows, b"", len(rows))
    return [decode_id(key_of(value)) for value in snapshot.tables.values(found)]


class RowIdTests(EngineTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.collection: Collection = self.catalog.create("a", unnamed())

    def store(self, ids: list[PointId]) -> None:
        payloads = [{"c": "red" if place % 3 == 0 else "blue"} for place in range(len(ids))]
        write(self.collection, upsert(ids, None, payloads))

    def pages(self, offset: PointId | None = None, limit: int = 70) -> list[PointId]:
        """All red points from `offset` on, page by page."""
        found: list[PointId] = []
        while True:
            page = self.collection.read(Scroll(limit=limit, offset=offset, filter=RED))
            found += [record.id for record in page.records]
            offset = page.next_offset
            if offset is None:
                return found

    def test_integers(self) -> None:
        ids: list[PointId] = [number * 7919 % 100_003 for number in range(MANY)]
        ids[0] = MAX_INTEGER_ID
        self.store(ids)
        red = sorted(ids[::3])
        self.assertEqual(self.pages(), red)
        self.assertEqual(self.pages(offset=red[500]), red[500:])
        self.assertEqual(self.pages(limit=2**64 - 1), red)

    def test_uuids_come_after_integers_also_as_an_offset(self) -> None:
        self.store([*range(1, MANY), MAX_INTEGER_ID])
        self.assertEqual(self.pages()[:2], [1, 4])
        self.assertEqual(self.pages(offset=UUID_1), [])
        write(self.collection, upsert([UUID_2, UUID_1], None, [{"c": "red"}] * 2))
        self.assertEqual(self.pages()[-2:], [UUID_1, UUID_2])
        self.assertEqual(self.pages(offset=UUID_2), [UUID_2])
        self.assertEqual(self.pages(offset=2)[0], 4)

    def test_rows_of_later_writes(self) -> None:
        self.store(list(range(MANY)))
        self.assertEqual(len(self.pages()), MANY // 3)
        write(self.collection, DeletePoints(ids=[0]), upsert([MANY, 1], None, [{"c": "red"}] * 2))
        self.assertEqual(self.pages()[:3], [1, 3, 6])
        self.assertEqual(self.pages()[-1], MANY)

    def test_a_moment_of_which_rows_have_been_forgotten(self) -> None:
        ids: list[PointId] = list(reversed(range(MANY)))
        self.store(ids)
        cache = RowIdCache()
        with self.collection._store.read() as before:
            self.assertEqual(in_order(cache, before), sorted(ids))
            write(self.collection, DeletePoints(ids=ids[::2]))
            # More rows than there is room for: ids are moved, and those of dead rows are left.
            for _ in range(8):
                write(self.collection, upsert(ids[1::2]))
            with self.collection._store.read() as after:
                self.assertEqual(in_order(cache, after), sorted(ids[1::2]))
                self.assertEqual(in_order(cache, before), sorted(ids))
                self.assertEqual(in_order(cache, after), sorted(ids[1::2]))

    def test_a_moment_between_two_whose_rows_were_asked_for(self) -> None:
        """A row that it has may be known to neither, and two may stand in no order in it alone."""
        known: list[PointId] = [1, 2, 3, 100]
        added: tuple[list[PointId], ...] = ([10], [50], [UUID_1, 50], [0, 200])
        for number, ids in enumerate(added):
            for later in (upsert(ids), DeletePoints(ids=[100, *ids]), DeletePoints(ids=[100])):
                with self.subTest(number=number, later=later):
                    write(self.collection, DeletePoints(filter=Filter()), upsert(known))
                    cache = RowIdCache()
                    with self.collection._store.read() as before:
                        self.assertEqual(in_order(cache, before), known)
                        write(self.collection, upsert(ids))
                        with self.collection._store.read() as between:
                            write(self.collection, later, upsert([7]))
                            with self.collection._store.read() as after:
                                in_order(cache, after)
                            expected = sorted([*known, *ids], key=sort_key)
                            self.assertEqual(in_order(cache, between), expected)
                        self.assertEqual(in_order(cache, before), known)

    def test_points_that_stand_together(self) -> None:
        self.patch(scrolling, "STEP", 0)
        ids: list[PointId] = [number * 7919 % 100_003 for number in range(MANY)]
        for bounds in ((0, 9_000), (45_000, 54_000), (91_000, 100_003)):
            red = [number for number in sorted(ids) if bounds[0] <= int(number) < bounds[1]]
            payloads = [{"c": "red" if number in red else "blue"} for number in ids]
            write(self.collection, upsert(ids, None, payloads))
            self.assertEqual(self.pages(), red)
            self.assertEqual(self.pages(offset=red[100]), red[100:])
