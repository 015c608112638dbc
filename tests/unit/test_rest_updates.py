"""Updates of points that exist, over the REST wire: what is read of them and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.rest_harness import Reply
from tests.rest_points_case import BERLIN, UUID, RestPointsCase
from tests.suites.values import dense_rows
from vexfs_twisted.model.payload_path import PayloadPath
from vexfs_twisted.model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    UpdateVectors,
    Upsert,
)
from vexfs_twisted.rest.codecs.filters import read_filter

FILTER = {"must": {"key": "city", "match": {"value": "Berlin"}}}
FORMAT = "Format error in JSON body: "
INVALID = "Validation error in JSON body: "


class RestUpdatesCase(RestPointsCase):
    """What the tests of updates share. `method` and `path` say which endpoint they are of."""

    method = "POST"
    path = ""

    def setUp(self) -> None:
        super().setUp()
        points = [{"id": point_id, "vector": {}} for point_id in (*range(1, 10), UUID)]
        self.done = dict.fromkeys(("a", "n"), 1)
        for collection in self.done:
            self.put({"points": points}, collection)

    def send(self, body: Any, collection: str = "a") -> Reply:
        target = f"/collections/{collection}/points/{self.path}?wait=true"
        return self.client.ask(self.method, target, body)

    def sent(self, body: Any, collection: str = "a") -> Any:
        """The update that `body` is read as."""
        reply = self.send(body, collection)
        done = self.done[collection]
        self.assertEqual(reply.result, {"operation_id": done, "status": "completed"})
        self.done[collection] = done + 1
        name, arguments = self.client.operations.calls[-1]
        self.assertEqual((name, arguments[0], arguments[2:]), ("update", collection, (True, None)))
        return arguments[1]

    def assert_no(self, body: Any, status: int, text: str, collection: str = "a") -> None:
        reply = self.send(body, collection)
        self.assertEqual((reply.status, reply.error), (status, text))


class PayloadMerges(RestUpdatesCase):
    path = "payload"

    def test_by_ids_and_by_filter(self) -> None:
        body: Any = {"payload": {"a": 1}, "points": [1, UUID.upper()]}
        self.assertEqual(self.sent(body), SetPayload(b'{"a":1}', [1, UUID]))
        body = {"payload": {"a": None}, "filter": FILTER}
        self.assertEqual(self.sent(body), SetPayload(b'{"a":null}', filter=read_filter(FILTER)))

    def test_below_a_path(self) -> None:
        for key in ("a.b", "a[0].b", "a[]", '""'):
            body: Any = {"payload": {}, "points": [1], "key": key}
            self.assertEqual(self.sent(body), SetPayload(b"{}", [1], key=PayloadPath.parse(key)))

    def test_numbers_are_kept_as_they_are(self) -> None:
        body = (
            b'{"points":[1],"payload":{"i":18446744073709551615,"f":1.0,"n":-9223372036854775808}}'
        )
        self.assertEqual(
            self.sent(body).payload, b'{"i":18446744073709551615,"f":1.0,"n":-9223372036854775808}'
        )

    def test_nulls_and_unknown_members_are_ignored(self) -> None:
        nulls = dict.fromkeys(("filter", "key", "shard_key"))
        body: Any = {"payload": {}, "points": [1], "new": 1, **nulls}
        self.assertEqual(self.sent(body), SetPayload(b"{}", [1]))

    def test_refusals(self) -> None:
        nested: Any = 1
        for _ in range(400):
            nested = {"a": nested}
        for body, text in (
            ({}, "missing field `payload`"),
            ([], "invalid type: sequence, expected struct SetPayload"),
            ({"payload": None, "points": [1]}, "missing field `payload`"),
            ({"payload": [1], "points": [1]}, "payload: invalid type: sequence, expected a map"),
            ({"payload": {}}, "Either list of point ids or filter must be provided"),
            ({"payload": {}, "points": [1], "key": ""}, "key: Invalid json path: ''"),
            ({"payload": {}, "points": [1], "key": "a b"}, "key: Invalid json path: 'a b'"),
            (
                {"payload": {}, "points": 1},
                "points: invalid type: integer `1`, expected a sequence",
            ),
            ({"payload": nested, "points": [1]}, "payload: recursion limit exceeded"),
        ):
            self.assert_no(body, 400, FORMAT + text)
        self.assert_no({"payload": {}, "points": []}, 400, "Bad request: Empty update request")
        body = {"payload": {}, "points": [1], "shard_key": "k"}
        self.assert_no(body, 400, "Wrong input: Shard key k not found")
        self.assert_no(
            {"payload": {}, "filter": {"must": {"key": "a"}}},
            422,
            f"{INVALID}[filter.must[0].__all__: Validation error: "
            "At least one field condition must be specified [{}]]",
        )
        body = {"payload": {}, "points": [1]}
        text = "Not found: Collection `none` doesn't exist!"
        self.assert_no(body, 404, text, collection="none")


class PayloadReplacements(RestUpdatesCase):
    method, path = "PUT", "payload"

    def test_by_ids_and_by_filter(self) -> None:
        body: Any = {"payload": {"a": 1}, "points": [1]}
        self.assertEqual(self.sent(body), OverwritePayload(b'{"a":1}', [1]))
        body = {"payload": {}, "filter": {}}
        self.assertEqual(self.sent(body), OverwritePayload(b"{}", filter=read_filter({})))

    def test_nothing_selected(self) -> None:
        text = "Either list of point ids or filter must be provided"
        self.assert_no({"payload": {}}, 400, FORMAT + text)


class PayloadDeletions(RestUpdatesCase):
    path = "payload/delete"

    def test_by_ids_and_by_filter(self) -> None:
        keys = ["a", "b[].c", '"x y"']
        paths = tuple(map(PayloadPath.parse, keys))
        self.assertEqual(self.sent({"keys": keys, "points": [1]}), DeletePayload(paths, [1]))
        self.assertEqual(
            self.sent({"keys": keys, "filter": FILTER}),
            DeletePayload(paths, filter=read_filter(FILTER)),
        )

    def test_refusals(self) -> None:
        for body, text in (
            ({"points": [1]}, "missing field `keys`"),
            ({"keys": ["a"]}, "Either list of point ids or filter must be provided"),
            ({"keys": ["a b"], "points": [1]}, "keys: Invalid json path: 'a b'"),
            ({"keys": "a", "points": [1]}, 'keys: invalid type: string "a", expected a sequence'),
        ):
            self.assert_no(body, 400, FORMAT + text)


class PayloadClearings(RestUpdatesCase):
    path = "payload/clear"

    def test_by_ids_and_by_filter(self) -> None:
        self.assertEqual(self.sent({"points": [1]}), ClearPayload([1]))
        self.assertEqual(self.sent({"filter": FILTER}), ClearPayload(filter=read_filter(FILTER)))

    def test_refusals(self) -> None:
        no_selector = "data did not match any variant of untagged enum PointsSelector"
        self.assert_no({}, 400, FORMAT + no_selector)
        self.assert_no({"points": []}, 400, "Bad request: Empty update request")


class VectorUpdates(RestUpdatesCase):
    method, path = "PUT", "vectors"

    def test_named_and_unnamed(self) -> None:
        update = self.sent({"points": [{"id": UUID.upper(), "vector": [1, 2, 3, 4]}]})
        assert isinstance(update, UpdateVectors)
        self.assertEqual((update.ids, update.update_filter), ([UUID], None))
        np.testing.assert_array_equal(dense_rows(update.vectors[""]), [[1, 2, 3, 4]])
        points = [{"id": 1, "vector": {"x": [1, 2]}}, {"id": 2, "vector": {"y": [3, 4]}}]
        update = self.sent({"points": points, "update_filter": FILTER}, "n")
        self.assertEqual(update.vectors["y"].positions.tolist(), [1])
        self.assertEqual(update.update_filter, read_filter(FILTER))

    def test_points_without_vectors(self) -> None:
        text = "must specify vectors to update for point"
        vector: Any
        for vector in ({}, []):
            body = {"points": [{"id": 1, "vector": vector}]}
            self.assert_no(body, 422, f"{INVALID}[points[0].vector: {text}]")

    def test_refusals(self) -> None:
        for body, text in (
            ({}, "missing field `points`"),
            ({"points": [{"id": 1}]}, "points[0]: missing field `vector`"),
            ({"points": [1]}, "points[0]: invalid type: integer `1`, expected struct PointVectors"),
            (
                {"points": [{"id": 1, "vector": None}]},
                "points[0].vector: invalid type: null, expected a vector or named vectors",
            ),
        ):
            self.assert_no(body, 400, FORMAT + text)
        text = f"{INVALID}[points: must specify points to update]"
        self.assert_no({"points": []}, 422, text)
        text = "Wrong input: Vector dimension error: expected dim: 4, got 3"
        self.assert_no({"points": [{"id": 1, "vector": [1, 2, 3]}]}, 400, text)
        text = "Wrong input: Not existing vector name error: z"
        self.assert_no({"points": [{"id": 1, "vector": {"z": [1]}}]}, 400, text)


class VectorDeletions(RestUpdatesCase):
    path = "vectors/delete"

    def test_by_ids_and_by_filter(self) -> None:
        body = {"vector": ["x", "y", "x"], "points": [1]}
        self.assertEqual(self.sent(body, "n"), DeleteVectors(("x", "y"), [1]))
        body = {"vector": [""], "filter": FILTER}
        self.assertEqual(self.sent(body), DeleteVectors(("",), filter=read_filter(FILTER)))

    def test_refusals(self) -> None:
        self.assert_no({"vector": [""]}, 400, "Bad request: No filter or points provided")
        self.assert_no({"points": [1]}, 400, f"{FORMAT}missing field `vector`")
        text = 'vector: invalid type: string "x", expected a sequence'
        self.assert_no({"vector": "x", "points": [1]}, 400, FORMAT + text)
        text = f"{INVALID}[vector: must specify vector names to delete]"
        self.assert_no({"vector": [], "points": [1]}, 422, text)
        text = "Wrong input: Not existing vector name error: z"
        self.assert_no({"vector": ["z"], "points": [1]}, 400, text)


class Batches(RestUpdatesCase):
    path = "batch"

    def test_every_kind_of_operation(self) -> None:
        points = {"points": [1]}
        operations: Any = [
            {"upsert": {"points": [BERLIN]}},
            {"upsert": {"batch": {"ids": [2], "vectors": [BERLIN["vector"]]}}},
            {"delete": {"filter": {"must": {"has_id": [3]}}}},
            {"set_payload": {**points, "payload": {"a": 1}, "key": "b"}},
            {"overwrite_payload": {**points, "payload": {"a": 1}}},
            {"delete_payload": {**points, "keys": ["a"]}},
            {"clear_payload": points},
            {"update_vectors": {"points": [{"id": 1, "vector": [1, 2, 3, 4]}]}},
            {"delete_vectors": {**points, "vector": [""]}},
        ]
        reply = self.send({"operations": operations})
        expected = [{"operation_id": i, "status": "completed"} for i in range(1, 10)]
        self.assertEqual(reply.result, expected)
        name, (collection, updates, *how) = self.client.operations.calls[-1]
        self.assertEqual((name, collection, how), ("update_batch", "a", [True, None]))
        kinds = (
            *(Upsert, Upsert, DeletePoints, SetPayload, OverwritePayload),
            *(DeletePayload, ClearPayload, UpdateVectors, DeleteVectors),
        )
        self.assertEqual(tuple(map(type, updates)), kinds)
        self.assertEqual(updates[3], SetPayload(b'{"a":1}', [1], key=PayloadPath.parse("b")))

    def test_no_operations(self) -> None:
        self.assertEqual(self.send({"operations": []}).result, [])

    def test_refusals(self) -> None:
        for body, text in (
            ({}, "missing field `operations`"),
            ({"operations": {}}, "operations: invalid type: map, expected a sequence"),
            (
                {"operations": [{"clear_payload": {"points": [1]}}, {"bogus": {}}]},
                "operations[1]: data did not match any variant of untagged enum UpdateOperation",
            ),
            (
                {"operations": [1]},
                "operations[0]: invalid type: integer `1`, expected struct UpdateOperation",
            ),
            (
                {"operations": [{"set_payload": {"points": [1]}}]},
                "operations[0].set_payload: missing field `payload`",
            ),
        ):
            self.assert_no(body, 400, FORMAT + text)
        self.assert_no(
            {"operations": [{"update_vectors": {"points": [{"id": 1, "vector": {}}]}}]},
            422,
            f"{INVALID}[operations[0].update_vectors.points[0].vector: "
            "must specify vectors to update for point]",
        )
        self.assertNotIn("update_batch", [name for name, _ in self.client.operations.calls])
        self.assert_no(
            {"operations": [{"delete": {"points": []}}]}, 400, "Bad request: Empty update request"
        )
