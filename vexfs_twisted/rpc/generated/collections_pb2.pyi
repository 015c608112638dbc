"""collections.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

# ruff: noqa: F401
from builtins import bool as _bool
from builtins import bytes as _bytes
from builtins import float as _float
from builtins import int as _int
from builtins import str as _str
from collections.abc import Iterable, Mapping
from typing import Literal, type_check_only

from google.protobuf.descriptor import FileDescriptor
from google.protobuf.internal.containers import (
    MessageMap,
    RepeatedCompositeFieldContainer,
    RepeatedScalarFieldContainer,
)
from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from vexfs_twisted.rpc.generated import json_with_int_pb2
from vexfs_twisted.rpc.generated import qdrant_common_pb2

DESCRIPTOR: FileDescriptor

@type_check_only
class _Distance(_EnumTypeWrapper[_int]):
    UnknownDistance: _int
    Cosine: _int
    Euclid: _int
    Dot: _int
    Manhattan: _int
    COSINE: _int
    EUCLIDEAN: _int
    DOT: _int
    MANHATTAN: _int

Distance: _Distance
UnknownDistance: _int
Cosine: _int
Euclid: _int
Dot: _int
Manhattan: _int
COSINE: _int
EUCLIDEAN: _int
DOT: _int
MANHATTAN: _int

@type_check_only
class _Datatype(_EnumTypeWrapper[_int]):
    Default: _int
    Float32: _int
    Uint8: _int
    Float16: _int
    Turbo4: _int
    Turbo8: _int
    Turbo16: _int

Datatype: _Datatype
Default: _int
Float32: _int
Uint8: _int
Float16: _int
Turbo4: _int
Turbo8: _int
Turbo16: _int

@type_check_only
class _Memory(_EnumTypeWrapper[_int]):
    MemoryUnknown: _int
    Cold: _int
    Cached: _int
    Pinned: _int

Memory: _Memory
MemoryUnknown: _int
Cold: _int
Cached: _int
Pinned: _int

@type_check_only
class _MultiVectorComparator(_EnumTypeWrapper[_int]):
    MaxSim: _int

MultiVectorComparator: _MultiVectorComparator
MaxSim: _int

@type_check_only
class _Modifier(_EnumTypeWrapper[_int]):
    Idf: _int

Modifier: _Modifier
Idf: _int

@type_check_only
class _QuantizationType(_EnumTypeWrapper[_int]):
    UnknownQuantization: _int
    Int8: _int

QuantizationType: _QuantizationType
UnknownQuantization: _int
Int8: _int

@type_check_only
class _CompressionRatio(_EnumTypeWrapper[_int]):
    x4: _int
    x8: _int
    x16: _int
    x32: _int
    x64: _int

CompressionRatio: _CompressionRatio
x4: _int
x8: _int
x16: _int
x32: _int
x64: _int

@type_check_only
class _BinaryQuantizationEncoding(_EnumTypeWrapper[_int]):
    OneBit: _int
    TwoBits: _int
    OneAndHalfBits: _int

BinaryQuantizationEncoding: _BinaryQuantizationEncoding
OneBit: _int
TwoBits: _int
OneAndHalfBits: _int

@type_check_only
class _TurboQuantBitSize(_EnumTypeWrapper[_int]):
    Bits1: _int
    Bits1_5: _int
    Bits2: _int
    Bits4: _int
    Bits8: _int

TurboQuantBitSize: _TurboQuantBitSize
Bits1: _int
Bits1_5: _int
Bits2: _int
Bits4: _int
Bits8: _int

@type_check_only
class _PayloadSchemaType(_EnumTypeWrapper[_int]):
    UnknownType: _int
    Keyword: _int
    Integer: _int
    Float: _int
    Geo: _int
    Text: _int
    Bool: _int
    Datetime: _int
    Uuid: _int

PayloadSchemaType: _PayloadSchemaType
UnknownType: _int
Keyword: _int
Integer: _int
Float: _int
Geo: _int
Text: _int
Bool: _int
Datetime: _int
Uuid: _int

@type_check_only
class _TokenizerType(_EnumTypeWrapper[_int]):
    Unknown: _int
    Prefix: _int
    Whitespace: _int
    Word: _int
    Multilingual: _int
    Code: _int

TokenizerType: _TokenizerType
Unknown: _int
Prefix: _int
Whitespace: _int
Word: _int
Multilingual: _int
Code: _int

@type_check_only
class _TextScoringType(_EnumTypeWrapper[_int]):
    Bm25: _int

TextScoringType: _TextScoringType
Bm25: _int

@type_check_only
class _ShardingMethod(_EnumTypeWrapper[_int]):
    Auto: _int
    Custom: _int

ShardingMethod: _ShardingMethod
Auto: _int
Custom: _int

@type_check_only
class _CollectionStatus(_EnumTypeWrapper[_int]):
    UnknownCollectionStatus: _int
    Green: _int
    Yellow: _int
    Red: _int
    Grey: _int

CollectionStatus: _CollectionStatus
UnknownCollectionStatus: _int
Green: _int
Yellow: _int
Red: _int
Grey: _int

@type_check_only
class _ReplicaState(_EnumTypeWrapper[_int]):
    Active: _int
    Dead: _int
    Partial: _int
    Initializing: _int
    Listener: _int
    PartialSnapshot: _int
    Recovery: _int
    Resharding: _int
    ReshardingScaleDown: _int
    ActiveRead: _int
    ManualRecovery: _int

ReplicaState: _ReplicaState
Active: _int
Dead: _int
Partial: _int
Initializing: _int
Listener: _int
PartialSnapshot: _int
Recovery: _int
Resharding: _int
ReshardingScaleDown: _int
ActiveRead: _int
ManualRecovery: _int

@type_check_only
class _ReshardingDirection(_EnumTypeWrapper[_int]):
    Up: _int
    Down: _int

ReshardingDirection: _ReshardingDirection
Up: _int
Down: _int

@type_check_only
class _ShardTransferMethod(_EnumTypeWrapper[_int]):
    StreamRecords: _int
    Snapshot: _int
    WalDelta: _int
    ReshardingStreamRecords: _int

ShardTransferMethod: _ShardTransferMethod
StreamRecords: _int
Snapshot: _int
WalDelta: _int
ReshardingStreamRecords: _int

class VectorParams(Message):
    size: _int
    distance: _int
    hnsw_config: HnswConfigDiff
    quantization_config: QuantizationConfig
    on_disk: _bool
    datatype: _int
    multivector_config: MultiVectorConfig
    memory: _int
    def __init__(
        self,
        *,
        size: _int | None = None,
        distance: _int | None = None,
        hnsw_config: HnswConfigDiff | None = None,
        quantization_config: QuantizationConfig | None = None,
        on_disk: _bool | None = None,
        datatype: _int | None = None,
        multivector_config: MultiVectorConfig | None = None,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "hnsw_config",
            "quantization_config",
            "on_disk",
            "datatype",
            "multivector_config",
            "memory",
        ],
    ) -> _bool: ...

class VectorParamsDiff(Message):
    hnsw_config: HnswConfigDiff
    quantization_config: QuantizationConfigDiff
    on_disk: _bool
    memory: _int
    def __init__(
        self,
        *,
        hnsw_config: HnswConfigDiff | None = None,
        quantization_config: QuantizationConfigDiff | None = None,
        on_disk: _bool | None = None,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "hnsw_config",
            "quantization_config",
            "on_disk",
            "memory",
        ],
    ) -> _bool: ...

class VectorParamsMap(Message):
    map: MessageMap[_str, VectorParams]
    def __init__(
        self,
        *,
        map: Mapping[_str, VectorParams] | None = None,
    ) -> None: ...

class VectorParamsDiffMap(Message):
    map: MessageMap[_str, VectorParamsDiff]
    def __init__(
        self,
        *,
        map: Mapping[_str, VectorParamsDiff] | None = None,
    ) -> None: ...

class VectorsConfig(Message):
    params: VectorParams
    params_map: VectorParamsMap
    def __init__(
        self,
        *,
        params: VectorParams | None = None,
        params_map: VectorParamsMap | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "params",
            "params_map",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["config"],
    ) -> Literal[
        "params",
        "params_map",
    ] | None: ...

class VectorsConfigDiff(Message):
    params: VectorParamsDiff
    params_map: VectorParamsDiffMap
    def __init__(
        self,
        *,
        params: VectorParamsDiff | None = None,
        params_map: VectorParamsDiffMap | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "params",
            "params_map",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["config"],
    ) -> Literal[
        "params",
        "params_map",
    ] | None: ...

class MultiVectorConfig(Message):
    comparator: _int
    def __init__(
        self,
        *,
        comparator: _int | None = None,
    ) -> None: ...

class SparseVectorParams(Message):
    index: SparseIndexConfig
    modifier: _int
    def __init__(
        self,
        *,
        index: SparseIndexConfig | None = None,
        modifier: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "index",
            "modifier",
        ],
    ) -> _bool: ...

class SparseVectorConfig(Message):
    map: MessageMap[_str, SparseVectorParams]
    def __init__(
        self,
        *,
        map: Mapping[_str, SparseVectorParams] | None = None,
    ) -> None: ...

class SparseIndexConfig(Message):
    full_scan_threshold: _int
    on_disk: _bool
    datatype: _int
    memory: _int
    def __init__(
        self,
        *,
        full_scan_threshold: _int | None = None,
        on_disk: _bool | None = None,
        datatype: _int | None = None,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "full_scan_threshold",
            "on_disk",
            "datatype",
            "memory",
        ],
    ) -> _bool: ...

class HnswConfigDiff(Message):
    m: _int
    ef_construct: _int
    full_scan_threshold: _int
    max_indexing_threads: _int
    on_disk: _bool
    payload_m: _int
    inline_storage: _bool
    memory: _int
    def __init__(
        self,
        *,
        m: _int | None = None,
        ef_construct: _int | None = None,
        full_scan_threshold: _int | None = None,
        max_indexing_threads: _int | None = None,
        on_disk: _bool | None = None,
        payload_m: _int | None = None,
        inline_storage: _bool | None = None,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "m",
            "ef_construct",
            "full_scan_threshold",
            "max_indexing_threads",
            "on_disk",
            "payload_m",
            "inline_storage",
            "memory",
        ],
    ) -> _bool: ...

class WalConfigDiff(Message):
    wal_capacity_mb: _int
    wal_segments_ahead: _int
    wal_retain_closed: _int
    def __init__(
        self,
        *,
        wal_capacity_mb: _int | None = None,
        wal_segments_ahead: _int | None = None,
        wal_retain_closed: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wal_capacity_mb",
            "wal_segments_ahead",
            "wal_retain_closed",
        ],
    ) -> _bool: ...

class OptimizersConfigDiff(Message):
    deleted_threshold: _float
    vacuum_min_vector_number: _int
    default_segment_number: _int
    max_segment_size: _int
    memmap_threshold: _int
    indexing_threshold: _int
    flush_interval_sec: _int
    deprecated_max_optimization_threads: _int
    max_optimization_threads: MaxOptimizationThreads
    prevent_unoptimized: _bool
    def __init__(
        self,
        *,
        deleted_threshold: _float | None = None,
        vacuum_min_vector_number: _int | None = None,
        default_segment_number: _int | None = None,
        max_segment_size: _int | None = None,
        memmap_threshold: _int | None = None,
        indexing_threshold: _int | None = None,
        flush_interval_sec: _int | None = None,
        deprecated_max_optimization_threads: _int | None = None,
        max_optimization_threads: MaxOptimizationThreads | None = None,
        prevent_unoptimized: _bool | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "deleted_threshold",
            "vacuum_min_vector_number",
            "default_segment_number",
            "max_segment_size",
            "memmap_threshold",
            "indexing_threshold",
            "flush_interval_sec",
            "deprecated_max_optimization_threads",
            "max_optimization_threads",
            "prevent_unoptimized",
        ],
    ) -> _bool: ...

class MaxOptimizationThreads(Message):

    @type_check_only
    class _Setting(_EnumTypeWrapper[_int]):
        Auto: _int

    Setting: _Setting
    Auto: _int
    value: _int
    setting: _int
    def __init__(
        self,
        *,
        value: _int | None = None,
        setting: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "value",
            "setting",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["variant"],
    ) -> Literal[
        "value",
        "setting",
    ] | None: ...

class ScalarQuantization(Message):
    type: _int
    quantile: _float
    always_ram: _bool
    memory: _int
    def __init__(
        self,
        *,
        type: _int | None = None,
        quantile: _float | None = None,
        always_ram: _bool | None = None,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "quantile",
            "always_ram",
            "memory",
        ],
    ) -> _bool: ...

class ProductQuantization(Message):
    compression: _int
    always_ram: _bool
    memory: _int
    def __init__(
        self,
        *,
        compression: _int | None = None,
        always_ram: _bool | None = None,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "always_ram",
            "memory",
        ],
    ) -> _bool: ...

class BinaryQuantization(Message):
    always_ram: _bool
    encoding: _int
    query_encoding: BinaryQuantizationQueryEncoding
    memory: _int
    def __init__(
        self,
        *,
        always_ram: _bool | None = None,
        encoding: _int | None = None,
        query_encoding: BinaryQuantizationQueryEncoding | None = None,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "always_ram",
            "encoding",
            "query_encoding",
            "memory",
        ],
    ) -> _bool: ...

class BinaryQuantizationQueryEncoding(Message):

    @type_check_only
    class _Setting(_EnumTypeWrapper[_int]):
        Default: _int
        Binary: _int
        Scalar4Bits: _int
        Scalar8Bits: _int

    Setting: _Setting
    Default: _int
    Binary: _int
    Scalar4Bits: _int
    Scalar8Bits: _int
    setting: _int
    def __init__(
        self,
        *,
        setting: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "setting",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["variant"],
    ) -> Literal[
        "setting",
    ] | None: ...

class TurboQuantization(Message):
    always_ram: _bool
    bits: _int
    memory: _int
    def __init__(
        self,
        *,
        always_ram: _bool | None = None,
        bits: _int | None = None,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "always_ram",
            "bits",
            "memory",
        ],
    ) -> _bool: ...

class QuantizationConfig(Message):
    scalar: ScalarQuantization
    product: ProductQuantization
    binary: BinaryQuantization
    turboquant: TurboQuantization
    def __init__(
        self,
        *,
        scalar: ScalarQuantization | None = None,
        product: ProductQuantization | None = None,
        binary: BinaryQuantization | None = None,
        turboquant: TurboQuantization | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "scalar",
            "product",
            "binary",
            "turboquant",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["quantization"],
    ) -> Literal[
        "scalar",
        "product",
        "binary",
        "turboquant",
    ] | None: ...

class QuantizationConfigDiff(Message):
    scalar: ScalarQuantization
    product: ProductQuantization
    disabled: Disabled
    binary: BinaryQuantization
    turboquant: TurboQuantization
    def __init__(
        self,
        *,
        scalar: ScalarQuantization | None = None,
        product: ProductQuantization | None = None,
        disabled: Disabled | None = None,
        binary: BinaryQuantization | None = None,
        turboquant: TurboQuantization | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "scalar",
            "product",
            "disabled",
            "binary",
            "turboquant",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["quantization"],
    ) -> Literal[
        "scalar",
        "product",
        "disabled",
        "binary",
        "turboquant",
    ] | None: ...

class Disabled(Message):
    def __init__(
        self,
    ) -> None: ...

class StrictModeConfig(Message):
    enabled: _bool
    max_query_limit: _int
    max_timeout: _int
    unindexed_filtering_retrieve: _bool
    unindexed_filtering_update: _bool
    search_max_hnsw_ef: _int
    search_allow_exact: _bool
    search_max_oversampling: _float
    upsert_max_batchsize: _int
    search_max_batchsize: _int
    max_collection_vector_size_bytes: _int
    read_rate_limit: _int
    write_rate_limit: _int
    max_collection_payload_size_bytes: _int
    filter_max_conditions: _int
    condition_max_size: _int
    multivector_config: StrictModeMultivectorConfig
    sparse_config: StrictModeSparseConfig
    max_points_count: _int
    max_payload_index_count: _int
    max_resident_memory_percent: _int
    def __init__(
        self,
        *,
        enabled: _bool | None = None,
        max_query_limit: _int | None = None,
        max_timeout: _int | None = None,
        unindexed_filtering_retrieve: _bool | None = None,
        unindexed_filtering_update: _bool | None = None,
        search_max_hnsw_ef: _int | None = None,
        search_allow_exact: _bool | None = None,
        search_max_oversampling: _float | None = None,
        upsert_max_batchsize: _int | None = None,
        search_max_batchsize: _int | None = None,
        max_collection_vector_size_bytes: _int | None = None,
        read_rate_limit: _int | None = None,
        write_rate_limit: _int | None = None,
        max_collection_payload_size_bytes: _int | None = None,
        filter_max_conditions: _int | None = None,
        condition_max_size: _int | None = None,
        multivector_config: StrictModeMultivectorConfig | None = None,
        sparse_config: StrictModeSparseConfig | None = None,
        max_points_count: _int | None = None,
        max_payload_index_count: _int | None = None,
        max_resident_memory_percent: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
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
            "filter_max_conditions",
            "condition_max_size",
            "multivector_config",
            "sparse_config",
            "max_points_count",
            "max_payload_index_count",
            "max_resident_memory_percent",
        ],
    ) -> _bool: ...

class StrictModeSparseConfig(Message):
    sparse_config: MessageMap[_str, StrictModeSparse]
    def __init__(
        self,
        *,
        sparse_config: Mapping[_str, StrictModeSparse] | None = None,
    ) -> None: ...

class StrictModeSparse(Message):
    max_length: _int
    def __init__(
        self,
        *,
        max_length: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "max_length",
        ],
    ) -> _bool: ...

class StrictModeMultivectorConfig(Message):
    multivector_config: MessageMap[_str, StrictModeMultivector]
    def __init__(
        self,
        *,
        multivector_config: Mapping[_str, StrictModeMultivector] | None = None,
    ) -> None: ...

class StrictModeMultivector(Message):
    max_vectors: _int
    def __init__(
        self,
        *,
        max_vectors: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "max_vectors",
        ],
    ) -> _bool: ...

class KeywordIndexParams(Message):
    is_tenant: _bool
    on_disk: _bool
    enable_hnsw: _bool
    prefix: KeywordPrefixParams
    memory: _int
    nested: _str
    def __init__(
        self,
        *,
        is_tenant: _bool | None = None,
        on_disk: _bool | None = None,
        enable_hnsw: _bool | None = None,
        prefix: KeywordPrefixParams | None = None,
        memory: _int | None = None,
        nested: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "is_tenant",
            "on_disk",
            "enable_hnsw",
            "prefix",
            "memory",
            "nested",
        ],
    ) -> _bool: ...

class KeywordPrefixParams(Message):
    def __init__(
        self,
    ) -> None: ...

class IntegerIndexParams(Message):
    lookup: _bool
    range: _bool
    is_principal: _bool
    on_disk: _bool
    enable_hnsw: _bool
    memory: _int
    nested: _str
    def __init__(
        self,
        *,
        lookup: _bool | None = None,
        range: _bool | None = None,
        is_principal: _bool | None = None,
        on_disk: _bool | None = None,
        enable_hnsw: _bool | None = None,
        memory: _int | None = None,
        nested: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "lookup",
            "range",
            "is_principal",
            "on_disk",
            "enable_hnsw",
            "memory",
            "nested",
        ],
    ) -> _bool: ...

class FloatIndexParams(Message):
    on_disk: _bool
    is_principal: _bool
    enable_hnsw: _bool
    memory: _int
    nested: _str
    def __init__(
        self,
        *,
        on_disk: _bool | None = None,
        is_principal: _bool | None = None,
        enable_hnsw: _bool | None = None,
        memory: _int | None = None,
        nested: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "on_disk",
            "is_principal",
            "enable_hnsw",
            "memory",
            "nested",
        ],
    ) -> _bool: ...

class GeoIndexParams(Message):
    on_disk: _bool
    enable_hnsw: _bool
    memory: _int
    nested: _str
    def __init__(
        self,
        *,
        on_disk: _bool | None = None,
        enable_hnsw: _bool | None = None,
        memory: _int | None = None,
        nested: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "on_disk",
            "enable_hnsw",
            "memory",
            "nested",
        ],
    ) -> _bool: ...

class TextIndexParams(Message):
    tokenizer: _int
    lowercase: _bool
    min_token_len: _int
    max_token_len: _int
    on_disk: _bool
    stopwords: StopwordsSet
    phrase_matching: _bool
    stemmer: StemmingAlgorithm
    ascii_folding: _bool
    enable_hnsw: _bool
    memory: _int
    scoring: TextScoringParams
    nested: _str
    def __init__(
        self,
        *,
        tokenizer: _int | None = None,
        lowercase: _bool | None = None,
        min_token_len: _int | None = None,
        max_token_len: _int | None = None,
        on_disk: _bool | None = None,
        stopwords: StopwordsSet | None = None,
        phrase_matching: _bool | None = None,
        stemmer: StemmingAlgorithm | None = None,
        ascii_folding: _bool | None = None,
        enable_hnsw: _bool | None = None,
        memory: _int | None = None,
        scoring: TextScoringParams | None = None,
        nested: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "lowercase",
            "min_token_len",
            "max_token_len",
            "on_disk",
            "stopwords",
            "phrase_matching",
            "stemmer",
            "ascii_folding",
            "enable_hnsw",
            "memory",
            "scoring",
            "nested",
        ],
    ) -> _bool: ...

class StopwordsSet(Message):
    languages: RepeatedScalarFieldContainer[_str]
    custom: RepeatedScalarFieldContainer[_str]
    def __init__(
        self,
        *,
        languages: Iterable[_str] | None = None,
        custom: Iterable[_str] | None = None,
    ) -> None: ...

class TextScoringParams(Message):
    type: _int
    def __init__(
        self,
        *,
        type: _int | None = None,
    ) -> None: ...

class StemmingAlgorithm(Message):
    snowball: SnowballParams
    disabled: DisabledStemmer
    def __init__(
        self,
        *,
        snowball: SnowballParams | None = None,
        disabled: DisabledStemmer | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "snowball",
            "disabled",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["stemming_params"],
    ) -> Literal[
        "snowball",
        "disabled",
    ] | None: ...

class SnowballParams(Message):
    language: _str
    def __init__(
        self,
        *,
        language: _str | None = None,
    ) -> None: ...

class DisabledStemmer(Message):
    def __init__(
        self,
    ) -> None: ...

class BoolIndexParams(Message):
    on_disk: _bool
    enable_hnsw: _bool
    memory: _int
    nested: _str
    def __init__(
        self,
        *,
        on_disk: _bool | None = None,
        enable_hnsw: _bool | None = None,
        memory: _int | None = None,
        nested: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "on_disk",
            "enable_hnsw",
            "memory",
            "nested",
        ],
    ) -> _bool: ...

class DatetimeIndexParams(Message):
    on_disk: _bool
    is_principal: _bool
    enable_hnsw: _bool
    memory: _int
    nested: _str
    def __init__(
        self,
        *,
        on_disk: _bool | None = None,
        is_principal: _bool | None = None,
        enable_hnsw: _bool | None = None,
        memory: _int | None = None,
        nested: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "on_disk",
            "is_principal",
            "enable_hnsw",
            "memory",
            "nested",
        ],
    ) -> _bool: ...

class UuidIndexParams(Message):
    is_tenant: _bool
    on_disk: _bool
    enable_hnsw: _bool
    memory: _int
    nested: _str
    def __init__(
        self,
        *,
        is_tenant: _bool | None = None,
        on_disk: _bool | None = None,
        enable_hnsw: _bool | None = None,
        memory: _int | None = None,
        nested: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "is_tenant",
            "on_disk",
            "enable_hnsw",
            "memory",
            "nested",
        ],
    ) -> _bool: ...

class PayloadIndexParams(Message):
    keyword_index_params: KeywordIndexParams
    integer_index_params: IntegerIndexParams
    float_index_params: FloatIndexParams
    geo_index_params: GeoIndexParams
    text_index_params: TextIndexParams
    bool_index_params: BoolIndexParams
    datetime_index_params: DatetimeIndexParams
    uuid_index_params: UuidIndexParams
    def __init__(
        self,
        *,
        keyword_index_params: KeywordIndexParams | None = None,
        integer_index_params: IntegerIndexParams | None = None,
        float_index_params: FloatIndexParams | None = None,
        geo_index_params: GeoIndexParams | None = None,
        text_index_params: TextIndexParams | None = None,
        bool_index_params: BoolIndexParams | None = None,
        datetime_index_params: DatetimeIndexParams | None = None,
        uuid_index_params: UuidIndexParams | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "keyword_index_params",
            "integer_index_params",
            "float_index_params",
            "geo_index_params",
            "text_index_params",
            "bool_index_params",
            "datetime_index_params",
            "uuid_index_params",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["index_params"],
    ) -> Literal[
        "keyword_index_params",
        "integer_index_params",
        "float_index_params",
        "geo_index_params",
        "text_index_params",
        "bool_index_params",
        "datetime_index_params",
        "uuid_index_params",
    ] | None: ...

class PayloadSchemaInfo(Message):
    data_type: _int
    params: PayloadIndexParams
    points: _int
    def __init__(
        self,
        *,
        data_type: _int | None = None,
        params: PayloadIndexParams | None = None,
        points: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "params",
            "points",
        ],
    ) -> _bool: ...

class PayloadStorageParams(Message):
    memory: _int
    def __init__(
        self,
        *,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "memory",
        ],
    ) -> _bool: ...

class IdTrackerParams(Message):
    memory: _int
    def __init__(
        self,
        *,
        memory: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "memory",
        ],
    ) -> _bool: ...

class CreateCollection(Message):
    collection_name: _str
    hnsw_config: HnswConfigDiff
    wal_config: WalConfigDiff
    optimizers_config: OptimizersConfigDiff
    shard_number: _int
    on_disk_payload: _bool
    timeout: _int
    vectors_config: VectorsConfig
    replication_factor: _int
    write_consistency_factor: _int
    quantization_config: QuantizationConfig
    sharding_method: _int
    sparse_vectors_config: SparseVectorConfig
    strict_mode_config: StrictModeConfig
    metadata: MessageMap[_str, json_with_int_pb2.Value]
    payload: PayloadStorageParams
    id_tracker: IdTrackerParams
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        hnsw_config: HnswConfigDiff | None = None,
        wal_config: WalConfigDiff | None = None,
        optimizers_config: OptimizersConfigDiff | None = None,
        shard_number: _int | None = None,
        on_disk_payload: _bool | None = None,
        timeout: _int | None = None,
        vectors_config: VectorsConfig | None = None,
        replication_factor: _int | None = None,
        write_consistency_factor: _int | None = None,
        quantization_config: QuantizationConfig | None = None,
        sharding_method: _int | None = None,
        sparse_vectors_config: SparseVectorConfig | None = None,
        strict_mode_config: StrictModeConfig | None = None,
        metadata: Mapping[_str, json_with_int_pb2.Value] | None = None,
        payload: PayloadStorageParams | None = None,
        id_tracker: IdTrackerParams | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "hnsw_config",
            "wal_config",
            "optimizers_config",
            "shard_number",
            "on_disk_payload",
            "timeout",
            "vectors_config",
            "replication_factor",
            "write_consistency_factor",
            "quantization_config",
            "sharding_method",
            "sparse_vectors_config",
            "strict_mode_config",
            "payload",
            "id_tracker",
        ],
    ) -> _bool: ...

class UpdateCollection(Message):
    collection_name: _str
    optimizers_config: OptimizersConfigDiff
    timeout: _int
    params: CollectionParamsDiff
    hnsw_config: HnswConfigDiff
    vectors_config: VectorsConfigDiff
    quantization_config: QuantizationConfigDiff
    sparse_vectors_config: SparseVectorConfig
    strict_mode_config: StrictModeConfig
    metadata: MessageMap[_str, json_with_int_pb2.Value]
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        optimizers_config: OptimizersConfigDiff | None = None,
        timeout: _int | None = None,
        params: CollectionParamsDiff | None = None,
        hnsw_config: HnswConfigDiff | None = None,
        vectors_config: VectorsConfigDiff | None = None,
        quantization_config: QuantizationConfigDiff | None = None,
        sparse_vectors_config: SparseVectorConfig | None = None,
        strict_mode_config: StrictModeConfig | None = None,
        metadata: Mapping[_str, json_with_int_pb2.Value] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "optimizers_config",
            "timeout",
            "params",
            "hnsw_config",
            "vectors_config",
            "quantization_config",
            "sparse_vectors_config",
            "strict_mode_config",
        ],
    ) -> _bool: ...

class DeleteCollection(Message):
    collection_name: _str
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "timeout",
        ],
    ) -> _bool: ...

class CollectionOperationResponse(Message):
    result: _bool
    time: _float
    def __init__(
        self,
        *,
        result: _bool | None = None,
        time: _float | None = None,
    ) -> None: ...

class CollectionParams(Message):
    shard_number: _int
    on_disk_payload: _bool
    vectors_config: VectorsConfig
    replication_factor: _int
    write_consistency_factor: _int
    read_fan_out_factor: _int
    sharding_method: _int
    sparse_vectors_config: SparseVectorConfig
    read_fan_out_delay_ms: _int
    payload: PayloadStorageParams
    id_tracker: IdTrackerParams
    def __init__(
        self,
        *,
        shard_number: _int | None = None,
        on_disk_payload: _bool | None = None,
        vectors_config: VectorsConfig | None = None,
        replication_factor: _int | None = None,
        write_consistency_factor: _int | None = None,
        read_fan_out_factor: _int | None = None,
        sharding_method: _int | None = None,
        sparse_vectors_config: SparseVectorConfig | None = None,
        read_fan_out_delay_ms: _int | None = None,
        payload: PayloadStorageParams | None = None,
        id_tracker: IdTrackerParams | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "vectors_config",
            "replication_factor",
            "write_consistency_factor",
            "read_fan_out_factor",
            "sharding_method",
            "sparse_vectors_config",
            "read_fan_out_delay_ms",
            "payload",
            "id_tracker",
        ],
    ) -> _bool: ...

class CollectionParamsDiff(Message):
    replication_factor: _int
    write_consistency_factor: _int
    on_disk_payload: _bool
    read_fan_out_factor: _int
    read_fan_out_delay_ms: _int
    payload: PayloadStorageParams
    id_tracker: IdTrackerParams
    def __init__(
        self,
        *,
        replication_factor: _int | None = None,
        write_consistency_factor: _int | None = None,
        on_disk_payload: _bool | None = None,
        read_fan_out_factor: _int | None = None,
        read_fan_out_delay_ms: _int | None = None,
        payload: PayloadStorageParams | None = None,
        id_tracker: IdTrackerParams | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "replication_factor",
            "write_consistency_factor",
            "on_disk_payload",
            "read_fan_out_factor",
            "read_fan_out_delay_ms",
            "payload",
            "id_tracker",
        ],
    ) -> _bool: ...

class CollectionConfig(Message):
    params: CollectionParams
    hnsw_config: HnswConfigDiff
    optimizer_config: OptimizersConfigDiff
    wal_config: WalConfigDiff
    quantization_config: QuantizationConfig
    strict_mode_config: StrictModeConfig
    metadata: MessageMap[_str, json_with_int_pb2.Value]
    def __init__(
        self,
        *,
        params: CollectionParams | None = None,
        hnsw_config: HnswConfigDiff | None = None,
        optimizer_config: OptimizersConfigDiff | None = None,
        wal_config: WalConfigDiff | None = None,
        quantization_config: QuantizationConfig | None = None,
        strict_mode_config: StrictModeConfig | None = None,
        metadata: Mapping[_str, json_with_int_pb2.Value] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "params",
            "hnsw_config",
            "optimizer_config",
            "wal_config",
            "quantization_config",
            "strict_mode_config",
        ],
    ) -> _bool: ...

class GetCollectionInfoRequest(Message):
    collection_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
    ) -> None: ...

class GetCollectionInfoResponse(Message):
    result: CollectionInfo
    time: _float
    def __init__(
        self,
        *,
        result: CollectionInfo | None = None,
        time: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
        ],
    ) -> _bool: ...

class CollectionInfo(Message):
    status: _int
    optimizer_status: OptimizerStatus
    segments_count: _int
    config: CollectionConfig
    payload_schema: MessageMap[_str, PayloadSchemaInfo]
    points_count: _int
    indexed_vectors_count: _int
    warnings: RepeatedCompositeFieldContainer[CollectionWarning]
    update_queue: UpdateQueueInfo
    created_at: Timestamp
    def __init__(
        self,
        *,
        status: _int | None = None,
        optimizer_status: OptimizerStatus | None = None,
        segments_count: _int | None = None,
        config: CollectionConfig | None = None,
        payload_schema: Mapping[_str, PayloadSchemaInfo] | None = None,
        points_count: _int | None = None,
        indexed_vectors_count: _int | None = None,
        warnings: Iterable[CollectionWarning] | None = None,
        update_queue: UpdateQueueInfo | None = None,
        created_at: Timestamp | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "optimizer_status",
            "config",
            "points_count",
            "indexed_vectors_count",
            "update_queue",
            "created_at",
        ],
    ) -> _bool: ...

class OptimizerStatus(Message):
    ok: _bool
    error: _str
    def __init__(
        self,
        *,
        ok: _bool | None = None,
        error: _str | None = None,
    ) -> None: ...

class CollectionWarning(Message):
    message: _str
    def __init__(
        self,
        *,
        message: _str | None = None,
    ) -> None: ...

class UpdateQueueInfo(Message):
    length: _int
    deferred_points: _int
    def __init__(
        self,
        *,
        length: _int | None = None,
        deferred_points: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "deferred_points",
        ],
    ) -> _bool: ...

class CollectionExistsRequest(Message):
    collection_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
    ) -> None: ...

class CollectionExists(Message):
    exists: _bool
    def __init__(
        self,
        *,
        exists: _bool | None = None,
    ) -> None: ...

class CollectionExistsResponse(Message):
    result: CollectionExists
    time: _float
    def __init__(
        self,
        *,
        result: CollectionExists | None = None,
        time: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
        ],
    ) -> _bool: ...

class ListCollectionsRequest(Message):
    def __init__(
        self,
    ) -> None: ...

class CollectionDescription(Message):
    name: _str
    def __init__(
        self,
        *,
        name: _str | None = None,
    ) -> None: ...

class ListCollectionsResponse(Message):
    collections: RepeatedCompositeFieldContainer[CollectionDescription]
    time: _float
    def __init__(
        self,
        *,
        collections: Iterable[CollectionDescription] | None = None,
        time: _float | None = None,
    ) -> None: ...

class ChangeAliases(Message):
    actions: RepeatedCompositeFieldContainer[AliasOperations]
    timeout: _int
    def __init__(
        self,
        *,
        actions: Iterable[AliasOperations] | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "timeout",
        ],
    ) -> _bool: ...

class AliasOperations(Message):
    create_alias: CreateAlias
    rename_alias: RenameAlias
    delete_alias: DeleteAlias
    def __init__(
        self,
        *,
        create_alias: CreateAlias | None = None,
        rename_alias: RenameAlias | None = None,
        delete_alias: DeleteAlias | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "create_alias",
            "rename_alias",
            "delete_alias",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["action"],
    ) -> Literal[
        "create_alias",
        "rename_alias",
        "delete_alias",
    ] | None: ...

class CreateAlias(Message):
    collection_name: _str
    alias_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        alias_name: _str | None = None,
    ) -> None: ...

class RenameAlias(Message):
    old_alias_name: _str
    new_alias_name: _str
    def __init__(
        self,
        *,
        old_alias_name: _str | None = None,
        new_alias_name: _str | None = None,
    ) -> None: ...

class DeleteAlias(Message):
    alias_name: _str
    def __init__(
        self,
        *,
        alias_name: _str | None = None,
    ) -> None: ...

class ListAliasesRequest(Message):
    def __init__(
        self,
    ) -> None: ...

class ListCollectionAliasesRequest(Message):
    collection_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
    ) -> None: ...

class AliasDescription(Message):
    alias_name: _str
    collection_name: _str
    def __init__(
        self,
        *,
        alias_name: _str | None = None,
        collection_name: _str | None = None,
    ) -> None: ...

class ListAliasesResponse(Message):
    aliases: RepeatedCompositeFieldContainer[AliasDescription]
    time: _float
    def __init__(
        self,
        *,
        aliases: Iterable[AliasDescription] | None = None,
        time: _float | None = None,
    ) -> None: ...

class ShardKey(Message):
    keyword: _str
    number: _int
    def __init__(
        self,
        *,
        keyword: _str | None = None,
        number: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "keyword",
            "number",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["key"],
    ) -> Literal[
        "keyword",
        "number",
    ] | None: ...

class CollectionClusterInfoRequest(Message):
    collection_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
    ) -> None: ...

class CollectionClusterInfoResponse(Message):
    peer_id: _int
    shard_count: _int
    local_shards: RepeatedCompositeFieldContainer[LocalShardInfo]
    remote_shards: RepeatedCompositeFieldContainer[RemoteShardInfo]
    shard_transfers: RepeatedCompositeFieldContainer[ShardTransferInfo]
    resharding_operations: RepeatedCompositeFieldContainer[ReshardingInfo]
    time: _float
    def __init__(
        self,
        *,
        peer_id: _int | None = None,
        shard_count: _int | None = None,
        local_shards: Iterable[LocalShardInfo] | None = None,
        remote_shards: Iterable[RemoteShardInfo] | None = None,
        shard_transfers: Iterable[ShardTransferInfo] | None = None,
        resharding_operations: Iterable[ReshardingInfo] | None = None,
        time: _float | None = None,
    ) -> None: ...

class LocalShardInfo(Message):
    shard_id: _int
    points_count: _int
    state: _int
    shard_key: ShardKey
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        points_count: _int | None = None,
        state: _int | None = None,
        shard_key: ShardKey | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "shard_key",
        ],
    ) -> _bool: ...

class RemoteShardInfo(Message):
    shard_id: _int
    peer_id: _int
    state: _int
    shard_key: ShardKey
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        peer_id: _int | None = None,
        state: _int | None = None,
        shard_key: ShardKey | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "shard_key",
        ],
    ) -> _bool: ...

class ShardTransferInfo(Message):
    shard_id: _int
    to_shard_id: _int
    to: _int
    sync: _bool
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        to_shard_id: _int | None = None,
        to: _int | None = None,
        sync: _bool | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "to_shard_id",
        ],
    ) -> _bool: ...

class ReshardingInfo(Message):
    shard_id: _int
    peer_id: _int
    shard_key: ShardKey
    direction: _int
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        peer_id: _int | None = None,
        shard_key: ShardKey | None = None,
        direction: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "shard_key",
        ],
    ) -> _bool: ...

class UpdateCollectionClusterSetupRequest(Message):
    collection_name: _str
    move_shard: MoveShard
    replicate_shard: ReplicateShard
    abort_transfer: AbortShardTransfer
    drop_replica: Replica
    create_shard_key: CreateShardKey
    delete_shard_key: DeleteShardKey
    restart_transfer: RestartTransfer
    replicate_points: ReplicatePoints
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        move_shard: MoveShard | None = None,
        replicate_shard: ReplicateShard | None = None,
        abort_transfer: AbortShardTransfer | None = None,
        drop_replica: Replica | None = None,
        create_shard_key: CreateShardKey | None = None,
        delete_shard_key: DeleteShardKey | None = None,
        restart_transfer: RestartTransfer | None = None,
        replicate_points: ReplicatePoints | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "move_shard",
            "replicate_shard",
            "abort_transfer",
            "drop_replica",
            "create_shard_key",
            "delete_shard_key",
            "restart_transfer",
            "replicate_points",
            "timeout",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["operation"],
    ) -> Literal[
        "move_shard",
        "replicate_shard",
        "abort_transfer",
        "drop_replica",
        "create_shard_key",
        "delete_shard_key",
        "restart_transfer",
        "replicate_points",
    ] | None: ...

class UpdateCollectionClusterSetupResponse(Message):
    result: _bool
    time: _float
    def __init__(
        self,
        *,
        result: _bool | None = None,
        time: _float | None = None,
    ) -> None: ...

class MoveShard(Message):
    shard_id: _int
    to_shard_id: _int
    from_peer_id: _int
    to_peer_id: _int
    method: _int
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        to_shard_id: _int | None = None,
        from_peer_id: _int | None = None,
        to_peer_id: _int | None = None,
        method: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "to_shard_id",
            "method",
        ],
    ) -> _bool: ...

class ReplicateShard(Message):
    shard_id: _int
    to_shard_id: _int
    from_peer_id: _int
    to_peer_id: _int
    method: _int
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        to_shard_id: _int | None = None,
        from_peer_id: _int | None = None,
        to_peer_id: _int | None = None,
        method: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "to_shard_id",
            "method",
        ],
    ) -> _bool: ...

class AbortShardTransfer(Message):
    shard_id: _int
    to_shard_id: _int
    from_peer_id: _int
    to_peer_id: _int
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        to_shard_id: _int | None = None,
        from_peer_id: _int | None = None,
        to_peer_id: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "to_shard_id",
        ],
    ) -> _bool: ...

class RestartTransfer(Message):
    shard_id: _int
    to_shard_id: _int
    from_peer_id: _int
    to_peer_id: _int
    method: _int
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        to_shard_id: _int | None = None,
        from_peer_id: _int | None = None,
        to_peer_id: _int | None = None,
        method: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "to_shard_id",
        ],
    ) -> _bool: ...

class ReplicatePoints(Message):
    from_shard_key: ShardKey
    to_shard_key: ShardKey
    filter: qdrant_common_pb2.Filter
    def __init__(
        self,
        *,
        from_shard_key: ShardKey | None = None,
        to_shard_key: ShardKey | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "from_shard_key",
            "to_shard_key",
            "filter",
        ],
    ) -> _bool: ...

class Replica(Message):
    shard_id: _int
    peer_id: _int
    def __init__(
        self,
        *,
        shard_id: _int | None = None,
        peer_id: _int | None = None,
    ) -> None: ...

class CreateShardKey(Message):
    shard_key: ShardKey
    shards_number: _int
    replication_factor: _int
    placement: RepeatedScalarFieldContainer[_int]
    initial_state: _int
    def __init__(
        self,
        *,
        shard_key: ShardKey | None = None,
        shards_number: _int | None = None,
        replication_factor: _int | None = None,
        placement: Iterable[_int] | None = None,
        initial_state: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "shard_key",
            "shards_number",
            "replication_factor",
            "initial_state",
        ],
    ) -> _bool: ...

class DeleteShardKey(Message):
    shard_key: ShardKey
    def __init__(
        self,
        *,
        shard_key: ShardKey | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "shard_key",
        ],
    ) -> _bool: ...

class CreateShardKeyRequest(Message):
    collection_name: _str
    request: CreateShardKey
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        request: CreateShardKey | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "request",
            "timeout",
        ],
    ) -> _bool: ...

class CreateShardKeyResponse(Message):
    result: _bool
    time: _float
    def __init__(
        self,
        *,
        result: _bool | None = None,
        time: _float | None = None,
    ) -> None: ...

class DeleteShardKeyRequest(Message):
    collection_name: _str
    request: DeleteShardKey
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        request: DeleteShardKey | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "request",
            "timeout",
        ],
    ) -> _bool: ...

class DeleteShardKeyResponse(Message):
    result: _bool
    time: _float
    def __init__(
        self,
        *,
        result: _bool | None = None,
        time: _float | None = None,
    ) -> None: ...

class ListShardKeysRequest(Message):
    collection_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
    ) -> None: ...

class ShardKeyDescription(Message):
    key: ShardKey
    def __init__(
        self,
        *,
        key: ShardKey | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "key",
        ],
    ) -> _bool: ...

class ListShardKeysResponse(Message):
    shard_keys: RepeatedCompositeFieldContainer[ShardKeyDescription]
    time: _float
    def __init__(
        self,
        *,
        shard_keys: Iterable[ShardKeyDescription] | None = None,
        time: _float | None = None,
    ) -> None: ...
