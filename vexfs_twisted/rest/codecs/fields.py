"""Readers of the fields of JSON objects: strict, with the error messages of Qdrant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ctypes import c_float
from math import isfinite
from typing import Any, TypeVar

from ...jsonform.converter import describe, located, reader_of
from ...model.errors import BadInput, FormatError
from ...model.validation import UInt32

T = TypeVar("T")
D = TypeVar("D")

Reader = Callable[[Any], T]
"""Converts a parsed JSON value. Raises FormatError."""

_MAX_NESTING = 128
_SLICE_VALUES = 100_000


read_unsigned = reader_of(int)
read_u32: Reader[int] = reader_of(UInt32)
read_number = reader_of(float)
read_boolean = reader_of(bool)
read_string = reader_of(str)


def read_exact_number(value: Any) -> int | float:
    """A number; an integer stays an int, as a float may not be equal to it."""
    return value if type(value) is int else read_number(value)


def read_float32(value: Any) -> float:
    """A finite number, rounded to float32 as that of a message is."""
    number = c_float(read_number(value)).value
    if not isfinite(number):
        raise FormatError(f"invalid value: {describe(value)}, expected f32")
    return number


def read_object(value: Any, name: str) -> dict[str, Any]:
    """`value`, which must be an object; `name` is the expected struct in the error."""
    if type(value) is not dict:
        raise FormatError(f"invalid type: {describe(value)}, expected struct {name}")
    return value


def read_list(value: Any) -> list[Any]:
    """`value`, which must be an array."""
    if type(value) is not list:
        raise FormatError(f"invalid type: {describe(value)}, expected a sequence")
    return value


def slices_of(values: list[T]) -> Iterator[list[T]]:
    """A list in slices: a call that processes a whole long list would hold the GIL too long."""
    for start in range(0, len(values), _SLICE_VALUES):
        yield values[start : start + _SLICE_VALUES]


def set_of(values: list[T]) -> frozenset[T]:
    """The values as a set, built in slices."""
    found: set[T] = set()
    for part in slices_of(values):
        found.update(part)
    return frozenset(found)


def required(body: dict[str, Any], name: str, read: Reader[T]) -> T:
    """A required field, converted by `read`. Raises FormatError."""
    return located(name, read, present(body, name))


def present(body: dict[str, Any], name: str) -> Any:
    """A required field, not converted. Raises FormatError if it is absent or null."""
    value = body.get(name)
    if value is None:
        raise FormatError(f"missing field `{name}`")
    return value


def optional(body: dict[str, Any], name: str, read: Reader[T], default: D) -> T | D:
    """A field converted by `read`, or `default` if it is absent or null."""
    value = body.get(name)
    return default if value is None else located(name, read, value)


def defaulted(body: dict[str, Any], name: str, read: Reader[T], default: D) -> T | D:
    """A field converted by `read`, or `default` if it is absent; null is not allowed."""
    return located(name, read, body[name]) if name in body else default


def shallow(read: Reader[T]) -> Reader[T]:
    """`read` with a limit on the nesting depth, that of Qdrant's parser; for small bodies only.

    Values that are stored as received, such as metadata, have to be serialized and traversed again
    later. Raises FormatError for deeper values.
    """

    def read_shallow(value: Any) -> T:
        level = [value]
        for _ in range(_MAX_NESTING):
            level = [inner for item in level for inner in _inside(item)]
        if level:
            raise FormatError("recursion limit exceeded")
        return read(value)

    return read_shallow


def _inside(value: Any) -> Iterable[Any]:
    if type(value) is dict:
        return value.values()
    return value if type(value) is list else ()


def refuse_shard_key(body: dict[str, Any]) -> None:
    """Raise BadInput if a shard key is given: collections have one shard and no shard keys.

    The error names the first of several keys, and the target of a selector with a fallback. Raises
    FormatError for a malformed selector.
    """
    selector = body.get("shard_key")
    if selector is None:
        return
    keys = selector if type(selector) is list else [_target_key(selector)]
    if not all(_is_shard_key(key) for key in keys):
        text = "data did not match any variant of untagged enum ShardKeySelector"
        raise FormatError(f"shard_key: {text}")
    if keys:
        raise BadInput(f"Shard key {keys[0]} not found")


def _target_key(selector: Any) -> Any:
    """The key, or the target key, of a selector that is not a list."""
    if type(selector) is dict and _is_shard_key(selector.get("fallback")):
        return selector.get("target")
    return selector


def _is_shard_key(key: Any) -> bool:
    return type(key) is str or (type(key) is int and key >= 0)
