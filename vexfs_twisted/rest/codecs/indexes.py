"""Decoding of requests for payload indexes from JSON."""

from __future__ import annotations

from typing import Any

from ...jsonform.payload_index import read_field_schema
from ...model.errors import BadRequest
from ...model.payload_index import CreateFieldIndex
from .fields import optional, read_object, refuse_shard_key, required
from .selectors import read_path


def read_create_index(value: Any) -> CreateFieldIndex:
    """A request to create an index, with the schema in `field_schema` or the older `field_type`.

    Raises FormatError; BadRequest without a schema; BadInput if a shard key is given.
    """
    body = read_object(value, "CreateFieldIndex")
    refuse_shard_key(body)
    field = required(body, "field_name", read_path)
    name = "field_type" if body.get("field_schema") is None else "field_schema"
    schema = optional(body, name, read_field_schema, None)
    if schema is None:
        raise BadRequest(
            "Can't auto-detect field type, please specify `field_schema` in the request"
        )
    return CreateFieldIndex(field, schema)
