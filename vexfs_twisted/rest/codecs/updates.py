"""Decoding of updates of existing points from JSON, and of batches of updates of all kinds.

The public functions raise FormatError, BadInput and ValidationError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import orjson

from ...jsonform.converter import describe, located
from ...model.errors import FormatError, Problem, ValidationError
from ...model.filters import Filter
from ...model.ids import PointId
from ...model.updates import (
    ClearPayload,
    DeletePayload,
    DeletePoints,
    DeleteVectors,
    OverwritePayload,
    SetPayload,
    Update,
)
from .fields import (
    Reader,
    optional,
    read_list,
    read_object,
    read_string,
    refuse_shard_key,
    required,
)
from .filters import read_optional_filter
from .gathering import MAX_ELEMENTS, Gathered, gathered
from .ids import read_ids
from .selectors import read_path, read_paths
from .upserts import read_update_vectors, read_upsert

Chosen = tuple[Sequence[PointId] | None, Filter | None]
"""The points that an update selects: by ids or by a filter; ids take precedence."""


def read_delete(value: Any) -> DeletePoints:
    """A deletion of points."""
    return DeletePoints(*_read_selector(value))


def read_clear_payload(value: Any) -> ClearPayload:
    """A deletion of whole payloads."""
    return ClearPayload(*_read_selector(value))


def read_set_payload(value: Any) -> SetPayload:
    """A merge into payloads, at the top level or below a path."""
    body = read_object(value, "SetPayload")
    payload = required(body, "payload", _dump_payload)
    key = optional(body, "key", read_path, None)
    return SetPayload(payload, *_read_points_or_filter(body), key)


def read_overwrite_payload(value: Any) -> OverwritePayload:
    """A replacement of whole payloads. A path is validated, but has no effect."""
    body = read_object(value, "SetPayload")
    payload = required(body, "payload", _dump_payload)
    optional(body, "key", read_path, None)
    return OverwritePayload(payload, *_read_points_or_filter(body))


def read_delete_payload(value: Any) -> DeletePayload:
    """A deletion of the values at some paths of payloads."""
    body = read_object(value, "DeletePayload")
    keys = required(body, "keys", read_paths)
    return DeletePayload(keys, *_read_points_or_filter(body))


def read_delete_vectors(value: Any) -> DeleteVectors:
    """A deletion of vectors by name. A request without ids and filter is refused later."""
    body = read_object(value, "DeleteVectors")
    names = required(body, "vector", _read_names)
    return DeleteVectors(names, *_read_chosen(body))


def read_update_batch(value: Any) -> list[Update]:
    """The updates of a batch, in order."""
    body = read_object(value, "UpdateOperations")
    operations = required(body, "operations", _read_operations)
    return list(chain.from_iterable(operations.parts()))


def gather_operations() -> Gathered[list[Update]]:
    """A gatherer of the operations of a batch."""

    def read(operations: list[Any], start: int) -> list[Update]:
        numbered = enumerate(operations, start)
        return [_read_operation(item, f"operations[{index}]") for index, item in numbered]

    return Gathered(read, MAX_ELEMENTS)


def _read_operations(value: Any) -> Gathered[list[Update]]:
    return gathered(value, Gathered, gather_operations)


def _read_operation(value: Any, place: str) -> Update:
    body = located(place, read_object, value, "UpdateOperation")
    for name, read in _OPERATIONS.items():
        if body.get(name) is not None:
            return _read_inner(f"{place}.{name}", read, body[name])
    text = "data did not match any variant of untagged enum UpdateOperation"
    raise FormatError(f"{place}: {text}")


def _read_inner(place: str, read: Reader[Update], value: Any) -> Update:
    try:
        return located(place, read, value)
    except ValidationError as error:
        problems = [Problem(f"{place}.{found.path}", found.text) for found in error.problems]
        raise ValidationError(problems) from None


def _read_selector(value: Any) -> Chosen:
    body = read_object(value, "PointsSelector")
    chosen = _read_chosen(body)
    if chosen == (None, None):
        raise FormatError("data did not match any variant of untagged enum PointsSelector")
    return chosen


def _read_points_or_filter(body: dict[str, Any]) -> Chosen:
    chosen = _read_chosen(body)
    if chosen == (None, None):
        raise FormatError("Either list of point ids or filter must be provided")
    return chosen


def _read_chosen(body: dict[str, Any]) -> Chosen:
    refuse_shard_key(body)
    return optional(body, "points", read_ids, None), read_optional_filter(body, "filter")


def _dump_payload(value: Any) -> bytes:
    if type(value) is not dict:
        raise FormatError(f"invalid type: {describe(value)}, expected a map")
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # Parsed JSON can be serialized, unless it is nested deeper than orjson serializes.
        raise FormatError("recursion limit exceeded") from None


def _read_names(value: Any) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(map(read_string, read_list(value))))
    if not names:
        raise ValidationError([Problem("vector", "must specify vector names to delete")])
    return names


_OPERATIONS: Mapping[str, Reader[Update]] = {
    "upsert": read_upsert,
    "delete": read_delete,
    "set_payload": read_set_payload,
    "overwrite_payload": read_overwrite_payload,
    "delete_payload": read_delete_payload,
    "clear_payload": read_clear_payload,
    "update_vectors": read_update_vectors,
    "delete_vectors": read_delete_vectors,
}
"""Readers of operations by the member that determines their kind."""
