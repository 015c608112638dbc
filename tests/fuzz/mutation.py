"""Mutations of JSON values, of protobuf messages and of bytes."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_MOST_BYTES = 64 * 1024
_MOST_DEPTH = 6

_STRINGS = (
    "", "a", "city", "n", "a[].b", "a[0]", "$score", "[", "a..b", '"', "\x00", "\ud7ff", "🙂" * 3,
    "é" * 300, "2024-02-30T00:00:00Z", "0001-01-01T00:00:00Z", "NaN", "Infinity", "-1",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8", "urn:uuid:x",
    "18446744073709551616",
    "../..", "sparse", "multi", "dense", "Cosine", "auto", "best_score", "Disabled", "%2F",
)  # fmt: skip
_NUMBERS = (
    0, 1, -1, 2, 3, 7, 127, 128, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1,
    2**63, 2**64 - 1, -(2**63), 0.0, -0.0, 0.5, 1e-45, 1e-300, 3.4e38, 3.5e38, 1.7e308, -1e308,
    1e16, 0.1, 90.0, 181.0, -91.0,
)  # fmt: skip


def any_scalar(random: Random) -> Any:
    """A value that decoders may stumble over."""
    kind = random.randrange(8)
    if kind < 3:
        return random.choice(_NUMBERS)
    if kind < 5:
        return random.choice(_STRINGS)
    return random.choice((None, True, False, [], {}, [[]], [None], {"": None}, [1], [[1, 2]]))


def mutated_json(value: Any, random: Random) -> Any:
    """A copy of a JSON value, changed in one to three places."""
    value = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        value = _changed(value, random)
    return value


def _changed(value: Any, random: Random) -> Any:
    """The value, changed in one place: here, or in what it holds."""
    if isinstance(value, dict | list) and value and random.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = random.choice(keys)
        if random.random() < 0.6:
            value[key] = _changed(value[key], random)
            return value
        return _reshaped(value, key, random)
    if isinstance(value, bool) or value is None or random.random() < 0.5:
        return any_scalar(random)
    if isinstance(value, int | float):
        return random.choice((value + 1, -value, value * 2**31, float(value), str(value), [value]))
    if isinstance(value, str):
        return random.choice((value[:-1], value + value, value.upper(), [value], {value: value}))
    return [value] if random.random() < 0.5 else {random.choice(_STRINGS): value}


def _reshaped(value: Any, key: Any, random: Random) -> Any:
    """An array or object, changed at `key`."""
    choice = random.randrange(6)
    if choice == 0:
        del value[key]
    elif choice == 1 and isinstance(value, list):
        value.insert(key, copy.deepcopy(value[key]))
    elif choice == 1:
        value[random.choice(_STRINGS)] = value[key]
    elif choice == 2:
        value[key] = any_scalar(random)
    elif choice == 3:
        value[key] = [copy.deepcopy(value[key])] * random.choice((0, 1, 2, 100))
    elif choice == 4:
        for _ in range(random.choice((1, 5, 70))):
            value[key] = [value[key]] if random.random() < 0.5 else {str(key): value[key]}
    elif isinstance(value, list):
        random.shuffle(value)
    else:
        value[random.choice(list(value))] = value[key]
    return value


def json_text(value: Any, random: Random) -> bytes:
    """A JSON value as text, now and then damaged."""
    text = json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    return mutated_bytes(text, random) if random.random() < 0.15 else text


def mutated_bytes(data: bytes, random: Random) -> bytes:
    """Bytes with some flipped, cut out, doubled or put in."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        place = random.randrange(len(changed) + 1)
        end = min(len(changed), place + random.choice((1, 2, 8, 64)))
        choice = random.randrange(4)
        if choice == 0 and place < len(changed):
            changed[place] ^= 1 << random.randrange(8)
        elif choice == 1:
            del changed[place:end]
        elif choice == 2:
            changed[place:place] = changed[place:end]
        else:
            changed[place:place] = random.randbytes(random.choice((1, 2, 9)))
    return bytes(changed[:_MOST_BYTES])


def random_message(message: Message, random: Random, depth: int = 0) -> Any:
    """Set some fields of a message at random, and of those in it."""
    fields: list[Any] = list(message.DESCRIPTOR.fields)
    for field in random.sample(fields, min(len(fields), random.choice((1, 2, 3, 5)))):
        _set(message, field, random, depth)
    return message


def _set(message: Any, field: FieldDescriptor, random: Random, depth: int) -> None:
    own = getattr(message, field.name)
    kind = field.message_type
    if kind is None:
        values = [_scalar(field, random) for _ in range(random.choice((1, 2, 5)))]
        if field.is_repeated:
            own.extend(values)
        else:
            setattr(message, field.name, values[0])
    elif depth < _MOST_DEPTH and kind.GetOptions().map_entry:
        key = _scalar(kind.fields_by_name["key"], random)
        value = kind.fields_by_name["value"]
        if value.message_type is None:
            own[key] = _scalar(value, random)
        else:
            random_message(own[key], random, depth + 1)
    elif depth < _MOST_DEPTH:
        for _ in range(random.choice((1, 1, 2)) if field.is_repeated else 1):
            below = own.add() if field.is_repeated else own
            below.SetInParent()
            random_message(below, random, depth + 1)


def _scalar(field: FieldDescriptor, random: Random) -> Any:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        text = random.choice(_STRINGS)
        return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return random.random() < 0.5
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return random.choice((0, 1, 2, 3, 7, 100))
    if kind in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return random.choice((*_NUMBERS, float("nan"), float("inf")))
    bits = 32 if kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32) else 64
    is_signed = kind in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64)
    number = int(random.choice(_NUMBERS[:20])) & (2**bits - 1)
    return number - 2**bits if is_signed and number >= 2 ** (bits - 1) else number
