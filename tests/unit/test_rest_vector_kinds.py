"""Sparse vectors and multivectors over the REST wire: stored, returned, and refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.rest_points_case import RestPointsCase
from vexfs_twisted.model.errors import DomainError, FormatError, ValidationError
from vexfs_twisted.model.vector_kinds import MultiVector, SparseVector
from vexfs_twisted.rest.codecs.vectors import read_any_vector

PAIR = {"size": 2, "distance": "Dot"}
SPARSE = {"indices": [9, 3], "values": [0.5, 2]}
SORTED = {"indices": [3, 9], "values": [2, 0.5]}
NOTHING: dict[str, Any] = {"indices": [], "values": []}
MULTI = [[1, 2], [3, 4]]


class KindsCase(RestPointsCase):
    """A collection `k` of vectors of all kinds, and `u` of unnamed multivectors."""

    def setUp(self) -> None:
        super().setUp()
        multi = {**PAIR, "multivector_config": {"comparator": "max_sim"}}
        params = {"vectors": {"": PAIR, "m": multi}, "sparse_vectors": {"s": {}}}
        self.client.ask("PUT", "/collections/k", params)
        self.client.ask("PUT", "/collections/u", {"vectors": multi})


class StoredKinds(KindsCase):
    def vector(self, point_id: int, collection: str = "k") -> Any:
        return self.point(point_id, collection)["vector"]

    def test_a_list_of_points(self) -> None:
        given: list[tuple[Any, Any]] = [
            ({"s": SPARSE}, {"s": SORTED}),
            ({"m": MULTI, "": [5, 6]}, {"m": MULTI, "": [5, 6]}),
            ([7, 8], [7, 8]),
            ({"s": NOTHING, "m": [1, 2]}, {"s": NOTHING, "m": [[1, 2]]}),
            ({"m": [[9, 9]]}, {"m": [[9, 9]]}),
            ({}, {}),
        ]
        points = [{"id": place, "vector": vector} for place, (vector, _) in enumerate(given)]
        self.assertEqual(self.put({"points": points}, "k").status, 200)
        for place, (_, wanted) in enumerate(given):
            self.assertEqual(self.vector(place), wanted)

    def test_columns(self) -> None:
        vectors = {"s": [SPARSE, NOTHING], "m": [MULTI, [5, 6]]}
        reply = self.put({"batch": {"ids": [1, 2], "vectors": vectors}}, "k")
        self.assertEqual(reply.status, 200)
        self.assertEqual(self.vector(1), {"s": SORTED, "m": MULTI})
        self.assertEqual(self.vector(2), {"s": NOTHING, "m": [[5, 6]]})

    def test_unnamed_multivectors(self) -> None:
        points = [{"id": 1, "vector": [5, 6]}, {"id": 2, "vector": MULTI}]
        self.assertEqual(self.put({"points": points}, "u").status, 200)
        self.assertEqual(self.vector(1, "u"), [[5, 6]])
        self.assertEqual(self.vector(2, "u"), MULTI)
        self.put({"batch": {"ids": [3], "vectors": [[[7, 8]]]}}, "u")
        self.assertEqual(self.vector(3, "u"), [[7, 8]])

    def test_long_lists_whose_kinds_change_on_the_way(self) -> None:
        points: list[dict[str, Any]] = [{"id": i, "vector": [i, i]} for i in range(3000)]
        points.append({"id": 3000, "vector": MULTI})
        points.append({"id": 3001, "vector": [1, 2]})
        self.assertEqual(self.put({"points": points}, "u").status, 200)
        self.assertEqual(self.vector(2999, "u"), [[2999, 2999]])
        self.assertEqual(self.vector(3000, "u"), MULTI)
        self.assertEqual(self.vector(3001, "u"), [[1, 2]])

    def test_updates_and_deletions(self) -> None:
        self.put({"points": [{"id": 1, "vector": {"s": SPARSE, "": [1, 2]}}]}, "k")
        path = "/collections/k/points/vectors"
        body: dict[str, Any] = {"points": [{"id": 1, "vector": {"m": MULTI, "s": NOTHING}}]}
        self.assertEqual(self.client.ask("PUT", path, body).status, 200)
        self.assertEqual(self.vector(1), {"s": NOTHING, "m": MULTI, "": [1, 2]})
        for name, left in (("s", {"": [1, 2], "m": MULTI}), ("m", [1, 2])):
            body = {"points": [1], "vector": [name]}
            self.client.ask("POST", f"{path}/delete", body)
            self.assertEqual(self.vector(1), left)

    def test_selected_names_and_conditions(self) -> None:
        points = [{"id": 1, "vector": {"s": SPARSE}}, {"id": 2, "vector": {"m": MULTI}}]
        self.put({"points": points}, "k")
        for name, ids in (("s", [1]), ("m", [2]), ("", [])):
            body = {"filter": {"must": [{"has_vector": name}]}, "with_vector": ["s"]}
            reply = self.client.ask("POST", "/collections/k/points/scroll", body)
            records = reply.result["points"]
            self.assertEqual([record["id"] for record in records], ids)
            for record in records:
                wanted = {"s": SORTED} if record["id"] == 1 else {}
                self.assertEqual(record["vector"], wanted)

    def test_large_indices_and_many_elements(self) -> None:
        indices = [2**32 - 1 - place for place in range(10_000)]
        vector = {"indices": indices, "values": [place % 7 for place in range(10_000)]}
        self.put({"points": [{"id": 1, "vector": {"s": vector}}]}, "k")
        found = self.vector(1)["s"]
        self.assertEqual(found["indices"], indices[::-1])
        self.assertEqual(found["values"], vector["values"][::-1])


class RefusedKinds(KindsCase):
    def assert_each_refused(self, vector: Any, name: str, status: int, text: str) -> None:
        """As a point and, where the text has no path, in columns."""
        named = {name: vector} if name else vector
        self.assert_refused({"points": [{"id": 1, "vector": named}]}, status, text, "k")
        if "points[" not in text:
            rows = {name: [vector]} if name else [vector]
            self.assert_refused({"batch": {"ids": [1], "vectors": rows}}, status, text, "k")

    def test_multivectors(self) -> None:
        heading = "Validation error in JSON body: "
        ragged = "all vectors must have the same dimension, found vector with dimension 3"
        for vector, text in (
            ([], "[points[0].vector.?.vector: dense vector must not be empty]"),
            ([[]], "[points[0].vector.?.data: all vectors must be non-empty]"),
            ([[1, 2], []], "[points[0].vector.?.data: all vectors must be non-empty]"),
            ([[1, 2], [1, 2, 3]], f"[points[0].vector.?.data: {ragged}]"),
        ):
            self.assert_each_refused(vector, "m", 422, heading + text)
        unnamed = f"{heading}[points[0].vector.data: {ragged}]"
        body = {"points": [{"id": 1, "vector": [[1, 2], [1, 2, 3]]}]}
        self.assert_refused(body, 422, unnamed, "u")

    def test_the_place_of_a_vector_that_is_not_valid(self) -> None:
        points = [{"id": 1, "vector": {"m": MULTI}}, {"id": 2, "vector": {}}]
        points.append({"id": 3, "vector": {"m": [[1], [1, 2]]}})
        self.assertIn("points[2].vector.?.data: ", self.put({"points": points}, "k").error)
        rows: list[Any] = [MULTI, [[]]]
        reply = self.put({"batch": {"ids": [1, 2], "vectors": {"m": rows}}}, "k")
        self.assertIn("[batch.vectors.?[1].data: all vectors must be non-empty]", reply.error)
        rows = [SPARSE, {"indices": [1, 1], "values": [1, 2]}]
        reply = self.put({"batch": {"ids": [1, 2], "vectors": {"s": rows}}}, "k")
        self.assertIn("[batch.vectors.?[1].indices: Validation error: must be unique", reply.error)

    def test_sparse_vectors(self) -> None:
        heading = "Validation error in JSON body: "
        lengths = "points[0].vector.?.values: Validation error: must be the same length as indices"
        unique = "points[0].vector.?.indices: Validation error: must be unique"
        for vector, text in (
            ({"indices": [1, 2], "values": [1]}, f"[{lengths} [{{}}]]"),
            ({"indices": [4, 4], "values": [1, 2]}, f"[{unique} [{{}}]]"),
        ):
            self.assert_each_refused(vector, "s", 422, heading + text)

    def test_kinds_and_names_that_do_not_fit(self) -> None:
        sparse = "Wrong input: Conversion between sparse and regular vectors failed"
        multi = "Wrong input: Conversion between multi and regular vectors failed"
        unknown = "Wrong input: Not existing vector name error: x"
        wrong = "Wrong input: Vector dimension error: expected dim: 2, got 3"
        for vector, name, text in (
            ([1, 2], "s", sparse),
            (MULTI, "s", sparse),
            (SPARSE, "m", sparse),
            (MULTI, "", multi),
            (SPARSE, "x", unknown),
            (MULTI, "x", unknown),
            ([[1, 2, 3]], "m", f"{wrong} for vector 'm'"),
            ([1, 2, 3], "m", f"{wrong} for vector 'm'"),
        ):
            self.assert_each_refused(vector, name, 400, text)
        points = [{"id": 1, "vector": {"s": SPARSE}}, {"id": 2, "vector": {"s": [1, 2]}}]
        self.assert_refused({"points": points}, 400, sparse, "k")

    def test_what_is_no_vector(self) -> None:
        for vector, place in (
            ({"indices": [1]}, ": missing field `values`"),
            ({"indices": [1.5], "values": [1]}, ".indices: invalid type: floating point `1.5`"),
            ({"indices": [True], "values": [1]}, ".indices: invalid type: boolean `true`"),
            ({"indices": [-1], "values": [1]}, ".indices: invalid value: integer `-1`"),
            ({"indices": [2**32], "values": [1]}, ".indices: invalid value: integer `4294967296`"),
            ({"indices": [1], "values": ["x"]}, '.values: invalid type: string "x"'),
            ({"indices": [1], "values": [True]}, ".values: invalid type: boolean `true`"),
            ({"indices": [1], "values": 1}, ".values: invalid type: integer `1`"),
            ([[1, 2], 3], ": invalid type: integer `3`"),
            ([[1, 2], [True, 2]], ": invalid type: boolean `true`"),
            ([[1, 2], [[1], 2]], ": invalid type: sequence"),
            ([1, [2]], ": invalid type: sequence"),
        ):
            reply = self.put({"points": [{"id": 1, "vector": {"x": vector}}]}, "k")
            self.assertEqual(reply.status, 400, vector)
            self.assertIn(f"points[0].vector.x{place}", reply.error)


class SingleVectors(KindsCase):
    """What reads the vectors of queries."""

    def test_every_kind(self) -> None:
        dense = read_any_vector([1, 2.5], "vector")
        np.testing.assert_array_equal(np.asarray(dense), np.array([1, 2.5], np.float32))
        rows = np.array(MULTI, np.float32)
        self.assertEqual(read_any_vector(MULTI, "vector"), MultiVector(rows))
        wanted = SparseVector(np.array([3, 9], np.uint32), np.array([2, 0.5], np.float32))
        self.assertEqual(read_any_vector(SPARSE, "vector"), wanted)
        self.assertEqual(np.asarray(read_any_vector([], "vector")).shape, (0,))
        self.assertEqual(getattr(read_any_vector(NOTHING, "vector"), "size", None), 0)

    def test_errors(self) -> None:
        kind: type[DomainError]
        for value, kind in (
            ([[1], [1, 2]], ValidationError),
            ([[]], ValidationError),
            ({"indices": [1, 1], "values": [1, 2]}, ValidationError),
            ("x", FormatError),
            ([1, "x"], FormatError),
            ({}, FormatError),
        ):
            error = self.assertRaises(kind, read_any_vector, value, "query.nearest")
            self.assertIn("query.nearest", str(error))
