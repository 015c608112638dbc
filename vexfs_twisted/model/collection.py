"""Collections: their configuration, creation and update, description, and aliases."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeVar

import attrs
from attrs import frozen

from .collection_params import (
    Disabled,
    HnswConfig,
    HnswConfigDiff,
    OptimizersConfig,
    OptimizersConfigDiff,
    PayloadStorageParams,
    QuantizationConfig,
    ShardingMethod,
    SparseVectorParams,
    StrictModeConfig,
    VectorParams,
    VectorParamsDiff,
    WalConfig,
    WalConfigDiff,
)
from .errors import BadInput, NotSupported, unknown_vector
from .names import check_vector_name
from .payload_index import FieldInfo
from .reads import ReadRequest
from .validation import UInt32, bounded, validate
from .vectors import UNNAMED

JsonObject = Mapping[str, Any]


@frozen
class CreateCollection:
    """A request for a new collection. `vectors` maps "" to the unnamed vector.

    `unnamed_in_map`: the unnamed vector was declared as "" in a map.
    """

    vectors: Mapping[str, VectorParams] = attrs.field(factory=dict)
    unnamed_in_map: bool = False
    shard_number: UInt32 | None = bounded(1)
    sharding_method: ShardingMethod | None = None
    replication_factor: UInt32 | None = bounded(1)
    write_consistency_factor: UInt32 | None = bounded(1)
    on_disk_payload: bool | None = None
    payload: PayloadStorageParams | None = None
    hnsw_config: HnswConfigDiff | None = None
    wal_config: WalConfigDiff | None = None
    optimizers_config: OptimizersConfigDiff | None = None
    quantization_config: QuantizationConfig | None = None
    sparse_vectors: Mapping[str, SparseVectorParams] | None = None
    strict_mode_config: StrictModeConfig | None = None
    metadata: JsonObject | None = None


@frozen
class CollectionParamsDiff:
    """A change to the parameters of a collection."""

    replication_factor: UInt32 | None = bounded(1)
    write_consistency_factor: UInt32 | None = bounded(1)
    read_fan_out_factor: UInt32 | None = bounded(0)
    read_fan_out_delay_ms: int | None = bounded(0)
    on_disk_payload: bool | None = None
    payload: PayloadStorageParams | None = None


@frozen
class UpdateCollection:
    """A change to the configuration of a collection. None leaves a part unchanged."""

    vectors: Mapping[str, VectorParamsDiff] | None = None
    optimizers_config: OptimizersConfigDiff | None = None
    params: CollectionParamsDiff | None = None
    hnsw_config: HnswConfigDiff | None = None
    quantization_config: QuantizationConfig | Disabled | None = None
    sparse_vectors: Mapping[str, SparseVectorParams] | None = None
    strict_mode_config: StrictModeConfig | None = None
    metadata: JsonObject | None = None


@frozen
class CollectionParams:
    """The parameters of a collection as they are stored and echoed.

    A single unnamed vector is returned without a name, unless it was declared in a map.
    """

    vectors: Mapping[str, VectorParams] = attrs.field(factory=dict)
    unnamed_in_map: bool = False
    shard_number: int = 1
    sharding_method: ShardingMethod | None = None
    replication_factor: int = 1
    write_consistency_factor: int = 1
    read_fan_out_factor: int | None = None
    read_fan_out_delay_ms: int | None = None
    on_disk_payload: bool = True
    payload: PayloadStorageParams | None = None
    sparse_vectors: Mapping[str, SparseVectorParams] | None = None

    @property
    def is_single(self) -> bool:
        """Whether the only dense vector is unnamed, and was declared without a map."""
        return list(self.vectors) == [UNNAMED] and not self.unnamed_in_map


@frozen
class CollectionConfig:
    """The whole configuration of a collection."""

    params: CollectionParams = CollectionParams()
    hnsw_config: HnswConfig = HnswConfig()
    optimizer_config: OptimizersConfig = OptimizersConfig()
    wal_config: WalConfig = WalConfig()
    quantization_config: QuantizationConfig | None = None
    strict_mode_config: StrictModeConfig | None = None
    metadata: JsonObject | None = None


class CollectionStatus(Enum):
    """The status of the optimizer: idle, running, waiting, or failed."""

    GREEN = "green"
    YELLOW = "yellow"
    GREY = "grey"
    RED = "red"


@frozen
class CollectionInfo:
    """The description of a collection. `optimizer_error`: the error of its background work."""

    config: CollectionConfig
    points_count: int
    indexed_vectors_count: int
    segments_count: int
    status: CollectionStatus = CollectionStatus.GREEN
    optimizer_error: str | None = None
    update_queue_length: int = 0
    payload_schema: Mapping[str, FieldInfo] = attrs.field(factory=dict)


@frozen
class CollectionInfoRequest(ReadRequest[CollectionInfo]):
    """A request for the description of a collection."""


@frozen
class ClusterInfo:
    """The location of the single shard of a collection."""

    peer_id: int
    shard_count: int
    points_count: int


@frozen
class CreateAlias:
    """Make `alias_name` refer to a collection; replaces its earlier target."""

    collection_name: str
    alias_name: str


@frozen
class DeleteAlias:
    """Remove an alias; no-op if it does not exist."""

    alias_name: str


@frozen
class RenameAlias:
    """Rename an alias."""

    old_alias_name: str
    new_alias_name: str


AliasAction = CreateAlias | DeleteAlias | RenameAlias


@frozen
class Alias:
    """An alias of a collection."""

    alias_name: str
    collection_name: str


T = TypeVar("T", bound=attrs.AttrsInstance)

_OWN_PARAMS = (
    "shard_number",
    "sharding_method",
    "replication_factor",
    "write_consistency_factor",
    "on_disk_payload",
    "payload",
)


def merged(base: T, diff: attrs.AttrsInstance | None) -> T:
    """`base` with the fields that are set in `diff`, which has fields of the same names."""
    if diff is None:
        return base
    fields = attrs.fields(type(diff))
    changes = {f.name: v for f in fields if (v := getattr(diff, f.name)) is not None}
    return attrs.evolve(base, **changes)  # type: ignore[misc]


def new_config(request: CreateCollection, defaults: CollectionConfig) -> CollectionConfig:
    """The configuration of a new collection: `request` merged over the server's `defaults`.

    Raises ValidationError for values out of range, BadInput for invalid vector names, and
    NotSupported for settings without an effect.
    """
    validate(request)
    _check_effect(request)
    _check_vector_names(request)
    changes = {name: v for name in _OWN_PARAMS if (v := getattr(request, name)) is not None}
    params = attrs.evolve(
        defaults.params,
        vectors=dict(request.vectors),
        unnamed_in_map=request.unnamed_in_map,
        sparse_vectors=dict(request.sparse_vectors) if request.sparse_vectors else None,
        **changes,
    )
    return CollectionConfig(
        params=params,
        hnsw_config=merged(defaults.hnsw_config, request.hnsw_config),
        optimizer_config=_merged_optimizers(defaults.optimizer_config, request.optimizers_config),
        wal_config=merged(defaults.wal_config, request.wal_config),
        quantization_config=request.quantization_config or defaults.quantization_config,
        strict_mode_config=request.strict_mode_config or defaults.strict_mode_config,
        metadata=_merged_metadata(None, request.metadata),
    )


def changed_config(config: CollectionConfig, request: UpdateCollection) -> CollectionConfig:
    """`config` updated by `request`.

    Raises ValidationError, and BadInput for an unknown vector name.
    """
    validate(request)
    params = merged(config.params, request.params)
    vectors = _changed_vectors(params.vectors, request.vectors or {})
    sparse = _changed_sparse(params.sparse_vectors or {}, request.sparse_vectors or {})
    return CollectionConfig(
        params=attrs.evolve(params, vectors=vectors, sparse_vectors=sparse or None),
        hnsw_config=merged(config.hnsw_config, request.hnsw_config),
        optimizer_config=_merged_optimizers(config.optimizer_config, request.optimizers_config),
        wal_config=config.wal_config,
        quantization_config=_replaced(config.quantization_config, request.quantization_config),
        strict_mode_config=_merged_optional(config.strict_mode_config, request.strict_mode_config),
        metadata=_merged_metadata(config.metadata, request.metadata),
    )


def _check_effect(request: CreateCollection) -> None:
    """Raise NotSupported for a setting that would be echoed without any effect.

    Settings of memory placement and storage are hints, and are accepted.
    """
    if request.sharding_method is ShardingMethod.CUSTOM:
        raise NotSupported("Custom sharding (`sharding_method`) is not supported yet")


def _check_vector_names(request: CreateCollection) -> None:
    sparse = request.sparse_vectors or {}
    for name in request.vectors:
        check_vector_name(name)
    for name in sparse:
        check_vector_name(name, "sparse")
    if UNNAMED in sparse:
        raise BadInput("Sparse vector name cannot be empty")
    for name in sparse:
        if name in request.vectors:
            raise BadInput(
                f"Dense and sparse vector names must be unique - duplicate found with '{name}'"
            )


def _changed_vectors(
    vectors: Mapping[str, VectorParams], changes: Mapping[str, VectorParamsDiff]
) -> dict[str, VectorParams]:
    changed = dict(vectors)
    for name, diff in changes.items():
        old = vectors.get(name)
        if old is None:
            raise unknown_vector(name)
        plain = attrs.evolve(diff, hnsw_config=None, quantization_config=None)
        changed[name] = attrs.evolve(
            merged(old, plain),
            hnsw_config=_merged_optional(old.hnsw_config, diff.hnsw_config),
            quantization_config=_replaced(old.quantization_config, diff.quantization_config),
        )
    return changed


def _changed_sparse(
    vectors: Mapping[str, SparseVectorParams], changes: Mapping[str, SparseVectorParams]
) -> dict[str, SparseVectorParams]:
    changed = dict(vectors)
    for name, diff in changes.items():
        old = vectors.get(name)
        if old is None:
            raise unknown_vector(name)
        index = _merged_optional(old.index, diff.index)
        changed[name] = attrs.evolve(merged(old, attrs.evolve(diff, index=None)), index=index)
    return changed


def _merged_optimizers(
    base: OptimizersConfig, diff: OptimizersConfigDiff | None
) -> OptimizersConfig:
    if diff is not None and diff.max_optimization_threads == "auto":
        base = attrs.evolve(base, max_optimization_threads=None)
        diff = attrs.evolve(diff, max_optimization_threads=None)
    return merged(base, diff)


def _merged_optional(base: T | None, diff: T | None) -> T | None:
    return diff if base is None else merged(base, diff)


def _replaced(
    old: QuantizationConfig | None, new: QuantizationConfig | Disabled | None
) -> QuantizationConfig | None:
    if new is None:
        return old
    return None if isinstance(new, Disabled) else new


def _merged_metadata(old: JsonObject | None, new: JsonObject | None) -> JsonObject | None:
    """`old` merged with `new`, where null removes a member. Empty differs from never set."""
    if new is None:
        return old
    merged_members = {**(old or {}), **new}
    return {key: value for key, value in merged_members.items() if value is not None}
