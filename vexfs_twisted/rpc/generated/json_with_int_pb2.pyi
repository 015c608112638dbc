"""json_with_int.proto, in our pool. Written by tools/generate_protos.py: do not edit."""

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

@type_check_only
class _NullValue(_EnumTypeWrapper[_int]):
    NULL_VALUE: _int

NullValue: _NullValue
NULL_VALUE: _int

class Struct(Message):
    fields: MessageMap[_str, Value]
    def __init__(
        self,
        *,
        fields: Mapping[_str, Value] | None = None,
    ) -> None: ...

class Value(Message):
    null_value: _int
    double_value: _float
    integer_value: _int
    string_value: _str
    bool_value: _bool
    struct_value: Struct
    list_value: ListValue
    def __init__(
        self,
        *,
        null_value: _int | None = None,
        double_value: _float | None = None,
        integer_value: _int | None = None,
        string_value: _str | None = None,
        bool_value: _bool | None = None,
        struct_value: Struct | None = None,
        list_value: ListValue | None = None,
    ) -> None: ...
    def HasField(
        self,
        field_name: Literal[
            "null_value",
            "double_value",
            "integer_value",
            "string_value",
            "bool_value",
            "struct_value",
            "list_value",
        ],
    ) -> _bool: ...
    def WhichOneof(
        self,
        oneof_group: Literal["kind"],
    ) -> Literal[
        "null_value",
        "double_value",
        "integer_value",
        "string_value",
        "bool_value",
        "struct_value",
        "list_value",
    ] | None: ...

class ListValue(Message):
    values: RepeatedCompositeFieldContainer[Value]
    def __init__(
        self,
        *,
        values: Iterable[Value] | None = None,
    ) -> None: ...
