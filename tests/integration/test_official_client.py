"""The official client, of the newest release, against the daemon: over REST and over gRPC."""

from __future__ import annotations

import asyncio
import importlib.util
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from tests.support import shared_daemon

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import AsyncQdrantClient, QdrantClient, models
    from qdrant_client.http.exceptions import UnexpectedResponse

    from tests.integration import client_support as support

    SKIP = None
else:
    SKIP = "needs qdrant-client"

DAEMON = "official client"


class ClientCase(SynchronousTestCase):
    """Tests with a client of the shared daemon and, beside it, the client's local mode."""

    skip = SKIP
    prefer_grpc = False
    collection = ""

    def setUp(self) -> None:
        self.daemon = shared_daemon(DAEMON)
        self.collection = self.id().rpartition(".")[2] + ("_grpc" if self.prefer_grpc else "")
        self.client = self.make_client()
        self.addCleanup(self.client.close)
        self.addCleanup(self.client.delete_collection, self.collection)
        local = QdrantClient(":memory:")
        self.addCleanup(local.close)
        self.clients = (self.client, local)

    def make_client(self) -> QdrantClient:
        """A new client of the daemon."""
        return QdrantClient(
            url=self.daemon.rest_url,
            grpc_port=self.daemon.grpc_port,
            prefer_grpc=self.prefer_grpc,
            timeout=30,
        )

    def create(self, vectors: Any) -> None:
        """Create the collection in the daemon and in the local mode."""
        for client in self.clients:
            client.create_collection(self.collection, vectors_config=vectors)

    def upsert(self, points: list[models.PointStruct]) -> None:
        """Write the points to both."""
        for client in self.clients:
            client.upsert(self.collection, points, wait=True)

    def unnamed(self, distance: models.Distance) -> models.VectorParams:
        return models.VectorParams(size=support.SIZE, distance=distance)

    def refused(self, call: Callable[[], object], status: int, code: grpc.StatusCode) -> str:
        """The text of an error of this status over REST, or of this code over gRPC."""
        try:
            call()
        except UnexpectedResponse as error:
            self.assertEqual(error.status_code, status)
            return error.content.decode()
        except grpc.RpcError as error:
            failed: Any = error
            self.assertIs(failed.code(), code)
            return failed.details()
        raise self.failureException("the call succeeded")


class RestTests(ClientCase):
    """Everything over REST; the class below does the same over gRPC."""

    def test_a_client_is_content_with_the_version(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            self.make_client().close()

    def test_collections(self) -> None:
        name = self.collection
        self.assertFalse(self.client.collection_exists(name))
        vectors = {"image": self.unnamed(models.Distance.COSINE)}
        self.assertTrue(self.client.create_collection(name, vectors, on_disk_payload=False))
        self.assertTrue(self.client.collection_exists(name))
        self.assertIn(name, [c.name for c in self.client.get_collections().collections])
        info = self.client.get_collection(name)
        self.assertEqual(info.status, models.CollectionStatus.GREEN)
        self.assertEqual(info.points_count, 0)
        self.assertEqual(info.config.params.vectors, vectors)
        self.assertIs(info.config.params.on_disk_payload, False)
        self.assertEqual(info.config.hnsw_config.m, 16)
        self.assertIsNone(info.config.quantization_config)
        self.assertTrue(self.client.delete_collection(name))
        self.assertFalse(self.client.delete_collection(name))
        self.assertFalse(self.client.collection_exists(name))

    def test_an_echoed_configuration_makes_the_same_collection_again(self) -> None:
        name = self.collection
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        self.client.create_collection(
            name,
            vectors_config={
                "a": models.VectorParams(
                    size=4,
                    distance=models.Distance.EUCLID,
                    hnsw_config=models.HnswConfigDiff(m=5),
                    on_disk=True,
                ),
            },
            sparse_vectors_config={
                "s": models.SparseVectorParams(modifier=models.Modifier.IDF),
            },
            quantization_config=models.ScalarQuantization(scalar=scalar),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=500),
            metadata={"a": [1, None, {"b": 0.5}]},
        )
        first = self.client.get_collection(name).config
        again = f"{name}-again"
        self.addCleanup(self.client.delete_collection, again)
        self.client.create_collection(
            again,
            vectors_config=first.params.vectors,
            sparse_vectors_config=first.params.sparse_vectors,
            quantization_config=first.quantization_config,
            hnsw_config=models.HnswConfigDiff(**first.hnsw_config.model_dump()),
            optimizers_config=models.OptimizersConfigDiff(**first.optimizer_config.model_dump()),
            metadata=first.metadata,
        )
        self.assertEqual(self.client.get_collection(again).config, first)
        self.assertEqual(first.metadata, {"a": [1, None, {"b": 0.5}]})

    def test_update_collection(self) -> None:
        self.create(self.unnamed(models.Distance.DOT))
        self.assertTrue(
            self.client.update_collection(
                self.collection,
                vectors_config={"": models.VectorParamsDiff(on_disk=True)},
                hnsw_config=models.HnswConfigDiff(ef_construct=55),
                optimizers_config=models.OptimizersConfigDiff(max_segment_size=10000),
                metadata={"a": 1},
            )
        )
        config = self.client.get_collection(self.collection).config
        vectors = self.unnamed(models.Distance.DOT).model_copy(update={"on_disk": True})
        self.assertEqual(config.params.vectors, vectors)
        self.assertEqual((config.hnsw_config.m, config.hnsw_config.ef_construct), (16, 55))
        self.assertEqual(config.optimizer_config.max_segment_size, 10000)
        self.assertEqual(config.metadata, {"a": 1})

    def test_aliases(self) -> None:
        self.create(self.unnamed(models.Distance.DOT))
        alias = f"{self.collection}-alias"
        create = models.CreateAlias(collection_name=self.collection, alias_name=alias)
        operation = models.CreateAliasOperation(create_alias=create)
        self.assertTrue(self.client.update_collection_aliases([operation]))
        found = self.client.get_collection_aliases(self.collection).aliases
        self.assertEqual(
            found, [models.AliasDescription(alias_name=alias, collection_name=self.collection)]
        )
        self.assertIn(found[0], self.client.get_aliases().aliases)
        self.assertEqual(self.client.count(alias).count, 0)
        delete = models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=alias))
        self.assertTrue(self.client.update_collection_aliases([delete]))
        self.assertEqual(self.client.get_collection_aliases(self.collection).aliases, [])

    def test_every_way_to_write(self) -> None:
        generator = np.random.default_rng(3)
        self.create(self.unnamed(models.Distance.COSINE))
        points = support.random_points(generator, 240)
        more = generator.normal(size=(60, support.SIZE)).astype(np.float32)
        name = self.collection
        payloads: list[Any] = [point.payload for point in points[150:]]
        for client in self.clients:
            client.upsert(name, points[:50], wait=True)
            client.upload_points(name, points[50:150], batch_size=17, wait=True)
            client.upload_collection(
                name,
                vectors=[point.vector for point in points[150:]],
                payload=payloads,
                ids=[point.id for point in points[150:]],
                batch_size=32,
                wait=True,
            )
            client.upload_collection(name, more, ids=list(range(1000, 1060)), wait=True)
            batch = models.Batch(ids=[2000, 2001], vectors=more[:2].tolist())
            client.upsert(name, batch, wait=True)
            client.delete(name, [1, 2, point_of(3), 9999])
            client.delete(name, models.FilterSelector(filter=red()))
        self.compare_content()
        self.assertGreater(self.client.count(self.collection).count, 100)

    def test_queries_equal_those_of_the_local_mode(self) -> None:
        for distance in models.Distance:
            generator = np.random.default_rng(17)
            name = self.collection = f"{self.id().rpartition('.')[2]}_{distance}_{self.prefer_grpc}"
            self.addCleanup(self.client.delete_collection, name)
            self.create(self.unnamed(distance))
            points = support.random_points(generator, 150)
            self.upsert(points)
            requests = [self.random_query(generator, "") for _ in range(20)]
            self.compare_queries(requests)

    def test_queries_of_named_vectors_equal_those_of_the_local_mode(self) -> None:
        generator = np.random.default_rng(19)
        text = models.VectorParams(size=support.TEXT_SIZE, distance=models.Distance.EUCLID)
        self.create({"image": self.unnamed(models.Distance.DOT), "text": text})
        points = support.random_named_points(generator, 300)
        self.upsert(points)
        using = ("image", "text")
        requests = [self.random_query(generator, using[number % 2]) for number in range(20)]
        self.compare_queries(requests)
        self.compare_content()

    def test_filtered_reads_equal_those_of_the_local_mode(self) -> None:
        generator = np.random.default_rng(23)
        self.create(self.unnamed(models.Distance.COSINE))
        points = support.random_points(generator, 300)
        self.upsert(points)
        sizes = set()
        for number in range(50):
            chosen = support.random_filter(generator)
            ours, theirs = [client.count(self.collection, chosen).count for client in self.clients]
            self.assertEqual(ours, theirs, chosen)
            sizes.add(ours)
            pages = [
                list(
                    support.all_pages(
                        client, self.collection, scroll_filter=chosen, limit=7 + number
                    )
                )
                for client in self.clients
            ]
            support.assert_same_points(*pages)
        self.assertGreater(len(sizes), 10)

    def test_selectors_equal_those_of_the_local_mode(self) -> None:
        generator = np.random.default_rng(29)
        text = models.VectorParams(size=support.TEXT_SIZE, distance=models.Distance.DOT)
        self.create({"image": self.unnamed(models.Distance.DOT), "text": text})
        points = support.random_named_points(generator, 20)
        self.upsert(points)
        ids = [point.id for point in reversed(points)]
        selectors: list[Any] = [
            True,
            False,
            ["color", "parts[].weight", "maker.city"],
            models.PayloadSelectorInclude(include=["maker", "tags"]),
            models.PayloadSelectorExclude(exclude=["maker.years", "color", "parts[].weight"]),
        ]
        vector_selectors: list[Any] = [True, False, ["text"], ["image", "text"]]
        for payload in selectors:
            for vectors in vector_selectors:
                ours, theirs = [
                    client.retrieve(
                        self.collection, ids, with_payload=payload, with_vectors=vectors
                    )
                    for client in self.clients
                ]
                support.assert_same_points(ours, theirs)

    def test_errors(self) -> None:
        missing = f"{self.collection}-missing"
        text = self.refused(
            lambda: self.client.get_collection(missing), 404, grpc.StatusCode.NOT_FOUND
        )
        self.assertIn(f"Not found: Collection `{missing}` doesn't exist!", text)
        self.create(self.unnamed(models.Distance.DOT))
        text = self.refused(
            lambda: self.client.create_collection(
                self.collection, self.unnamed(models.Distance.DOT)
            ),
            409,
            grpc.StatusCode.ALREADY_EXISTS,
        )
        self.assertIn("already exists", text)
        wrong = [models.PointStruct(id=1, vector=[1.0, 2.0])]
        text = self.refused(
            lambda: self.client.upsert(self.collection, wrong, wait=False),
            400,
            grpc.StatusCode.INVALID_ARGUMENT,
        )
        self.assertIn("Wrong input: Vector dimension error: expected dim: 12, got 2", text)
        named = [models.PointStruct(id=1, vector={"x": [1.0] * support.SIZE})]
        text = self.refused(
            lambda: self.client.upsert(self.collection, named),
            400,
            grpc.StatusCode.INVALID_ARGUMENT,
        )
        self.assertIn("Not existing vector name error: x", text)
        self.assertEqual(self.client.count(self.collection).count, 0)

    def test_async_client(self) -> None:
        asyncio.run(self.use_async_client())

    async def use_async_client(self) -> None:
        """The same life with the client of asyncio, many calls at once."""
        client = AsyncQdrantClient(
            url=self.daemon.rest_url,
            grpc_port=self.daemon.grpc_port,
            prefer_grpc=self.prefer_grpc,
        )
        try:
            generator = np.random.default_rng(31)
            name = self.collection
            await client.create_collection(name, self.unnamed(models.Distance.DOT))
            points = support.random_points(generator, 200)
            batches = [points[start : start + 10] for start in range(0, 200, 10)]
            await asyncio.gather(*(client.upsert(name, batch, wait=True) for batch in batches))
            self.assertEqual((await client.count(name)).count, 200)
            requests = [self.random_query(generator, "") for _ in range(20)]
            answers = await asyncio.gather(*(client.query_points(name, **r) for r in requests))
            for request, answer in zip(requests, answers, strict=True):
                expected = self.client.query_points(name, **request)
                self.assertEqual(answer.points, expected.points)
            records, _ = await client.scroll(name, limit=300, with_vectors=True)
            self.assertEqual(len(records), 200)
            await client.delete(name, [point.id for point in points[:50]])
            self.assertEqual((await client.count(name)).count, 150)
        finally:
            await client.close()

    def random_query(self, generator: np.random.Generator, using: str) -> dict[str, Any]:
        """The arguments of a query by vector, by point or without a target."""
        size = support.TEXT_SIZE if using == "text" else support.SIZE
        request: dict[str, Any] = {
            "query": support.random_vector(generator, size),
            "limit": int(generator.integers(1, 40)),
            "with_vectors": bool(generator.integers(0, 2)),
            "with_payload": bool(generator.integers(0, 2)),
        }
        kind = generator.integers(6)
        if kind == 0:
            # 5 n + 2: these have every vector.
            request["query"] = support.point_id(int(generator.integers(0, 40)) * 5 + 2)
        elif kind == 1:
            request["query"] = None
        if using:
            request["using"] = using
        if generator.random() < 0.6:
            request["query_filter"] = support.random_filter(generator)
        if generator.random() < 0.3:
            request["offset"] = int(generator.integers(0, 5))
        return request

    def compare_queries(self, requests: list[dict[str, Any]]) -> None:
        """Every query one by one, then all in a batch."""
        singles = []
        for request in requests:
            ours, theirs = [
                client.query_points(self.collection, **request) for client in self.clients
            ]
            support.assert_same_hits(ours.points, theirs.points)
            singles.append(ours.points)
        batch = [as_request(request) for request in requests]
        together = self.client.query_batch_points(self.collection, batch)
        self.assertEqual([answer.points for answer in together], singles)

    def compare_content(self) -> None:
        """Every point, in order, with all it has."""
        everything: dict[str, Any] = {"with_vectors": True, "limit": 33}
        ours, theirs = [
            list(support.all_pages(client, self.collection, **everything))
            for client in self.clients
        ]
        support.assert_same_points(ours, theirs)
        info = self.client.get_collection(self.collection)
        self.assertEqual(info.points_count, len(theirs))


class GrpcTests(RestTests):
    """Everything over gRPC."""

    prefer_grpc = True

    def test_our_generated_code_beside_the_client(self) -> None:
        """Both sets of messages live in one process, and talk to one server."""
        from vexfs_twisted.rpc.generated import points_pb2

        self.create(self.unnamed(models.Distance.DOT))
        points = support.random_points(np.random.default_rng(37), 20)
        self.client.upsert(self.collection, points)
        request = points_pb2.CountPoints(collection_name=self.collection, exact=True)
        with grpc.insecure_channel(self.daemon.grpc_address) as channel:
            method: Any = channel.unary_unary("/qdrant.Points/Count")
            answer = points_pb2.CountResponse.FromString(method(request.SerializeToString()))
        self.assertEqual(answer.result.count, self.client.count(self.collection).count)


def point_of(number: int) -> int | str:
    """The id of a point."""
    return support.point_id(number)


def red() -> models.Filter:
    """Points of one color."""
    match = models.MatchValue(value="red")
    return models.Filter(must=[models.FieldCondition(key="color", match=match)])


def as_request(arguments: dict[str, Any]) -> models.QueryRequest:
    """The arguments of query_points as one request of a batch."""
    names = {"query_filter": "filter", "with_vectors": "with_vector"}
    return models.QueryRequest(**{names.get(key, key): value for key, value in arguments.items()})
