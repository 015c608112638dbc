"""Payloads: maps of Value messages on the wire, JSON bytes inside.

Whole numbers and fractions keep their kind both ways. An integer that JSON holds and int64 does not
travels as a double.
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
    """Whether an integer field of a message can hold `number`."""
    return _MIN_INTEGER <= number <= _MAX_INTEGER


def read_object(fields: Mapping[str, Value]) -> dict[str, Any]:
    """The JSON object that a map of values means; a number JSON lacks raises MalformedMessage."""
    # Iterating over keys and looking up is the fast way through a protobuf map.
    json_object = {}
    for key in fields:
        value = fields[key]
        # Most values are texts and numbers; what is not set reads as "" or 0.
        json_object[key] = value.string_value or value.integer_value or _read(value)
    return json_object


def read_payload(fields: Mapping[str, Value]) -> bytes:
    """A payload as JSON bytes."""
    # What orjson returns is a kilobyte block cut short. To keep a copy instead costs a tenth of
    # the time, when there are thousands.
    return b"%b" % orjson.dumps(read_object(fields)) if fields else EMPTY


def _read(value: Value) -> Any:
    # Of a oneof, only the member that is set differs from its default. Most values are told by a
    # look at the commonest members, at a quarter of what asking for the kind costs.
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
    """Put the JSON object `payload` into a map of values, in place."""
    if payload != EMPTY:
        write_object(orjson.loads(payload), fields)


def write_object(json_object: Mapping[str, Any], fields: MutableMapping[str, Value]) -> None:
    """Put a JSON object into a map of values, in place."""
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
        # Presence must be said, or an empty list would be no value at all; likewise below.
        value.list_value.SetInParent()
        values = value.list_value.values
        for element in item:
            _write(element, values.add())
    elif kind is dict:
        value.struct_value.SetInParent()
        write_object(item, value.struct_value.fields)
    else:
        value.null_value = NULL_VALUE
