"""Validation rules declared on attrs fields, and their evaluation.

Rules are part of the model, so that both APIs reject alike. Paths are as clients see them: dots for
nested fields, `[0]` for list items, `?` for the value of a map.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any

import attrs
import numpy as np
from attrs import frozen

from .errors import Place, Problem, ValidationError


@frozen
class Width:
    """The width in bits of an unsigned integer in the interface."""

    bits: int


UInt8 = Annotated[int, Width(8)]
UInt32 = Annotated[int, Width(32)]
"""Integers that cannot be parsed if they are larger; others have 64 bits."""

_FLOAT32_MAX = float(np.finfo(np.float32).max)

_RULE = "rule"
_SOUND = "sound"


def shortest(value: float) -> str:
    """A number for an error: one that is a float32 with the shortest digits that identify it."""
    if type(value) is float and abs(value) <= _FLOAT32_MAX:
        rounded = np.float32(value)
        return str(rounded) if rounded == value else str(value)
    return str(value)


@frozen
class ValueRange:
    """A closed interval of numbers; `maximum` None: no upper bound."""

    minimum: float
    maximum: float | None = None

    def complaint(self, value: float) -> str | None:
        """A description of the violation by `value`; None if it is valid."""
        if value >= self.minimum and (self.maximum is None or value <= self.maximum):
            return None
        shown = shortest(value)
        if self.maximum is None:
            return f"value {shown} invalid, must be {self.minimum} or larger"
        return f"value {shown} invalid, must be from {self.minimum} to {self.maximum}"


Rule = Callable[[Any], str | None]


def bounded(minimum: float, maximum: float | None = None, *, default: Any = None) -> Any:
    """An attrs field whose number must lie within the bounds. None is always allowed."""
    return attrs.field(default=default, metadata={_RULE: ValueRange(minimum, maximum).complaint})


def ruled(rule: Rule, *, default: Any = None) -> Any:
    """An attrs field checked by `rule`, which returns a description or None."""
    return attrs.field(default=default, metadata={_RULE: rule})


def sound(*, default: Any = None) -> Any:
    """An attrs field whose value is valid by construction; validation does not enter it."""
    return attrs.field(default=default, metadata={_SOUND: True})


def find_problems(value: object, path: str = "") -> Iterator[Problem]:
    """Yield the violations in an attrs value, its maps and its lists."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from find_problems(item, path if key == "" else f"{path}.?")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from find_problems(item, f"{path}[{index}]")
    elif attrs.has(type(value)):
        yield from _field_problems(value, path)


@cache
def _checked_fields(kind: type) -> tuple[tuple[str, Rule | None], ...]:
    """The fields of `kind` to validate, with their rules. Cached, as this is a hot path."""
    fields = attrs.fields(kind)
    return tuple((f.name, f.metadata.get(_RULE)) for f in fields if _SOUND not in f.metadata)


def _field_problems(value: Any, path: str) -> Iterator[Problem]:
    for name, rule in _checked_fields(type(value)):  # type: ignore[arg-type]
        item = getattr(value, name)
        if item is None:
            continue
        where = f"{path}.{name}" if path else name
        complaint = rule(item) if rule is not None else None
        if complaint is not None:
            yield Problem(where, complaint)
        yield from find_problems(item, where)


def validate(value: object, path: str = "", place: Place = Place.BODY) -> None:
    """Raise ValidationError with all violations in `value`."""
    found = tuple(find_problems(value, path))
    if found:
        raise ValidationError(found, place)
