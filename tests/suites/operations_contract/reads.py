"""Reads by id and in the order of ids: retrieve, count, scroll, and their selections."""

from __future__ import annotations

from typing import Any

from tests.suites.operations_contract.case import ContractCase, ids_of
from tests.suites.operations_contract.updates import NAMED
from tests.suites.values import (
    EVERYTHING,
    WITH_PAYLOAD,
    WITH_VECTORS,
    Point,
    delete,
    equals,
    exclude,
    has_id,
    include,
    must,
    must_not,
    plain_upsert,
    within,
)
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.queries import ALL_PAYLOAD, Selection

_UUIDS = [f"{n:08x}-0000-4000-8000-000000000000" for n in (1, 0x10, 0xABC, 0xFFFFFFFF)]

_NESTED = {
    "country": {
        "name": "Germany",
        "cities": [
            {"name": "Berlin", "population": 3.7, "sights": ["gate"]},
            {"name": "Munich", "population": 1.5},
        ],
    },
    "a.b": 1,
    "tags": ["x", "y"],
    "n": 5,
}


class RetrieveContract(ContractCase):
    """Points by their ids."""

    async def test_in_the_order_asked_for_each_once_and_missing_ones_left_out(self) -> None:
        await self.create()
        await self.update(plain_upsert([1, 2, 3, *_UUIDS]))
        records = await self.retrieve(3, _UUIDS[2], 1, 99, 3, _UUIDS[0], 1, 2)
        self.assertEqual(ids_of(records), [3, _UUIDS[2], 1, _UUIDS[0], 2])

    async def test_nothing_asked_for(self) -> None:
        await self.create()
        await self.update(plain_upsert([1]))
        self.assertEqual(await self.retrieve(), [])
        self.assertEqual(await self.retrieve(2, _UUIDS[0]), [])

    async def test_by_default_only_ids_are_returned(self) -> None:
        await self.create()
        await self.put(Point(1, [1, 2, 3, 4], {"a": 1}))
        record = await self.only(1, Selection())
        self.assertEqual((record.payload, record.vectors), (None, None))

    async def test_payload_and_vectors_are_selected_apart(self) -> None:
        await self.create()
        await self.put(Point(1, [1, 2, 3, 4], {"a": 1}))
        record = await self.only(1, WITH_PAYLOAD)
        self.assert_payload(record, {"a": 1})
        self.assertIsNone(record.vectors)
        record = await self.only(1, WITH_VECTORS)
        self.assert_vectors(record, {"": [1, 2, 3, 4]})
        self.assertIsNone(record.payload)

    async def test_vectors_by_name(self) -> None:
        await self.create(NAMED)
        await self.put(Point(1, {"image": [1, 2, 3], "text": [4, 5]}), Point(2, {"text": [6, 7]}))
        for names, expected in (
            (("text",), [{"text": [4, 5]}, {"text": [6, 7]}]),
            (("image",), [{"image": [1, 2, 3]}, {}]),
            (("image", "text"), [{"image": [1, 2, 3], "text": [4, 5]}, {"text": [6, 7]}]),
        ):
            records = await self.retrieve(1, 2, selection=Selection(vectors=names))
            for record, vectors in zip(records, expected, strict=True):
                self.assert_vectors(record, vectors)

    async def select(self, selection: Selection) -> Any:
        """The nested payload as the selection reduces it."""
        await self.create()
        await self.put(Point(1, [1, 2, 3, 4], _NESTED), Point(2))
        record = await self.only(1, selection)
        empty = await self.only(2, selection)
        self.assert_payload(empty, {})
        return record

    async def test_whole_keys_included(self) -> None:
        record = await self.select(include("n", "tags", "missing"))
        self.assert_payload(record, {"n": 5, "tags": ["x", "y"]})

    async def test_paths_included_keep_the_structure(self) -> None:
        record = await self.select(include("country.cities[].name"))
        cities = [{"name": "Berlin"}, {"name": "Munich"}]
        self.assert_payload(record, {"country": {"cities": cities}})

    async def test_quoted_key_included(self) -> None:
        self.assert_payload(await self.select(include('"a.b"')), {"a.b": 1})

    async def test_nothing_found_to_include(self) -> None:
        self.assert_payload(await self.select(include("missing")), {})
        record = await self.only(1, include("country.missing"))
        self.assert_payload(record, {"country": {}})

    async def test_keys_excluded(self) -> None:
        record = await self.select(exclude("country", "missing"))
        self.assert_payload(record, {"a.b": 1, "tags": ["x", "y"], "n": 5})

    async def test_paths_excluded_keep_the_rest(self) -> None:
        record = await self.select(exclude("country.cities[].population", "n", '"a.b"'))
        cities = [{"name": "Berlin", "sights": ["gate"]}, {"name": "Munich"}]
        expected = {"country": {"name": "Germany", "cities": cities}, "tags": ["x", "y"]}
        self.assert_payload(record, expected)

    async def test_everything_excluded(self) -> None:
        record = await self.select(exclude("country", '"a.b"', "tags", "n"))
        self.assert_payload(record, {})


class CountContract(ContractCase):
    """Counts are exact."""

    async def test_empty(self) -> None:
        await self.create()
        self.assertEqual(await self.count(), 0)
        self.assertEqual(await self.count(must(equals("a", 1))), 0)

    async def test_all_and_some(self) -> None:
        await self.create()
        await self.put(*(Point(n, [1, 2, 3, 4], {"n": n}) for n in range(30)))
        await self.update(delete(0, 7))
        self.assertEqual(await self.count(), 28)
        self.assertEqual(await self.count(Filter()), 28)
        self.assertEqual(await self.count(must(within("n", lt=10))), 8)
        self.assertEqual(await self.count(must_not(within("n", lt=10))), 20)
        self.assertEqual(await self.count(must(has_id(1, 7, 99))), 1)


class ScrollContract(ContractCase):
    """Pages of points: integer ids ascending, then UUIDs ascending."""

    ids: list[PointId]

    async def prepare(self) -> None:
        """Start with integers whose order as text differs, and UUIDs."""
        await self.create()
        self.ids = [1, 2, 9, 10, 100, 2**32, 2**64 - 1, *_UUIDS]
        mixed = [*self.ids[1::2], *reversed(self.ids[::2])]
        await self.put(
            *(Point(i, [1, 2, 3, 4], {"even": self.ids.index(i) % 2 == 0}) for i in mixed)
        )

    async def pages(self, limit: int, **request: Any) -> list[list[PointId]]:
        """The ids on each page, from the first to the last."""
        found = []
        offset: PointId | None = None
        for _ in range(50):
            page = await self.scroll(limit=limit, offset=offset, **request)
            found.append(ids_of(page.records))
            offset = page.next_offset
            if offset is None:
                return found
        raise self.failureException("the pages do not end")

    async def test_an_empty_collection(self) -> None:
        await self.update(delete(*self.ids))
        page = await self.scroll()
        self.assertEqual((list(page.records), page.next_offset), ([], None))

    async def test_ten_by_default(self) -> None:
        page = await self.scroll()
        self.assertEqual(ids_of(page.records), self.ids[:10])
        self.assertEqual(page.next_offset, self.ids[10])

    async def test_paging(self) -> None:
        for limit in (1, 2, 3, 5, 10):
            pages = await self.pages(limit)
            self.assertEqual([i for page in pages for i in page], self.ids)
            self.assertEqual({len(page) for page in pages[:-1]}, {limit})

    async def test_no_page_after_one_that_is_just_full(self) -> None:
        page = await self.scroll(limit=len(self.ids))
        self.assertEqual((ids_of(page.records), page.next_offset), (self.ids, None))

    async def test_a_huge_limit(self) -> None:
        page = await self.scroll(limit=2**32 - 1)
        self.assertEqual((ids_of(page.records), page.next_offset), (self.ids, None))

    async def test_the_offset_is_included(self) -> None:
        for position in (0, 3, 6, 7, 10):
            page = await self.scroll(offset=self.ids[position], limit=100)
            self.assertEqual(ids_of(page.records), self.ids[position:])

    async def test_an_offset_that_is_no_point_starts_at_the_next_one(self) -> None:
        page = await self.scroll(offset=11, limit=100)
        self.assertEqual(ids_of(page.records), self.ids[4:])
        page = await self.scroll(offset="00000011-0000-4000-8000-000000000000", limit=100)
        self.assertEqual(ids_of(page.records), self.ids[9:])
        page = await self.scroll(offset="ffffffff-ffff-ffff-ffff-ffffffffffff")
        self.assertEqual((list(page.records), page.next_offset), ([], None))

    async def test_filtered_pages(self) -> None:
        condition = must(equals("even", True))
        for limit in (1, 2, 4, 6, 100):
            pages = await self.pages(limit, filter=condition)
            self.assertEqual([i for page in pages for i in page], self.ids[::2])

    async def test_a_filter_on_ids(self) -> None:
        condition = must(has_id(_UUIDS[0], 2, 10, 11))
        pages = await self.pages(2, filter=condition)
        self.assertEqual(pages, [[2, 10], [_UUIDS[0]]])

    async def test_what_is_returned_of_each_point(self) -> None:
        page = await self.scroll(limit=1)
        self.assertEqual((page.records[0].payload, page.records[0].vectors), (None, None))
        page = await self.scroll(limit=2, selection=EVERYTHING)
        for record, even in zip(page.records, (True, False), strict=True):
            self.assert_payload(record, {"even": even})
            self.assert_vectors(record, {"": [1, 2, 3, 4]})
        page = await self.scroll(limit=1, selection=Selection(payload=ALL_PAYLOAD))
        self.assertIsNone(page.records[0].vectors)

    async def test_deleted_points_are_skipped(self) -> None:
        await self.update(delete(2, 10, _UUIDS[3]))
        pages = await self.pages(3)
        expected = [i for i in self.ids if i not in (2, 10, _UUIDS[3])]
        self.assertEqual([i for page in pages for i in page], expected)
