"""The codec of JSON parts of commands: configurations and schemas of payload indexes.

JSON is used in the form stored on disk and sent to clients. Encoders raise ValueError for values
that JSON would change; decoders raise UndecodableCommand for JSON with unknown fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs
import orjson

from ..jsonform.collections import (
    dump_collection_config,
    dump_part,
    load_collection_config,
    load_part,
)
from ..jsonform.payload_index import field_schema_to_json, read_field_schema
from ..model.collection import CollectionConfig
from ..model.errors import FormatError, NotSupported
from ..model.payload_index import FieldSchema
from .messages import UndecodableCommand

T = TypeVar("T")
A = TypeVar("A", bound=attrs.AttrsInstance)


def encode_part(part: attrs.AttrsInstance) -> bytes:
    """Encode a part of a configuration, or a change. Raises ValueError if JSON would change it."""
    return _encoded(part, dump_part, lambda data: load_part(data, type(part)))


def decode_part(data: bytes, kind: type[A]) -> A:
    """The inverse of `encode_part` for a value of class `kind`. Raises UndecodableCommand."""
    return _decoded(data, dump_part, lambda found: load_part(found, kind))


def encode_config(config: CollectionConfig) -> bytes:
    """Encode a whole configuration. Raises ValueError if JSON would change it."""
    return _encoded(config, dump_collection_config, load_collection_config)


def decode_config(data: bytes) -> CollectionConfig:
    """The inverse of `encode_config`. Raises UndecodableCommand."""
    return _decoded(data, dump_collection_config, load_collection_config)


def encode_schema(schema: FieldSchema) -> bytes:
    """Encode the schema of a payload index. Raises ValueError if JSON would change it."""
    return _encoded(schema, _dump_schema, _load_schema)


def decode_schema(data: bytes) -> FieldSchema:
    """The inverse of `encode_schema`. Raises UndecodableCommand."""
    return _decoded(data, _dump_schema, _load_schema)


def _encoded(value: T, dump: Callable[[T], bytes], load: Callable[[bytes], T]) -> bytes:
    try:
        data = dump(value)
        if load(data) == value:
            return data
    except (orjson.JSONEncodeError, FormatError) as error:
        raise ValueError(f"JSON has no such value: {error}") from error
    raise ValueError("JSON has no such value")


def _decoded(data: bytes, dump: Callable[[T], bytes], load: Callable[[bytes], T]) -> T:
    try:
        value = load(data)
    except (orjson.JSONDecodeError, FormatError, NotSupported, KeyError, TypeError) as error:
        raise UndecodableCommand(f"no configuration: {error}") from error
    # The JSON readers ignore unknown fields.
    if dump(value) != data:
        raise UndecodableCommand("a configuration with fields that are not known")
    return value


def _dump_schema(schema: FieldSchema) -> bytes:
    return orjson.dumps(field_schema_to_json(schema))


def _load_schema(data: bytes) -> FieldSchema:
    return read_field_schema(orjson.loads(data))
