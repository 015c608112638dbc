"""points.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

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
from vexfs_twisted.rpc.generated import json_with_int_pb2
from vexfs_twisted.rpc.generated import qdrant_common_pb2

DESCRIPTOR: FileDescriptor

@type_check_only
class _WriteOrderingType(_EnumTypeWrapper[_int]):
    Weak: _int
    Medium: _int
    Strong: _int

WriteOrderingType: _WriteOrderingType
Weak: _int
Medium: _int
Strong: _int

@type_check_only
class _ReadConsistencyType(_EnumTypeWrapper[_int]):
    All: _int
    Majority: _int
    Quorum: _int

ReadConsistencyType: _ReadConsistencyType
All: _int
Majority: _int
Quorum: _int

@type_check_only
class _UpdateMode(_EnumTypeWrapper[_int]):
    Upsert: _int
    InsertOnly: _int
    UpdateOnly: _int

UpdateMode: _UpdateMode
Upsert: _int
InsertOnly: _int
UpdateOnly: _int

@type_check_only
class _UpdateStatus(_EnumTypeWrapper[_int]):
    UnknownUpdateStatus: _int
    Acknowledged: _int
    Completed: _int
    ClockRejected: _int
    WaitTimeout: _int

UpdateStatus: _UpdateStatus
UnknownUpdateStatus: _int
Acknowledged: _int
Completed: _int
ClockRejected: _int
WaitTimeout: _int

@type_check_only
class _FieldType(_EnumTypeWrapper[_int]):
    FieldTypeKeyword: _int
    FieldTypeInteger: _int
    FieldTypeFloat: _int
    FieldTypeGeo: _int
    FieldTypeText: _int
    FieldTypeBool: _int
    FieldTypeDatetime: _int
    FieldTypeUuid: _int

FieldType: _FieldType
FieldTypeKeyword: _int
FieldTypeInteger: _int
FieldTypeFloat: _int
FieldTypeGeo: _int
FieldTypeText: _int
FieldTypeBool: _int
FieldTypeDatetime: _int
FieldTypeUuid: _int

@type_check_only
class _Direction(_EnumTypeWrapper[_int]):
    Asc: _int
    Desc: _int

Direction: _Direction
Asc: _int
Desc: _int

@type_check_only
class _RecommendStrategy(_EnumTypeWrapper[_int]):
    AverageVector: _int
    BestScore: _int
    SumScores: _int

RecommendStrategy: _RecommendStrategy
AverageVector: _int
BestScore: _int
SumScores: _int

@type_check_only
class _Fusion(_EnumTypeWrapper[_int]):
    RRF: _int
    DBSF: _int

Fusion: _Fusion
RRF: _int
DBSF: _int

@type_check_only
class _Sample(_EnumTypeWrapper[_int]):
    Random: _int

Sample: _Sample
Random: _int

class WriteOrdering(Message):
    type: _int
    def __init__(
        self,
        *,
        type: _int | None = None,
    ) -> None: ...

class ReadConsistency(Message):
    type: _int
    factor: _int
    def __init__(
        self,
        *,
        type: _int | None = None,
        factor: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "type",
            "factor",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["value"],
    ) -> Literal[
        "type",
        "factor",
    ] | None: ...

class ShardKeySelector(Message):
    shard_keys: RepeatedCompositeFieldContainer[collections_pb2.ShardKey]
    fallback: collections_pb2.ShardKey
    def __init__(
        self,
        *,
        shard_keys: Iterable[collections_pb2.ShardKey] | None = None,
        fallback: collections_pb2.ShardKey | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "fallback",
        ],
    ) -> _bool: ...

class DenseVector(Message):
    data: RepeatedScalarFieldContainer[_float]
    def __init__(
        self,
        *,
        data: Iterable[_float] | None = None,
    ) -> None: ...

class SparseVector(Message):
    values: RepeatedScalarFieldContainer[_float]
    indices: RepeatedScalarFieldContainer[_int]
    def __init__(
        self,
        *,
        values: Iterable[_float] | None = None,
        indices: Iterable[_int] | None = None,
    ) -> None: ...

class SparseIndices(Message):
    data: RepeatedScalarFieldContainer[_int]
    def __init__(
        self,
        *,
        data: Iterable[_int] | None = None,
    ) -> None: ...

class MultiDenseVector(Message):
    vectors: RepeatedCompositeFieldContainer[DenseVector]
    def __init__(
        self,
        *,
        vectors: Iterable[DenseVector] | None = None,
    ) -> None: ...

class Document(Message):
    text: _str
    model: _str
    options: MessageMap[_str, json_with_int_pb2.Value]
    def __init__(
        self,
        *,
        text: _str | None = None,
        model: _str | None = None,
        options: Mapping[_str, json_with_int_pb2.Value] | None = None,
    ) -> None: ...

class Image(Message):
    image: json_with_int_pb2.Value
    model: _str
    options: MessageMap[_str, json_with_int_pb2.Value]
    def __init__(
        self,
        *,
        image: json_with_int_pb2.Value | None = None,
        model: _str | None = None,
        options: Mapping[_str, json_with_int_pb2.Value] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "image",
        ],
    ) -> _bool: ...

class InferenceObject(Message):
    object: json_with_int_pb2.Value
    model: _str
    options: MessageMap[_str, json_with_int_pb2.Value]
    def __init__(
        self,
        *,
        object: json_with_int_pb2.Value | None = None,
        model: _str | None = None,
        options: Mapping[_str, json_with_int_pb2.Value] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "object",
        ],
    ) -> _bool: ...

class Vector(Message):
    data: RepeatedScalarFieldContainer[_float]
    indices: SparseIndices
    vectors_count: _int
    dense: DenseVector
    sparse: SparseVector
    multi_dense: MultiDenseVector
    document: Document
    image: Image
    object: InferenceObject
    def __init__(
        self,
        *,
        data: Iterable[_float] | None = None,
        indices: SparseIndices | None = None,
        vectors_count: _int | None = None,
        dense: DenseVector | None = None,
        sparse: SparseVector | None = None,
        multi_dense: MultiDenseVector | None = None,
        document: Document | None = None,
        image: Image | None = None,
        object: InferenceObject | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "indices",
            "vectors_count",
            "dense",
            "sparse",
            "multi_dense",
            "document",
            "image",
            "object",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["vector"],
    ) -> Literal[
        "dense",
        "sparse",
        "multi_dense",
        "document",
        "image",
        "object",
    ] | None: ...

class NamedVectors(Message):
    vectors: MessageMap[_str, Vector]
    def __init__(
        self,
        *,
        vectors: Mapping[_str, Vector] | None = None,
    ) -> None: ...

class Vectors(Message):
    vector: Vector
    vectors: NamedVectors
    def __init__(
        self,
        *,
        vector: Vector | None = None,
        vectors: NamedVectors | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "vector",
            "vectors",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["vectors_options"],
    ) -> Literal[
        "vector",
        "vectors",
    ] | None: ...

class VectorInput(Message):
    id: qdrant_common_pb2.PointId
    dense: DenseVector
    sparse: SparseVector
    multi_dense: MultiDenseVector
    document: Document
    image: Image
    object: InferenceObject
    def __init__(
        self,
        *,
        id: qdrant_common_pb2.PointId | None = None,
        dense: DenseVector | None = None,
        sparse: SparseVector | None = None,
        multi_dense: MultiDenseVector | None = None,
        document: Document | None = None,
        image: Image | None = None,
        object: InferenceObject | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "id",
            "dense",
            "sparse",
            "multi_dense",
            "document",
            "image",
            "object",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["variant"],
    ) -> Literal[
        "id",
        "dense",
        "sparse",
        "multi_dense",
        "document",
        "image",
        "object",
    ] | None: ...

class VectorOutput(Message):
    data: RepeatedScalarFieldContainer[_float]
    indices: SparseIndices
    vectors_count: _int
    dense: DenseVector
    sparse: SparseVector
    multi_dense: MultiDenseVector
    def __init__(
        self,
        *,
        data: Iterable[_float] | None = None,
        indices: SparseIndices | None = None,
        vectors_count: _int | None = None,
        dense: DenseVector | None = None,
        sparse: SparseVector | None = None,
        multi_dense: MultiDenseVector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "indices",
            "vectors_count",
            "dense",
            "sparse",
            "multi_dense",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["vector"],
    ) -> Literal[
        "dense",
        "sparse",
        "multi_dense",
    ] | None: ...

class NamedVectorsOutput(Message):
    vectors: MessageMap[_str, VectorOutput]
    def __init__(
        self,
        *,
        vectors: Mapping[_str, VectorOutput] | None = None,
    ) -> None: ...

class VectorsOutput(Message):
    vector: VectorOutput
    vectors: NamedVectorsOutput
    def __init__(
        self,
        *,
        vector: VectorOutput | None = None,
        vectors: NamedVectorsOutput | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "vector",
            "vectors",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["vectors_options"],
    ) -> Literal[
        "vector",
        "vectors",
    ] | None: ...

class PayloadIncludeSelector(Message):
    fields: RepeatedScalarFieldContainer[_str]
    def __init__(
        self,
        *,
        fields: Iterable[_str] | None = None,
    ) -> None: ...

class PayloadExcludeSelector(Message):
    fields: RepeatedScalarFieldContainer[_str]
    def __init__(
        self,
        *,
        fields: Iterable[_str] | None = None,
    ) -> None: ...

class WithPayloadSelector(Message):
    enable: _bool
    include: PayloadIncludeSelector
    exclude: PayloadExcludeSelector
    def __init__(
        self,
        *,
        enable: _bool | None = None,
        include: PayloadIncludeSelector | None = None,
        exclude: PayloadExcludeSelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "enable",
            "include",
            "exclude",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["selector_options"],
    ) -> Literal[
        "enable",
        "include",
        "exclude",
    ] | None: ...

class VectorsSelector(Message):
    names: RepeatedScalarFieldContainer[_str]
    def __init__(
        self,
        *,
        names: Iterable[_str] | None = None,
    ) -> None: ...

class WithVectorsSelector(Message):
    enable: _bool
    include: VectorsSelector
    def __init__(
        self,
        *,
        enable: _bool | None = None,
        include: VectorsSelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "enable",
            "include",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["selector_options"],
    ) -> Literal[
        "enable",
        "include",
    ] | None: ...

class PointsIdsList(Message):
    ids: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    def __init__(
        self,
        *,
        ids: Iterable[qdrant_common_pb2.PointId] | None = None,
    ) -> None: ...

class PointsSelector(Message):
    points: PointsIdsList
    filter: qdrant_common_pb2.Filter
    def __init__(
        self,
        *,
        points: PointsIdsList | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "points",
            "filter",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["points_selector_one_of"],
    ) -> Literal[
        "points",
        "filter",
    ] | None: ...

class PointStruct(Message):
    id: qdrant_common_pb2.PointId
    payload: MessageMap[_str, json_with_int_pb2.Value]
    vectors: Vectors
    def __init__(
        self,
        *,
        id: qdrant_common_pb2.PointId | None = None,
        payload: Mapping[_str, json_with_int_pb2.Value] | None = None,
        vectors: Vectors | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "id",
            "vectors",
        ],
    ) -> _bool: ...

class UpsertPoints(Message):
    collection_name: _str
    wait: _bool
    points: RepeatedCompositeFieldContainer[PointStruct]
    ordering: WriteOrdering
    shard_key_selector: ShardKeySelector
    update_filter: qdrant_common_pb2.Filter
    timeout: _int
    update_mode: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        points: Iterable[PointStruct] | None = None,
        ordering: WriteOrdering | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        update_filter: qdrant_common_pb2.Filter | None = None,
        timeout: _int | None = None,
        update_mode: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "ordering",
            "shard_key_selector",
            "update_filter",
            "timeout",
            "update_mode",
        ],
    ) -> _bool: ...

class DeletePoints(Message):
    collection_name: _str
    wait: _bool
    points: PointsSelector
    ordering: WriteOrdering
    shard_key_selector: ShardKeySelector
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        points: PointsSelector | None = None,
        ordering: WriteOrdering | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "points",
            "ordering",
            "shard_key_selector",
            "timeout",
        ],
    ) -> _bool: ...

class PointVectors(Message):
    id: qdrant_common_pb2.PointId
    vectors: Vectors
    def __init__(
        self,
        *,
        id: qdrant_common_pb2.PointId | None = None,
        vectors: Vectors | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "id",
            "vectors",
        ],
    ) -> _bool: ...

class UpdatePointVectors(Message):
    collection_name: _str
    wait: _bool
    points: RepeatedCompositeFieldContainer[PointVectors]
    ordering: WriteOrdering
    shard_key_selector: ShardKeySelector
    update_filter: qdrant_common_pb2.Filter
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        points: Iterable[PointVectors] | None = None,
        ordering: WriteOrdering | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        update_filter: qdrant_common_pb2.Filter | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "ordering",
            "shard_key_selector",
            "update_filter",
            "timeout",
        ],
    ) -> _bool: ...

class DeletePointVectors(Message):
    collection_name: _str
    wait: _bool
    points_selector: PointsSelector
    vectors: VectorsSelector
    ordering: WriteOrdering
    shard_key_selector: ShardKeySelector
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        points_selector: PointsSelector | None = None,
        vectors: VectorsSelector | None = None,
        ordering: WriteOrdering | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "points_selector",
            "vectors",
            "ordering",
            "shard_key_selector",
            "timeout",
        ],
    ) -> _bool: ...

class SetPayloadPoints(Message):
    collection_name: _str
    wait: _bool
    payload: MessageMap[_str, json_with_int_pb2.Value]
    points_selector: PointsSelector
    ordering: WriteOrdering
    shard_key_selector: ShardKeySelector
    key: _str
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        payload: Mapping[_str, json_with_int_pb2.Value] | None = None,
        points_selector: PointsSelector | None = None,
        ordering: WriteOrdering | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        key: _str | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "points_selector",
            "ordering",
            "shard_key_selector",
            "key",
            "timeout",
        ],
    ) -> _bool: ...

class DeletePayloadPoints(Message):
    collection_name: _str
    wait: _bool
    keys: RepeatedScalarFieldContainer[_str]
    points_selector: PointsSelector
    ordering: WriteOrdering
    shard_key_selector: ShardKeySelector
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        keys: Iterable[_str] | None = None,
        points_selector: PointsSelector | None = None,
        ordering: WriteOrdering | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "points_selector",
            "ordering",
            "shard_key_selector",
            "timeout",
        ],
    ) -> _bool: ...

class ClearPayloadPoints(Message):
    collection_name: _str
    wait: _bool
    points: PointsSelector
    ordering: WriteOrdering
    shard_key_selector: ShardKeySelector
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        points: PointsSelector | None = None,
        ordering: WriteOrdering | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "points",
            "ordering",
            "shard_key_selector",
            "timeout",
        ],
    ) -> _bool: ...

class PointsUpdateOperation(Message):

    class PointStructList(Message):
        points: RepeatedCompositeFieldContainer[PointStruct]
        shard_key_selector: ShardKeySelector
        update_filter: qdrant_common_pb2.Filter
        update_mode: _int
        def __init__(
            self,
            *,
            points: Iterable[PointStruct] | None = None,
            shard_key_selector: ShardKeySelector | None = None,
            update_filter: qdrant_common_pb2.Filter | None = None,
            update_mode: _int | None = None,
        ) -> None: ...
        def HasField(
            self,
            field_name: Literal[
                "shard_key_selector",
                "update_filter",
                "update_mode",
            ],
        ) -> _bool: ...

    class SetPayload(Message):
        payload: MessageMap[_str, json_with_int_pb2.Value]
        points_selector: PointsSelector
        shard_key_selector: ShardKeySelector
        key: _str
        def __init__(
            self,
            *,
            payload: Mapping[_str, json_with_int_pb2.Value] | None = None,
            points_selector: PointsSelector | None = None,
            shard_key_selector: ShardKeySelector | None = None,
            key: _str | None = None,
        ) -> None: ...
        def HasField(
            self,
            field_name: Literal[
                "points_selector",
                "shard_key_selector",
                "key",
            ],
        ) -> _bool: ...

    class OverwritePayload(Message):
        payload: MessageMap[_str, json_with_int_pb2.Value]
        points_selector: PointsSelector
        shard_key_selector: ShardKeySelector
        key: _str
        def __init__(
            self,
            *,
            payload: Mapping[_str, json_with_int_pb2.Value] | None = None,
            points_selector: PointsSelector | None = None,
            shard_key_selector: ShardKeySelector | None = None,
            key: _str | None = None,
        ) -> None: ...
        def HasField(
            self,
            field_name: Literal[
                "points_selector",
                "shard_key_selector",
                "key",
            ],
        ) -> _bool: ...

    class DeletePayload(Message):
        keys: RepeatedScalarFieldContainer[_str]
        points_selector: PointsSelector
        shard_key_selector: ShardKeySelector
        def __init__(
            self,
            *,
            keys: Iterable[_str] | None = None,
            points_selector: PointsSelector | None = None,
            shard_key_selector: ShardKeySelector | None = None,
        ) -> None: ...
        def HasField(
            self,
            field_name: Literal[
                "points_selector",
                "shard_key_selector",
            ],
        ) -> _bool: ...

    class UpdateVectors(Message):
        points: RepeatedCompositeFieldContainer[PointVectors]
        shard_key_selector: ShardKeySelector
        update_filter: qdrant_common_pb2.Filter
        def __init__(
            self,
            *,
            points: Iterable[PointVectors] | None = None,
            shard_key_selector: ShardKeySelector | None = None,
            update_filter: qdrant_common_pb2.Filter | None = None,
        ) -> None: ...
        def HasField(
            self,
            field_name: Literal[
                "shard_key_selector",
                "update_filter",
            ],
        ) -> _bool: ...

    class DeleteVectors(Message):
        points_selector: PointsSelector
        vectors: VectorsSelector
        shard_key_selector: ShardKeySelector
        def __init__(
            self,
            *,
            points_selector: PointsSelector | None = None,
            vectors: VectorsSelector | None = None,
            shard_key_selector: ShardKeySelector | None = None,
        ) -> None: ...
        def HasField(
            self,
            field_name: Literal[
                "points_selector",
                "vectors",
                "shard_key_selector",
            ],
        ) -> _bool: ...

    class DeletePoints(Message):
        points: PointsSelector
        shard_key_selector: ShardKeySelector
        def __init__(
            self,
            *,
            points: PointsSelector | None = None,
            shard_key_selector: ShardKeySelector | None = None,
        ) -> None: ...
        def HasField(
            self,
            field_name: Literal[
                "points",
                "shard_key_selector",
            ],
        ) -> _bool: ...

    class ClearPayload(Message):
        points: PointsSelector
        shard_key_selector: ShardKeySelector
        def __init__(
            self,
            *,
            points: PointsSelector | None = None,
            shard_key_selector: ShardKeySelector | None = None,
        ) -> None: ...
        def HasField(
            self,
            field_name: Literal[
                "points",
                "shard_key_selector",
            ],
        ) -> _bool: ...
    upsert: PointsUpdateOperation.PointStructList
    delete_deprecated: PointsSelector
    set_payload: PointsUpdateOperation.SetPayload
    overwrite_payload: PointsUpdateOperation.OverwritePayload
    delete_payload: PointsUpdateOperation.DeletePayload
    clear_payload_deprecated: PointsSelector
    update_vectors: PointsUpdateOperation.UpdateVectors
    delete_vectors: PointsUpdateOperation.DeleteVectors
    delete_points: PointsUpdateOperation.DeletePoints
    clear_payload: PointsUpdateOperation.ClearPayload
    def __init__(
        self,
        *,
        upsert: PointsUpdateOperation.PointStructList | None = None,
        delete_deprecated: PointsSelector | None = None,
        set_payload: PointsUpdateOperation.SetPayload | None = None,
        overwrite_payload: PointsUpdateOperation.OverwritePayload | None = None,
        delete_payload: PointsUpdateOperation.DeletePayload | None = None,
        clear_payload_deprecated: PointsSelector | None = None,
        update_vectors: PointsUpdateOperation.UpdateVectors | None = None,
        delete_vectors: PointsUpdateOperation.DeleteVectors | None = None,
        delete_points: PointsUpdateOperation.DeletePoints | None = None,
        clear_payload: PointsUpdateOperation.ClearPayload | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "upsert",
            "delete_deprecated",
            "set_payload",
            "overwrite_payload",
            "delete_payload",
            "clear_payload_deprecated",
            "update_vectors",
            "delete_vectors",
            "delete_points",
            "clear_payload",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["operation"],
    ) -> Literal[
        "upsert",
        "delete_deprecated",
        "set_payload",
        "overwrite_payload",
        "delete_payload",
        "clear_payload_deprecated",
        "update_vectors",
        "delete_vectors",
        "delete_points",
        "clear_payload",
    ] | None: ...

class UpdateBatchPoints(Message):
    collection_name: _str
    wait: _bool
    operations: RepeatedCompositeFieldContainer[PointsUpdateOperation]
    ordering: WriteOrdering
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        operations: Iterable[PointsUpdateOperation] | None = None,
        ordering: WriteOrdering | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "ordering",
            "timeout",
        ],
    ) -> _bool: ...

class UpdateResult(Message):
    operation_id: _int
    status: _int
    def __init__(
        self,
        *,
        operation_id: _int | None = None,
        status: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "operation_id",
        ],
    ) -> _bool: ...

class PointsOperationResponse(Message):
    result: UpdateResult
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: UpdateResult | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
            "usage",
        ],
    ) -> _bool: ...

class UpdateBatchResponse(Message):
    result: RepeatedCompositeFieldContainer[UpdateResult]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[UpdateResult] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class CreateFieldIndexCollection(Message):
    collection_name: _str
    wait: _bool
    field_name: _str
    field_type: _int
    field_index_params: collections_pb2.PayloadIndexParams
    ordering: WriteOrdering
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        field_name: _str | None = None,
        field_type: _int | None = None,
        field_index_params: collections_pb2.PayloadIndexParams | None = None,
        ordering: WriteOrdering | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "field_type",
            "field_index_params",
            "ordering",
            "timeout",
        ],
    ) -> _bool: ...

class DeleteFieldIndexCollection(Message):
    collection_name: _str
    wait: _bool
    field_name: _str
    ordering: WriteOrdering
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        field_name: _str | None = None,
        ordering: WriteOrdering | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "ordering",
            "timeout",
        ],
    ) -> _bool: ...

class DenseVectorCreationConfig(Message):
    size: _int
    distance: _int
    multivector_config: collections_pb2.MultiVectorConfig
    datatype: _int
    def __init__(
        self,
        *,
        size: _int | None = None,
        distance: _int | None = None,
        multivector_config: collections_pb2.MultiVectorConfig | None = None,
        datatype: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "multivector_config",
            "datatype",
        ],
    ) -> _bool: ...

class SparseVectorCreationConfig(Message):
    modifier: _int
    datatype: _int
    def __init__(
        self,
        *,
        modifier: _int | None = None,
        datatype: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "modifier",
            "datatype",
        ],
    ) -> _bool: ...

class CreateVectorNameRequest(Message):
    collection_name: _str
    wait: _bool
    vector_name: _str
    dense_config: DenseVectorCreationConfig
    sparse_config: SparseVectorCreationConfig
    timeout: _int
    ordering: WriteOrdering
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        vector_name: _str | None = None,
        dense_config: DenseVectorCreationConfig | None = None,
        sparse_config: SparseVectorCreationConfig | None = None,
        timeout: _int | None = None,
        ordering: WriteOrdering | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "dense_config",
            "sparse_config",
            "timeout",
            "ordering",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["vector_config"],
    ) -> Literal[
        "dense_config",
        "sparse_config",
    ] | None: ...

class DeleteVectorNameRequest(Message):
    collection_name: _str
    wait: _bool
    vector_name: _str
    timeout: _int
    ordering: WriteOrdering
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        vector_name: _str | None = None,
        timeout: _int | None = None,
        ordering: WriteOrdering | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "wait",
            "timeout",
            "ordering",
        ],
    ) -> _bool: ...

class RetrievedPoint(Message):
    id: qdrant_common_pb2.PointId
    payload: MessageMap[_str, json_with_int_pb2.Value]
    vectors: VectorsOutput
    shard_key: collections_pb2.ShardKey
    order_value: OrderValue
    def __init__(
        self,
        *,
        id: qdrant_common_pb2.PointId | None = None,
        payload: Mapping[_str, json_with_int_pb2.Value] | None = None,
        vectors: VectorsOutput | None = None,
        shard_key: collections_pb2.ShardKey | None = None,
        order_value: OrderValue | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "id",
            "vectors",
            "shard_key",
            "order_value",
        ],
    ) -> _bool: ...

class OrderValue(Message):
    int: _int
    float: _float
    def __init__(
        self,
        *,
        int: _int | None = None,
        float: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "int",
            "float",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["variant"],
    ) -> Literal[
        "int",
        "float",
    ] | None: ...

class GetPoints(Message):
    collection_name: _str
    ids: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    with_payload: WithPayloadSelector
    with_vectors: WithVectorsSelector
    read_consistency: ReadConsistency
    shard_key_selector: ShardKeySelector
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        ids: Iterable[qdrant_common_pb2.PointId] | None = None,
        with_payload: WithPayloadSelector | None = None,
        with_vectors: WithVectorsSelector | None = None,
        read_consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "with_payload",
            "with_vectors",
            "read_consistency",
            "shard_key_selector",
            "timeout",
        ],
    ) -> _bool: ...

class GetResponse(Message):
    result: RepeatedCompositeFieldContainer[RetrievedPoint]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[RetrievedPoint] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class StartFrom(Message):
    float: _float
    integer: _int
    timestamp: Timestamp
    datetime: _str
    def __init__(
        self,
        *,
        float: _float | None = None,
        integer: _int | None = None,
        timestamp: Timestamp | None = None,
        datetime: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "float",
            "integer",
            "timestamp",
            "datetime",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["value"],
    ) -> Literal[
        "float",
        "integer",
        "timestamp",
        "datetime",
    ] | None: ...

class OrderBy(Message):
    key: _str
    direction: _int
    start_from: StartFrom
    def __init__(
        self,
        *,
        key: _str | None = None,
        direction: _int | None = None,
        start_from: StartFrom | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "direction",
            "start_from",
        ],
    ) -> _bool: ...

class ScrollPoints(Message):
    collection_name: _str
    filter: qdrant_common_pb2.Filter
    offset: qdrant_common_pb2.PointId
    limit: _int
    with_payload: WithPayloadSelector
    with_vectors: WithVectorsSelector
    read_consistency: ReadConsistency
    shard_key_selector: ShardKeySelector
    order_by: OrderBy
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        offset: qdrant_common_pb2.PointId | None = None,
        limit: _int | None = None,
        with_payload: WithPayloadSelector | None = None,
        with_vectors: WithVectorsSelector | None = None,
        read_consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        order_by: OrderBy | None = None,
        timeout: _int | None = None,
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
            "order_by",
            "timeout",
        ],
    ) -> _bool: ...

class ScrollResponse(Message):
    next_page_offset: qdrant_common_pb2.PointId
    result: RepeatedCompositeFieldContainer[RetrievedPoint]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        next_page_offset: qdrant_common_pb2.PointId | None = None,
        result: Iterable[RetrievedPoint] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "next_page_offset",
            "usage",
        ],
    ) -> _bool: ...

class CountPoints(Message):
    collection_name: _str
    filter: qdrant_common_pb2.Filter
    exact: _bool
    read_consistency: ReadConsistency
    shard_key_selector: ShardKeySelector
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        exact: _bool | None = None,
        read_consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "exact",
            "read_consistency",
            "shard_key_selector",
            "timeout",
        ],
    ) -> _bool: ...

class CountResult(Message):
    count: _int
    def __init__(
        self,
        *,
        count: _int | None = None,
    ) -> None: ...

class CountResponse(Message):
    result: CountResult
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: CountResult | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
            "usage",
        ],
    ) -> _bool: ...

class SearchParams(Message):
    hnsw_ef: _int
    exact: _bool
    quantization: QuantizationSearchParams
    indexed_only: _bool
    acorn: AcornSearchParams
    idf: IdfParams
    def __init__(
        self,
        *,
        hnsw_ef: _int | None = None,
        exact: _bool | None = None,
        quantization: QuantizationSearchParams | None = None,
        indexed_only: _bool | None = None,
        acorn: AcornSearchParams | None = None,
        idf: IdfParams | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "hnsw_ef",
            "exact",
            "quantization",
            "indexed_only",
            "acorn",
            "idf",
        ],
    ) -> _bool: ...

class QuantizationSearchParams(Message):
    ignore: _bool
    rescore: _bool
    oversampling: _float
    def __init__(
        self,
        *,
        ignore: _bool | None = None,
        rescore: _bool | None = None,
        oversampling: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "ignore",
            "rescore",
            "oversampling",
        ],
    ) -> _bool: ...

class AcornSearchParams(Message):
    enable: _bool
    max_selectivity: _float
    def __init__(
        self,
        *,
        enable: _bool | None = None,
        max_selectivity: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "enable",
            "max_selectivity",
        ],
    ) -> _bool: ...

class IdfParams(Message):
    corpus: qdrant_common_pb2.Filter
    def __init__(
        self,
        *,
        corpus: qdrant_common_pb2.Filter | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "corpus",
        ],
    ) -> _bool: ...

class LookupLocation(Message):
    collection_name: _str
    vector_name: _str
    shard_key_selector: ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        vector_name: _str | None = None,
        shard_key_selector: ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "vector_name",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class WithLookup(Message):
    collection: _str
    with_payload: WithPayloadSelector
    with_vectors: WithVectorsSelector
    def __init__(
        self,
        *,
        collection: _str | None = None,
        with_payload: WithPayloadSelector | None = None,
        with_vectors: WithVectorsSelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "with_payload",
            "with_vectors",
        ],
    ) -> _bool: ...

class ScoredPoint(Message):
    id: qdrant_common_pb2.PointId
    payload: MessageMap[_str, json_with_int_pb2.Value]
    score: _float
    version: _int
    vectors: VectorsOutput
    shard_key: collections_pb2.ShardKey
    order_value: OrderValue
    def __init__(
        self,
        *,
        id: qdrant_common_pb2.PointId | None = None,
        payload: Mapping[_str, json_with_int_pb2.Value] | None = None,
        score: _float | None = None,
        version: _int | None = None,
        vectors: VectorsOutput | None = None,
        shard_key: collections_pb2.ShardKey | None = None,
        order_value: OrderValue | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "id",
            "vectors",
            "shard_key",
            "order_value",
        ],
    ) -> _bool: ...

class BatchResult(Message):
    result: RepeatedCompositeFieldContainer[ScoredPoint]
    def __init__(
        self,
        *,
        result: Iterable[ScoredPoint] | None = None,
    ) -> None: ...

class GroupId(Message):
    unsigned_value: _int
    integer_value: _int
    string_value: _str
    def __init__(
        self,
        *,
        unsigned_value: _int | None = None,
        integer_value: _int | None = None,
        string_value: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "unsigned_value",
            "integer_value",
            "string_value",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["kind"],
    ) -> Literal[
        "unsigned_value",
        "integer_value",
        "string_value",
    ] | None: ...

class PointGroup(Message):
    id: GroupId
    hits: RepeatedCompositeFieldContainer[ScoredPoint]
    lookup: RetrievedPoint
    def __init__(
        self,
        *,
        id: GroupId | None = None,
        hits: Iterable[ScoredPoint] | None = None,
        lookup: RetrievedPoint | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "id",
            "lookup",
        ],
    ) -> _bool: ...

class GroupsResult(Message):
    groups: RepeatedCompositeFieldContainer[PointGroup]
    def __init__(
        self,
        *,
        groups: Iterable[PointGroup] | None = None,
    ) -> None: ...

class SearchPoints(Message):
    collection_name: _str
    vector: RepeatedScalarFieldContainer[_float]
    filter: qdrant_common_pb2.Filter
    limit: _int
    with_payload: WithPayloadSelector
    params: SearchParams
    score_threshold: _float
    offset: _int
    vector_name: _str
    with_vectors: WithVectorsSelector
    read_consistency: ReadConsistency
    timeout: _int
    shard_key_selector: ShardKeySelector
    sparse_indices: SparseIndices
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        vector: Iterable[_float] | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        limit: _int | None = None,
        with_payload: WithPayloadSelector | None = None,
        params: SearchParams | None = None,
        score_threshold: _float | None = None,
        offset: _int | None = None,
        vector_name: _str | None = None,
        with_vectors: WithVectorsSelector | None = None,
        read_consistency: ReadConsistency | None = None,
        timeout: _int | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        sparse_indices: SparseIndices | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "with_payload",
            "params",
            "score_threshold",
            "offset",
            "vector_name",
            "with_vectors",
            "read_consistency",
            "timeout",
            "shard_key_selector",
            "sparse_indices",
        ],
    ) -> _bool: ...

class SearchResponse(Message):
    result: RepeatedCompositeFieldContainer[ScoredPoint]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[ScoredPoint] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class SearchBatchPoints(Message):
    collection_name: _str
    search_points: RepeatedCompositeFieldContainer[SearchPoints]
    read_consistency: ReadConsistency
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        search_points: Iterable[SearchPoints] | None = None,
        read_consistency: ReadConsistency | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "read_consistency",
            "timeout",
        ],
    ) -> _bool: ...

class SearchBatchResponse(Message):
    result: RepeatedCompositeFieldContainer[BatchResult]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[BatchResult] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class SearchPointGroups(Message):
    collection_name: _str
    vector: RepeatedScalarFieldContainer[_float]
    filter: qdrant_common_pb2.Filter
    limit: _int
    with_payload: WithPayloadSelector
    params: SearchParams
    score_threshold: _float
    vector_name: _str
    with_vectors: WithVectorsSelector
    group_by: _str
    group_size: _int
    read_consistency: ReadConsistency
    with_lookup: WithLookup
    timeout: _int
    shard_key_selector: ShardKeySelector
    sparse_indices: SparseIndices
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        vector: Iterable[_float] | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        limit: _int | None = None,
        with_payload: WithPayloadSelector | None = None,
        params: SearchParams | None = None,
        score_threshold: _float | None = None,
        vector_name: _str | None = None,
        with_vectors: WithVectorsSelector | None = None,
        group_by: _str | None = None,
        group_size: _int | None = None,
        read_consistency: ReadConsistency | None = None,
        with_lookup: WithLookup | None = None,
        timeout: _int | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        sparse_indices: SparseIndices | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "with_payload",
            "params",
            "score_threshold",
            "vector_name",
            "with_vectors",
            "read_consistency",
            "with_lookup",
            "timeout",
            "shard_key_selector",
            "sparse_indices",
        ],
    ) -> _bool: ...

class SearchGroupsResponse(Message):
    result: GroupsResult
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: GroupsResult | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
            "usage",
        ],
    ) -> _bool: ...

class RecommendPoints(Message):
    collection_name: _str
    positive: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    negative: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    filter: qdrant_common_pb2.Filter
    limit: _int
    with_payload: WithPayloadSelector
    params: SearchParams
    score_threshold: _float
    offset: _int
    using: _str
    with_vectors: WithVectorsSelector
    lookup_from: LookupLocation
    read_consistency: ReadConsistency
    strategy: _int
    positive_vectors: RepeatedCompositeFieldContainer[Vector]
    negative_vectors: RepeatedCompositeFieldContainer[Vector]
    timeout: _int
    shard_key_selector: ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        positive: Iterable[qdrant_common_pb2.PointId] | None = None,
        negative: Iterable[qdrant_common_pb2.PointId] | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        limit: _int | None = None,
        with_payload: WithPayloadSelector | None = None,
        params: SearchParams | None = None,
        score_threshold: _float | None = None,
        offset: _int | None = None,
        using: _str | None = None,
        with_vectors: WithVectorsSelector | None = None,
        lookup_from: LookupLocation | None = None,
        read_consistency: ReadConsistency | None = None,
        strategy: _int | None = None,
        positive_vectors: Iterable[Vector] | None = None,
        negative_vectors: Iterable[Vector] | None = None,
        timeout: _int | None = None,
        shard_key_selector: ShardKeySelector | None = None,
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
            "strategy",
            "timeout",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class RecommendResponse(Message):
    result: RepeatedCompositeFieldContainer[ScoredPoint]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[ScoredPoint] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class RecommendBatchPoints(Message):
    collection_name: _str
    recommend_points: RepeatedCompositeFieldContainer[RecommendPoints]
    read_consistency: ReadConsistency
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        recommend_points: Iterable[RecommendPoints] | None = None,
        read_consistency: ReadConsistency | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "read_consistency",
            "timeout",
        ],
    ) -> _bool: ...

class RecommendBatchResponse(Message):
    result: RepeatedCompositeFieldContainer[BatchResult]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[BatchResult] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class RecommendPointGroups(Message):
    collection_name: _str
    positive: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    negative: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    filter: qdrant_common_pb2.Filter
    limit: _int
    with_payload: WithPayloadSelector
    params: SearchParams
    score_threshold: _float
    using: _str
    with_vectors: WithVectorsSelector
    lookup_from: LookupLocation
    group_by: _str
    group_size: _int
    read_consistency: ReadConsistency
    with_lookup: WithLookup
    strategy: _int
    positive_vectors: RepeatedCompositeFieldContainer[Vector]
    negative_vectors: RepeatedCompositeFieldContainer[Vector]
    timeout: _int
    shard_key_selector: ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        positive: Iterable[qdrant_common_pb2.PointId] | None = None,
        negative: Iterable[qdrant_common_pb2.PointId] | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        limit: _int | None = None,
        with_payload: WithPayloadSelector | None = None,
        params: SearchParams | None = None,
        score_threshold: _float | None = None,
        using: _str | None = None,
        with_vectors: WithVectorsSelector | None = None,
        lookup_from: LookupLocation | None = None,
        group_by: _str | None = None,
        group_size: _int | None = None,
        read_consistency: ReadConsistency | None = None,
        with_lookup: WithLookup | None = None,
        strategy: _int | None = None,
        positive_vectors: Iterable[Vector] | None = None,
        negative_vectors: Iterable[Vector] | None = None,
        timeout: _int | None = None,
        shard_key_selector: ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "with_payload",
            "params",
            "score_threshold",
            "using",
            "with_vectors",
            "lookup_from",
            "read_consistency",
            "with_lookup",
            "strategy",
            "timeout",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class RecommendGroupsResponse(Message):
    result: GroupsResult
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: GroupsResult | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
            "usage",
        ],
    ) -> _bool: ...

class VectorExample(Message):
    id: qdrant_common_pb2.PointId
    vector: Vector
    def __init__(
        self,
        *,
        id: qdrant_common_pb2.PointId | None = None,
        vector: Vector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "id",
            "vector",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["example"],
    ) -> Literal[
        "id",
        "vector",
    ] | None: ...

class TargetVector(Message):
    single: VectorExample
    def __init__(
        self,
        *,
        single: VectorExample | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "single",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["target"],
    ) -> Literal[
        "single",
    ] | None: ...

class ContextExamplePair(Message):
    positive: VectorExample
    negative: VectorExample
    def __init__(
        self,
        *,
        positive: VectorExample | None = None,
        negative: VectorExample | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "positive",
            "negative",
        ],
    ) -> _bool: ...

class DiscoverPoints(Message):
    collection_name: _str
    target: TargetVector
    context: RepeatedCompositeFieldContainer[ContextExamplePair]
    filter: qdrant_common_pb2.Filter
    limit: _int
    with_payload: WithPayloadSelector
    params: SearchParams
    offset: _int
    using: _str
    with_vectors: WithVectorsSelector
    lookup_from: LookupLocation
    read_consistency: ReadConsistency
    timeout: _int
    shard_key_selector: ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        target: TargetVector | None = None,
        context: Iterable[ContextExamplePair] | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        limit: _int | None = None,
        with_payload: WithPayloadSelector | None = None,
        params: SearchParams | None = None,
        offset: _int | None = None,
        using: _str | None = None,
        with_vectors: WithVectorsSelector | None = None,
        lookup_from: LookupLocation | None = None,
        read_consistency: ReadConsistency | None = None,
        timeout: _int | None = None,
        shard_key_selector: ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "target",
            "filter",
            "with_payload",
            "params",
            "offset",
            "using",
            "with_vectors",
            "lookup_from",
            "read_consistency",
            "timeout",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class DiscoverResponse(Message):
    result: RepeatedCompositeFieldContainer[ScoredPoint]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[ScoredPoint] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class DiscoverBatchPoints(Message):
    collection_name: _str
    discover_points: RepeatedCompositeFieldContainer[DiscoverPoints]
    read_consistency: ReadConsistency
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        discover_points: Iterable[DiscoverPoints] | None = None,
        read_consistency: ReadConsistency | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "read_consistency",
            "timeout",
        ],
    ) -> _bool: ...

class DiscoverBatchResponse(Message):
    result: RepeatedCompositeFieldContainer[BatchResult]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[BatchResult] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class Query(Message):
    nearest: VectorInput
    recommend: RecommendInput
    discover: DiscoverInput
    context: ContextInput
    order_by: OrderBy
    fusion: _int
    sample: _int
    formula: Formula
    nearest_with_mmr: NearestInputWithMmr
    rrf: Rrf
    relevance_feedback: RelevanceFeedbackInput
    text: TextQuery
    def __init__(
        self,
        *,
        nearest: VectorInput | None = None,
        recommend: RecommendInput | None = None,
        discover: DiscoverInput | None = None,
        context: ContextInput | None = None,
        order_by: OrderBy | None = None,
        fusion: _int | None = None,
        sample: _int | None = None,
        formula: Formula | None = None,
        nearest_with_mmr: NearestInputWithMmr | None = None,
        rrf: Rrf | None = None,
        relevance_feedback: RelevanceFeedbackInput | None = None,
        text: TextQuery | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "nearest",
            "recommend",
            "discover",
            "context",
            "order_by",
            "fusion",
            "sample",
            "formula",
            "nearest_with_mmr",
            "rrf",
            "relevance_feedback",
            "text",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["variant"],
    ) -> Literal[
        "nearest",
        "recommend",
        "discover",
        "context",
        "order_by",
        "fusion",
        "sample",
        "formula",
        "nearest_with_mmr",
        "rrf",
        "relevance_feedback",
        "text",
    ] | None: ...

class PrefetchQuery(Message):
    prefetch: RepeatedCompositeFieldContainer[PrefetchQuery]
    query: Query
    using: _str
    filter: qdrant_common_pb2.Filter
    params: SearchParams
    score_threshold: _float
    limit: _int
    lookup_from: LookupLocation
    def __init__(
        self,
        *,
        prefetch: Iterable[PrefetchQuery] | None = None,
        query: Query | None = None,
        using: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        params: SearchParams | None = None,
        score_threshold: _float | None = None,
        limit: _int | None = None,
        lookup_from: LookupLocation | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "query",
            "using",
            "filter",
            "params",
            "score_threshold",
            "limit",
            "lookup_from",
        ],
    ) -> _bool: ...

class QueryPoints(Message):
    collection_name: _str
    prefetch: RepeatedCompositeFieldContainer[PrefetchQuery]
    query: Query
    using: _str
    filter: qdrant_common_pb2.Filter
    params: SearchParams
    score_threshold: _float
    limit: _int
    offset: _int
    with_vectors: WithVectorsSelector
    with_payload: WithPayloadSelector
    read_consistency: ReadConsistency
    shard_key_selector: ShardKeySelector
    lookup_from: LookupLocation
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        prefetch: Iterable[PrefetchQuery] | None = None,
        query: Query | None = None,
        using: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        params: SearchParams | None = None,
        score_threshold: _float | None = None,
        limit: _int | None = None,
        offset: _int | None = None,
        with_vectors: WithVectorsSelector | None = None,
        with_payload: WithPayloadSelector | None = None,
        read_consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKeySelector | None = None,
        lookup_from: LookupLocation | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "query",
            "using",
            "filter",
            "params",
            "score_threshold",
            "limit",
            "offset",
            "with_vectors",
            "with_payload",
            "read_consistency",
            "shard_key_selector",
            "lookup_from",
            "timeout",
        ],
    ) -> _bool: ...

class QueryResponse(Message):
    result: RepeatedCompositeFieldContainer[ScoredPoint]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[ScoredPoint] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class QueryBatchPoints(Message):
    collection_name: _str
    query_points: RepeatedCompositeFieldContainer[QueryPoints]
    read_consistency: ReadConsistency
    timeout: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        query_points: Iterable[QueryPoints] | None = None,
        read_consistency: ReadConsistency | None = None,
        timeout: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "read_consistency",
            "timeout",
        ],
    ) -> _bool: ...

class QueryBatchResponse(Message):
    result: RepeatedCompositeFieldContainer[BatchResult]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: Iterable[BatchResult] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class QueryPointGroups(Message):
    collection_name: _str
    prefetch: RepeatedCompositeFieldContainer[PrefetchQuery]
    query: Query
    using: _str
    filter: qdrant_common_pb2.Filter
    params: SearchParams
    score_threshold: _float
    with_payload: WithPayloadSelector
    with_vectors: WithVectorsSelector
    lookup_from: LookupLocation
    limit: _int
    group_size: _int
    group_by: _str
    read_consistency: ReadConsistency
    with_lookup: WithLookup
    timeout: _int
    shard_key_selector: ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        prefetch: Iterable[PrefetchQuery] | None = None,
        query: Query | None = None,
        using: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        params: SearchParams | None = None,
        score_threshold: _float | None = None,
        with_payload: WithPayloadSelector | None = None,
        with_vectors: WithVectorsSelector | None = None,
        lookup_from: LookupLocation | None = None,
        limit: _int | None = None,
        group_size: _int | None = None,
        group_by: _str | None = None,
        read_consistency: ReadConsistency | None = None,
        with_lookup: WithLookup | None = None,
        timeout: _int | None = None,
        shard_key_selector: ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "query",
            "using",
            "filter",
            "params",
            "score_threshold",
            "with_payload",
            "with_vectors",
            "lookup_from",
            "limit",
            "group_size",
            "read_consistency",
            "with_lookup",
            "timeout",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class QueryGroupsResponse(Message):
    result: GroupsResult
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: GroupsResult | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
            "usage",
        ],
    ) -> _bool: ...

class Rrf(Message):
    k: _int
    weights: RepeatedScalarFieldContainer[_float]
    def __init__(
        self,
        *,
        k: _int | None = None,
        weights: Iterable[_float] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "k",
        ],
    ) -> _bool: ...

class NearestInputWithMmr(Message):
    nearest: VectorInput
    mmr: Mmr
    def __init__(
        self,
        *,
        nearest: VectorInput | None = None,
        mmr: Mmr | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "nearest",
            "mmr",
        ],
    ) -> _bool: ...

class Mmr(Message):
    diversity: _float
    candidates_limit: _int
    def __init__(
        self,
        *,
        diversity: _float | None = None,
        candidates_limit: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "diversity",
            "candidates_limit",
        ],
    ) -> _bool: ...

class RecommendInput(Message):
    positive: RepeatedCompositeFieldContainer[VectorInput]
    negative: RepeatedCompositeFieldContainer[VectorInput]
    strategy: _int
    def __init__(
        self,
        *,
        positive: Iterable[VectorInput] | None = None,
        negative: Iterable[VectorInput] | None = None,
        strategy: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "strategy",
        ],
    ) -> _bool: ...

class DiscoverInput(Message):
    target: VectorInput
    context: ContextInput
    def __init__(
        self,
        *,
        target: VectorInput | None = None,
        context: ContextInput | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "target",
            "context",
        ],
    ) -> _bool: ...

class ContextInput(Message):
    pairs: RepeatedCompositeFieldContainer[ContextInputPair]
    def __init__(
        self,
        *,
        pairs: Iterable[ContextInputPair] | None = None,
    ) -> None: ...

class ContextInputPair(Message):
    positive: VectorInput
    negative: VectorInput
    def __init__(
        self,
        *,
        positive: VectorInput | None = None,
        negative: VectorInput | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "positive",
            "negative",
        ],
    ) -> _bool: ...

class RelevanceFeedbackInput(Message):
    target: VectorInput
    feedback: RepeatedCompositeFieldContainer[FeedbackItem]
    strategy: FeedbackStrategy
    def __init__(
        self,
        *,
        target: VectorInput | None = None,
        feedback: Iterable[FeedbackItem] | None = None,
        strategy: FeedbackStrategy | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "target",
            "strategy",
        ],
    ) -> _bool: ...

class FeedbackItem(Message):
    example: VectorInput
    score: _float
    def __init__(
        self,
        *,
        example: VectorInput | None = None,
        score: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "example",
        ],
    ) -> _bool: ...

class FeedbackStrategy(Message):
    naive: NaiveFeedbackStrategy
    def __init__(
        self,
        *,
        naive: NaiveFeedbackStrategy | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "naive",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["variant"],
    ) -> Literal[
        "naive",
    ] | None: ...

class NaiveFeedbackStrategy(Message):
    a: _float
    b: _float
    c: _float
    def __init__(
        self,
        *,
        a: _float | None = None,
        b: _float | None = None,
        c: _float | None = None,
    ) -> None: ...

class TextQuery(Message):
    query: _str
    bm25: Bm25Params
    def __init__(
        self,
        *,
        query: _str | None = None,
        bm25: Bm25Params | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "bm25",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["scoring"],
    ) -> Literal[
        "bm25",
    ] | None: ...

class Bm25Params(Message):
    k: _float
    b: _float
    def __init__(
        self,
        *,
        k: _float | None = None,
        b: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "k",
            "b",
        ],
    ) -> _bool: ...

class Formula(Message):
    expression: Expression
    defaults: MessageMap[_str, json_with_int_pb2.Value]
    def __init__(
        self,
        *,
        expression: Expression | None = None,
        defaults: Mapping[_str, json_with_int_pb2.Value] | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "expression",
        ],
    ) -> _bool: ...

class Expression(Message):
    constant: _float
    variable: _str
    condition: qdrant_common_pb2.Condition
    geo_distance: GeoDistance
    datetime: _str
    datetime_key: _str
    mult: MultExpression
    sum: SumExpression
    div: DivExpression
    neg: Expression
    abs: Expression
    sqrt: Expression
    pow: PowExpression
    exp: Expression
    log10: Expression
    ln: Expression
    exp_decay: DecayParamsExpression
    gauss_decay: DecayParamsExpression
    lin_decay: DecayParamsExpression
    acosh: Expression
    max: MaxExpression
    min: MinExpression
    def __init__(
        self,
        *,
        constant: _float | None = None,
        variable: _str | None = None,
        condition: qdrant_common_pb2.Condition | None = None,
        geo_distance: GeoDistance | None = None,
        datetime: _str | None = None,
        datetime_key: _str | None = None,
        mult: MultExpression | None = None,
        sum: SumExpression | None = None,
        div: DivExpression | None = None,
        neg: Expression | None = None,
        abs: Expression | None = None,
        sqrt: Expression | None = None,
        pow: PowExpression | None = None,
        exp: Expression | None = None,
        log10: Expression | None = None,
        ln: Expression | None = None,
        exp_decay: DecayParamsExpression | None = None,
        gauss_decay: DecayParamsExpression | None = None,
        lin_decay: DecayParamsExpression | None = None,
        acosh: Expression | None = None,
        max: MaxExpression | None = None,
        min: MinExpression | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "constant",
            "variable",
            "condition",
            "geo_distance",
            "datetime",
            "datetime_key",
            "mult",
            "sum",
            "div",
            "neg",
            "abs",
            "sqrt",
            "pow",
            "exp",
            "log10",
            "ln",
            "exp_decay",
            "gauss_decay",
            "lin_decay",
            "acosh",
            "max",
            "min",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["variant"],
    ) -> Literal[
        "constant",
        "variable",
        "condition",
        "geo_distance",
        "datetime",
        "datetime_key",
        "mult",
        "sum",
        "div",
        "neg",
        "abs",
        "sqrt",
        "pow",
        "exp",
        "log10",
        "ln",
        "exp_decay",
        "gauss_decay",
        "lin_decay",
        "acosh",
        "max",
        "min",
    ] | None: ...

class GeoDistance(Message):
    origin: qdrant_common_pb2.GeoPoint
    to: _str
    def __init__(
        self,
        *,
        origin: qdrant_common_pb2.GeoPoint | None = None,
        to: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "origin",
        ],
    ) -> _bool: ...

class MultExpression(Message):
    mult: RepeatedCompositeFieldContainer[Expression]
    def __init__(
        self,
        *,
        mult: Iterable[Expression] | None = None,
    ) -> None: ...

class SumExpression(Message):
    sum: RepeatedCompositeFieldContainer[Expression]
    def __init__(
        self,
        *,
        sum: Iterable[Expression] | None = None,
    ) -> None: ...

class MaxExpression(Message):
    max: RepeatedCompositeFieldContainer[Expression]
    def __init__(
        self,
        *,
        max: Iterable[Expression] | None = None,
    ) -> None: ...

class MinExpression(Message):
    min: RepeatedCompositeFieldContainer[Expression]
    def __init__(
        self,
        *,
        min: Iterable[Expression] | None = None,
    ) -> None: ...

class DivExpression(Message):
    left: Expression
    right: Expression
    by_zero_default: _float
    def __init__(
        self,
        *,
        left: Expression | None = None,
        right: Expression | None = None,
        by_zero_default: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "left",
            "right",
            "by_zero_default",
        ],
    ) -> _bool: ...

class PowExpression(Message):
    base: Expression
    exponent: Expression
    def __init__(
        self,
        *,
        base: Expression | None = None,
        exponent: Expression | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "base",
            "exponent",
        ],
    ) -> _bool: ...

class DecayParamsExpression(Message):
    x: Expression
    target: Expression
    scale: _float
    midpoint: _float
    def __init__(
        self,
        *,
        x: Expression | None = None,
        target: Expression | None = None,
        scale: _float | None = None,
        midpoint: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "x",
            "target",
            "scale",
            "midpoint",
        ],
    ) -> _bool: ...

class FacetCounts(Message):
    collection_name: _str
    key: _str
    filter: qdrant_common_pb2.Filter
    limit: _int
    exact: _bool
    timeout: _int
    read_consistency: ReadConsistency
    shard_key_selector: ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        key: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        limit: _int | None = None,
        exact: _bool | None = None,
        timeout: _int | None = None,
        read_consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "limit",
            "exact",
            "timeout",
            "read_consistency",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class FacetValue(Message):
    string_value: _str
    integer_value: _int
    bool_value: _bool
    def __init__(
        self,
        *,
        string_value: _str | None = None,
        integer_value: _int | None = None,
        bool_value: _bool | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "string_value",
            "integer_value",
            "bool_value",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["variant"],
    ) -> Literal[
        "string_value",
        "integer_value",
        "bool_value",
    ] | None: ...

class FacetHit(Message):
    value: FacetValue
    count: _int
    def __init__(
        self,
        *,
        value: FacetValue | None = None,
        count: _int | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "value",
        ],
    ) -> _bool: ...

class FacetResponse(Message):
    hits: RepeatedCompositeFieldContainer[FacetHit]
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        hits: Iterable[FacetHit] | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "usage",
        ],
    ) -> _bool: ...

class SearchMatrixPoints(Message):
    collection_name: _str
    filter: qdrant_common_pb2.Filter
    sample: _int
    limit: _int
    using: _str
    timeout: _int
    read_consistency: ReadConsistency
    shard_key_selector: ShardKeySelector
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        filter: qdrant_common_pb2.Filter | None = None,
        sample: _int | None = None,
        limit: _int | None = None,
        using: _str | None = None,
        timeout: _int | None = None,
        read_consistency: ReadConsistency | None = None,
        shard_key_selector: ShardKeySelector | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "filter",
            "sample",
            "limit",
            "using",
            "timeout",
            "read_consistency",
            "shard_key_selector",
        ],
    ) -> _bool: ...

class SearchMatrixPairs(Message):
    pairs: RepeatedCompositeFieldContainer[SearchMatrixPair]
    def __init__(
        self,
        *,
        pairs: Iterable[SearchMatrixPair] | None = None,
    ) -> None: ...

class SearchMatrixPair(Message):
    a: qdrant_common_pb2.PointId
    b: qdrant_common_pb2.PointId
    score: _float
    def __init__(
        self,
        *,
        a: qdrant_common_pb2.PointId | None = None,
        b: qdrant_common_pb2.PointId | None = None,
        score: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "a",
            "b",
        ],
    ) -> _bool: ...

class SearchMatrixPairsResponse(Message):
    result: SearchMatrixPairs
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: SearchMatrixPairs | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
            "usage",
        ],
    ) -> _bool: ...

class SearchMatrixOffsets(Message):
    offsets_row: RepeatedScalarFieldContainer[_int]
    offsets_col: RepeatedScalarFieldContainer[_int]
    scores: RepeatedScalarFieldContainer[_float]
    ids: RepeatedCompositeFieldContainer[qdrant_common_pb2.PointId]
    def __init__(
        self,
        *,
        offsets_row: Iterable[_int] | None = None,
        offsets_col: Iterable[_int] | None = None,
        scores: Iterable[_float] | None = None,
        ids: Iterable[qdrant_common_pb2.PointId] | None = None,
    ) -> None: ...

class SearchMatrixOffsetsResponse(Message):
    result: SearchMatrixOffsets
    time: _float
    usage: Usage
    def __init__(
        self,
        *,
        result: SearchMatrixOffsets | None = None,
        time: _float | None = None,
        usage: Usage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "result",
            "usage",
        ],
    ) -> _bool: ...

class Usage(Message):
    hardware: HardwareUsage
    inference: InferenceUsage
    def __init__(
        self,
        *,
        hardware: HardwareUsage | None = None,
        inference: InferenceUsage | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "hardware",
            "inference",
        ],
    ) -> _bool: ...

class HardwareUsage(Message):
    cpu: _int
    payload_io_read: _int
    payload_io_write: _int
    payload_index_io_read: _int
    payload_index_io_write: _int
    vector_io_read: _int
    vector_io_write: _int
    def __init__(
        self,
        *,
        cpu: _int | None = None,
        payload_io_read: _int | None = None,
        payload_io_write: _int | None = None,
        payload_index_io_read: _int | None = None,
        payload_index_io_write: _int | None = None,
        vector_io_read: _int | None = None,
        vector_io_write: _int | None = None,
    ) -> None: ...

class InferenceUsage(Message):
    models: MessageMap[_str, ModelUsage]
    def __init__(
        self,
        *,
        models: Mapping[_str, ModelUsage] | None = None,
    ) -> None: ...

class ModelUsage(Message):
    tokens: _int
    def __init__(
        self,
        *,
        tokens: _int | None = None,
    ) -> None: ...
