"""flat.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

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
from vexfs_twisted.rpc.generated import collections_pb2
from vexfs_twisted.rpc.generated import points_pb2
from vexfs_twisted.rpc.generated import qdrant_common_pb2

DESCRIPTOR: FileDescriptor

class CreateCollectionRequest(Message):
    collection_name: _str
    vectors: collections_pb2.VectorParams
    vectors_config_map: collections_pb2.VectorParamsMap
    shard_number: _int
    replication_factor: _int
    write_consistency_factor: _int
    on_disk_payload: _bool
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        vectors: collections_pb2.VectorParams | None = None,
        vectors_config_map: collections_pb2.VectorParamsMap | None = None,
        shard_number: _int | None = None,
        replication_factor: _int | None = None,
        write_consistency_factor: _int | None = None,
        on_disk_payload: _bool | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "vectors",
            "vectors_config_map",
            "shard_number",
            "replication_factor",
            "write_consistency_factor",
            "on_disk_payload",
            "timeout",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["config"],
    ) -> Literal[
        "vectors",
        "vectors_config_map",
    ] | None: ...

class DeleteCollectionRequest(Message):
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

class UpdateCollectionRequest(Message):
    collection_name: _str
    optimizers_config: collections_pb2.OptimizersConfigDiff
    timeout: _int
    params: collections_pb2.CollectionParamsDiff
    hnsw_config: collections_pb2.HnswConfigDiff
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        optimizers_config: collections_pb2.OptimizersConfigDiff | None = None,
        timeout: _int | None = None,
        params: collections_pb2.CollectionParamsDiff | None = None,
        hnsw_config: collections_pb2.HnswConfigDiff | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "optimizers_config",
            "timeout",
            "params",
            "hnsw_config",
        ],
    ) -> _bool: ...

class UpsertPointsRequest(Message):
    collection_name: _str
    wait: _bool
    points: RepeatedCompositeFieldContainer[points_pb2.PointStruct]
    ordering: points_pb2.WriteOrdering
    shard_key_selector: points_pb2.ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        points: Iterable[points_pb2.PointStruct] | None = None,
        ordering: points_pb2.WriteOrdering | None = None,
        shard_key_selector: points_pb2.ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "ordering",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class DeletePointsRequest(Message):
    collection_name: _str
    wait: _bool
    points: points_pb2.PointsSelector
    ordering: points_pb2.WriteOrdering
    shard_key_selector: points_pb2.ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        points: points_pb2.PointsSelector | None = None,
        ordering: points_pb2.WriteOrdering | None = None,
        shard_key_selector: points_pb2.ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "points",
            "ordering",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class GetPointsRequest(Message):
    collection_name: _str
    ids: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    with_payload: points_pb2.WithPayloadSelector
    with_vectors: points_pb2.WithVectorsSelector
    read_consistency: points_pb2.ReadConsistency
    shard_key_selector: points_pb2.ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        ids: Iterable[qdrant_common_pb2.PointId] | None = None,
        with_payload: points_pb2.WithPayloadSelector | None = None,
        with_vectors: points_pb2.WithVectorsSelector | None = None,
        read_consistency: points_pb2.ReadConsistency | None = None,
        shard_key_selector: points_pb2.ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "with_payload",
            "with_vectors",
            "read_consistency",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class SearchPointsRequest(Message):
    collection_name: _str
    vector: RepeatedScalarFieldContainer[_float]
    vector_name: _str
    filter: qdrant_common_pb2.Filter
    limit: _int
    with_payload: points_pb2.WithPayloadSelector
    params: points_pb2.SearchParams
    score_threshold: _float
    offset: _int
    with_vectors: points_pb2.WithVectorsSelector
    read_consistency: points_pb2.ReadConsistency
    shard_key_selector: points_pb2.ShardKeySelector
    lookup_from: points_pb2.LookupLocation
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        vector: Iterable[_float] | None = None,
        vector_name: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        limit: _int | None = None,
        with_payload: points_pb2.WithPayloadSelector | None = None,
        params: points_pb2.SearchParams | None = None,
        score_threshold: _float | None = None,
        offset: _int | None = None,
        with_vectors: points_pb2.WithVectorsSelector | None = None,
        read_consistency: points_pb2.ReadConsistency | None = None,
        shard_key_selector: points_pb2.ShardKeySelector | None = None,
        lookup_from: points_pb2.LookupLocation | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "vector_name",
            "filter",
            "with_payload",
            "params",
            "score_threshold",
            "offset",
            "with_vectors",
            "read_consistency",
            "shard_key_selector",
            "lookup_from",
        ],
    ) -> _bool: ...

class SearchPointsBatchRequest(Message):
    collection_name: _str
    search_points: RepeatedCompositeFieldContainer[SearchPointsRequest]
    read_consistency: points_pb2.ReadConsistency
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        search_points: Iterable[SearchPointsRequest] | None = None,
        read_consistency: points_pb2.ReadConsistency | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "read_consistency",
        ],
    ) -> _bool: ...

class RecommendRequest(Message):
    collection_name: _str
    positive: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    negative: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    filter: qdrant_common_pb2.Filter
    limit: _int
    with_payload: points_pb2.WithPayloadSelector
    params: points_pb2.SearchParams
    score_threshold: _float
    offset: _int
    using: _str
    with_vectors: points_pb2.WithVectorsSelector
    lookup_from: points_pb2.LookupLocation
    read_consistency: points_pb2.ReadConsistency
    shard_key_selector: points_pb2.ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        positive: Iterable[qdrant_common_pb2.PointId] | None = None,
        negative: Iterable[qdrant_common_pb2.PointId] | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        limit: _int | None = None,
        with_payload: points_pb2.WithPayloadSelector | None = None,
        params: points_pb2.SearchParams | None = None,
        score_threshold: _float | None = None,
        offset: _int | None = None,
        using: _str | None = None,
        with_vectors: points_pb2.WithVectorsSelector | None = None,
        lookup_from: points_pb2.LookupLocation | None = None,
        read_consistency: points_pb2.ReadConsistency | None = None,
        shard_key_selector: points_pb2.ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "with_payload",
            "params",
            "score_threshold",
            "offset",
            "using",
            "with_vectors",
            "lookup_from",
            "read_consistency",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class ScrollRequest(Message):
    collection_name: _str
    filter: qdrant_common_pb2.Filter
    offset: qdrant_common_pb2.PointId
    limit: _int
    with_payload: points_pb2.WithPayloadSelector
    with_vectors: points_pb2.WithVectorsSelector
    read_consistency: points_pb2.ReadConsistency
    shard_key_selector: points_pb2.ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        offset: qdrant_common_pb2.PointId | None = None,
        limit: _int | None = None,
        with_payload: points_pb2.WithPayloadSelector | None = None,
        with_vectors: points_pb2.WithVectorsSelector | None = None,
        read_consistency: points_pb2.ReadConsistency | None = None,
        shard_key_selector: points_pb2.ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "offset",
            "limit",
            "with_payload",
            "with_vectors",
            "read_consistency",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class CountPointsRequest(Message):
    collection_name: _str
    filter: qdrant_common_pb2.Filter
    exact: _bool
    read_consistency: points_pb2.ReadConsistency
    shard_key_selector: points_pb2.ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        exact: _bool | None = None,
        read_consistency: points_pb2.ReadConsistency | None = None,
        shard_key_selector: points_pb2.ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "exact",
            "read_consistency",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class UpsertAck(Message):
    batch: _int
    points: _int
    operation_id: _int
    time: _float
    def __init__(
        self,
        *,
        batch: _int | None = None,
        points: _int | None = None,
        operation_id: _int | None = None,
        time: _float | None = None,
    ) -> None: ...
