"""What payload updates make of a payload."""

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
"""From a stored payload to the one that takes its place, both JSON."""

EMPTY = b"{}"


def edit_of(update: PayloadUpdate) -> Edit:
    """What `update` does to each payload."""
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
    """Raise BadInput when the payload lies deeper below its key than JSON is written."""
    nested = orjson.loads(update.payload)
    for _ in update.key.steps if update.key else ():
        nested = [nested]
    try:
        orjson.dumps(nested)
    except orjson.JSONEncodeError:
        raise BadInput("The payload is nested too deep") from None


def with_merged(payload: Payload, members: Payload) -> Payload:
    """`payload`, changed in place, with `members` for its own of the same names, less the nulls."""
    for name, member in members.items():
        if member is None:
            payload.pop(name, None)
        else:
            payload[name] = member
    return payload


def with_value_at(value: Any, steps: Sequence[Step], members: Payload) -> Any:
    """`value`, changed in place where it can be, with `members` merged in where `steps` lead.

    What is not an object gives way to one where a key or `members` go, and what is not an array to
    an empty one where `[]` or an index goes. An index out of range changes nothing.
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
    """`payload`, changed in place, without what `keys` lead to, one after the other.

    A key that ends in `[]` empties the array; one that ends in an index changes nothing, since a
    repetition of it would take away another element.
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
