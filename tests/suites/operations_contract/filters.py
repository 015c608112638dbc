"""Filters: which of a few sample points pass each kind of condition."""

from __future__ import annotations

from typing import Any

from tests.suites.operations_contract.case import ContractCase, ids_of
from tests.suites.operations_contract.updates import UUID_A, UUID_B
from tests.suites.values import (
    Point,
    any_of,
    equals,
    has_id,
    must,
    must_not,
    nearest,
    none_of,
    should,
    within,
)
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.ids import PointId

_PAYLOADS: dict[PointId, dict[str, Any]] = {
    1: {"city": "Berlin", "n": 5, "ok": True},
    2: {"city": ["Berlin", "London"], "n": 5.0, "ok": False},
    3: {"city": ["Moscow"], "n": [1, 20], "nested": {"deep": [{"x": 1}, {"x": 2}]}},
    4: {"city": "berlin", "n": "5", "ok": 1},
    5: {"city": None, "n": -2.5},
    6: {"city": [], "n": None},
    7: {"n": 2**60, "a.b": "dotted", "nested": {"deep": [{"x": 3}]}},
    UUID_A: {},
    UUID_B: {"city": "London", "n": True, "nested": {"deep": {"x": 2}}},
}


class FiltersContract(ContractCase):
    """Each condition, alone and combined."""

    async def prepare(self) -> None:
        """Start with the sample points."""
        await self.create()
        await self.put(*(Point(i, [1, 2, 3, 4], p) for i, p in _PAYLOADS.items()))

    async def passes(self, filter: Filter, *expected: PointId) -> None:
        """Assert that exactly these points pass, and all others pass the negation."""
        self.assertEqual(await self.ids_where(filter), list(expected))
        others = [i for i in _PAYLOADS if i not in expected]
        self.assertEqual(await self.ids_where(must_not(filter)), others)

    async def test_a_keyword(self) -> None:
        await self.passes(must(equals("city", "Berlin")), 1, 2)
        await self.passes(must(equals("city", "London")), 2, UUID_B)
        await self.passes(must(equals("city", "Ber")))
        await self.passes(must(equals("city", "")))

    async def test_an_integer_is_no_other_type(self) -> None:
        await self.passes(must(equals("n", 5)), 1)
        await self.passes(must(equals("n", 1)), 3)
        await self.passes(must(equals("n", 20)), 3)
        await self.passes(must(equals("n", 2**60)), 7)

    async def test_a_boolean_is_no_other_type(self) -> None:
        await self.passes(must(equals("ok", True)), 1)
        await self.passes(must(equals("ok", False)), 2)
        await self.passes(must(equals("n", True)), UUID_B)

    async def test_one_of_several(self) -> None:
        await self.passes(must(any_of("city", ["London", "Moscow", "Rome"])), 2, 3, UUID_B)
        await self.passes(must(any_of("n", [5, 20])), 1, 3)
        await self.passes(must(any_of("city", ["Rome"])))

    async def test_one_of_none(self) -> None:
        await self.passes(must(any_of("city", [])))

    async def test_anything_but(self) -> None:
        await self.passes(must(none_of("city", ["Berlin"])), 2, 3, 4, UUID_B)
        await self.passes(must(none_of("city", ["Berlin", "London"])), 3, 4)
        await self.passes(must(none_of("n", [1, 5])), 2, 3, 4, 5, 7, UUID_B)

    async def test_anything_but_nothing_is_any_value(self) -> None:
        await self.passes(must(none_of("city", [])), 1, 2, 3, 4, UUID_B)

    async def test_ranges(self) -> None:
        await self.passes(must(within("n", gt=5)), 3, 7)
        await self.passes(must(within("n", gte=5)), 1, 2, 3, 7)
        await self.passes(must(within("n", lt=1)), 5)
        await self.passes(must(within("n", lte=1)), 3, 5)
        await self.passes(must(within("n", gt=1, lt=20)), 1, 2)
        await self.passes(must(within("n", gte=-2.5, lte=-2.5)), 5)
        await self.passes(must(within("city", gte=0)))

    async def test_a_range_no_number_is_in(self) -> None:
        await self.passes(must(within("n", gt=10, lt=2)))

    async def test_ids(self) -> None:
        await self.passes(must(has_id(1, UUID_B, 99)), 1, UUID_B)
        await self.passes(must(has_id()))

    async def test_paths(self) -> None:
        await self.passes(must(equals("nested.deep[].x", 2)), 3)
        await self.passes(must(equals("nested.deep[0].x", 1)), 3)
        await self.passes(must(equals("nested.deep[1].x", 1)))
        await self.passes(must(equals("nested.deep.x", 2)), UUID_B)
        await self.passes(must(equals('"a.b"', "dotted")), 7)
        await self.passes(must(equals("a.b", "dotted")))
        await self.passes(must(equals("city[]", "Moscow")), 3)

    async def test_must_takes_all(self) -> None:
        await self.passes(must(equals("city", "Berlin"), equals("ok", True)), 1)
        await self.passes(must(equals("city", "Berlin"), equals("city", "London")), 2)

    async def test_should_takes_any(self) -> None:
        await self.passes(should(equals("city", "Moscow"), equals("ok", True)), 1, 3)

    async def test_must_not_takes_none(self) -> None:
        expected = [3, 4, 5, 6, 7, UUID_A]
        filter = must_not(equals("city", "Berlin"), equals("city", "London"))
        self.assertEqual(await self.ids_where(filter), expected)

    async def test_all_parts_of_a_filter_hold_together(self) -> None:
        filter = Filter(
            must=(any_of("city", ["Berlin", "London"]),),
            should=(within("n", gte=5), equals("n", True)),
            must_not=(equals("ok", False),),
        )
        await self.passes(filter, 1, UUID_B)

    async def test_the_empty_filter_passes_everything(self) -> None:
        await self.passes(Filter(), *_PAYLOADS)

    async def test_filters_nest(self) -> None:
        inner = should(equals("ok", True), must(equals("city", "Berlin"), has_id(2)))
        await self.passes(must(inner, must_not(has_id(1))), 2)
        await self.passes(must_not(must_not(has_id(1, 2))), 1, 2)
        await self.passes(should(Filter(), has_id(1)), *_PAYLOADS)

    async def test_a_field_that_no_point_has(self) -> None:
        await self.passes(must(equals("missing", 1)))
        await self.passes(must(none_of("missing", ["x"])))

    async def test_a_query_returns_only_what_passes(self) -> None:
        filter = must(equals("city", "Berlin"))
        hits = await self.query(form=nearest([1, 0, 0, 0]), filter=filter, limit=100)
        self.assertEqual(sorted(map(str, ids_of(hits))), ["1", "2"])
