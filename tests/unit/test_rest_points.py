"""Points over the REST wire: removals and reads."""

from __future__ import annotations

from typing import Any

from tests.rest_harness import Reply
from tests.rest_points_case import BERLIN, UUID, RestPointsCase
from vexfs_twisted.model.filters import Filter
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.queries import ALL_PAYLOAD, NO_PAYLOAD, Facet, PayloadMode, Selection
from vexfs_twisted.model.query_forms import Direction, OrderBy


class Removals(RestPointsCase):
    def setUp(self) -> None:
        super().setUp()
        self.put({"points": [{**BERLIN, "id": number} for number in (1, 2, 3)]})

    def remove(self, body: Any) -> Reply:
        return self.client.ask("POST", "/collections/a/points/delete", body)

    def left(self) -> list[Any]:
        return self.client.operations.ids("a")

    def test_by_ids(self) -> None:
        self.assertEqual(self.remove({"points": [1, 9]}).result["status"], "acknowledged")
        self.assertEqual(self.left(), [2, 3])

    def test_by_filter(self) -> None:
        self.remove({"filter": {"must": {"has_id": [2]}}})
        self.assertEqual(self.left(), [1, 3])
        self.remove({"filter": {}, "points": None})
        self.assertEqual(self.left(), [])

    def test_what_selects_nothing_is_400(self) -> None:
        body: Any
        for body in ({}, [1], {"points": ["x"]}, {"points": 1}, {"filter": {"bogus": []}}):
            self.assertEqual(self.remove(body).status, 400, body)
        self.assertEqual(self.left(), [1, 2, 3])


class Reads(RestPointsCase):
    def setUp(self) -> None:
        super().setUp()
        self.put({"points": [{**BERLIN, "id": number} for number in range(1, 16)]})
        self.put({"points": [{**BERLIN, "id": UUID}]})

    def asked(self) -> Any:
        return self.client.operations.calls[-1][1][1:]

    def test_a_point_that_is_not_there(self) -> None:
        reply = self.client.ask("GET", "/collections/a/points/99")
        self.assertEqual(
            (reply.status, reply.error), (404, "Not found: Point with id 99 does not exists!")
        )

    def test_an_id_in_the_path_that_is_none(self) -> None:
        for text in ("abc", "-1", "1.0", "99999999999999999999"):
            reply = self.client.ask("GET", f"/collections/a/points/{text}")
            self.assertEqual(reply.status, 400)
            self.assertIn(f'Can not recognize "{text}" as point id', reply.error)

    def test_retrieve_returns_ids_unless_told_more(self) -> None:
        reply = self.client.ask("POST", "/collections/a/points", {"ids": [2, 99, UUID]})
        self.assertEqual(reply.result, [{"id": 2}, {"id": UUID}])
        self.assertEqual(self.asked()[0].selection, Selection(NO_PAYLOAD, False))

    def test_retrieve_returns_what_is_asked_for(self) -> None:
        body = {"ids": [2], "with_payload": True, "with_vector": True, "shard_key": None}
        reply = self.client.ask("POST", "/collections/a/points", body)
        self.assertEqual(reply.result, [{**BERLIN, "id": 2}])

    def test_selectors(self) -> None:
        for selector, mode, paths in (
            (True, PayloadMode.ALL, []),
            (False, PayloadMode.NONE, []),
            (["a.b", "c[]"], PayloadMode.INCLUDE, ["a.b", "c[]"]),
            ([], PayloadMode.INCLUDE, []),
            ({"include": ["a"]}, PayloadMode.INCLUDE, ["a"]),
            ({"exclude": ['"x y"', "b"]}, PayloadMode.EXCLUDE, ['"x y"', "b"]),
        ):
            body = {"ids": [], "with_payload": selector}
            self.assertEqual(self.client.ask("POST", "/collections/a/points", body).status, 200)
            payload = self.asked()[0].selection.payload
            self.assertEqual((payload.mode, [str(path) for path in payload.paths]), (mode, paths))
        for vectors, expected in ((True, True), (["x", ""], ("x", "")), (False, False)):
            for name in ("with_vector", "with_vectors"):
                self.client.ask("POST", "/collections/a/points", {"ids": [], name: vectors})
                self.assertEqual(self.asked()[0].selection.vectors, expected)

    def test_selectors_that_are_none(self) -> None:
        part: Any
        for part in (
            {"with_payload": "a"},
            {"with_payload": [1]},
            {"with_payload": ["a b"]},
            {"with_payload": {}},
            {"with_payload": {"include": ["[0]"]}},
            {"with_vector": "x"},
            {"with_vector": [1]},
        ):
            reply = self.client.ask("POST", "/collections/a/points", {"ids": [], **part})
            self.assertEqual(reply.status, 400, part)
            self.assertIn("Format error in JSON body: ", reply.error)

    def test_scroll_has_its_own_defaults(self) -> None:
        page = self.client.ask("POST", "/collections/a/points/scroll", {}).result
        self.assertEqual([point["id"] for point in page["points"]], list(range(1, 11)))
        self.assertEqual(page["points"][0], {"id": 1, "payload": BERLIN["payload"]})
        self.assertEqual(page["next_page_offset"], 11)
        (scroll, timeout) = self.asked()
        self.assertEqual(scroll.selection, Selection(ALL_PAYLOAD, False))
        self.assertIsNone(timeout)

    def test_scroll_to_the_end(self) -> None:
        body: dict[str, Any] = {"offset": 15, "limit": 1, "with_payload": False}
        page = self.client.ask("POST", "/collections/a/points/scroll", body).result
        self.assertEqual(page, {"points": [{"id": 15}], "next_page_offset": UUID})
        body["offset"] = UUID.upper()
        page = self.client.ask("POST", "/collections/a/points/scroll", body).result
        self.assertEqual(page, {"points": [{"id": UUID}], "next_page_offset": None})

    def test_scroll_takes_nulls_and_huge_limits(self) -> None:
        nulls = dict.fromkeys(
            ("offset", "limit", "filter", "with_payload", "order_by", "shard_key")
        )
        page = self.client.ask("POST", "/collections/a/points/scroll", nulls).result
        self.assertEqual(len(page["points"]), 10)
        body = {"limit": 2**64 - 1}
        page = self.client.ask("POST", "/collections/a/points/scroll", body).result
        self.assertEqual(len(page["points"]), 16)

    def index(self, field: str, schema: str) -> None:
        body = {"field_name": field, "field_schema": schema}
        self.client.ask("PUT", "/collections/a/index?wait=true", body)

    def test_scroll_in_the_order_of_a_field(self) -> None:
        self.index("a", "float")
        self.index("a.b", "float")
        for order_by, expected in (
            ("a.b", OrderBy(PayloadPath.parse("a.b"))),
            ({"key": "a", "direction": None}, OrderBy(PayloadPath.parse("a"))),
            (
                {"key": "a", "direction": "desc", "start_from": 1.5},
                OrderBy(PayloadPath.parse("a"), Direction.DESC, 1.5),
            ),
            (
                {"key": "a", "direction": "asc", "start_from": "1970-01-01T00:00:01Z"},
                OrderBy(PayloadPath.parse("a"), Direction.ASC, 1_000_000),
            ),
        ):
            body: Any = {"order_by": order_by, "filter": {"must": {"has_id": []}}}
            page = self.client.ask("POST", "/collections/a/points/scroll", body).result
            self.assertEqual(page, {"points": [], "next_page_offset": None})
            self.assertEqual(self.asked()[0].order_by, expected)

    def test_records_carry_the_value_that_put_them_there(self) -> None:
        self.index("k", "integer")
        self.index("f", "float")
        for number, payload in ((1, {"k": 2**53 + 1, "f": 2.5}), (2, {"k": 0}), (3, {"f": 1.5})):
            self.put({"points": [{**BERLIN, "id": number, "payload": payload}]})
        for field, expected in (("k", [0, 2**53 + 1]), ("f", [1.5, 2.5])):
            body = {"order_by": field, "limit": 3, "with_payload": False}
            page = self.client.ask("POST", "/collections/a/points/scroll", body).result
            values = [point["order_value"] for point in page["points"]]
            self.assertEqual(repr(values), repr(expected))
            self.assertIsNone(page["next_page_offset"])

    def test_scroll_refuses(self) -> None:
        for body, status, text in (
            ({"limit": 0}, 422, "limit: value 0 invalid, must be 1 or larger]"),
            ({"limit": -1}, 400, "limit: invalid value: integer `-1`"),
            ({"limit": 2**64}, 400, "limit: invalid type: floating point"),
            ({"limit": "5"}, 400, 'limit: invalid type: string "5"'),
            ({"offset": "x"}, 400, "offset: value x is not a valid point ID"),
            ({"order_by": "k", "offset": 1}, 400, "Cannot use an `offset` when using `order_by`"),
            ({"order_by": ""}, 400, "order_by: Invalid json path: ''"),
            ({"order_by": {}}, 400, "order_by: missing field `key`"),
            ({"order_by": {"key": "k", "direction": "up"}}, 400, "order_by: direction: unknown"),
            ({"order_by": {"key": "k", "start_from": "x"}}, 400, "expected a datetime (RFC 3339)"),
            ({"order_by": {"key": "k", "start_from": True}}, 400, "expected a number"),
            ({"shard_key": "k"}, 400, "Shard key k not found"),
        ):
            reply = self.client.ask("POST", "/collections/a/points/scroll", body)
            self.assertEqual(reply.status, status, body)
            self.assertIn(text, reply.error)

    def test_count(self) -> None:
        def count(body: Any) -> Any:
            return self.client.ask("POST", "/collections/a/points/count", body)

        self.assertEqual(count({}).result, {"count": 16})
        self.assertEqual(count({"filter": None}).result, {"count": 16})
        body = {"exact": False, "filter": {"must": [{"has_id": [1, 2, UUID]}]}}
        self.assertEqual(count(body).result, {"count": 3})
        self.assertIs(self.asked()[0].exact, False)
        self.assertEqual(count({"exact": 1}).status, 400)
        self.assertEqual(count([]).status, 400)

    def test_facet(self) -> None:
        def facet(body: Any) -> Reply:
            return self.client.ask("POST", "/collections/a/facet?timeout=5", body)

        self.index("city", "keyword")
        self.assertEqual(
            facet({"key": "city"}).result, {"hits": [{"value": "Berlin", "count": 16}]}
        )
        self.assertEqual(self.asked(), (Facet(PayloadPath.parse("city")), 5))
        nulls = dict.fromkeys(("limit", "filter", "exact", "shard_key"))
        facet({"key": "city", **nulls})
        self.assertEqual(self.asked()[0], Facet(PayloadPath.parse("city")))
        facet({"key": "city", "limit": 3, "exact": True, "filter": {}})
        self.assertEqual(self.asked()[0], Facet(PayloadPath.parse("city"), 3, Filter(), True))

    def test_facet_refuses(self) -> None:
        for body, status, text in (
            ({}, 400, "missing field `key`"),
            ({"key": "a b"}, 400, "key: Invalid json path: 'a b'"),
            (
                {"key": "a", "limit": 0},
                422,
                "[facet_request.limit: value 0 invalid, must be 1 or larger]",
            ),
            ({"key": "a", "limit": -1}, 400, "limit: invalid value: integer `-1`"),
            ({"key": "a", "exact": 1}, 400, "exact: invalid type"),
            ({"key": "a", "shard_key": "k"}, 400, "Shard key k not found"),
        ):
            reply = self.client.ask("POST", "/collections/a/facet", body)
            self.assertEqual(reply.status, status, body)
            self.assertIn(text, reply.error)
        self.assertEqual(self.client.ask("POST", "/collections/x/facet", {"key": "a"}).status, 404)
