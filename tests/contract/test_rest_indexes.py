"""Payload indexes over HTTP on a real engine, and the reads that need one."""

from __future__ import annotations

from typing import Any

from tests.contract.rest_wire import POINTS, PointsCase
from vexfs_twisted.rest.errors import STATUSES

SCROLL = f"{POINTS}/scroll"


class IndexTests(PointsCase):
    """Indexes that are declared, replaced, told of and dropped while the server runs."""

    async def schema(self) -> Any:
        return (await self.ok("GET", "/collections/c"))["payload_schema"]

    async def test_an_index_lives(self) -> None:
        params = {"type": "text", "tokenizer": "word", "lowercase": True}
        for field_schema, expected in (
            ("keyword", {"data_type": "keyword", "points": 2}),
            ("geo", {"data_type": "geo", "points": 0}),
            (params, {"data_type": "text", "points": 2, "params": params}),
        ):
            body = {"field_name": "k", "field_schema": field_schema}
            result = await self.ok("PUT", "/collections/c/index", body)
            self.assertEqual(result["status"], "acknowledged")
            self.assertEqual(await self.schema(), {"k": expected})
        await self.ok(
            "PUT", "/collections/c/index", {"field_name": "list[].n", "field_schema": "integer"}
        )
        self.assertEqual((await self.schema())["list[].n"]["points"], 2)
        for field in ("k", "list%5B%5D.n", "none"):
            await self.ok("DELETE", f"/collections/c/index/{field}?wait=true")
        self.assertEqual(await self.schema(), {})

    async def test_the_parameters_of_text(self) -> None:
        for given, params in (
            ({"type": "text"}, {"type": "text", "tokenizer": "word"}),
            (
                {"type": "text", "lowercase": False, "colour": "red", "scoring": False},
                {"type": "text", "lowercase": False, "tokenizer": "word"},
            ),
        ):
            body = {"field_name": "k", "field_schema": given}
            await self.ok("PUT", "/collections/c/index", body)
            self.assertEqual((await self.schema())["k"]["params"], params)
        for more in ({"scoring": True}, {"scoring": {"type": "bm25"}}, {"nested": "list"}):
            body = {"field_name": "k", "field_schema": {"type": "text", **more}}
            text = await self.error(STATUSES["not_supported"], "PUT", "/collections/c/index", body)
            self.assertIn(f"`{next(iter(more))}` of payload indexes is not supported yet", text)
        self.assertEqual((await self.schema())["k"]["params"], params)

    async def test_an_index_that_can_do_nothing(self) -> None:
        schema = {"type": "integer", "lookup": False, "range": False}
        body = {"field_name": "k", "field_schema": schema}
        text = await self.error(422, "PUT", "/collections/c/index", body)
        self.assertIn("the 'lookup' and 'range' capabilities can't be both disabled", text)


class VectorConditionTests(PointsCase):
    """Which vectors points have."""

    async def test_has_vector(self) -> None:
        await self.ok("POST", f"{POINTS}/vectors/delete", {"vector": [""], "points": [2]})
        self.assertEqual(await self.ids({"must": {"has_vector": ""}}), [1, 3])
        self.assertEqual(await self.ids({"must": {"has_vector": "none"}}), [])


class OrderTests(PointsCase):
    """Scrolling in the order of a payload field."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.put_payloads(
            {"n": 5, "f": 0.5, "at": "1970-01-01T00:00:03Z"},
            {"n": [7, 1], "f": -1, "at": "1970-01-01 00:00:01"},
            {"n": 5, "f": 2.25, "at": "1970-01-01T00:00:02.5Z"},
            {"other": True},
        )
        for field, kind in (("n", "integer"), ("f", "float"), ("at", "datetime"), ("k", "keyword")):
            body = {"field_name": field, "field_schema": kind}
            await self.ok("PUT", "/collections/c/index", body)

    async def pairs(self, order_by: Any, **more: Any) -> list[Any]:
        body = {"order_by": order_by, "with_payload": False, **more}
        page = await self.ok("POST", SCROLL, body)
        self.assertIsNone(page["next_page_offset"])
        return [(point["id"], point["order_value"]) for point in page["points"]]

    async def test_orders(self) -> None:
        for order_by, expected in (
            ("n", [(2, 1), (1, 5), (3, 5), (2, 7)]),
            ({"key": "n", "start_from": 5}, [(1, 5), (3, 5), (2, 7)]),
            ("f", [(2, -1.0), (1, 0.5), (3, 2.25)]),
            ({"key": "f", "direction": "desc"}, [(3, 2.25), (1, 0.5), (2, -1.0)]),
            ("at", [(2, 1_000_000), (3, 2_500_000), (1, 3_000_000)]),
            (
                {"key": "at", "direction": "desc", "start_from": "1970-01-01T00:00:02.5Z"},
                [(3, 2_500_000), (2, 1_000_000)],
            ),
        ):
            self.assertEqual(await self.pairs(order_by), expected, order_by)
        left = await self.pairs("n", limit=2, filter={"must_not": {"has_id": [1]}})
        self.assertEqual(left, [(2, 1), (3, 5)])

    async def test_errors(self) -> None:
        for key in ("k", "none"):
            text = await self.error(400, "POST", SCROLL, {"order_by": key})
            self.assertIn(f"No range index for `order_by` key: `{key}`", text)
        await self.error(400, "POST", SCROLL, {"order_by": "n", "offset": 1})


class FacetTests(PointsCase):
    """Counts of the values of a field."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.put_payloads({"k": "b", "n": 1}, {"k": ["a", "b", "a"], "n": 2}, {"k": "a"})
        for field, kind in (("k", "keyword"), ("n", "integer"), ("f", "float")):
            body = {"field_name": field, "field_schema": kind}
            await self.ok("PUT", "/collections/c/index", body)

    async def test_hits(self) -> None:
        for body, expected in (
            ({"key": "k"}, [("a", 2), ("b", 2)]),
            ({"key": "k", "limit": 1, "exact": True}, [("a", 2)]),
            ({"key": "k", "filter": {"must": {"has_id": [1]}}}, [("b", 1)]),
            ({"key": "n"}, [(1, 1), (2, 1)]),
        ):
            hits = (await self.ok("POST", "/collections/c/facet", body))["hits"]
            self.assertEqual([(hit["value"], hit["count"]) for hit in hits], expected, body)

    async def test_an_index_is_needed(self) -> None:
        for key in ("f", "none", "k[]"):
            text = await self.error(400, "POST", "/collections/c/facet", {"key": key})
            self.assertIn(f"No appropriate index for faceting: `{key}`", text)
        await self.ok("POST", f"{POINTS}/delete", {"filter": {}})
        for key in ("f", "none", "k[]", "k"):
            answer = await self.ok("POST", "/collections/c/facet", {"key": key})
            self.assertEqual(answer, {"hits": []})
