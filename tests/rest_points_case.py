"""What tests of points over the REST wire share."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.rest_harness import Reply, RestClient
from vexfs_twisted.model.updates import Upsert

BERLIN = {"id": 1, "vector": [0.15, 0.31, 0.76, 0.74], "payload": {"city": "Berlin"}}
UUID = "550e8400-e29b-41d4-a716-446655440000"


class RestPointsCase(SynchronousTestCase):
    """A collection `a` of one unnamed vector of four numbers, and `n` of two named ones."""

    def setUp(self) -> None:
        self.client = RestClient(self)
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
        self.assertEqual(self.client.operations.ids(collection), [])
