"""Collection configuration over gRPC, held against its JSON form.

The official client turns the same settings into messages and into JSON. Both must mean the same to
us, and what we echo in messages must be to the client what the JSON form says.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from vexfs_twisted.jsonform.collections import (
    config_to_json,
    read_create_collection,
    read_update_collection,
)
from vexfs_twisted.model.collection import (
    CollectionConfig,
    CollectionInfo,
    changed_config,
    new_config,
)
from vexfs_twisted.model.collection_params import OptimizersConfig
from vexfs_twisted.model.errors import MalformedMessage, ValidationError
from vexfs_twisted.rpc.codecs.collections import write_info
from vexfs_twisted.rpc.codecs.configs import read_create, read_update
from vexfs_twisted.rpc.generated import collections_pb2 as pb

try:
    from qdrant_client import grpc
    from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc
    from qdrant_client.http import models
except ImportError:
    HAS_CLIENT = False
else:
    HAS_CLIENT = True

HNSW = {
    "m": 0,
    "ef_construct": 64,
    "full_scan_threshold": 20000,
    "max_indexing_threads": 2,
    "on_disk": False,
    "payload_m": 8,
    "inline_storage": True,
    "memory": "cold",
}
CREATES: list[dict[str, Any]] = [
    {},
    {"vectors": {"size": 4, "distance": "Cosine"}},
    {"vectors": {}},
    {"vectors": {"a": {"size": 1, "distance": "Dot"}, "b": {"size": 65536, "distance": "Euclid"}}},
    {
        "vectors": {
            "size": 3,
            "distance": "Manhattan",
            "hnsw_config": {"m": 20},
            "on_disk": False,
            "datatype": "float16",
            "multivector_config": {"comparator": "max_sim"},
            "memory": "cached",
        },
        "hnsw_config": HNSW,
        "shard_number": 2,
        "sharding_method": "auto",
        "replication_factor": 2,
        "write_consistency_factor": 1,
        "on_disk_payload": False,
        "payload": {"memory": "cold"},
        "wal_config": {"wal_capacity_mb": 1, "wal_segments_ahead": 2, "wal_retain_closed": 3},
        "metadata": {"n": 1, "x": 0.5, "s": "t", "l": [1, {"a": None}], "z": None},
    },
    {
        "optimizers_config": {
            "deleted_threshold": 0.25,
            "vacuum_min_vector_number": 100,
            "default_segment_number": 3,
            "max_segment_size": 10000,
            "memmap_threshold": 0,
            "indexing_threshold": 0,
            "flush_interval_sec": 1,
            "max_optimization_threads": 2,
            "prevent_unoptimized": False,
        },
    },
    {"optimizers_config": {"max_optimization_threads": "auto"}},
    {
        "sparse_vectors": {
            "text": {
                "index": {
                    "full_scan_threshold": 5,
                    "on_disk": True,
                    "datatype": "uint8",
                    "memory": "pinned",
                },
                "modifier": "idf",
            },
            "plain": {},
        },
    },
    {
        "strict_mode_config": {
            "enabled": False,
            "max_query_limit": 10,
            "unindexed_filtering_retrieve": False,
            "search_max_oversampling": 1.5,
            "read_rate_limit": 7,
            "multivector_config": {"m": {"max_vectors": 3}},
            "sparse_config": {"s": {"max_length": 4}},
        },
    },
]
QUANTIZATIONS: list[dict[str, Any]] = [
    {"scalar": {"type": "int8", "quantile": 0.5, "always_ram": True, "memory": "pinned"}},
    {"scalar": {"type": "int8"}},
    *({"product": {"compression": c}} for c in ("x4", "x8", "x16", "x32", "x64")),
    {"product": {"compression": "x4", "always_ram": False}},
    {"binary": {}},
    {"binary": {"encoding": "two_bits", "query_encoding": "scalar4bits", "always_ram": True}},
    {"binary": {"encoding": "one_and_half_bits", "query_encoding": "scalar8bits"}},
    {"binary": {"encoding": "one_bit", "query_encoding": "binary", "memory": "cold"}},
    {"binary": {"query_encoding": "default"}},
]
TURBO = [{}, *({"bits": bits} for bits in ("bits1", "bits1_5", "bits2", "bits4"))]
UPDATES: list[dict[str, Any]] = [
    {"hnsw_config": {"ef_construct": 123}},
    {"vectors": {"": {"hnsw_config": {"m": 7}, "on_disk": True, "memory": "cached"}}},
    {"vectors": {"": {"quantization_config": "Disabled"}}},
    {"vectors": {"": {"quantization_config": {"product": {"compression": "x32"}}}}},
    {"quantization_config": "Disabled"},
    {"quantization_config": {"scalar": {"type": "int8"}}},
    {"optimizers_config": {"max_segment_size": 10000, "max_optimization_threads": "auto"}},
    {"params": {"replication_factor": 2, "read_fan_out_factor": 3, "read_fan_out_delay_ms": 4}},
    {"params": {"on_disk_payload": False, "payload": {"memory": "cached"}}},
    {"sparse_vectors": {"text": {"modifier": "none"}}},
    {"strict_mode_config": {"enabled": False}},
    {"metadata": {"a": None, "b": 2}},
]


def over_the_wire(message: Any, kind: Any) -> Any:
    return kind.FromString(message.SerializeToString())


class OfficialClientTests(SynchronousTestCase):
    if not HAS_CLIENT:
        skip = "qdrant-client is not installed"
    elif not hasattr(models, "PayloadStorageParams"):
        skip = "this qdrant-client is older than the settings"

    def create_message(self, body: dict[str, Any]) -> Any:
        request = models.CreateCollection(**body)
        convert = RestToGrpc
        parts: dict[str, Any] = {
            name: getattr(request, name)
            for name in ("shard_number", "replication_factor", "write_consistency_factor")
        }
        converters: dict[str, tuple[str, Any]] = {
            "hnsw_config": ("hnsw_config", convert.convert_hnsw_config_diff),
            "wal_config": ("wal_config", convert.convert_wal_config_diff),
            "optimizers_config": ("optimizers_config", convert.convert_optimizers_config_diff),
            "vectors": ("vectors_config", convert.convert_vectors_config),
            "sparse_vectors": ("sparse_vectors_config", convert.convert_sparse_vector_config),
            "quantization_config": ("quantization_config", convert.convert_quantization_config),
            "sharding_method": ("sharding_method", convert.convert_sharding_method),
            "strict_mode_config": ("strict_mode_config", convert.convert_strict_mode_config),
            "metadata": ("metadata", convert.convert_payload),
            "payload": ("payload", convert.convert_payload_storage_params),
        }
        for name, (field, converter) in converters.items():
            value = getattr(request, name)
            if value is not None:
                parts[field] = converter(value)
        message = grpc.CreateCollection(
            collection_name="c", on_disk_payload=request.on_disk_payload, **parts
        )
        return over_the_wire(message, pb.CreateCollection)

    def update_message(self, body: dict[str, Any]) -> Any:
        request = models.UpdateCollection(**body)
        convert = RestToGrpc
        converters: dict[str, tuple[str, Any]] = {
            "hnsw_config": ("hnsw_config", convert.convert_hnsw_config_diff),
            "optimizers_config": ("optimizers_config", convert.convert_optimizers_config_diff),
            "vectors": ("vectors_config", convert.convert_vectors_config_diff),
            "params": ("params", convert.convert_collection_params_diff),
            "sparse_vectors": ("sparse_vectors_config", convert.convert_sparse_vector_config),
            "quantization_config": (
                "quantization_config",
                convert.convert_quantization_config_diff,
            ),
            "strict_mode_config": ("strict_mode_config", convert.convert_strict_mode_config),
            "metadata": ("metadata", convert.convert_payload),
        }
        parts = {
            field: converter(getattr(request, name))
            for name, (field, converter) in converters.items()
            if getattr(request, name) is not None
        }
        message = grpc.UpdateCollection(collection_name="c", **parts)
        return over_the_wire(message, pb.UpdateCollection)

    def check_create(self, body: dict[str, Any]) -> None:
        """A message means what the JSON means, and so does what is echoed of it."""
        request = read_create(self.create_message(body))
        self.assertEqual(request, read_create_collection(body), body)
        config = new_config(request, CollectionConfig())
        info = CollectionInfo(config, points_count=3, indexed_vectors_count=2, segments_count=1)
        echoed = over_the_wire(write_info(info), grpc.GetCollectionInfoResponse)
        told = GrpcToRest.convert_collection_info(echoed.result)
        expected = models.CollectionConfig(**json.loads(json.dumps(config_to_json(config))))
        self.assertEqual(told.config.model_dump(), expected.model_dump(), body)

    def test_create(self) -> None:
        for body in CREATES:
            self.check_create(body)

    def test_quantization_of_a_collection(self) -> None:
        for quantization in QUANTIZATIONS:
            self.check_create({"vectors": {}, "quantization_config": quantization})

    def test_quantization_of_a_vector(self) -> None:
        for quantization in QUANTIZATIONS:
            vector = {"size": 4, "distance": "Dot", "quantization_config": quantization}
            self.check_create({"vectors": vector})

    def test_turbo_quantization(self) -> None:
        if not hasattr(models, "TurboQuantization"):
            raise SkipTest("this qdrant-client knows no turbo quantization")
        for turbo in TURBO:
            self.check_create({"vectors": {}, "quantization_config": {"turbo": turbo}})

    def test_update(self) -> None:
        base = new_config(
            read_create_collection(
                {"vectors": {"size": 4, "distance": "Dot"}, "sparse_vectors": {"text": {}}}
            ),
            CollectionConfig(),
        )
        for body in UPDATES:
            request = read_update(self.update_message(body))
            self.assertEqual(request, read_update_collection(body), body)
            changed_config(base, request)


class MessageTests(SynchronousTestCase):
    def test_unnamed_vector_alone_is_echoed_alone(self) -> None:
        params = pb.VectorParams(size=4, distance=pb.Distance.Dot)
        request = pb.CreateCollection(vectors_config=pb.VectorsConfig(params=params))
        config = new_config(read_create(request), CollectionConfig())
        info = CollectionInfo(config, points_count=0, indexed_vectors_count=0, segments_count=1)
        result = write_info(info).result
        self.assertEqual(result.config.params.vectors_config.params, params)
        self.assertTrue(result.HasField("points_count"))
        self.assertTrue(result.optimizer_status.ok)
        self.assertFalse(result.config.HasField("quantization_config"))
        self.assertFalse(result.config.HasField("strict_mode_config"))

    def test_an_unnamed_vector_in_a_map_is_echoed_in_one(self) -> None:
        params = pb.VectorParams(size=4, distance=pb.Distance.Dot)
        spaces = pb.VectorsConfig(params_map=pb.VectorParamsMap(map={"": params}))
        request = pb.CreateCollection(vectors_config=spaces)
        config = new_config(read_create(request), CollectionConfig())
        result = write_info(CollectionInfo(config, 0, 0, 1)).result
        self.assertEqual(result.config.params.vectors_config, spaces)

    def test_a_number_of_threads_is_told_or_automatic(self) -> None:
        for threads, variant in ((None, "setting"), (0, "value"), (3, "value")):
            optimizer = OptimizersConfig(max_optimization_threads=threads)
            info = CollectionInfo(CollectionConfig(optimizer_config=optimizer), 0, 0, 1)
            told = write_info(info).result.config.optimizer_config.max_optimization_threads
            self.assertEqual(told.WhichOneof("variant"), variant)
            self.assertEqual(told.value, threads or 0)

    def test_a_failure_of_the_optimizer_is_told(self) -> None:
        info = CollectionInfo(CollectionConfig(), 0, 0, 1, optimizer_error="no room")
        status = write_info(info).result.optimizer_status
        self.assertEqual((status.ok, status.error), (False, "no room"))

    def test_unknown_distance(self) -> None:
        request = pb.CreateCollection(
            vectors_config=pb.VectorsConfig(params=pb.VectorParams(size=4))
        )
        self.assertRaises(MalformedMessage, read_create, request)

    def test_sizes_out_of_range_name_the_field(self) -> None:
        params = pb.VectorParams(size=65537, distance=pb.Distance.Dot)
        request = read_create(pb.CreateCollection(vectors_config=pb.VectorsConfig(params=params)))
        error = self.assertRaises(ValidationError, new_config, request, CollectionConfig())
        self.assertEqual(
            error.message, "[vectors.size: value 65537 invalid, must be from 1 to 65536]"
        )
