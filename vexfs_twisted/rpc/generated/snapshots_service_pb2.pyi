"""snapshots_service.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

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

DESCRIPTOR: FileDescriptor

class CreateFullSnapshotRequest(Message):
    def __init__(
        self,
    ) -> None: ...

class ListFullSnapshotsRequest(Message):
    def __init__(
        self,
    ) -> None: ...

class DeleteFullSnapshotRequest(Message):
    snapshot_name: _str
    def __init__(
        self,
        *,
        snapshot_name: _str | None = None,
    ) -> None: ...

class CreateSnapshotRequest(Message):
    collection_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
    ) -> None: ...

class ListSnapshotsRequest(Message):
    collection_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
    ) -> None: ...

class DeleteSnapshotRequest(Message):
    collection_name: _str
    snapshot_name: _str
    def __init__(
        self,
        *,
        collection_name: _str | None = None,
        snapshot_name: _str | None = None,
    ) -> None: ...

class SnapshotDescription(Message):
    name: _str
    creation_time: Timestamp
    size: _int
    checksum: _str
    def __init__(
        self,
        *,
        name: _str | None = None,
        creation_time: Timestamp | None = None,
        size: _int | None = None,
        checksum: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "creation_time",
            "checksum",
        ],
    ) -> _bool: ...

class CreateSnapshotResponse(Message):
    snapshot_description: SnapshotDescription
    time: _float
    def __init__(
        self,
        *,
        snapshot_description: SnapshotDescription | None = None,
        time: _float | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "snapshot_description",
        ],
    ) -> _bool: ...

class ListSnapshotsResponse(Message):
    snapshot_descriptions: RepeatedCompositeFieldContainer[SnapshotDescription]
    time: _float
    def __init__(
        self,
        *,
        snapshot_descriptions: Iterable[SnapshotDescription] | None = None,
        time: _float | None = None,
    ) -> None: ...

class DeleteSnapshotResponse(Message):
    time: _float
    def __init__(
        self,
        *,
        time: _float | None = None,
    ) -> None: ...
