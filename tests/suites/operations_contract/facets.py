"""Facets: the values of an indexed field, and how many points have each."""

from __future__ import annotations

from typing import Any

from tests.suites.operations_contract.case import NAME, ContractCase
from tests.suites.values import Point, delete, equals, must
from vexfs_twisted.model.errors import BadInput, NotFound
from vexfs_twisted.model.payload_index import CreateFieldIndex, FieldSchema, FieldType
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import Facet, FacetValue

_V = PayloadPath.parse("v")


class FacetsContract(ContractCase):
    """Values ordered by count, then by value."""

    async def prepare(self) -> None:
        """Start with an empty collection."""
        await self.create()

    async def keep(self, kind: FieldType, *values: Any) -> None:
        """Write points with these values, and index them."""
        await self.put(*(Point(n, [1, 1, 1, 1], {"v": value}) for n, value in enumerate(values)))
        await self.update(CreateFieldIndex(_V, FieldSchema(kind)))

    async def facet(self, **request: Any) -> list[tuple[type, FacetValue, int]]:
        """The hits, with the type of each value."""
        hits = await self.operations.read(NAME, Facet(_V, **request))
        return [(type(value), value, count) for value, count in hits]

    async def test_keywords(self) -> None:
        await self.keep(FieldType.KEYWORD, "b", ["a", "b", "a"], "c", ["a"], None, [], 5)
        expected = [(str, "a", 2), (str, "b", 2), (str, "c", 1)]
        self.assertEqual(await self.facet(), expected)
        self.assertEqual(await self.facet(exact=True), expected)
        self.assertEqual(await self.facet(limit=1), expected[:1])

    async def test_a_filter_chooses_points_and_not_values(self) -> None:
        await self.keep(FieldType.KEYWORD, ["a", "b"], "b", "c")
        found = await self.facet(filter=must(equals("v", "a")))
        self.assertEqual(found, [(str, "a", 1), (str, "b", 1)])

    async def test_deleted_points_are_not_counted(self) -> None:
        await self.keep(FieldType.KEYWORD, "a", "a", "b")
        await self.update(delete(0, 2))
        self.assertEqual(await self.facet(), [(str, "a", 1)])

    async def test_integers(self) -> None:
        largest, smallest = 2**63 - 1, -(2**63)
        await self.keep(FieldType.INTEGER, largest, [0, smallest], 0, 1.0, "1", True)
        expected = [(int, 0, 2), (int, smallest, 1), (int, 1, 1), (int, largest, 1)]
        self.assertEqual(await self.facet(), expected)

    async def test_integers_of_more_than_63_bits_are_not_indexed(self) -> None:
        await self.keep(FieldType.INTEGER, [0, 2**63], 2**64 - 1, 0)
        self.assertEqual(await self.facet(), [(int, 0, 2)])

    async def test_booleans(self) -> None:
        await self.keep(FieldType.BOOL, False, True, [True, False], True, 1)
        self.assertEqual(await self.facet(), [(bool, True, 3), (bool, False, 2)])

    async def test_uuids_are_told_in_canonical_form(self) -> None:
        uuid = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
        await self.keep(FieldType.UUID, uuid, uuid.upper(), uuid.replace("-", ""), "x")
        self.assertEqual(await self.facet(), [(str, uuid, 3)])

    async def test_without_an_index_that_looks_values_up(self) -> None:
        await self.keep(FieldType.FLOAT, 1.5)
        error = await self.refused(BadInput, self.facet())
        self.assertIn("No appropriate index for faceting: `v`.", error.message)
        call = self.operations.read("missing", Facet(_V))
        await self.refused(NotFound, call)
