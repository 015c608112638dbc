"""Edits of payloads: the functions that payload updates apply to stored JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ...model.errors import BadInput
from ...model.payload_path import EachElement, Key, PayloadPath, Step
from ...model.updates import (
    ClearPayload,
    DeletePayload,
    OverwritePayload,
    PayloadUpdate,
    SetPayload,
)

Payload = dict[str, Any]
Edit = Callable[[bytes], bytes]
"""Maps a stored payload to its replacement, both JSON."""

EMPTY = b"{}"


def edit_of(update: PayloadUpdate) -> Edit:
    """The edit that `update` applies to each payload."""
    if isinstance(update, OverwritePayload):
        payload = update.payload
        return lambda _: payload
    if isinstance(update, ClearPayload):
        return lambda _: EMPTY
    if isinstance(update, DeletePayload):
        keys = update.keys
        return lambda stored: orjson.dumps(with_removed(orjson.loads(stored), keys))
    members: Payload = orjson.loads(update.payload)
    if update.key is None:
        return lambda stored: orjson.dumps(with_merged(orjson.loads(stored), members))
    steps = update.key.steps
    return lambda stored: orjson.dumps(with_value_at(orjson.loads(stored), steps, members))


def check_depth(update: SetPayload) -> None:
    """Raise BadInput if the payload below its key would exceed the depth limit of JSON."""
    nested = orjson.loads(update.payload)
    for _ in update.key.steps if update.key else ():
        nested = [nested]
    try:
        orjson.dumps(nested)
    except orjson.JSONEncodeError:
        raise BadInput("The payload is nested too deep") from None


def with_merged(payload: Payload, members: Payload) -> Payload:
    """Merge `members` into `payload` in place; members that are null are left out of the result."""
    for name, member in members.items():
        if member is None:
            payload.pop(name, None)
        else:
            payload[name] = member
    return payload


def with_value_at(value: Any, steps: Sequence[Step], members: Payload) -> Any:
    """Merge `members` into the object at `steps` below `value`, in place where possible.

    A value on the path that is not an object is replaced by one where a key or `members` apply, and
    one that is not an array by an empty array where `[]` or an index applies. An index out of range
    is a no-op.
    """
    if not steps:
        return with_merged(value if isinstance(value, dict) else {}, members)
    step, *rest = steps
    if isinstance(step, Key):
        holder = value if isinstance(value, dict) else {}
        holder[step.name] = with_value_at(holder.get(step.name), rest, members)
        return holder
    if not isinstance(value, list):
        return []
    if isinstance(step, EachElement):
        return [with_value_at(element, rest, members) for element in value]
    if step.position < len(value):
        value[step.position] = with_value_at(value[step.position], rest, members)
    return value


def with_removed(payload: Payload, keys: Sequence[PayloadPath]) -> Payload:
    """Remove the values at `keys` from `payload`, in place and in order.

    A key that ends in `[]` empties the array. One that ends in an index is a no-op, as repeating
    the update would remove another element.
    """
    for key in keys:
        _remove(payload, key.steps)
    return payload


def _remove(value: Any, steps: Sequence[Step]) -> None:
    step, *rest = steps
    if isinstance(step, Key):
        if isinstance(value, dict) and step.name in value:
            if rest:
                _remove(value[step.name], rest)
            else:
                del value[step.name]
    elif isinstance(value, list):
        if isinstance(step, EachElement):
            if not rest:
                value.clear()
            for element in value:
                _remove(element, rest)
        elif rest and step.position < len(value):
            _remove(value[step.position], rest)
