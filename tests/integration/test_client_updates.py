"""The official client changes points in the daemon and, beside it, in its own local mode."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.integration.test_official_client import ClientCase

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import models

    from tests.integration import client_support as support

    _NAMED = models.Filter(
        must=[models.FieldCondition(key="color", match=models.MatchAny(any=["red", "blue"]))]
    )


class RestUpdateTests(ClientCase):
    """Each kind of update over REST; the class below does the same over gRPC."""

    def setUp(self) -> None:
        super().setUp()
        vectors = self.unnamed(models.Distance.DOT)
        self.create({"image": vectors, "text": vectors})
        generator = np.random.default_rng(7)
        points = support.random_points(generator, 60)
        for point in points:
            image, text = (support.random_vector(generator, support.SIZE) for _ in range(2))
            point.vector = {"image": image, "text": text}
        self.upsert(points)

    def both(self, method: str, **arguments: Any) -> None:
        """Call a method of both clients and compare all points afterwards."""
        for client in self.clients:
            getattr(client, method)(self.collection, **arguments)
        ours, theirs = (
            sorted(
                client.scroll(self.collection, limit=1000, with_vectors=True)[0],
                key=lambda record: str(record.id),
            )
            for client in self.clients
        )
        support.assert_same_points(ours, theirs)

    def test_payloads(self) -> None:
        by_filter = models.FilterSelector(filter=_NAMED)
        self.both("set_payload", payload={"new": {"a": [1, 2.5]}, "color": "red"}, points=[1, 2])
        self.both("set_payload", payload={"flag": True}, points=by_filter)
        self.both("set_payload", payload={"b": 1}, key="new", points=[1, 4])
        self.both("set_payload", payload={"mark": 0}, key="parts[]", points=by_filter)
        self.both("set_payload", payload={"mark": 1}, key="parts[0]", points=[1, 2, 4])
        self.both("overwrite_payload", payload={"only": "this"}, points=[5, 7])
        self.both("delete_payload", keys=["flag", "maker.city", "parts[].weight"], points=by_filter)
        self.both("clear_payload", points_selector=[8, 10])
        self.both("clear_payload", points_selector=by_filter)

    def test_vectors(self) -> None:
        vector = [float(number) for number in range(support.SIZE)]
        changed = [models.PointVectors(id=number, vector={"text": vector}) for number in (1, 2)]
        self.both("update_vectors", points=changed)
        self.both("delete_vectors", vectors=["text"], points=[1, 4])
        self.both("delete_vectors", vectors=["image"], points=models.FilterSelector(filter=_NAMED))

    def test_a_batch(self) -> None:
        selected = models.PointIdsList(points=[1, 2])
        operations = [
            models.UpsertOperation(
                upsert=models.PointsList(points=[models.PointStruct(id=1000, vector={})])
            ),
            models.SetPayloadOperation(
                set_payload=models.SetPayload(payload={"color": "red"}, points=[1000])
            ),
            models.OverwritePayloadOperation(
                overwrite_payload=models.SetPayload(payload={"count": 3}, filter=_NAMED)
            ),
            models.DeletePayloadOperation(
                delete_payload=models.DeletePayload(keys=["number"], points=[4, 5])
            ),
            models.ClearPayloadOperation(clear_payload=selected),
            models.DeleteVectorsOperation(
                delete_vectors=models.DeleteVectors(points=[7], vector=["image"])
            ),
            models.DeleteOperation(delete=models.PointIdsList(points=[8, 10])),
        ]
        self.both("batch_update_points", update_operations=operations)

    def test_conditional_upserts(self) -> None:
        points = [models.PointStruct(id=i, vector={}, payload={"new": i}) for i in range(1, 80, 2)]
        self.both("upsert", points=points, update_filter=_NAMED)

    def test_indexes(self) -> None:
        params = models.TextIndexParams(
            type=models.TextIndexType.TEXT,
            tokenizer=models.TokenizerType.WORD,
            lowercase=True,
            stopwords=models.StopwordsSet(languages=[models.Language.ENGLISH], custom=["red"]),
        )
        for field, schema in (
            ("color", models.PayloadSchemaType.KEYWORD),
            ("maker.city", params),
            ("parts[].weight", models.PayloadSchemaType.INTEGER),
        ):
            self.client.create_payload_index(self.collection, field, schema)
        told = self.client.get_collection(self.collection).payload_schema
        self.assertEqual(sorted(told), ["color", "maker.city", "parts[].weight"])
        self.assertEqual(told["maker.city"].params, params)
        self.assertIsNone(told["color"].params)
        colored = models.IsEmptyCondition(is_empty=models.PayloadField(key="color"))
        count = self.client.count(self.collection, models.Filter(must_not=[colored])).count
        self.assertEqual(told["color"].points, count)
        self.client.delete_payload_index(self.collection, "maker.city")
        told = self.client.get_collection(self.collection).payload_schema
        self.assertEqual(sorted(told), ["color", "parts[].weight"])


class GrpcUpdateTests(RestUpdateTests):
    """The same over gRPC."""

    prefer_grpc = True
