"""Filters from JSON.

Nothing is ignored here: a condition that is not known is refused, since leaving it out would answer
with points that the client meant to exclude.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...jsonform.converter import located
from ...model.errors import FormatError, NotSupported, Problem, ValidationError
from ...model.filters import (
    Condition,
    FieldCondition,
    Filter,
    HasId,
    Match,
    MatchAny,
    MatchExcept,
    MatchValue,
    Range,
)
from .fields import optional, read_number, read_object, required
from .ids import read_ids
from .selectors import read_path

_CLAUSES = ("should", "min_should", "must", "must_not")
_MAX_DEPTH = 64
_I64 = range(-(2**63), 2**63)
_KNOWN_LATER = ("is_empty", "is_null", "has_vector", "nested", "slice")
_PREDICATES_KNOWN_LATER = (
    "geo_bounding_box",
    "geo_radius",
    "geo_polygon",
    "values_count",
    "is_empty",
    "is_null",
)
_MATCHES_KNOWN_LATER = ("text", "text_any", "phrase", "prefix")


def read_filter(value: Any, path: str = "filter", depth: int = 0) -> Filter:
    """The filter that `value` holds. `path` is where it stands, for validation errors.

    Raises FormatError for what is no filter, ValidationError for a condition on a field that says
    nothing of it, and NotSupported for kinds of conditions that this server lacks.
    """
    if depth == _MAX_DEPTH:
        raise FormatError("recursion limit exceeded")
    body = read_object(value, "Filter")
    unknown = body.keys() - set(_CLAUSES)
    if unknown:
        expected = ", ".join(f"`{name}`" for name in _CLAUSES)
        raise FormatError(f"unknown field `{min(unknown)}`, expected one of {expected}")
    if body.get("min_should") is not None:
        raise NotSupported("`min_should` in a filter is not supported yet")
    return Filter(
        must=_read_clause(body, "must", path, depth),
        should=_read_clause(body, "should", path, depth),
        must_not=_read_clause(body, "must_not", path, depth),
    )


def _read_clause(body: dict[str, Any], name: str, path: str, depth: int) -> tuple[Condition, ...]:
    value = body.get(name)
    if value is None:
        return ()
    if type(value) is not list:
        return (_read_located(value, name, path, depth),)
    return tuple(
        _read_located(item, f"{name}[{index}]", path, depth) for index, item in enumerate(value)
    )


def _read_located(value: Any, place: str, path: str, depth: int) -> Condition:
    return located(place, lambda item: _read_condition(item, f"{path}.{place}", depth), value)


def _read_condition(value: Any, path: str, depth: int) -> Condition:
    if type(value) is dict:
        if "key" in value:
            return _read_field_condition(value, path)
        if "has_id" in value:
            return HasId(frozenset(located("has_id", read_ids, value["has_id"])))
        if not value.keys() - set(_CLAUSES):
            return read_filter(value, path, depth + 1)
        for name in _KNOWN_LATER:
            if name in value:
                raise NotSupported(f"The filter condition `{name}` is not supported yet")
    raise FormatError("data did not match any variant of untagged enum Condition")


def _read_field_condition(body: dict[str, Any], path: str) -> Condition:
    key = required(body, "key", read_path)
    for name in _PREDICATES_KNOWN_LATER:
        if body.get(name) is not None:
            raise NotSupported(f"The field condition `{name}` is not supported yet")
    predicates = [
        optional(body, "match", _read_match, None),
        optional(body, "range", _read_range, None),
    ]
    conditions = tuple(FieldCondition(key, found) for found in predicates if found is not None)
    if not conditions:
        text = "At least one field condition must be specified"
        raise ValidationError([Problem(path, text)])
    # A field condition that says several things holds where any of them does.
    return conditions[0] if len(conditions) == 1 else Filter(should=conditions)


def _read_match(value: Any) -> Match:
    body = read_object(value, "Match")
    for name, read in _MATCHES.items():
        if name in body:
            return read(body[name])
    for name in _MATCHES_KNOWN_LATER:
        if name in body:
            raise NotSupported(f"The match kind `{name}` is not supported yet")
    raise _no_match()


def _read_match_value(value: Any) -> MatchValue:
    is_integer = type(value) is int and value in _I64
    if is_integer or type(value) is str or type(value) is bool:
        return MatchValue(value)
    raise _no_match()


def _read_values(value: Any) -> frozenset[str] | frozenset[int]:
    if type(value) is list:
        if all(type(item) is str for item in value):
            return frozenset(value)
        if all(type(item) is int and item in _I64 for item in value):
            return frozenset(value)
    raise _no_match()


def _no_match() -> FormatError:
    return FormatError("data did not match any variant of untagged enum Match")


_MATCHES: Mapping[str, Callable[[Any], Match]] = {
    "value": _read_match_value,
    "any": lambda value: MatchAny(_read_values(value)),
    "except": lambda value: MatchExcept(_read_values(value)),
}


def _read_range(value: Any) -> Range:
    body = read_object(value, "RangeInterface")
    bounds = {name: body.get(name) for name in ("lt", "gt", "gte", "lte")}
    if any(type(bound) is str for bound in bounds.values()):
        raise NotSupported("A range of dates is not supported yet")
    return Range(**{name: optional(bounds, name, read_number, None) for name in bounds})
