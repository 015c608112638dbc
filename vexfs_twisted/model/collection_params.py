"""The parts of a collection's configuration. Field names are those of the public interface.

Every `…Diff` holds only what a request set; None means unset, and unset is never echoed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

import attrs
from attrs import frozen

from .validation import Rule, UInt8, bounded, ruled

MAX_DIMENSION = 65536


class Distance(Enum):
    """The metric of a vector space. Larger is nearer for Cosine and Dot only."""

    COSINE = "Cosine"
    EUCLID = "Euclid"
    DOT = "Dot"
    MANHATTAN = "Manhattan"

    @property
    def larger_is_nearer(self) -> bool:
        """Whether a larger score means nearer."""
        return self in (Distance.COSINE, Distance.DOT)


class Datatype(Enum):
    """How the components of a vector are stored."""

    FLOAT32 = "float32"
    UINT8 = "uint8"
    FLOAT16 = "float16"
    TURBO4 = "turbo4"


class Memory(Enum):
    """The placement of a component: on disk, in the page cache, or locked in memory."""

    COLD = "cold"
    CACHED = "cached"
    PINNED = "pinned"


class MultiVectorComparator(Enum):
    """How two sets of vectors are compared."""

    MAX_SIM = "max_sim"


class Modifier(Enum):
    """The modifier of the values of a sparse query."""

    NONE = "none"
    IDF = "idf"


class ShardingMethod(Enum):
    """How points are assigned to shards."""

    AUTO = "auto"
    CUSTOM = "custom"


class ScalarType(Enum):
    """The component type of scalar quantization."""

    INT8 = "int8"


class CompressionRatio(Enum):
    """The compression of product quantization."""

    X4 = "x4"
    X8 = "x8"
    X16 = "x16"
    X32 = "x32"
    X64 = "x64"


class BinaryEncoding(Enum):
    """Bits per component in binary quantization."""

    ONE_BIT = "one_bit"
    TWO_BITS = "two_bits"
    ONE_AND_HALF_BITS = "one_and_half_bits"


class BinaryQueryEncoding(Enum):
    """How a query is encoded against binary vectors."""

    DEFAULT = "default"
    BINARY = "binary"
    SCALAR_4_BITS = "scalar4bits"
    SCALAR_8_BITS = "scalar8bits"


class TurboBits(Enum):
    """Bits per component in turbo quantization."""

    BITS_1 = "bits1"
    BITS_1_5 = "bits1_5"
    BITS_2 = "bits2"
    BITS_4 = "bits4"


class Disabled(Enum):
    """The keyword that removes a quantization."""

    DISABLED = "Disabled"


@frozen
class ScalarQuantization:
    """Components rounded to 8 bits."""

    type: ScalarType
    quantile: float | None = bounded(0.5, 1.0)
    always_ram: bool | None = None
    memory: Memory | None = None


@frozen
class ProductQuantization:
    """Sub-vectors replaced by their nearest centroids."""

    compression: CompressionRatio
    always_ram: bool | None = None
    memory: Memory | None = None


@frozen
class BinaryQuantization:
    """Components reduced to their signs, or to two bits at most."""

    always_ram: bool | None = None
    encoding: BinaryEncoding | None = None
    query_encoding: BinaryQueryEncoding | None = None
    memory: Memory | None = None


@frozen
class TurboQuantization:
    """Rotated components in a few bits each."""

    always_ram: bool | None = None
    bits: TurboBits | None = None
    memory: Memory | None = None


@frozen
class QuantizationConfig:
    """A quantization: exactly one field is set, the others are None."""

    scalar: ScalarQuantization | None = None
    product: ProductQuantization | None = None
    binary: BinaryQuantization | None = None
    turbo: TurboQuantization | None = None


@frozen
class HnswConfigDiff:
    """Settings of the graph index that a request set."""

    m: int | None = bounded(0)
    ef_construct: int | None = bounded(4)
    full_scan_threshold: int | None = bounded(10)
    max_indexing_threads: int | None = bounded(0)
    on_disk: bool | None = None
    payload_m: int | None = bounded(0)
    inline_storage: bool | None = None
    memory: Memory | None = None


@frozen
class HnswConfig:
    """Settings of the graph index of a collection. `full_scan_threshold` is in KiB."""

    m: int = 16
    ef_construct: int = 100
    full_scan_threshold: int = 10000
    max_indexing_threads: int = 0
    on_disk: bool = False
    payload_m: int | None = None
    inline_storage: bool | None = None
    memory: Memory | None = None


@frozen
class OptimizersConfigDiff:
    """Settings of the optimizer that a request set. `max_optimization_threads` "auto" unsets it."""

    deleted_threshold: float | None = bounded(0.0, 1.0)
    vacuum_min_vector_number: int | None = bounded(100)
    default_segment_number: int | None = bounded(0)
    max_segment_size: int | None = bounded(1)
    memmap_threshold: int | None = bounded(0)
    indexing_threshold: int | None = bounded(0)
    flush_interval_sec: int | None = bounded(0)
    max_optimization_threads: int | Literal["auto"] | None = None
    prevent_unoptimized: bool | None = None


@frozen
class OptimizersConfig:
    """Settings of the optimizer of a collection. Sizes and thresholds are in KiB."""

    deleted_threshold: float = 0.2
    vacuum_min_vector_number: int = 1000
    default_segment_number: int = 0
    max_segment_size: int | None = None
    memmap_threshold: int | None = None
    indexing_threshold: int = 10000
    flush_interval_sec: int = 5
    max_optimization_threads: int | None = None
    prevent_unoptimized: bool | None = None


@frozen
class WalConfigDiff:
    """Settings of a write-ahead log in a request. Stored and echoed only: LMDB has none."""

    wal_capacity_mb: int | None = bounded(1)
    wal_segments_ahead: int | None = bounded(0)
    wal_retain_closed: int | None = bounded(0)


@frozen
class WalConfig:
    """Settings of a write-ahead log as they are echoed."""

    wal_capacity_mb: int = 32
    wal_segments_ahead: int = 0
    wal_retain_closed: int = 1


@frozen
class MultiVectorConfig:
    """The configuration of multivectors: each vector is a list of rows."""

    comparator: MultiVectorComparator


def _not_pinned(storage: str) -> Rule:
    text = f"`pinned` memory placement is not supported for {storage} storage"
    return lambda memory: text if memory is Memory.PINNED else None


_not_pinned_vectors = _not_pinned("dense vector")
_not_pinned_payloads = _not_pinned("payload")


def _not_turbo(datatype: Datatype) -> str | None:
    text = "sparse vectors do not support datatype turbo4"
    return text if datatype is Datatype.TURBO4 else None


@frozen
class VectorParams:
    """One dense vector space of a collection."""

    distance: Distance
    size: int = bounded(1, MAX_DIMENSION, default=attrs.NOTHING)
    hnsw_config: HnswConfigDiff | None = None
    quantization_config: QuantizationConfig | None = None
    on_disk: bool | None = None
    datatype: Datatype | None = None
    multivector_config: MultiVectorConfig | None = None
    memory: Memory | None = ruled(_not_pinned_vectors)


@frozen
class VectorParamsDiff:
    """A change to one dense vector space."""

    hnsw_config: HnswConfigDiff | None = None
    quantization_config: QuantizationConfig | Disabled | None = None
    on_disk: bool | None = None
    memory: Memory | None = ruled(_not_pinned_vectors)


@frozen
class SparseIndexParams:
    """The index of a sparse vector space."""

    full_scan_threshold: int | None = bounded(0)
    on_disk: bool | None = None
    datatype: Datatype | None = ruled(_not_turbo)
    memory: Memory | None = None


@frozen
class SparseVectorParams:
    """One sparse vector space of a collection."""

    index: SparseIndexParams | None = None
    modifier: Modifier | None = None


@frozen
class PayloadStorageParams:
    """The placement of payloads."""

    memory: Memory | None = ruled(_not_pinned_payloads)


@frozen
class StrictModeMultivector:
    """A bound on the rows of a multivector."""

    max_vectors: int | None = bounded(1)


@frozen
class StrictModeSparse:
    """A bound on the length of a sparse vector."""

    max_length: int | None = bounded(1)


@frozen
class StrictModeConfig:
    """The limits of a collection in strict mode. Only settings that were given are echoed."""

    enabled: bool | None = None
    max_query_limit: int | None = bounded(1)
    max_timeout: int | None = bounded(1)
    unindexed_filtering_retrieve: bool | None = None
    unindexed_filtering_update: bool | None = None
    search_max_hnsw_ef: int | None = bounded(0)
    search_allow_exact: bool | None = None
    search_max_oversampling: float | None = None
    upsert_max_batchsize: int | None = bounded(0)
    search_max_batchsize: int | None = bounded(0)
    max_collection_vector_size_bytes: int | None = bounded(0)
    read_rate_limit: int | None = bounded(1)
    write_rate_limit: int | None = bounded(1)
    max_collection_payload_size_bytes: int | None = bounded(0)
    max_points_count: int | None = bounded(1)
    filter_max_conditions: int | None = bounded(0)
    condition_max_size: int | None = bounded(0)
    multivector_config: Mapping[str, StrictModeMultivector] | None = None
    sparse_config: Mapping[str, StrictModeSparse] | None = None
    max_payload_index_count: int | None = bounded(0)
    max_resident_memory_percent: UInt8 | None = bounded(1, 100)
