"""Upserts over the REST wire, in every form, and what is refused of them."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np

from tests.rest_points_case import BERLIN, UUID, RestPointsCase
from tests.suites.values import dense_rows
from vexfs_twisted.model.updates import UpdateMode, Upsert
from vexfs_twisted.model.vectors import VectorColumn
from vexfs_twisted.rest.codecs.filters import read_filter


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
        np.testing.assert_array_equal(dense_rows(column), rows)
        self.assertEqual(dense_rows(column).dtype, np.float32)
        self.assertTrue(dense_rows(column).flags.c_contiguous)
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

    def test_conditions_on_what_is_there(self) -> None:
        condition = {"must": {"key": "city", "match": {"value": "Berlin"}}}
        batch = {"ids": [1], "vectors": [BERLIN["vector"]]}
        for part in ({"points": [BERLIN]}, {"batch": batch}):
            self.put({**part, "update_filter": condition, "update_mode": "insert_only"})
            self.assertEqual(self.upserted().update_filter, read_filter(condition))
            self.assertIs(self.upserted().mode, UpdateMode.INSERT_ONLY)
            self.put({**part, "update_filter": None, "update_mode": None})
            self.assertIsNone(self.upserted().update_filter)
            self.assertIs(self.upserted().mode, UpdateMode.UPSERT)
        self.put({"points": [BERLIN], "update_mode": "update_only"})
        self.assertIs(self.upserted().mode, UpdateMode.UPDATE_ONLY)

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
        vectors = {"": VectorColumn.of(np.ones((1, 4), dtype=np.float32))}
        point = Upsert([1], vectors, [b'{"spelled" : "\\u0041", "n":1.50}'])
        self.successResultOf(self.client.operations.update("a", point))
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
        batch = {"ids": [1, 2], "vectors": [[1, 2, 3, 4], [1, 2]]}
        self.assert_refused({"batch": batch}, 400, f"{text}2")

    def test_a_long_first_row_costs_no_more_than_itself(self) -> None:
        points = [{"id": 0, "vector": [0] * 20_000}]
        points += [{"id": i, "vector": [1]} for i in range(1, 5000)]
        body = json.dumps({"points": points}).encode()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        reply = self.put(body)
        self.assertEqual(reply.status, 400)
        self.assertIn("expected dim: 4, got 20000", reply.error)
        self.assertLess(tracemalloc.get_traced_memory()[1], 40 << 20)

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

    def test_vectors_without_numbers(self) -> None:
        sound: Any
        for collection, sound, empty, path in (
            ("a", [1, 2], [], "points[1].vector.vector"),
            ("n", {"x": [1, 2]}, {"x": []}, "points[1].vector.?.vector"),
            ("n", {"x": [1, 2]}, [], "points[1].vector.vector"),
            ("n", {}, {"x": []}, "points[1].vector.?.vector"),
        ):
            points = [{"id": 1, "vector": sound}, {"id": 2, "vector": empty}]
            text = f"[{path}: dense vector must not be empty]"
            for body in ({"points": points}, {"points": [*points, points[1]]}):
                reply = self.put(body, collection)
                self.assertEqual(reply.status, 422, body)
                self.assertEqual(reply.error, f"Validation error in JSON body: {text}")
        reply = self.put({"points": [{"id": 1, "vector": []}]})
        self.assertIn("[points[0].vector.vector: dense vector must not be empty]", reply.error)
        vectors: Any
        for vectors, path in (
            ([[1, 2], []], "batch.vectors[1].vector"),
            ([[], []], "batch.vectors[0].vector"),
            ({"x": [[1, 2], []]}, "batch.vectors.?[1].vector"),
        ):
            reply = self.put({"batch": {"ids": [1, 2], "vectors": vectors}}, "n")
            self.assertEqual(reply.status, 422, vectors)
            self.assertIn(f"[{path}: dense vector must not be empty]", reply.error)

    def test_what_does_not_parse_is_told_before_what_is_empty(self) -> None:
        empty: Any = {"id": 1, "vector": []}
        wrong: Any
        for wrong in ({"id": 2, "vector": ["x"]}, {"id": 2, "vector": [1, 2], "payload": 3}):
            self.assertEqual(self.put({"points": [empty, wrong]}).status, 400)

    def test_columns_of_unequal_length(self) -> None:
        heading = "Validation error in JSON body: [batch.batch: number of ids and "
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

    def test_no_points_at_all(self) -> None:
        text = "Bad request: Empty update request"
        self.assert_refused({"points": []}, 400, text)
        self.assert_refused({"batch": {"ids": [], "vectors": []}}, 400, text)
        self.assert_refused({"batch": {"ids": [], "vectors": {"x": []}}}, 400, text, "n")

    def test_conditions_that_are_none(self) -> None:
        for part, text in (
            ({"update_filter": {"bogus": []}}, "update_filter: unknown field `bogus`"),
            ({"update_mode": "delete"}, 'update_mode: unknown variant string "delete"'),
        ):
            reply = self.put({"points": [BERLIN], **part})
            self.assertEqual(reply.status, 400)
            self.assertIn(f"Format error in JSON body: {text}", reply.error)

    def test_shards(self) -> None:
        self.assert_refused(
            {"points": [BERLIN], "shard_key": "k"}, 400, "Wrong input: Shard key k not found"
        )
        self.assertEqual(self.put({"points": [BERLIN], "shard_key": None}).status, 200)

    def test_a_collection_that_is_not_there(self) -> None:
        reply = self.put({"points": [BERLIN]}, "none")
        self.assertEqual(
            (reply.status, reply.error), (404, "Not found: Collection `none` doesn't exist!")
        )
