"""Points over the REST wire: upserts in every form, removals, reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import Reply, RestClient
from vexfs_twisted.model.queries import ALL_PAYLOAD, NO_PAYLOAD, PayloadMode, Selection
from vexfs_twisted.model.updates import Upsert

BERLIN = {"id": 1, "vector": [0.15, 0.31, 0.76, 0.74], "payload": {"city": "Berlin"}}
UUID = "550e8400-e29b-41d4-a716-446655440000"


class RestPointsCase(SynchronousTestCase):
    """A collection `a` of one unnamed vector of four numbers, and `n` of two named ones."""

    def setUp(self) -> None:
        self.client = RestClient()
        dense = {"size": 4, "distance": "Dot"}
        self.client.ask("PUT", "/collections/a", {"vectors": dense})
        pair = {"size": 2, "distance": "Dot"}
        self.client.ask("PUT", "/collections/n", {"vectors": {"x": pair, "y": pair}})

    def put(self, body: Any, collection: str = "a") -> Reply:
        return self.client.ask("PUT", f"/collections/{collection}/points?wait=true", body)

    def upserted(self) -> Upsert:
        name, arguments = self.client.operations.calls[-1]
        self.assertEqual(name, "update")
        update = arguments[1]
        assert isinstance(update, Upsert)
        return update

    def point(self, point_id: object, collection: str = "a") -> Any:
        return self.client.ask("GET", f"/collections/{collection}/points/{point_id}").result

    def assert_refused(self, body: Any, status: int, text: str, collection: str = "a") -> None:
        reply = self.put(body, collection)
        self.assertEqual((reply.status, reply.error), (status, text))
        self.assertEqual(self.client.operations.collections[collection].points, {})


class Upserts(RestPointsCase):
    def test_a_list_of_points(self) -> None:
        reply = self.put({"points": [BERLIN, {"id": UUID, "vector": [1, 2, 3, 4]}]})
        self.assertEqual(reply.result, {"operation_id": 0, "status": "completed"})
        self.assertEqual(self.point(1), BERLIN)
        self.assertEqual(self.point(UUID), {"id": UUID, "payload": {}, "vector": [1, 2, 3, 4]})

    def test_columns(self) -> None:
        vectors = [[1, 2, 3, 4], [5, 6, 7, 8]]
        self.put({"batch": {"ids": [7, UUID], "vectors": vectors, "payloads": [None, {"k": 1}]}})
        self.assertEqual(self.point(7), {"id": 7, "payload": {}, "vector": [1, 2, 3, 4]})
        self.assertEqual(self.point(UUID)["payload"], {"k": 1})

    def test_columns_without_payloads(self) -> None:
        self.put({"batch": {"ids": [7], "vectors": [[1, 2, 3, 4]], "payloads": None}})
        self.assertEqual(self.point(7)["payload"], {})

    def test_columns_by_name(self) -> None:
        vectors = {"x": [[1, 2], [3, 4]], "y": [[5, 6], [7, 8]]}
        self.put({"batch": {"ids": [1, 2], "vectors": vectors}}, "n")
        self.assertEqual(self.point(2, "n")["vector"], {"x": [3, 4], "y": [7, 8]})

    def test_one_column_serves_all_points(self) -> None:
        rows = np.arange(12, dtype=np.float32).reshape(3, 4)
        points = [{"id": i, "vector": row.tolist()} for i, row in enumerate(rows)]
        self.put({"points": points})
        column = self.upserted().vectors[""]
        np.testing.assert_array_equal(column.data, rows)
        self.assertEqual(column.data.dtype, np.float32)
        self.assertTrue(column.data.flags.c_contiguous)
        self.assertIsNone(column.positions)

    def test_points_may_lack_some_vectors_or_all(self) -> None:
        self.put(
            {
                "points": [
                    {"id": 1, "vector": {"x": [1, 2]}},
                    {"id": 2, "vector": {}},
                    {"id": 3, "vector": {"y": [5, 6], "x": [3, 4]}},
                ]
            },
            "n",
        )
        columns = self.upserted().vectors
        self.assertEqual(columns["x"].positions.tolist(), [0, 2])  # type: ignore[union-attr]
        self.assertEqual(columns["y"].positions.tolist(), [2])  # type: ignore[union-attr]
        self.assertEqual(self.point(1, "n")["vector"], {"x": [1, 2]})
        self.assertEqual(self.point(2, "n")["vector"], {})
        self.assertEqual(self.point(3, "n")["vector"], {"x": [3, 4], "y": [5, 6]})

    def test_a_name_that_all_points_have_is_a_whole_column(self) -> None:
        self.put({"points": [{"id": i, "vector": {"x": [i, i]}} for i in range(3)]}, "n")
        self.assertIsNone(self.upserted().vectors["x"].positions)

    def test_an_unnamed_vector_beside_a_named_one_is_written_by_name(self) -> None:
        pair = {"size": 2, "distance": "Dot"}
        self.client.ask("PUT", "/collections/m", {"vectors": {"": pair, "x": pair}})
        vector = {"": [1, 2], "x": [3, 4]}
        self.put({"points": [{"id": 1, "vector": vector}, {"id": 2, "vector": [5, 6]}]}, "m")
        self.assertEqual(self.point(1, "m")["vector"], vector)
        self.assertEqual(self.point(2, "m")["vector"], [5, 6])

    def test_bare_and_named_forms_may_be_mixed(self) -> None:
        self.put({"points": [{"id": 1, "vector": {"": [1, 2, 3, 4]}}, {**BERLIN, "id": 2}]})
        self.assertEqual(self.point(1)["vector"], [1, 2, 3, 4])
        self.assertEqual(self.point(2)["vector"], BERLIN["vector"])

    def test_no_points_at_all_is_an_update_like_others(self) -> None:
        self.assertEqual(self.put({"points": []}).result["status"], "completed")
        self.assertEqual(self.put({"batch": {"ids": [], "vectors": []}}).status, 200)
        self.assertEqual(self.put({"batch": {"ids": [], "vectors": {"x": []}}}, "n").status, 200)

    def test_ids_of_every_accepted_spelling(self) -> None:
        for given, kept in (
            (0, 0),
            (2**64 - 1, 2**64 - 1),
            (UUID.upper(), UUID),
            (UUID.replace("-", ""), UUID),
            (f"urn:uuid:{UUID}", UUID),
        ):
            self.put({"points": [{**BERLIN, "id": given}]})
            self.assertEqual(self.upserted().ids, [kept])
            self.assertEqual(self.point(kept)["id"], kept)

    def test_ids_that_are_none(self) -> None:
        given: Any
        for given in (-1, "1", "abc", 1.0, True, [1], {}, "", None):
            reply = self.put({"points": [BERLIN, {**BERLIN, "id": given}]})
            self.assertEqual(reply.status, 400, given)
            self.assertIn("Format error in JSON body: points[1].id: value ", reply.error)
            self.assertIn("is not a valid point ID", reply.error)

    def test_payloads_keep_their_numbers(self) -> None:
        payload = {"int": 2**63 - 1, "big": 2**64 - 1, "float": 1.0, "small": -(2**63), "e": 1e-7}
        self.put({"points": [{**BERLIN, "payload": payload}]})
        got = self.point(1)["payload"]
        self.assertEqual(got, payload)
        self.assertEqual(
            {k: type(v) for k, v in got.items()}, {k: type(v) for k, v in payload.items()}
        )

    def test_payloads_go_out_as_they_are_stored(self) -> None:
        self.put({"points": [BERLIN]})
        stored = self.client.operations.collections["a"].points[1]
        stored.payload = b'{"spelled" : "\\u0041", "n":1.50}'
        raw = self.client.ask("GET", "/collections/a/points/1").body
        self.assertIn(b'"payload":{"spelled" : "\\u0041", "n":1.50}', raw)

    def test_vectors_are_written_in_shortest_float32_form(self) -> None:
        for vector in ([0.15, 0.31, 0.76, 0.74], [1.4063001, 0.70239997, 4.358899, 1e-45]):
            self.put({"points": [{"id": 1, "vector": vector}]})
            raw = self.client.ask("GET", "/collections/a/points/1").body
            text = ",".join(map(repr, vector))
            self.assertIn(f'"vector":[{text}]'.encode(), raw)


class RefusedUpserts(RestPointsCase):
    def test_wrong_dimensions(self) -> None:
        text = "Wrong input: Vector dimension error: expected dim: 4, got "
        self.assert_refused({"points": [{"id": 1, "vector": [1, 2, 3]}]}, 400, f"{text}3")
        self.assert_refused({"points": [BERLIN, {"id": 2, "vector": [1] * 5}]}, 400, f"{text}5")
        self.assert_refused({"points": [{"id": 2, "vector": [1] * 5}, BERLIN]}, 400, f"{text}5")
        self.assert_refused({"points": [{"id": 1, "vector": []}]}, 400, f"{text}0")
        self.assert_refused({"points": [BERLIN, {"id": 2, "vector": []}]}, 400, f"{text}0")
        batch = {"ids": [1, 2], "vectors": [[1, 2, 3, 4], [1, 2]]}
        self.assert_refused({"batch": batch}, 400, f"{text}2")

    def test_vector_names_that_are_not_there(self) -> None:
        text = "Wrong input: Not existing vector name error: "
        named = {"points": [{"id": 1, "vector": {"z": [1, 2]}}]}
        self.assert_refused(named, 400, f"{text}z", "n")
        self.assert_refused({"points": [BERLIN]}, 400, text, "n")
        self.assert_refused(named, 400, f"{text}z")

    def test_elements_that_are_no_numbers(self) -> None:
        for element, shown in (
            (None, "null"),
            ("1.0", 'string "1.0"'),
            ({}, "map"),
            ([], "sequence"),
            (True, "boolean `true`"),
            (False, "boolean `false`"),
        ):
            vector: Any
            vector = [1, 2, element, 4]
            text = f"invalid type: {shown}, expected a number"
            heading = "Format error in JSON body: "
            points = {"points": [BERLIN, {"id": 2, "vector": vector}]}
            self.assert_refused(points, 400, f"{heading}points[1].vector: {text}")
            batch = {"batch": {"ids": [1], "vectors": [vector]}}
            self.assert_refused(batch, 400, f"{heading}batch: vectors[0]: {text}")
            named = {"points": [{"id": 1, "vector": {"x": [1, element]}}]}
            self.assert_refused(named, 400, f"{heading}points[0].vector.x: {text}", "n")

    def test_numbers_beyond_float32(self) -> None:
        text = "Wrong input: Vector contains NaN or infinite values"
        self.assert_refused({"points": [{"id": 1, "vector": [1, 2, 3, 1e39]}]}, 400, text)
        reply = self.put(b'{"points":[{"id":1,"vector":[1,2,3,1e999]}]}')
        self.assertEqual(reply.status, 400)
        self.assertIn("Format error in JSON body: ", reply.error)

    def test_vectors_that_are_no_lists(self) -> None:
        for vector in ("abcd", 4, True, None):
            reply = self.put({"points": [{"id": 1, "vector": vector}]})
            self.assertEqual(reply.status, 400, vector)
            self.assertIn("Format error in JSON body: points[0].vector: ", reply.error)
        for named in ("ab", 4, None, {"a": 1, "b": 2}):
            reply = self.put({"points": [{"id": 1, "vector": {"x": named}}]}, "n")
            self.assertEqual(reply.status, 400, named)
            self.assertIn("points[0].vector.x: invalid type", reply.error)

    def test_kinds_of_vectors_that_come_later(self) -> None:
        sparse, multi = {"indices": [1], "values": [0.5]}, [[1, 2], [3, 4]]
        document = {"text": "a", "model": "m"}
        for vector, collection, word in (
            ({"x": sparse}, "n", "Sparse vectors"),
            ({"x": multi}, "n", "Multivectors"),
            ({"x": document}, "n", "Inference"),
            (multi, "a", "Multivectors"),
            (document, "a", "Inference"),
            ({"image": "u", "model": "m"}, "a", "Inference"),
        ):
            reply = self.put({"points": [{"id": 1, "vector": vector}]}, collection)
            self.assertEqual(reply.status, 400, vector)
            self.assertRegex(reply.error, f"^Bad request: {word} .*not supported yet$")
        for rows in ([multi], [document]):
            reply = self.put({"batch": {"ids": [1], "vectors": rows}})
            self.assertEqual(reply.status, 400)
            self.assertIn("not supported yet", reply.error)
        reply = self.put({"batch": {"ids": [1], "vectors": {"x": [sparse]}}}, "n")
        self.assertIn("Sparse vectors are not supported yet", reply.error)

    def test_columns_of_unequal_length(self) -> None:
        heading = "Validation error in JSON body: [batch: number of ids and "
        for batch, text in (
            ({"ids": [1, 2], "vectors": [[1, 2]]}, "vectors must be equal (2 != 1)]"),
            ({"ids": [1], "vectors": {"x": [], "y": [[1, 2]]}}, "vectors must be equal (1 != 0)]"),
            (
                {"ids": [1], "vectors": {"x": [[1, 2]]}, "payloads": [{}, {}]},
                "payloads must be equal (1 != 2)]",
            ),
        ):
            self.assert_refused({"batch": batch}, 422, heading + text, "n")

    def test_payloads_that_are_no_objects(self) -> None:
        for payload in ([], [1], "x", 1, True):
            reply = self.put({"points": [BERLIN, {**BERLIN, "id": 2, "payload": payload}]})
            self.assertEqual(reply.status, 400, payload)
            self.assertIn("points[1].payload: invalid type: ", reply.error)

    def test_payloads_nested_beyond_measure(self) -> None:
        nested: Any = 1
        for _ in range(400):
            nested = {"a": nested}
        reply = self.put({"points": [{**BERLIN, "payload": nested}]})
        self.assertEqual(reply.status, 400)
        self.assertEqual(reply.error, "Format error in JSON body: recursion limit exceeded")

    def test_bodies_that_are_no_upsert(self) -> None:
        body: Any
        for body in ({}, [], 1, "x", {"points": None}, {"points": {}}, {"points": [1]}):
            self.assertEqual(self.put(body).status, 400, body)
        for point, text in (
            ({"vector": [1]}, "points[0]: missing field `id`"),
            ({"id": 1}, "points[0]: missing field `vector`"),
            ([1], "points[0]: invalid type: sequence, expected struct PointStruct"),
            ("id", 'points[0]: invalid type: string "id", expected struct PointStruct'),
        ):
            heading = "Format error in JSON body: "
            self.assert_refused({"points": [point]}, 400, heading + text)
        self.assert_refused({"batch": {"vectors": []}}, 400, f"{heading}batch: missing field `ids`")
        self.assert_refused({"batch": {"ids": []}}, 400, f"{heading}batch: missing field `vectors`")

    def test_parts_that_come_later_are_refused(self) -> None:
        part: Any
        for part in ({"update_filter": {}}, {"update_mode": "insert_only"}):
            reply = self.put({"points": [BERLIN], **part})
            self.assertEqual(reply.status, 400)
            self.assertIn("not supported yet", reply.error)
        self.assert_refused(
            {"points": [BERLIN], "shard_key": "k"}, 400, "Wrong input: Shard key k not found"
        )
        nulls = {"shard_key": None, "update_filter": None, "update_mode": "upsert"}
        self.assertEqual(self.put({"points": [BERLIN], **nulls}).status, 200)

    def test_a_collection_that_is_not_there(self) -> None:
        reply = self.put({"points": [BERLIN]}, "none")
        self.assertEqual(
            (reply.status, reply.error), (404, "Not found: Collection `none` doesn't exist!")
        )


class Removals(RestPointsCase):
    def setUp(self) -> None:
        super().setUp()
        self.put({"points": [{**BERLIN, "id": number} for number in (1, 2, 3)]})

    def remove(self, body: Any) -> Reply:
        return self.client.ask("POST", "/collections/a/points/delete", body)

    def left(self) -> list[Any]:
        return list(self.client.operations.collections["a"].points)

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
        self.assertEqual(self.asked()[1], Selection(NO_PAYLOAD, False))

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
            payload = self.asked()[1].payload
            self.assertEqual((payload.mode, [str(path) for path in payload.paths]), (mode, paths))
        for vectors, expected in ((True, True), (["x", ""], ("x", "")), (None, False)):
            for name in ("with_vector", "with_vectors"):
                self.client.ask("POST", "/collections/a/points", {"ids": [], name: vectors})
                self.assertEqual(self.asked()[1].vectors, expected)

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

    def test_scroll_refuses(self) -> None:
        for body, status, text in (
            ({"limit": 0}, 422, "limit: value 0 invalid, must be 1 or larger]"),
            ({"limit": -1}, 400, "limit: invalid value: integer `-1`"),
            ({"limit": 2**64}, 400, "limit: invalid type: floating point"),
            ({"limit": "5"}, 400, 'limit: invalid type: string "5"'),
            ({"offset": "x"}, 400, "offset: value x is not a valid point ID"),
            ({"order_by": "k"}, 400, "`order_by` is not supported yet"),
            ({"shard_key": "k"}, 400, "Shard key k not found"),
        ):
            reply = self.client.ask("POST", "/collections/a/points/scroll", body)
            self.assertEqual(reply.status, status, body)
            self.assertIn(text, reply.error)

    def test_count(self) -> None:
        def count(body: Any) -> Any:
            return self.client.ask("POST", "/collections/a/points/count", body)

        self.assertEqual(count({}).result, {"count": 16})
        self.assertEqual(count({"filter": None, "exact": None}).result, {"count": 16})
        body = {"exact": False, "filter": {"must": [{"has_id": [1, 2, UUID]}]}}
        self.assertEqual(count(body).result, {"count": 3})
        self.assertIs(self.asked()[0].exact, False)
        self.assertEqual(count({"exact": 1}).status, 400)
        self.assertEqual(count([]).status, 400)
