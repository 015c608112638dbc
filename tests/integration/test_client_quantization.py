"""The official client stores vectors in every data type, and searches by codes of every kind."""

from __future__ import annotations

import importlib.util
import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tests.integration.test_official_client import ClientCase

if TYPE_CHECKING or importlib.util.find_spec("qdrant_client") is not None:
    from qdrant_client import models

COUNT = 12_000
SIZE = 64
SECONDS = 60.0


def clustered(count: int, seed: int) -> NDArray[np.float32]:
    """Vectors of small positive components around common centres, as embeddings lie."""
    centres = np.random.default_rng(0).uniform(60, 180, (200, SIZE))
    source = np.random.default_rng(seed)
    near = centres[source.integers(200, size=count)]
    return (near + source.normal(0, 15, (count, SIZE))).astype(np.float32)


class RestQuantizationTests(ClientCase):
    """Everything over REST; the class below does the same over gRPC."""

    def test_data_types(self) -> None:
        given = [1.81, 256.19, 3.5, 0.1]
        kept = {
            models.Datatype.FLOAT32: [np.float32(value) for value in given],
            models.Datatype.FLOAT16: [np.float16(value) for value in given],
            models.Datatype.UINT8: [1.0, 255.0, 3.0, 0.0],
        }
        vectors = {
            datatype.value: models.VectorParams(
                size=4, distance=models.Distance.EUCLID, datatype=datatype
            )
            for datatype in kept
        }
        self.client.create_collection(self.collection, vectors)
        self.assertEqual(self.client.get_collection(self.collection).config.params.vectors, vectors)
        point = models.PointStruct(id=1, vector=dict.fromkeys(vectors, given))
        self.client.upsert(self.collection, [point], wait=True)
        (record,) = self.client.retrieve(self.collection, [1], with_vectors=True)
        assert isinstance(record.vector, dict)
        for datatype, expected in kept.items():
            found: Any = record.vector[datatype.value]
            np.testing.assert_array_equal(np.array(found, dtype=np.float32), expected)

    def test_kinds_of_codes(self) -> None:
        self.client.create_collection(
            self.collection,
            models.VectorParams(size=SIZE, distance=models.Distance.COSINE),
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=10),
        )
        data = clustered(COUNT, seed=1)
        for start in range(0, COUNT, 4000):
            ids: list[Any] = list(range(start, min(start + 4000, COUNT)))
            batch = models.Batch(ids=ids, vectors=data[ids].tolist())
            self.client.upsert(self.collection, batch, wait=True)
        queries = clustered(40, seed=2)
        true = self.found(queries, exact=True)
        for config, least in self.kinds():
            self.client.update_collection(self.collection, quantization_config=config)
            self.wait_until_green()
            told = self.client.get_collection(self.collection).config.quantization_config
            self.assertEqual(told, config)
            rough = models.QuantizationSearchParams(rescore=False)
            alone = self.share(true, self.found(queries, hnsw_ef=64, quantization=rough))
            fine = models.QuantizationSearchParams(oversampling=4.0)
            rescored = self.share(true, self.found(queries, hnsw_ef=64, quantization=fine))
            self.assertGreater(rescored, least, config)
            self.assertGreaterEqual(rescored, alone, config)

    def kinds(self) -> list[tuple[Any, float]]:
        """Configurations, and the share of the true nearest that is found with them at least."""
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        product = models.ProductQuantizationConfig(compression=models.CompressionRatio.X16)
        return [
            (models.ScalarQuantization(scalar=scalar), 0.95),
            (models.ProductQuantization(product=product), 0.8),
            (models.BinaryQuantization(binary=models.BinaryQuantizationConfig()), 0.5),
        ]

    def found(self, queries: NDArray[np.float32], **params: Any) -> list[set[Any]]:
        """The ids of the nearest ten of each query, asked one by one."""
        chosen = models.SearchParams(**params)
        return [
            {
                point.id
                for point in self.client.query_points(
                    self.collection, query.tolist(), limit=10, search_params=chosen
                ).points
            }
            for query in queries
        ]

    def share(self, true: list[set[Any]], found: list[set[Any]]) -> float:
        """How much of the true was found."""
        shares = [len(own & other) / 10 for own, other in zip(true, found, strict=True)]
        return float(np.mean(shares))

    def wait_until_green(self) -> None:
        """Wait until the optimizer has done its work."""
        end = time.monotonic() + SECONDS
        while self.client.get_collection(self.collection).status != models.CollectionStatus.GREEN:
            self.assertLess(time.monotonic(), end, "the collection does not become green")
            time.sleep(0.1)


class GrpcQuantizationTests(RestQuantizationTests):
    """The same over gRPC."""

    prefer_grpc = True
