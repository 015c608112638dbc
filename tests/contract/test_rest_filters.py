"""Filters over HTTP on a real engine."""

from __future__ import annotations

from itertools import chain
from typing import Any

from tests.contract.rest_wire import POINTS, PointsCase


class FilterTests(PointsCase):
    """Conditions in JSON choose points."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        payloads: list[Any] = [
            {"n": 1, "t": "the quick fox", "at": "2024-05-01", "g": {"lon": 13.4, "lat": 52.5}},
            {"n": [1.5, 7], "t": ["lazy", "dog"], "at": "2024-06-01T12:00:00+02:00", "e": []},
            {"n": None, "o": [{"a": 1, "b": 2}, {"a": 3, "b": 4}], "e": [None], "b": True},
        ]
        await self.put_payloads(*payloads)

    async def test_every_condition(self) -> None:
        corner, other = {"lon": 13, "lat": 53}, {"lon": 14, "lat": 52}
        ring = [corner, {"lon": 14, "lat": 53}, other, {"lon": 13, "lat": 52}, corner]
        part = {"must": [{"key": "a", "match": {"value": 1}}, {"key": "b", "range": {"gt": 3}}]}
        whole = {"must": [{"key": "a", "match": {"value": 3}}, {"key": "b", "range": {"gt": 3}}]}
        condition: Any
        for condition, expected in (
            ({"key": "n", "match": {"value": 7}}, [2]),
            ({"key": "n", "match": {"any": [1, 7]}}, [1, 2]),
            ({"key": "t", "match": {"except": ["lazy"]}}, [1, 2]),
            ({"key": "t", "match": {"text": "quick"}}, [1]),
            ({"key": "t", "match": {"text_any": "fox dog"}}, [1, 2]),
            ({"key": "t", "match": {"phrase": "quick fox"}}, [1]),
            ({"key": "t", "match": {"prefix": "la"}}, [2]),
            ({"key": "b", "match": {"value": True}}, [3]),
            ({"key": "n", "range": {"gt": 1, "lt": 2}}, [2]),
            ({"key": "at", "range": {"gte": "2024-06-01T10:00:00Z"}}, [2]),
            ({"key": "g", "geo_bounding_box": {"top_left": corner, "bottom_right": other}}, [1]),
            ({"key": "g", "geo_radius": {"center": corner, "radius": 100_000}}, [1]),
            ({"key": "g", "geo_polygon": {"exterior": {"points": ring}}}, [1]),
            ({"key": "n", "values_count": {"lt": 1}}, [3]),
            ({"is_empty": {"key": "e"}}, [1, 2]),
            ({"key": "e", "is_empty": False}, [3]),
            ({"is_null": {"key": "e"}}, []),
            ({"is_null": {"key": "n"}}, [3]),
            ({"key": "e", "is_null": True}, [3]),
            ({"key": "n", "is_null": False}, [1, 2]),
            ({"has_id": [3, 9]}, [3]),
            ({"nested": {"key": "o", "filter": part}}, []),
            ({"nested": {"key": "o[]", "filter": whole}}, [3]),
            ({"key": "n", "match": {"value": 1}, "is_null": True}, [1, 3]),
            ({"must_not": {"key": "n", "match": {"any": []}}}, [1, 2, 3]),
        ):
            self.assertEqual(await self.ids({"must": condition}), expected, condition)
        counted = [{"has_id": [1, 2]}, {"has_id": [2, 3]}, {"has_id": [2]}]
        for least, expected in ((1, [1, 2, 3]), (2, [2]), (4, [])):
            condition = {"min_should": {"conditions": counted, "min_count": least}}
            self.assertEqual(await self.ids(condition), expected)
        parts = [await self.ids({"must": {"slice": {"total": 3, "index": i}}}) for i in range(3)]
        self.assertEqual(sorted(chain.from_iterable(parts)), [1, 2, 3])

    async def test_bounds_are_compared_as_they_are_written(self) -> None:
        large = 1_768_907_725_507_217_522
        await self.put_payloads({"n": large - 1}, {"n": large}, {"n": large + 1})
        order = {"key": "n", "start_from": large + 1}
        for kind in ("", "float", "integer"):
            if kind:
                body = {"field_name": "n", "field_schema": kind}
                await self.ok("PUT", "/collections/c/index?wait=true", body)
            for bounds, expected in (
                ({"gt": large}, [3]),
                ({"gte": large, "lt": large + 1}, [2]),
                ({"lt": large}, [1]),
                ({"gt": 1.7689077255072174e18}, [1, 2, 3]),
                ({"gte": 2**53 + 0.5, "lte": large}, [1, 2]),
                ({"lt": 2**63}, [1, 2, 3]),
                ({"gt": -(2**63), "lt": large}, [1]),
            ):
                found = await self.ids({"must": {"key": "n", "range": bounds}})
                self.assertEqual(found, expected, (kind, bounds))
        page = await self.ok("POST", f"{POINTS}/scroll", {"order_by": order})
        told = [(point["id"], point["order_value"]) for point in page["points"]]
        self.assertEqual(told, [(3, large + 1)])

    async def test_bounds_that_are_datetimes_of_every_form(self) -> None:
        for bound, expected in (
            ("2024-5-1", [1, 2]),
            ("2024-5-1 0:0:1", [2]),
            ("2024-06-01T11:59:60+02:00", [2]),
            ("2024-06-01 12:00:00\u221201:00", []),
            ("+10000-01-01T00:00:00Z", []),
            ("-0001-1-1", [1, 2]),
        ):
            found = await self.ids({"must": {"key": "at", "range": {"gte": bound}}})
            self.assertEqual(found, expected, bound)

    async def test_deep_and_wide_filters(self) -> None:
        deep: Any = {"must": {"has_id": [2]}}
        for _ in range(63):
            deep = {"must": [deep]}
        self.assertEqual(await self.ids({"must": deep}), [2])
        body = {"filter": {"must": {"must": deep}}}
        text = await self.error(400, "POST", f"{POINTS}/scroll", body)
        self.assertTrue(text.endswith("recursion limit exceeded"), text)
        deep = {"must": {"key": "x", "is_empty": True}}
        for _ in range(64):
            inner = {"nested": {"key": "o", "filter": deep}}
            deep = {"min_should": {"conditions": [inner], "min_count": 1}}
        self.assertEqual(await self.ids(deep), [])
        many = [{"key": "n", "match": {"value": number}} for number in range(10_000)]
        self.assertEqual(await self.ids({"should": many}), [1, 2])

    async def test_filters_deeper_than_any_parser_goes(self) -> None:
        for opening, closing in (
            (b'{"must":[', b"]}"),
            (b'{"must":', b"}"),
            (b'{"min_should":{"min_count":1,"conditions":[', b"]}}"),
            (b'{"should":[{"nested":{"key":"o","filter":', b"}}]}"),
            (b"[", b"]"),
        ):
            for depth in (400, 5_000):
                whole = b'{"filter":%b{}%b}' % (opening * depth, closing * depth)
                cut = whole[: len(whole) // 2]
                for body in (whole, cut):
                    for path in ("count", "scroll", "query", "delete"):
                        await self.error(400, "POST", f"{POINTS}/{path}", body)
        self.assertEqual(await self.ids({}), [1, 2, 3])

    async def test_messages(self) -> None:
        for condition, status, text in (
            ({"must": {"key": "n"}}, 422, "At least one field condition must be specified"),
            ({"min_should": {"conditions": []}}, 400, "missing field `min_count`"),
            ({"must": {"slice": {"total": 2, "index": 2}}}, 422, "slice.index: value 2 invalid"),
            ({"must": {"slice": {"total": 0, "index": 0}}}, 400, "expected a nonzero u32"),
            (
                {"must": {"key": "at", "range": {"gt": "20240501"}}},
                400,
                'range: gt: invalid value: string "20240501"',
            ),
        ):
            error = await self.error(status, "POST", f"{POINTS}/count", {"filter": condition})
            self.assertIn(text, error)
