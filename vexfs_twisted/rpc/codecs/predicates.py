"""Decoding of the predicates of field conditions: matches, ranges, counts and areas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from google.protobuf.message import Message

from ...model.errors import MalformedMessage, NotSupported
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
from ..generated import qdrant_common_pb2 as common
from .fields import given, read_timestamp

M = TypeVar("M", bound=Message)

_BOUNDS = ("lt", "gt", "gte", "lte")


def _read_match(message: common.Match, _: str) -> Match:
    kind = message.WhichOneof("match_value")
    if kind is None:
        raise MalformedMessage("Malformed Match condition")
    read = MATCHES.get(kind)
    if read is None:
        raise NotSupported(f"The match kind `{kind}` is not supported yet")
    return read(getattr(message, kind))


MATCHES: Mapping[str, Callable[[Any], Match]] = {
    "keyword": MatchValue,
    "integer": MatchValue,
    "boolean": MatchValue,
    "text": MatchText,
    "text_any": MatchTextAny,
    "phrase": MatchPhrase,
    "prefix": MatchPrefix,
    "keywords": lambda values: MatchAny(frozenset(values.strings)),
    "integers": lambda values: MatchAny(frozenset(values.integers)),
    "except_keywords": lambda values: MatchExcept(frozenset(values.strings)),
    "except_integers": lambda values: MatchExcept(frozenset(values.integers)),
}
"""Decoders of matches by kind."""


def _read_range(message: common.Range, _: str) -> Range:
    return Range(**given(message, *_BOUNDS))


def _read_datetime_range(message: common.DatetimeRange, _: str) -> DatetimeRange:
    bounds = given(message, *_BOUNDS)
    return DatetimeRange(**{name: read_timestamp(bound) for name, bound in bounds.items()})


def _read_values_count(message: common.ValuesCount, _: str) -> ValuesCount:
    return ValuesCount(**given(message, *_BOUNDS))


def _read_bounding_box(message: common.GeoBoundingBox, path: str) -> GeoBoundingBox:
    return GeoBoundingBox(
        top_left=_read_point(_part(message, "top_left", common.GeoPoint), f"{path}.top_left"),
        bottom_right=_read_point(
            _part(message, "bottom_right", common.GeoPoint), f"{path}.bottom_right"
        ),
    )


def _read_radius(message: common.GeoRadius, path: str) -> GeoRadius:
    center = _part(message, "center", common.GeoPoint)
    return GeoRadius(_read_point(center, f"{path}.center"), message.radius)


def _read_polygon(message: common.GeoPolygon, path: str) -> GeoPolygon:
    exterior = _part(message, "exterior", common.GeoLineString)
    return GeoPolygon(
        exterior=_read_ring(exterior.points, f"{path}.exterior.points"),
        interiors=tuple(
            _read_ring(ring.points, f"{path}.interiors[{index}].points")
            for index, ring in enumerate(message.interiors)
        ),
    )


def _part(message: Message, name: str, _: type[M]) -> M:
    """The message in the required field `name`. Raises MalformedMessage if it is unset."""
    if not message.HasField(name):
        raise MalformedMessage(f"Malformed {message.DESCRIPTOR.name}: no {name}")
    part: M = getattr(message, name)
    return part


def _read_ring(messages: Iterable[common.GeoPoint], path: str) -> tuple[GeoPoint, ...]:
    points = enumerate(messages)
    ring = tuple(_read_point(point, f"{path}[{index}]") for index, point in points)
    check_ring(ring, path)
    return ring


def _read_point(message: common.GeoPoint, path: str) -> GeoPoint:
    return geo_point(message.lon, message.lat, path)


PREDICATES: Mapping[str, Callable[[Any, str], Predicate]] = {
    "match": _read_match,
    "range": _read_range,
    "datetime_range": _read_datetime_range,
    "geo_bounding_box": _read_bounding_box,
    "geo_radius": _read_radius,
    "geo_polygon": _read_polygon,
    "values_count": _read_values_count,
}
"""Decoders of predicates by their field in a field condition.

The second argument is the path of the predicate in the request. They raise MalformedMessage and
ValidationError.
"""
