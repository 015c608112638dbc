"""The codec of payloads: maps of Value messages in protobuf, JSON bytes in the model.

Integers and floats keep their types in both directions, except that an integer beyond int64 is
encoded as a double.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from math import isfinite
from typing import Any

import orjson

from ...model.errors import MalformedMessage
from ..generated.json_with_int_pb2 import NULL_VALUE, Value

EMPTY = b"{}"

_MIN_INTEGER = -(2**63)
_MAX_INTEGER = 2**63 - 1


def is_int64(number: int) -> bool:
    """Whether `number` fits into an int64 field."""
    return _MIN_INTEGER <= number <= _MAX_INTEGER


def read_object(fields: Mapping[str, Value]) -> dict[str, Any]:
    """Decode a map of values as a JSON object. Raises MalformedMessage for NaN and infinity."""
    # For a protobuf map, iterating over keys with look-ups is fastest.
    json_object = {}
    for key in fields:
        value = fields[key]
        # Most values are strings and integers; unset fields read as "" or 0.
        json_object[key] = value.string_value or value.integer_value or _read(value)
    return json_object


def read_payload(fields: Mapping[str, Value]) -> bytes:
    """Decode a payload as JSON bytes. Raises MalformedMessage for NaN and infinity."""
    # orjson returns bytes whose allocation is a kilobyte. Keeping a copy instead takes a tenth of
    # the time when there are thousands.
    return b"%b" % orjson.dumps(read_object(fields)) if fields else EMPTY


def _read(value: Value) -> Any:
    # Only the set member of a oneof differs from its default. Reading the most common members
    # decides most values, at a quarter of the cost of WhichOneof.
    scalar = value.string_value or value.integer_value
    if scalar:
        return scalar
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return ""
    if kind == "integer_value":
        return 0
    if kind == "double_value":
        return _read_double(value.double_value)
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_read(item) for item in value.list_value.values]
    if kind == "struct_value":
        return read_object(value.struct_value.fields)
    return None


def _read_double(number: float) -> float:
    if not isfinite(number):
        raise MalformedMessage(f"cannot convert {number} to a JSON number")
    return number


def write_payload(payload: bytes, fields: MutableMapping[str, Value]) -> None:
    """Write the JSON object `payload` into a map of values."""
    if payload != EMPTY:
        write_object(orjson.loads(payload), fields)


def write_object(json_object: Mapping[str, Any], fields: MutableMapping[str, Value]) -> None:
    """Write a JSON object into a map of values."""
    for key, item in json_object.items():
        _write(item, fields[key])


def _write(item: Any, value: Value) -> None:
    kind = type(item)
    if kind is str:
        value.string_value = item
    elif kind is int:
        if is_int64(item):
            value.integer_value = item
        else:
            value.double_value = item
    elif kind is float:
        value.double_value = item
    elif kind is bool:
        value.bool_value = item
    elif kind is list:
        # Sets presence explicitly: an empty list would otherwise be unset. Likewise below.
        value.list_value.SetInParent()
        values = value.list_value.values
        for element in item:
            _write(element, values.add())
    elif kind is dict:
        value.struct_value.SetInParent()
        write_object(item, value.struct_value.fields)
    else:
        value.null_value = NULL_VALUE
