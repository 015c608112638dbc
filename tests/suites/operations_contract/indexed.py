"""The effects of a payload index on reads of its field."""

from __future__ import annotations

from typing import Any

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import Point, any_of, delete, equals, must, none_of, within
from vexfs_twisted.model.collection import CollectionInfoRequest
from vexfs_twisted.model.errors import BadInput
from vexfs_twisted.model.filters import (
    DatetimeRange,
    FieldCondition,
    HoldsNull,
    IsEmpty,
    IsNull,
    Predicate,
)
from vexfs_twisted.model.ids import PointId
from vexfs_twisted.model.payload_index import (
    CreateFieldIndex,
    DeleteFieldIndex,
    FieldSchema,
    FieldType,
    TextOptions,
)
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Facet
from vexfs_twisted.model.query_forms import OrderBy, OrderValue

_V = PayloadPath.parse("v")


class IndexedFieldsContract(ContractCase):
    """Points 0, 1, 2 and so on, each with a value of its own, asked with an index and without."""

    async def prepare(self) -> None:
        """Start with an empty collection."""
        await self.create()

    async def keep(self, *values: Any) -> None:
        """Write points with these values."""
        await self.put(*(Point(n, [1, 1, 1, 1], {"v": value}) for n, value in enumerate(values)))

    async def index(self, kind: FieldType, path: PayloadPath = _V) -> None:
        """Index the field by that type."""
        text = TextOptions() if kind is FieldType.TEXT else None
        await self.update(CreateFieldIndex(path, FieldSchema(kind, text=text)))

    async def on(self, predicate: Predicate, path: str = "v") -> list[PointId]:
        """The points whose field satisfies the predicate."""
        return await self.ids_where(must(FieldCondition(PayloadPath.parse(path), predicate)))

    async def ordered(self, **order: Any) -> list[tuple[PointId, OrderValue | None]]:
        """The points in the order of their values, each with the value that puts it there."""
        page = await self.scroll(order_by=OrderBy(_V, **order), limit=100)
        return [(record.id, record.order_value) for record in page.records]

    async def test_integers_hold_floats_without_a_fraction(self) -> None:
        await self.keep(42.0, 42, [42.0, 1], 42.5, -0.0, 1e300)
        self.assertEqual(await self.ids_where(must(equals("v", 42))), [1])
        self.assertEqual(await self.ids_where(must(any_of("v", [42, 0]))), [1])
        self.assertEqual(await self.ids_where(must(none_of("v", [42]))), [0, 2, 3, 4, 5])
        self.assertEqual(await self.ids_where(must(within("v", gte=42))), [0, 1, 2, 3, 5])
        await self.index(FieldType.INTEGER)
        self.assertEqual(await self.ids_where(must(equals("v", 42))), [0, 1, 2])
        self.assertEqual(await self.ids_where(must(any_of("v", [42, 0]))), [0, 1, 2, 4])
        self.assertEqual(await self.ids_where(must(none_of("v", [42]))), [2, 4])
        self.assertEqual(await self.ids_where(must(within("v", gte=42))), [0, 1, 2])
        hits = await self.operations.read(NAME, Facet(_V))
        self.assertEqual([tuple(hit) for hit in hits], [(42, 3), (0, 1), (1, 1)])
        self.assertEqual(await self.ordered(), [(4, 0), (2, 1), (0, 42), (1, 42), (2, 42)])
        self.assertEqual({type(value) for _, value in await self.ordered()}, {int})
        info = await self.operations.read(NAME, CollectionInfoRequest())
        self.assertEqual(info.payload_schema["v"].points, 4)

    async def test_ranges_compare_integers_with_floats_exactly(self) -> None:
        large = 2**53
        await self.keep(large - 1, large, large + 1, float(large), large + 2, 0.5)
        for is_indexed in (False, True):
            for bounds, expected in (
                ({"gt": float(large)}, [2, 4]),
                ({"gte": float(large)}, [1, 2, 3, 4]),
                ({"lt": large + 2.0}, [0, 1, 2, 3, 5]),
                ({"gt": float(large), "lt": large + 2.0}, [2]),
                ({"gte": large - 0.5, "lte": float(large)}, [1, 3]),
                ({"lt": 0.75}, [5]),
            ):
                found = await self.ids_where(must(within("v", **bounds)))
                self.assertEqual(found, expected, (is_indexed, bounds))
            await self.index(FieldType.FLOAT)

    async def test_orders_begin_at_an_exact_integer(self) -> None:
        large = 1_768_907_725_507_217_522
        await self.keep(large - 1, large, large + 1)
        await self.index(FieldType.INTEGER)
        expected = [(1, large), (2, large + 1)]
        self.assertEqual(await self.ordered(start_from=large), expected)
        self.assertEqual(await self.ordered(start_from=large + 1), expected[1:])

    async def test_nulls(self) -> None:
        await self.keep(None, [None, None], [1, None], [], 1)
        for kind in (None, *FieldType):
            if kind is not None:
                await self.index(kind)
            self.assertEqual(await self.on(IsNull()), [0] if kind is None else [0, 1, 2])
            self.assertEqual(await self.on(HoldsNull()), [0, 1, 2])
            self.assertEqual(await self.on(IsNull(), "v[]"), [1, 2])
            self.assertEqual(await self.on(IsEmpty()), [0, 3])
        await self.update(DeleteFieldIndex(_V))
        self.assertEqual(await self.on(IsNull()), [0])

    async def test_datetimes_in_every_form(self) -> None:
        new_year, leap = 1_704_067_200_000_000, 1_719_792_000_000_000
        late, early = 253_402_300_800_000_000, -62_198_755_200_000_000
        await self.keep(
            "2024-1-1",
            ["2024-1-1 0:0:0", "no date"],
            "2024-01-01  00:00:00",
            "2024-01-01T02:00:00+02",
            "2023-12-31T22:00:00\u221202:00",
            "2024-06-30T23:59:60Z",
            "+10000-01-01T00:00:00Z",
            "-0001-01-01T00:00:00Z",
            "2024/01/01",
            1_704_067_200_000_000,
        )
        for is_indexed in (False, True):
            if is_indexed:
                await self.index(FieldType.DATETIME)
            for bounds, expected in (
                ({"gte": new_year, "lte": new_year}, [0, 1, 2, 3, 4]),
                ({"gt": new_year}, [5, 6]),
                ({"gte": leap, "lte": leap}, [5]),
                ({"gt": leap, "lte": late}, [6]),
                ({"lte": early}, [7]),
                ({"lt": early}, []),
                ({"lt": late}, [0, 1, 2, 3, 4, 5, 7]),
            ):
                found = await self.on(DatetimeRange(**bounds))
                self.assertEqual(found, expected, (is_indexed, bounds))
        ordered = [(7, early), *((n, new_year) for n in range(5)), (5, leap), (6, late)]
        self.assertEqual(await self.ordered(), ordered)
        self.assertEqual(await self.ordered(start_from=leap), ordered[-2:])
        info = await self.operations.read(NAME, CollectionInfoRequest())
        self.assertEqual(info.payload_schema["v"].points, 8)

    async def test_a_field_and_its_elements_have_each_an_index(self) -> None:
        elements = PayloadPath.parse("v[]")
        await self.keep(["a", "b"], "a")
        await self.index(FieldType.KEYWORD)
        error = await self.refused(BadInput, self.operations.read(NAME, Facet(elements)))
        self.assertIn("No appropriate index for faceting: `v[]`", error.message)
        await self.index(FieldType.KEYWORD, elements)
        hits = await self.operations.read(NAME, Facet(elements))
        self.assertEqual([tuple(hit) for hit in hits], [("a", 1), ("b", 1)])

    async def test_facets_of_no_points(self) -> None:
        for path in ("v", "v[]", "a.b"):
            facet = Facet(PayloadPath.parse(path))
            self.assertEqual(await self.operations.read(NAME, facet), [])
        await self.keep("a")
        await self.refused(BadInput, self.operations.read(NAME, Facet(_V)))
        await self.update(delete(0))
        self.assertEqual(await self.operations.read(NAME, Facet(_V)), [])
