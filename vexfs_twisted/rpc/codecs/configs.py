"""Codecs of requests that create or change a collection, and of its configuration."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ...model.collection import (
    CollectionConfig,
    CollectionParams,
    CollectionParamsDiff,
    CreateCollection,
    UpdateCollection,
)
from ...model.collection_params import (
    OptimizersConfigDiff,
    PayloadStorageParams,
    StrictModeConfig,
    StrictModeMultivector,
    StrictModeSparse,
    WalConfigDiff,
)
from ..generated import collections_pb2 as pb
from .enums import MEMORIES, SHARDING_METHODS
from .fields import given, read_enum, write_given
from .payloads import read_object, write_object
from .quantization import read_quantization, read_quantization_diff, write_quantization
from .vector_params import (
    read_hnsw,
    read_sparse_vectors,
    read_vectors,
    read_vectors_diff,
    write_hnsw,
    write_sparse_vectors,
    write_vectors_config,
)

_AUTO = pb.MaxOptimizationThreads.Setting.Auto
_WAL = ("wal_capacity_mb", "wal_segments_ahead", "wal_retain_closed")
_OPTIMIZERS = (
    "deleted_threshold",
    "vacuum_min_vector_number",
    "default_segment_number",
    "max_segment_size",
    "memmap_threshold",
    "indexing_threshold",
    "flush_interval_sec",
    "prevent_unoptimized",
)
_STRICT_MODE = (
    "enabled",
    "max_query_limit",
    "max_timeout",
    "unindexed_filtering_retrieve",
    "unindexed_filtering_update",
    "search_max_hnsw_ef",
    "search_allow_exact",
    "search_max_oversampling",
    "upsert_max_batchsize",
    "search_max_batchsize",
    "max_collection_vector_size_bytes",
    "read_rate_limit",
    "write_rate_limit",
    "max_collection_payload_size_bytes",
    "max_points_count",
    "filter_max_conditions",
    "condition_max_size",
    "max_payload_index_count",
    "max_resident_memory_percent",
)
_REPLICATION = ("replication_factor", "write_consistency_factor")
_READ_FAN_OUT = ("read_fan_out_factor", "read_fan_out_delay_ms")


def read_create(message: pb.CreateCollection) -> CreateCollection:
    """Decode a request to create a collection. Raises DomainErrors."""
    parts = _read_shared_parts(message)
    parts |= given(message, "shard_number", *_REPLICATION, "on_disk_payload")
    parts["sharding_method"] = read_enum(message, "sharding_method", SHARDING_METHODS)
    if message.HasField("vectors_config"):
        parts |= read_vectors(message.vectors_config)
    if message.HasField("wal_config"):
        parts["wal_config"] = WalConfigDiff(**given(message.wal_config, *_WAL))
    if message.HasField("quantization_config"):
        parts["quantization_config"] = read_quantization(message.quantization_config)
    if message.HasField("payload"):
        parts["payload"] = _read_payload_storage(message.payload)
    return CreateCollection(**parts)


def read_update(message: pb.UpdateCollection) -> UpdateCollection:
    """Decode a change of configuration. Raises DomainErrors."""
    parts = _read_shared_parts(message)
    if message.HasField("vectors_config"):
        parts["vectors"] = read_vectors_diff(message.vectors_config)
    if message.HasField("params"):
        parts["params"] = _read_params_diff(message.params)
    if message.HasField("quantization_config"):
        parts["quantization_config"] = read_quantization_diff(message.quantization_config)
    return UpdateCollection(**parts)


def _read_shared_parts(message: pb.CreateCollection | pb.UpdateCollection) -> dict[str, Any]:
    """The fields that both requests have."""
    parts: dict[str, Any] = {}
    if message.HasField("hnsw_config"):
        parts["hnsw_config"] = read_hnsw(message.hnsw_config)
    if message.HasField("optimizers_config"):
        parts["optimizers_config"] = _read_optimizers(message.optimizers_config)
    if message.HasField("sparse_vectors_config"):
        parts["sparse_vectors"] = read_sparse_vectors(message.sparse_vectors_config)
    if message.HasField("strict_mode_config"):
        parts["strict_mode_config"] = _read_strict_mode(message.strict_mode_config)
    if message.metadata:
        parts["metadata"] = read_object(message.metadata)
    return parts


def _read_payload_storage(message: pb.PayloadStorageParams) -> PayloadStorageParams:
    return PayloadStorageParams(memory=read_enum(message, "memory", MEMORIES))


def _read_params_diff(message: pb.CollectionParamsDiff) -> CollectionParamsDiff:
    parts = given(message, *_REPLICATION, *_READ_FAN_OUT, "on_disk_payload")
    if message.HasField("payload"):
        parts["payload"] = _read_payload_storage(message.payload)
    return CollectionParamsDiff(**parts)


def _read_optimizers(message: pb.OptimizersConfigDiff) -> OptimizersConfigDiff:
    parts = given(message, *_OPTIMIZERS)
    if message.HasField("deprecated_max_optimization_threads"):
        parts["max_optimization_threads"] = message.deprecated_max_optimization_threads
    if message.HasField("max_optimization_threads"):
        threads = message.max_optimization_threads
        is_number = threads.WhichOneof("variant") == "value"
        parts["max_optimization_threads"] = threads.value if is_number else "auto"
    return OptimizersConfigDiff(**parts)


def _read_strict_mode(message: pb.StrictModeConfig) -> StrictModeConfig:
    parts = given(message, *_STRICT_MODE)
    if message.HasField("multivector_config"):
        bounds = message.multivector_config.multivector_config
        parts["multivector_config"] = {
            name: StrictModeMultivector(**given(bounds[name], "max_vectors")) for name in bounds
        }
    if message.HasField("sparse_config"):
        lengths = message.sparse_config.sparse_config
        parts["sparse_config"] = {
            name: StrictModeSparse(**given(lengths[name], "max_length")) for name in lengths
        }
    return StrictModeConfig(**parts)


def write_collection_config(config: CollectionConfig, message: pb.CollectionConfig) -> None:
    """Write the whole configuration into `message`.

    Fields that were never set stay unset, except the number of threads, which is then automatic.
    """
    _write_params(config.params, message.params)
    write_hnsw(config.hnsw_config, message.hnsw_config)
    _write_set(config.optimizer_config, message.optimizer_config, *_OPTIMIZERS)
    threads = config.optimizer_config.max_optimization_threads
    if threads is None:
        message.optimizer_config.max_optimization_threads.setting = _AUTO
    else:
        message.optimizer_config.max_optimization_threads.value = threads
    _write_set(config.wal_config, message.wal_config, *_WAL)
    if config.quantization_config is not None:
        write_quantization(config.quantization_config, message.quantization_config)
    if config.strict_mode_config is not None:
        _write_strict_mode(config.strict_mode_config, message.strict_mode_config)
    if config.metadata is not None:
        write_object(config.metadata, message.metadata)


def _write_set(value: object, message: Message, *names: str) -> None:
    message.SetInParent()
    write_given(value, message, *names)


def _write_params(params: CollectionParams, message: pb.CollectionParams) -> None:
    names = ("shard_number", *_REPLICATION, *_READ_FAN_OUT, "on_disk_payload")
    write_given(params, message, *names, sharding_method=SHARDING_METHODS)
    write_vectors_config(params, message.vectors_config)
    if params.sparse_vectors is not None:
        write_sparse_vectors(params.sparse_vectors, message.sparse_vectors_config)
    if params.payload is not None:
        message.payload.SetInParent()
        write_given(params.payload, message.payload, memory=MEMORIES)


def _write_strict_mode(config: StrictModeConfig, message: pb.StrictModeConfig) -> None:
    _write_set(config, message, *_STRICT_MODE)
    for name, bound in (config.multivector_config or {}).items():
        target = message.multivector_config.multivector_config[name]
        write_given(bound, target, "max_vectors")
    for name, length in (config.sparse_config or {}).items():
        write_given(length, message.sparse_config.sparse_config[name], "max_length")
