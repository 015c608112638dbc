"""qdrant.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

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
from vexfs_twisted.rpc.generated import collections_service_pb2
from vexfs_twisted.rpc.generated import flat_pb2
from vexfs_twisted.rpc.generated import points_pb2
from vexfs_twisted.rpc.generated import points_service_pb2
from vexfs_twisted.rpc.generated import snapshots_service_pb2

DESCRIPTOR: FileDescriptor

class HealthCheckRequest(Message):
    def __init__(
        self,
    ) -> None: ...

class HealthCheckReply(Message):
    title: _str
    version: _str
    commit: _str
    def __init__(
        self,
        *,
        title: _str | None = None,
        version: _str | None = None,
        commit: _str | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "commit",
        ],
    ) -> _bool: ...
