"""bulk.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

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
from vexfs_twisted.rpc.generated import points_pb2
from vexfs_twisted.rpc.generated import qdrant_common_pb2

DESCRIPTOR: FileDescriptor

class UpsertPoints(Message):
    collection_name: _str
    wait: _bool
    points: RepeatedCompositeFieldContainer[PointStruct]
    ordering: points_pb2.qdrant.WriteOrdering
    shard_key_selector: points_pb2.qdrant.ShardKeySelector
    update_filter: qdrant_common_pb2.qdrant.Filter
    timeout: _int
    update_mode: _int
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        wait: _bool | None = None,
        points: Iterable[PointStruct] | None = None,
        ordering: points_pb2.qdrant.WriteOrdering | None = None,
        shard_key_selector: points_pb2.qdrant.ShardKeySelector | None = None,
        update_filter: qdrant_common_pb2.qdrant.Filter | None = None,
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

class PointStruct(Message):
    id: qdrant_common_pb2.qdrant.PointId
    payload: MessageMap[_str, json_with_int_pb2.qdrant.Value]
    vectors: Vectors
    def __init__(
        self,
        *,
        id: qdrant_common_pb2.qdrant.PointId | None = None,
        payload: Mapping[_str, json_with_int_pb2.qdrant.Value] | None = None,
        vectors: Vectors | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "id",
            "vectors",
        ],
    ) -> _bool: ...

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

class NamedVectors(Message):
    vectors: MessageMap[_str, Vector]
    def __init__(
        self,
        *,
        vectors: Mapping[_str, Vector] | None = None,
    ) -> None: ...

class Vector(Message):
    data: _bytes
    indices: points_pb2.qdrant.SparseIndices
    vectors_count: _int
    dense: DenseVector
    sparse: SparseVector
    multi_dense: MultiDenseVector
    document: points_pb2.qdrant.Document
    image: points_pb2.qdrant.Image
    object: points_pb2.qdrant.InferenceObject
    def __init__(
        self,
        *,
        data: _bytes | None = None,
        indices: points_pb2.qdrant.SparseIndices | None = None,
        vectors_count: _int | None = None,
        dense: DenseVector | None = None,
        sparse: SparseVector | None = None,
        multi_dense: MultiDenseVector | None = None,
        document: points_pb2.qdrant.Document | None = None,
        image: points_pb2.qdrant.Image | None = None,
        object: points_pb2.qdrant.InferenceObject | None = None,
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

class DenseVector(Message):
    data: _bytes
    def __init__(
        self,
        *,
        data: _bytes | None = None,
    ) -> None: ...

class SparseVector(Message):
    values: _bytes
    indices: RepeatedScalarFieldContainer[_int]
    def __init__(
        self,
        *,
        values: _bytes | None = None,
        indices: Iterable[_int] | None = None,
    ) -> None: ...

class MultiDenseVector(Message):
    vectors: RepeatedCompositeFieldContainer[DenseVector]
    def __init__(
        self,
        *,
        vectors: Iterable[DenseVector] | None = None,
    ) -> None: ...

class Answers(Message):
    result: RepeatedScalarFieldContainer[_bytes]
    time: _float
    def __init__(
        self,
        *,
        result: Iterable[_bytes] | None = None,
        time: _float | None = None,
    ) -> None: ...

class Points(Message):
    time: _float
    def __init__(
        self,
        *,
        time: _float | None = None,
    ) -> None: ...
