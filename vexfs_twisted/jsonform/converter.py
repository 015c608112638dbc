"""Strict structuring of attrs values from JSON, on top of cattrs.

The hooks refuse values that cattrs would coerce ("5" for an integer), raise errors in the wording
that clients of Qdrant know, and omit unset fields when unstructuring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from ..model.errors import FormatError
from ..model.validation import Width

T = TypeVar("T")

_JSON_NAMES = {dict: "map", list: "sequence", str: "string", bool: "boolean", int: "integer"}


def describe(value: object) -> str:
    """`value` for an error message: its JSON type, and the value itself if it is a scalar."""
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        return _JSON_NAMES[type(value)]
    if isinstance(value, str):
        return f'string "{value}"'
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    kind = "integer" if isinstance(value, int) else "floating point"
    return f"{kind} `{value}`"


def located(place: str, read: Callable[..., T], value: object, *more: object) -> T:
    """`read(value, *more)`; the message of a FormatError is prefixed with `place`."""
    try:
        return read(value, *more)
    except FormatError as error:
        inner = error.message.removeprefix(FormatError.prefix)
        raise FormatError(f"{place}: {inner}") from None


def _strict(kind: type, expected: str) -> Callable[[object, object], Any]:
    def structure(value: object, _: object) -> Any:
        if type(value) is not kind:
            raise FormatError(f"invalid type: {describe(value)}, expected {expected}")
        return value

    return structure


def _structure_integer(value: object, _: object) -> int:
    if type(value) is not int:
        raise FormatError(f"invalid type: {describe(value)}, expected an unsigned integer")
    if value < 0 or value >= 2**64:
        raise FormatError(f"invalid value: integer `{value}`, expected an unsigned integer")
    return value


def _is_of_width(kind: Any) -> bool:
    return get_origin(kind) is Annotated and isinstance(kind.__metadata__[0], Width)


def _structure_of_width(value: object, kind: Any) -> int:
    number, bits = _structure_integer(value, None), kind.__metadata__[0].bits
    if number >> bits:
        raise FormatError(f"invalid value: integer `{number}`, expected u{bits}")
    return number


def _structure_number(value: object, _: object) -> float:
    if type(value) not in (int, float):
        raise FormatError(f"invalid type: {describe(value)}, expected a number")
    return float(value)  # type: ignore[arg-type]


def _structure_enum(value: object, kind: type[Enum]) -> Enum:
    for member in kind:
        if type(value) is type(member.value) and member.value == value:
            return member
    allowed = ", ".join(f"`{member.value}`" for member in kind)
    raise FormatError(f"unknown variant {describe(value)}, expected one of {allowed}")


def _is_optional(kind: Any) -> bool:
    is_union = get_origin(kind) in (Union, UnionType)
    return is_union and type(None) in get_args(kind) and len(get_args(kind)) == 2


def _structure_optional(converter: Converter, kind: Any) -> Callable[[object, object], Any]:
    inner = next(arg for arg in get_args(kind) if arg is not type(None))

    def structure(value: object, _: object) -> Any:
        return None if value is None else converter.structure(value, inner)

    return structure


def _is_map(kind: Any) -> bool:
    return get_origin(kind) is Mapping


def _structure_map(converter: Converter, kind: Any) -> Callable[[object, object], Any]:
    inner = get_args(kind)[1]

    def structure(value: object, _: object) -> Any:
        if not isinstance(value, dict):
            raise FormatError(f"invalid type: {describe(value)}, expected a map")
        return {name: converter.structure(item, inner) for name, item in value.items()}

    return structure


def _structure_attrs(converter: Converter, kind: type) -> Callable[[object, object], Any]:
    attrs.resolve_types(kind)
    fields = attrs.fields(kind)
    takes_null = {
        field.name: field.default is attrs.NOTHING or type(None) in get_args(field.type)
        for field in fields
    }

    def structure(value: object, _: object) -> Any:
        if not isinstance(value, dict):
            raise FormatError(f"invalid type: {describe(value)}, expected struct {kind.__name__}")
        given: dict[str, Any] = {}
        for field in fields:
            item = value.get(field.name)
            if item is not None or (field.name in value and not takes_null[field.name]):
                given[field.name] = located(field.name, converter.structure, item, field.type)
            elif field.default is attrs.NOTHING:
                raise FormatError(f"missing field `{field.name}`")
        return kind(**given)

    return structure


def _unstructure_attrs(converter: Converter, kind: type) -> Callable[[Any], dict[str, Any]]:
    unset = {
        field.name: override(omit_if_default=True)
        for field in attrs.fields(kind)
        if field.default is None
    }
    return make_dict_unstructure_fn(kind, converter, **unset)  # type: ignore[arg-type]


def make_converter() -> Converter:
    """A strict converter. Unknown fields are ignored, and null means absent.

    Null is refused for fields with a default whose type does not include None. Structuring raises
    FormatError.
    """
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(int, _structure_integer)
    converter.register_structure_hook(float, _structure_number)
    converter.register_structure_hook(str, _strict(str, "a string"))
    converter.register_structure_hook(bool, _strict(bool, "a boolean"))
    converter.register_structure_hook_func(_is_of_width, _structure_of_width)
    converter.register_structure_hook_func(
        lambda kind: isinstance(kind, type) and issubclass(kind, Enum), _structure_enum
    )
    converter.register_structure_hook_factory(
        _is_optional, lambda kind: _structure_optional(converter, kind)
    )
    converter.register_structure_hook_factory(_is_map, lambda kind: _structure_map(converter, kind))
    converter.register_structure_hook_factory(
        attrs.has, lambda kind: _structure_attrs(converter, kind)
    )
    converter.register_unstructure_hook_factory(
        attrs.has, lambda kind: _unstructure_attrs(converter, kind)
    )
    return converter


_PLAIN = make_converter()


def reader_of(kind: type[T]) -> Callable[[Any], T]:
    """A function that structures JSON values as `kind`, and raises FormatError.

    `kind` is a number type, str, bool, an enum or an attrs class.
    """
    return lambda value: _PLAIN.structure(value, kind)
