"""Model values to and from messages, where both have the same names, and payloads.

Written beside the server's own codecs, not with them, so that a mistake there shows here. The model
and the schema agree on most names; where they do not, the modules that use this say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs

from vexfs_twisted.rpc.generated import json_with_int_pb2

_RENAMED = {"turbo": "turboquant"}


def fill(message: Any, value: Any, skip: tuple[str, ...] = ()) -> None:
    """Set in `message` what is set in the attrs value `value`, but for the fields in `skip`."""
    for field in attrs.fields(type(value)):
        item = getattr(value, field.name)
        if item is not None and field.name not in skip:
            _fill_field(message, _RENAMED.get(field.name, field.name), item)


def _fill_field(message: Any, name: str, item: Any) -> None:
    descriptor = message.DESCRIPTOR.fields_by_name[name]
    if descriptor.enum_type is not None:
        setattr(message, name, enum_number(descriptor.enum_type, item))
    elif descriptor.message_type is None:
        setattr(message, name, item)
    else:
        part = getattr(message, name)
        part.SetInParent()
        _fill_part(part, name, item)


def _fill_part(part: Any, name: str, item: Any) -> None:
    if isinstance(item, Enum):
        _fill_word(part, item)
    elif isinstance(item, Mapping):
        # Strict mode wraps its maps in a message with one field of the same name.
        for key, inner in item.items():
            fill(getattr(part, name)[key], inner)
    elif attrs.has(type(item)):
        fill(part, item)
    elif item == "auto":
        part.setting = 0
    else:
        part.value = item


def _fill_word(part: Any, item: Enum) -> None:
    """An enum that the schema wraps into a message: a setting, or an empty message of its name."""
    settings = part.DESCRIPTOR.enum_types_by_name.get("Setting")
    if settings is None:
        getattr(part, item.value.lower()).SetInParent()
    else:
        part.setting = enum_number(settings, item)


def enum_number(kind: Any, value: Enum) -> int:
    """The number of a model enum's member: schema and model differ in case and underscores."""
    wanted = _squeezed(value.value)
    return next(int(m.number) for m in kind.values if _squeezed(m.name) == wanted)


def enum_member(kind: Any, number: int, members: type[Enum]) -> Any:
    """The model enum's member of a number."""
    wanted = _squeezed(kind.values_by_number[number].name)
    return next(member for member in members if _squeezed(member.value) == wanted)


def read_enum(message: Any, name: str, members: type[Enum]) -> Any:
    """The member that the field `name` holds."""
    kind = message.DESCRIPTOR.fields_by_name[name].enum_type
    return enum_member(kind, getattr(message, name), members)


def _squeezed(name: str) -> str:
    return name.replace("_", "").lower()


def read(message: Any, kind: type, skip: tuple[str, ...] = ()) -> Any:
    """The attrs value of class `kind` that `message` holds; what is unset keeps its default."""
    attrs.resolve_types(kind)
    found = {}
    for field in attrs.fields(kind):
        name = _RENAMED.get(field.name, field.name)
        if field.name not in skip and _is_set(message, name):
            found[field.name] = _read_field(message, name, _without_none(field.type))
    return kind(**found)


def _is_set(message: Any, name: str) -> bool:
    field = message.DESCRIPTOR.fields_by_name[name]
    return bool(message.HasField(name)) if field.has_presence else True


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, UnionType):
        return next(arg for arg in get_args(kind) if arg is not type(None))
    return kind


def _read_field(message: Any, name: str, kind: Any) -> Any:
    descriptor = message.DESCRIPTOR.fields_by_name[name]
    if descriptor.enum_type is not None:
        return read_enum(message, name, kind)
    part = getattr(message, name)
    if descriptor.message_type is None:
        return part
    if get_origin(kind) is Mapping:
        return read_map(getattr(part, name), get_args(kind)[1])
    if attrs.has(kind):
        return read(part, kind)
    if "setting" in part.DESCRIPTOR.fields_by_name and part.HasField("setting"):
        if kind is int:
            # A number of threads that is automatic is None in the model.
            return None
        return enum_member(part.DESCRIPTOR.enum_types_by_name["Setting"], part.setting, kind)
    return part.value


def read_map(parts: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """A map of messages as attrs values."""
    return {name: read(part, kind) for name, part in parts.items()}


def json_value(value: Any) -> Any:
    """A JSON value as a message."""
    message = json_with_int_pb2.Value()
    match value:
        case None:
            message.null_value = 0
        case bool():
            message.bool_value = value
        case int():
            message.integer_value = value
        case float():
            message.double_value = value
        case str():
            message.string_value = value
        case Mapping():
            message.struct_value.SetInParent()
            fill_payload(message.struct_value.fields, value)
        case _:
            message.list_value.SetInParent()
            message.list_value.values.extend(map(json_value, value))
    return message


def fill_payload(fields: Any, payload: Mapping[str, Any]) -> None:
    """Put a JSON object into a map of values."""
    for key, item in payload.items():
        fields[key].CopyFrom(json_value(item))


def read_payload(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A map of values as a JSON object."""
    return {key: _read_value(item) for key, item in fields.items()}


def _read_value(message: Any) -> Any:
    kind = message.WhichOneof("kind")
    assert kind is not None, "a value that says nothing, not even null"
    if kind == "null_value":
        return None
    if kind == "struct_value":
        return read_payload(message.struct_value.fields)
    if kind == "list_value":
        return [_read_value(item) for item in message.list_value.values]
    return getattr(message, kind)
