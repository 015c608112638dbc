"""Decoding of the predicates of field conditions from JSON: matches, ranges, counts and areas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...jsonform.converter import describe, located
from ...model.datetimes import parse_datetime
from ...model.errors import FormatError
from ...model.filters import (
    DatetimeRange,
    Match,
    MatchAny,
    MatchExcept,
    MatchPhrase,
    MatchPrefix,
    MatchText,
    MatchTextAny,
    MatchValue,
    Predicate,
    Range,
    ValuesCount,
)
from ...model.geo import GeoBoundingBox, GeoPoint, GeoPolygon, GeoRadius, check_ring, geo_point
from .fields import (
    Reader,
    optional,
    read_exact_number,
    read_list,
    read_number,
    read_object,
    read_unsigned,
    required,
    set_of,
)

_BOUNDS = ("lt", "gt", "gte", "lte")
_I64 = range(-(2**63), 2**63)


PredicateReader = Callable[[Any, str], Predicate]
"""Decodes a predicate from its JSON value; the second argument is its path in the request.

Raises FormatError and ValidationError.
"""


def _read_match(value: Any, _: str) -> Match:
    body = read_object(value, "Match")
    for name, read in _MATCHES.items():
        if body.get(name) is not None:
            return read(body[name])
    raise _no_match()


def _read_match_value(value: Any) -> MatchValue:
    is_integer = type(value) is int and value in _I64
    if is_integer or type(value) is str or type(value) is bool:
        return MatchValue(value)
    raise _no_match()


def _read_values(value: Any) -> frozenset[str] | frozenset[int]:
    if type(value) is list:
        if all(type(item) is str for item in value):
            return set_of(value)
        if all(type(item) is int and item in _I64 for item in value):
            return set_of(value)
    raise _no_match()


def _read_text(value: Any) -> str:
    if type(value) is str:
        return value
    raise _no_match()


def _no_match() -> FormatError:
    return FormatError("data did not match any variant of untagged enum Match")


def _read_range(value: Any, _: str) -> Range | DatetimeRange:
    """A range of numbers; of datetimes if any bound is a string."""
    bounds = _given_bounds(value, "RangeInterface")
    if any(type(bound) is str for bound in bounds.values()):
        return DatetimeRange(**_read_bounds(bounds, read_datetime))
    return Range(**_read_bounds(bounds, read_exact_number))


def _read_values_count(value: Any, _: str) -> ValuesCount:
    return ValuesCount(**_read_bounds(_given_bounds(value, "ValuesCount"), read_unsigned))


def _given_bounds(value: Any, name: str) -> dict[str, Any]:
    body = read_object(value, name)
    return {name: body[name] for name in _BOUNDS if body.get(name) is not None}


def _read_bounds(bounds: dict[str, Any], read: Reader[Any]) -> dict[str, Any]:
    return {name: located(name, read, bound) for name, bound in bounds.items()}


def read_datetime(value: Any) -> int:
    """Parse an RFC 3339 datetime as microseconds since 1970 UTC. Raises FormatError."""
    moment = parse_datetime(value) if type(value) is str else None
    if moment is None:
        raise FormatError(f"invalid value: {describe(value)}, expected a datetime (RFC 3339)")
    return moment


def _read_bounding_box(value: Any, path: str) -> GeoBoundingBox:
    body = read_object(value, "GeoBoundingBox")
    return GeoBoundingBox(
        top_left=_read_corner(body, "top_left", path),
        bottom_right=_read_corner(body, "bottom_right", path),
    )


def _read_radius(value: Any, path: str) -> GeoRadius:
    body = read_object(value, "GeoRadius")
    return GeoRadius(_read_corner(body, "center", path), required(body, "radius", read_number))


def _read_polygon(value: Any, path: str) -> GeoPolygon:
    body = read_object(value, "GeoPolygon")

    def read_holes(rings: Any) -> tuple[tuple[GeoPoint, ...], ...]:
        numbered = enumerate(read_list(rings))
        return tuple(_read_ring(ring, f"{path}.interiors[{index}]") for index, ring in numbered)

    return GeoPolygon(
        exterior=required(body, "exterior", lambda ring: _read_ring(ring, f"{path}.exterior")),
        interiors=optional(body, "interiors", read_holes, ()),
    )


def _read_ring(value: Any, path: str) -> tuple[GeoPoint, ...]:
    points = required(read_object(value, "GeoLineString"), "points", read_list)
    path = f"{path}.points"
    ring = tuple(read_geo_point(point, f"{path}[{index}]") for index, point in enumerate(points))
    check_ring(ring, path)
    return ring


def _read_corner(body: dict[str, Any], name: str, path: str) -> GeoPoint:
    return required(body, name, lambda point: read_geo_point(point, f"{path}.{name}"))


def read_geo_point(value: Any, path: str) -> GeoPoint:
    """A location. Raises FormatError and ValidationError."""
    body = read_object(value, "GeoPoint")
    return geo_point(required(body, "lon", read_number), required(body, "lat", read_number), path)


_MATCHES: Mapping[str, Callable[[Any], Match]] = {
    "value": _read_match_value,
    "text": lambda value: MatchText(_read_text(value)),
    "text_any": lambda value: MatchTextAny(_read_text(value)),
    "phrase": lambda value: MatchPhrase(_read_text(value)),
    "prefix": lambda value: MatchPrefix(_read_text(value)),
    "any": lambda value: MatchAny(_read_values(value)),
    "except": lambda value: MatchExcept(_read_values(value)),
}
PREDICATES: Mapping[str, PredicateReader] = {
    "match": _read_match,
    "range": _read_range,
    "geo_bounding_box": _read_bounding_box,
    "geo_radius": _read_radius,
    "geo_polygon": _read_polygon,
    "values_count": _read_values_count,
}
"""Readers of predicates by their member in a field condition."""
