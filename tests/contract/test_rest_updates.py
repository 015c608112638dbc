"""Updates over HTTP on a real engine: payloads, vectors, conditions and batches."""

from __future__ import annotations

from typing import Any

from tests.contract.rest_wire import NESTED, POINT, POINTS, PointsCase

PAYLOAD = f"{POINTS}/payload"
ONE = {"points": [1]}
NAMED = {"must": {"key": "k", "match": {"value": "v"}}}
INVALID = "Validation error in JSON body: "


class PayloadTests(PointsCase):
    """Every operation on payloads, read back at once though nobody waits."""

    async def test_set_merges_and_null_deletes(self) -> None:
        body = {"payload": {"a": {"z": 1.0}, "k": None, "new": [1]}, **ONE}
        result = await self.ok("POST", PAYLOAD, body)
        self.assertEqual(result["status"], "acknowledged")
        expected = {"a": {"z": 1.0}, "list": NESTED["list"], "new": [1]}
        self.assertEqual(await self.payload(), expected)
        self.assertEqual(await self.payload(2), NESTED)

    async def test_set_below_a_path(self) -> None:
        for key, expected in (
            ("a", {"x": 1, "y": 2, "new": 1}),
            ("a.b", {"x": 1, "y": 2, "new": 1, "b": {"new": 1}}),
        ):
            await self.ok("POST", PAYLOAD, {"payload": {"new": 1}, "key": key, **ONE})
            self.assertEqual((await self.payload())["a"], expected)
        await self.ok("POST", PAYLOAD, {"payload": {"m": 0}, "key": "list[0]", **ONE})
        await self.ok("POST", PAYLOAD, {"payload": {"o": 0}, "key": "list[]", **ONE})
        elements = [{"n": 1, "m": 0, "o": 0}, {"n": 2, "o": 0}]
        self.assertEqual((await self.payload())["list"], elements)

    async def test_by_filter(self) -> None:
        await self.ok("POST", PAYLOAD, {"payload": {"s": 1}, "filter": NAMED})
        self.assertEqual([(await self.payload(i)).get("s") for i in (1, 2, 3)], [1, 1, None])
        await self.ok("PUT", PAYLOAD, {"payload": {"s": 2}, "filter": {"must_not": NAMED["must"]}})
        self.assertEqual(await self.payload(3), {"s": 2})
        await self.ok("POST", f"{PAYLOAD}/clear", {"filter": {}})
        self.assertEqual([await self.payload(i) for i in (1, 2, 3)], [{}, {}, {}])

    async def test_overwrite_delete_clear(self) -> None:
        await self.ok("POST", f"{PAYLOAD}/delete", {"keys": ["a.x", "list[].n", "none"], **ONE})
        self.assertEqual(await self.payload(), {"a": {"y": 2}, "list": [{}, {}], "k": "v"})
        await self.ok("PUT", PAYLOAD, {"payload": {"only": True}, **ONE})
        self.assertEqual(await self.payload(), {"only": True})
        await self.ok("POST", f"{PAYLOAD}/clear", ONE)
        self.assertEqual(await self.payload(), {})

    async def test_points_that_are_not_there(self) -> None:
        text = "Not found: No point with id 9 found"
        body = {"points": [9], "payload": {"a": 1}, "keys": ["a"]}
        for method, path in (
            ("POST", PAYLOAD),
            ("PUT", PAYLOAD),
            ("POST", f"{PAYLOAD}/delete"),
            ("POST", f"{PAYLOAD}/clear"),
        ):
            self.assertEqual(await self.error(404, method, f"{path}?wait=true", body), text)

    async def test_empty_requests(self) -> None:
        text = "Bad request: Empty update request"
        body: Any = {"points": [], "payload": {}}
        for method, path in (("PUT", POINTS), ("POST", PAYLOAD), ("POST", f"{POINTS}/delete")):
            self.assertEqual(await self.error(400, method, path, body), text)
        batch: Any = {"operations": [{"clear_payload": {"points": []}}]}
        self.assertEqual(await self.error(400, "POST", f"{POINTS}/batch", batch), text)


class VectorTests(PointsCase):
    """Vectors that are replaced and removed by themselves."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        pair = {"size": 2, "distance": "Dot"}
        await self.ok("PUT", "/collections/n", {"vectors": {"x": pair, "y": pair}})
        points = [{"id": i, "vector": {"x": [i, 0], "y": [0, i]}} for i in (1, 2)]
        await self.ok("PUT", "/collections/n/points", {"points": points})

    async def test_update_keeps_all_else(self) -> None:
        body = {"points": [{"id": 1, "vector": {"y": [5, 5]}}]}
        await self.ok("PUT", "/collections/n/points/vectors", body)
        self.assertEqual(await self.vector(1, "n"), {"x": [1, 0], "y": [5, 5]})
        body = {"points": [{"id": 1, "vector": [4, 3, 2, 1]}, {"id": 3, "vector": [1, 1, 1, 1]}]}
        await self.ok("PUT", f"{POINTS}/vectors", body | {"update_filter": NAMED})
        self.assertEqual(await self.vector(1), [4, 3, 2, 1])
        self.assertEqual(await self.vector(3), POINT["vector"])
        self.assertEqual(await self.payload(), NESTED)

    async def test_delete(self) -> None:
        path = "/collections/n/points/vectors/delete"
        for _ in range(2):
            await self.ok("POST", path, {"vector": ["x"], "points": [1]})
            self.assertEqual(await self.vector(1, "n"), {"y": [0, 1]})
        await self.ok("POST", path, {"vector": ["y", "x"], "filter": {"must": {"has_id": [2]}}})
        self.assertEqual(await self.vector(2, "n"), {})
        await self.ok("POST", f"{POINTS}/vectors/delete", {"vector": [""], "points": [1]})
        self.assertEqual(await self.vector(1), {})

    async def test_vectors_are_deleted_by_points_and_by_a_filter(self) -> None:
        """Where both are given, of all of them; other updates take the points alone."""
        none = {"must": {"key": "k", "match": {"value": "nothing"}}}
        path = f"{POINTS}/vectors/delete"
        for points, condition, without in (
            ([3], NAMED, [1, 2, 3]),
            ([1], NAMED, [1, 2]),
            ([3], none, [3]),
            ([], NAMED, [1, 2]),
            ([3, 3], {}, [1, 2, 3]),
        ):
            await self.put_payloads(NESTED, NESTED, {})
            body = {"vector": [""], "points": points, "filter": condition}
            await self.ok("POST", f"{path}?wait=true", body)
            found = [number for number in (1, 2, 3) if await self.vector(number) == {}]
            self.assertEqual(found, without, body)
        await self.put_payloads(NESTED, NESTED, {})
        body = {"vector": [""], "points": [9], "filter": NAMED}
        text = await self.error(404, "POST", path, body)
        self.assertEqual(text, "Not found: No point with id 9 found")
        self.assertNotIn({}, [await self.vector(number) for number in (1, 2, 3)])
        batch = {"operations": [{"delete_vectors": {**body, "points": [3]}}]}
        await self.ok("POST", f"{POINTS}/batch", batch)
        self.assertEqual([await self.vector(number) for number in (1, 2, 3)], [{}, {}, {}])
        await self.ok("POST", f"{POINTS}/payload/clear", {"points": [1], "filter": NAMED})
        self.assertEqual([await self.payload(number) for number in (1, 2)], [{}, NESTED])

    async def test_errors(self) -> None:
        path = f"{POINTS}/vectors"
        for body, status, text in (
            (
                {"points": [{"id": 9, "vector": POINT["vector"]}]},
                404,
                "Not found: No point with id 9 found",
            ),
            (
                {"points": [{"id": 1, "vector": {}}]},
                422,
                f"{INVALID}[points[0].vector: must specify vectors to update for point]",
            ),
            (
                {"points": [{"id": 1, "vector": [1]}]},
                400,
                "Wrong input: Vector dimension error: expected dim: 4, got 1",
            ),
        ):
            self.assertEqual(await self.error(status, "PUT", path, body), text)
        text = await self.error(400, "POST", f"{path}/delete", {"vector": [""]})
        self.assertEqual(text, "Bad request: No filter or points provided")


class ConditionTests(PointsCase):
    """Upserts that leave some points alone."""

    async def test_update_filter(self) -> None:
        new = {"vector": POINT["vector"], "payload": {"new": True}}
        points = [{"id": i, **new} for i in (1, 3, 4)]
        await self.ok("PUT", POINTS, {"points": points, "update_filter": NAMED})
        self.assertEqual(
            [await self.payload(i) for i in (1, 3, 4)], [{"new": True}, {}, {"new": True}]
        )

    async def test_update_modes(self) -> None:
        vectors = [POINT["vector"]] * 2
        for mode, expected in (
            ("insert_only", {1: NESTED, 4: {"m": "insert_only"}}),
            ("update_only", {1: {"m": "update_only"}, 4: {"m": "update_only"}}),
            ("upsert", {1: {"m": "upsert"}, 4: {"m": "upsert"}}),
        ):
            batch = {"ids": [1, 4], "vectors": vectors, "payloads": [{"m": mode}] * 2}
            await self.ok("PUT", POINTS, {"batch": batch, "update_mode": mode})
            self.assertEqual({i: await self.payload(i) for i in expected}, expected)
        body = {"points": [POINT | {"id": 5}], "update_mode": "update_only"}
        await self.ok("PUT", POINTS, body)
        await self.error(404, "GET", f"{POINTS}/5", None)


class BatchTests(PointsCase):
    """Several updates in one request."""

    async def test_operations_see_those_before_them(self) -> None:
        operations: list[Any] = [
            {"upsert": {"points": [POINT | {"id": 7}]}},
            {"set_payload": {"points": [7], "payload": {"n": 1}}},
            {"overwrite_payload": {"filter": NAMED, "payload": {"n": 2}}},
            {"delete_payload": {"points": [7], "keys": ["city"]}},
            {"clear_payload": {"points": [2]}},
            {"update_vectors": {"points": [{"id": 7, "vector": [1, 2, 3, 4]}]}},
            {"delete_vectors": {"points": [3], "vector": [""]}},
            {"delete": {"filter": {"must": {"key": "n", "match": {"value": 2}}}}},
        ]
        results = await self.ok("POST", f"{POINTS}/batch?wait=true", {"operations": operations})
        first = results[0]["operation_id"]
        expected = [{"operation_id": first + i, "status": "completed"} for i in range(8)]
        self.assertEqual(results, expected)
        self.assertEqual(await self.ids({}), [2, 3, 7])
        self.assertEqual(await self.payload(7), {"n": 1})
        self.assertEqual((await self.vector(7), await self.vector(3)), ([1, 2, 3, 4], {}))

    async def test_an_error_ends_it(self) -> None:
        operations = [
            {"clear_payload": ONE},
            {"set_payload": {"points": [9], "payload": {"n": 1}}},
            {"clear_payload": {"points": [2]}},
        ]
        text = await self.error(404, "POST", f"{POINTS}/batch", {"operations": operations})
        self.assertEqual(text, "Not found: No point with id 9 found")
        self.assertEqual([await self.payload(i) for i in (1, 2)], [{}, NESTED])
